"""Output shapes of one node by the ONNX standard's own inference, from its now concrete inputs.

The model as a whole is not inferred: with every dimension bound, one walk over the nodes gives concrete shapes, where inference over
the symbolic model stops at the first reshape. Operators of the graph infer their own shapes; this is for those that cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.work import DType
from sim.frontends.onnx.elements import dtype_of, element_of
from sim.frontends.onnx.reading import first_line, import_onnx_package
from sim.frontends.onnx.stored import Stored

if TYPE_CHECKING:
    import onnx

    from sim.frontends.onnx.node import Node


def standard_outputs(node: Node) -> list[tuple[tuple[int, ...], DType]]:
    """Shapes and formats of all outputs; ModelError where the standard cannot tell them."""
    onnx = import_onnx_package()
    types, data = {}, {}
    for i, name in enumerate(node.proto.input):
        value = node.value(i)
        if value is None:
            continue
        element = value.element if isinstance(value, Stored) else element_of(node.dtype(i))
        types[name] = onnx.helper.make_tensor_type_proto(element, node.shape(i))
        array = value.value() if isinstance(value, Stored) and value.elements <= 1024 else None
        if array is not None:
            data[name] = onnx.numpy_helper.from_array(array, name)
    try:
        schema = onnx.defs.get_schema(node.proto.op_type, node.version, "")
        opsets = [onnx.helper.make_opsetid("", node.version)]
        made = onnx.shape_inference.infer_node_outputs(schema, node.proto, types, data, opset_imports=opsets)
    except (RuntimeError, ValueError, TypeError, onnx.shape_inference.InferenceError, onnx.defs.SchemaError, onnx.checker.ValidationError) as error:
        raise node.refuse(f"has inputs that do not fit ({first_line(error)})") from error
    return [_concrete(node, made.get(name), name) for name in node.outputs]


def _concrete(node: Node, made: onnx.TypeProto | None, name: str) -> tuple[tuple[int, ...], DType]:
    dims = made.tensor_type.shape.dim if made is not None and made.tensor_type.HasField("shape") else None
    if made is None or dims is None or not all(dim.HasField("dim_value") for dim in dims):
        declared = node.state.declared.get(name)
        if declared is None:
            raise node.refuse(f"does not tell the shape of its output {name!r}")
        return declared
    return tuple(dim.dim_value for dim in dims), dtype_of(made.tensor_type.elem_type, f"output {name!r} of {node.name}")
