"""What values a network's activations take: runs of its ONNX form in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from device_models.work import DType
from sim.errors import EdgesimError, ModelError
from sim.frontends.onnx.export import export_onnx
from sim.graph.ir import Graph

_MOST_SAMPLES = 512  # the range changes little with more


def observed_ranges(graph: Graph, feeds: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Least and largest value of every float activation over samples (input -> ``[samples, ...]``); at most the first 512 are run.

    Raises EdgesimError where the onnxruntime package is missing, ModelError where the graph cannot be written or run.
    """
    names = [name for name in dict.fromkeys([*graph.inputs, *(name for op in graph.ops for name in op.outputs)]) if graph.tensors[name].dtype == DType.F32]
    session = session_of(export_onnx(graph), graph, names)
    ranges: dict[str, tuple[float, float]] = {}
    made = [name for name in names if name not in graph.inputs]
    for fed in batches(graph, feeds, _MOST_SAMPLES):
        found = dict(zip(made, session.run(made, fed), strict=True)) | {name: fed[name] for name in graph.inputs if name in names}
        for name, values in found.items():
            low, high = ranges.get(name, (np.inf, -np.inf))
            if values.size:
                ranges[name] = (min(low, float(values.min())), max(high, float(values.max())))
    return ranges


def batches(graph: Graph, feeds: Mapping[str, np.ndarray], most: int) -> Iterator[dict[str, np.ndarray]]:
    """Samples in the graph's batches; the last batch is filled up from the first."""
    batch = max(graph.tensors[name].shape[0] if graph.tensors[name].shape else 1 for name in graph.inputs)
    count = min(len(next(iter(feeds.values()))), most)
    for start in range(0, count, batch):
        rows = np.arange(start, start + batch) % count
        yield {name: _as_fed(feeds[name][rows], graph.tensors[name].dtype) for name in graph.inputs}


def _as_fed(values: np.ndarray, dtype: DType) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32 if dtype == DType.F32 else values.dtype)


def session_of(model: Any, graph: Graph, names: list[str]) -> Any:
    """ONNX Runtime with these tensors as outputs."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EdgesimError("calibration runs the model, which needs the onnxruntime package: pip install 'edgesim[accuracy]'") from error
    stated = {value.name for value in model.graph.output}
    for name in names:
        if name not in stated and name not in graph.inputs:
            model.graph.output.append(_output(name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package raises its own types, which have no common base but this
        raise ModelError(f"{graph.name}: ONNX Runtime does not run it ({str(error).splitlines()[0][:200]})") from error


def _output(name: str) -> Any:
    import onnx

    return onnx.helper.make_empty_tensor_value_info(name)
