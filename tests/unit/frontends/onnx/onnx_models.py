"""Small ONNX models for the tests, and ONNX Runtime as the judge of their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim.frontends.onnx import import_onnx
from sim.graph.ir import Graph

CONTRIB = "com.microsoft"


def value(name: str, shape: Sequence[int | str | None] | None, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str | onnx.ValueInfoProto],
    constants: dict[str, Any] | None = None,
    opset: int = 17,
    **graph: Any,
) -> onnx.ModelProto:
    """A model; outputs given by name state no shape; constants are initializers."""
    stated = [helper.make_empty_tensor_value_info(output) if isinstance(output, str) else output for output in outputs]
    initializers = [
        array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()
    ]
    made = helper.make_graph(list(nodes), "test", list(inputs), stated, initializers, **graph)
    domains = {node.domain for node in nodes if node.domain}
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)], ir_version=8 if opset <= 21 else 11
    )


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def imported(model: onnx.ModelProto, folder: Path, **options: Any) -> Graph:
    return import_onnx(save(model, folder), **options)


def single(
    type: str, inputs: Sequence[Any], attributes: dict[str, Any] | None = None, *, outputs: int = 1, opset: int = 17, domain: str = ""
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A model of one node and something to feed it. Inputs: an array is fed, ``Const(array)`` stored, None absent."""
    names, fed, stored = [], {}, {}
    for i, operand in enumerate(inputs):
        names.append("" if operand is None else f"x{i}")
        if isinstance(operand, Const):
            stored[f"x{i}"] = operand.array
        elif operand is not None:
            fed[f"x{i}"] = np.asarray(operand)
    node = helper.make_node(type, names, [f"y{i}" for i in range(outputs)], domain=domain, **(attributes or {}))
    infos = [value(name, array.shape, helper.np_dtype_to_tensor_dtype(array.dtype)) for name, array in fed.items()]
    return model_of([node], infos, [f"y{i}" for i in range(outputs)], stored, opset), fed


class Const:
    """An operand stored in the model."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)


def i64(*numbers: int) -> Const:
    return Const(np.array(numbers, np.int64))


def f32(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1.0, shape).astype(np.float32)


def weight(*shape: int) -> Const:
    return Const(f32(*shape, seed=1))


def run(model: onnx.ModelProto, fed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, fed)


def shapes_of(graph: Graph) -> list[tuple[int, ...]]:
    return [graph.tensors[name].shape for name in graph.outputs]
