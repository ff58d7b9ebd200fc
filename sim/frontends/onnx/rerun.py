"""Running a network again and again with some of its weights replaced, in one session of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.onnx.export import export_onnx
from sim.frontends.onnx.export_products import TRANSPOSED
from sim.frontends.onnx.observe import batches, session_of
from sim.graph.ir import Graph, Tensor
from sim.graph.work import total_macs

Rerun = Callable[[Mapping[str, np.ndarray], Sequence[str]], dict[str, np.ndarray]]
_MACS, _SAMPLES = 2e10, (16, 256)  # of one run of many: what it may compute, and samples at least and at most
_NUMPY_FLOATS = {DType.F32: np.float32, DType.F16: np.float16, DType.F64: np.float64}


def rerunner(graph: Graph, feeds: Mapping[str, np.ndarray], weights: Sequence[str], observed: Sequence[str]) -> Rerun:
    """Runs over samples that take some weights with other values and give what tensors then hold, ``[batches, ...]`` each.

    The first 16 to 256 samples are run, fewer of large networks. ``weights``, ``observed``: the stored and the computed tensors that runs
    may name. Raises EdgesimError where the onnxruntime package is missing, ModelError where the graph cannot be written or run, or its
    ONNX form does not hold a weight's values.
    """
    model = export_onnx(graph)
    stored = {held.name: held for held in model.graph.initializer}
    forms = {name: _forms(graph.tensors[name], stored) for name in weights}
    lost = [name for name, found in forms.items() if not found]
    if lost:
        raise ModelError(f"{graph.name}: the ONNX form holds {', '.join(map(repr, lost[:5]))} in another way, so runs cannot replace them")
    for key in dict.fromkeys(key for found in forms.values() for key in found):  # an initializer that is an input too may be replaced
        model.graph.input.append(_stated(key, stored[key]))
    session = session_of(model, graph, [*observed])
    least, most = _SAMPLES
    fed = list(batches(graph, feeds, int(min(max(_MACS / max(total_macs(graph), 1), least), most))))

    def run(changed: Mapping[str, np.ndarray], wanted: Sequence[str]) -> dict[str, np.ndarray]:
        replaced = {key: form(values) for name, values in changed.items() for key, form in forms[name].items()}
        found = [session.run([*wanted], {**batch, **replaced}) for batch in fed]
        return {name: np.stack([values[index] for values in found]) for index, name in enumerate(wanted)}

    return run


def _forms(tensor: Tensor, stored: Mapping[str, Any]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """The initializers that hold a weight, as it is or transposed, and what makes them of its values; none if they hold something else."""
    if tensor.load is None or tensor.dtype not in _NUMPY_FLOATS:
        return {}
    import onnx

    kind, values = _NUMPY_FLOATS[tensor.dtype], np.asarray(tensor.load())
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    if tensor.name in stored and np.array_equal(values, onnx.numpy_helper.to_array(stored[tensor.name])):
        found[tensor.name] = lambda changed: np.ascontiguousarray(changed, dtype=kind)
    turned = tensor.name + TRANSPOSED
    if turned in stored and np.array_equal(values.T, onnx.numpy_helper.to_array(stored[turned])):
        found[turned] = lambda changed: np.ascontiguousarray(changed.T, dtype=kind)
    return found


def _stated(name: str, held: Any) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, held.data_type, list(held.dims))
