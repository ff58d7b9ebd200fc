"""Conversion to other number formats, explicit quantization, casts."""

from __future__ import annotations

import pytest

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph, Quantization
from sim.graph.work import total_macs
from sim.passes import make_pass
from sim.passes.precision import FORMATS


def _network() -> Graph:
    """Convolution with bias, softmax, dense layer over a gathered row (an integer index beside float values)."""
    b = GraphBuilder("net")
    x = b.input("x", (1, 3, 4, 4))
    index = b.input("index", (1,), DType.I64)
    y = b.add("Conv", [x, b.weight("w", (8, 3, 1, 1)), b.weight("bias", (8,))])
    y = b.add("Softmax", [b.add("Flatten", [y])], {"axis": 1})
    y = b.add("Add", [y, b.add("Gather", [b.weight("table", (10, 128)), index])])
    return b.finish(b.add("Dense", [y, b.weight("v", (5, 128))]))


def test_float16_halves_what_is_stored_and_keeps_the_interface():
    graph = _network()
    half = make_pass("precision", {"to": "float16"})(graph)
    assert half.stored_bytes() == graph.stored_bytes() / 2
    assert half.tensors["x"].dtype == half.tensors[graph.outputs[0]].dtype == DType.F32
    assert half.ops[0].type == half.ops[-1].type == "Cast"
    assert half.tensors["index"].dtype == DType.I64


def test_a_converted_interface_needs_no_conversions():
    half = make_pass("precision", {"to": "float16", "interface": "converted"})(_network())
    assert "Cast" not in [op.type for op in half.ops]
    assert half.tensors["x"].dtype == DType.F16


def test_int8_has_int8_weights_and_int32_biases():
    graph = _network()
    small = make_pass("precision", {"to": "int8"})(graph)
    assert small.tensors["w"].dtype == small.tensors["table"].dtype == DType.I8
    assert small.tensors["bias"].dtype == DType.I32
    assert [op.type for op in small.ops if op.type in ("Quantize", "Dequantize")] == ["Quantize", "Dequantize"]
    assert total_macs(small) == total_macs(graph)
    assert small.parameters() == graph.parameters()


def test_operators_kept_in_float_stand_between_conversions():
    small = make_pass("precision", {"to": "int8", "keep_float": ["Softmax"]})(_network())
    types = [op.type for op in small.ops]
    where = types.index("Softmax")
    assert types[where - 1] == "Dequantize"
    assert types[where + 1] in ("Quantize", "Gather")
    softmax = small.ops[where]
    assert small.tensors[softmax.inputs[0]].dtype == small.tensors[softmax.outputs[0]].dtype == DType.F32


def test_only_the_named_operators_have_integer_kernels():
    small = make_pass("precision", {"to": "int8", "only": ["Conv", "Dense"]})(_network())
    formats = {op.type: small.tensors[op.outputs[0]].dtype for op in small.ops}
    assert formats["Conv"] == DType.I8
    assert formats["Softmax"] == formats["Gather"] == DType.F32
    assert small.tensors["table"].dtype == DType.F32


def test_one_conversion_serves_all_readers():
    b = GraphBuilder("net")
    x = b.input("x", (4,))
    graph = b.finish(b.add("Add", [b.add("Relu", [x]), b.add("Mul", [x, x])]))
    small = make_pass("precision", {"to": "int8"})(graph)
    assert [op.type for op in small.ops].count("Quantize") == 1


MIXED = [("w8a16", DType.I16, DType.I8), ("w4a16", DType.I16, DType.I4), ("int4", DType.I8, DType.I4)]


@pytest.mark.parametrize(("precision", "activations", "weights"), MIXED)
def test_formats_of_mixed_precisions(precision, activations, weights):
    mixed = make_pass("precision", {"to": precision})(_network())
    conv = next(op for op in mixed.ops if op.type == "Conv")
    assert mixed.tensors[conv.outputs[0]].dtype == activations
    assert mixed.tensors["w"].dtype == weights


def test_weight_only_quantization_computes_in_float():
    light = make_pass("precision", {"to": "w4a16", "activations": "float16"})(_network())
    conv = next(op for op in light.ops if op.type == "Conv")
    assert light.tensors[conv.outputs[0]].dtype == DType.F16
    assert light.tensors["v"].dtype == DType.I4
    assert light.tensors["bias"].dtype == DType.F16
    assert "Quantize" not in [op.type for op in light.ops]


def test_a_quantized_model_is_kept_with_a_note_or_refused():
    b = GraphBuilder("net")
    w = b.tensor("w", (3, 4), DType.I8, "weight", quantization=Quantization((0.1,)))
    graph = b.finish(b.add("Dense", [b.input("x", (1, 4), DType.I8), w]))
    kept = make_pass("precision", {"to": "int8"})(graph)
    assert kept.ops == graph.ops
    assert "quantized already" in kept.notes["compiler"][0]
    with pytest.raises(ModelError, match="quantized already"):
        make_pass("precision", {"to": "float16"})(graph)


@pytest.mark.parametrize("precision", FORMATS)
def test_an_output_that_others_read_keeps_its_format(precision):
    b = GraphBuilder("net")
    y = b.add("Relu", [b.input("x", (4,))])
    graph = b.finish(b.add("Sigmoid", [y]), y)
    converted = make_pass("precision", {"to": precision})(graph)
    assert [converted.tensors[name].dtype for name in converted.outputs] == [DType.F32, DType.F32]


def _quantized_convolution() -> Graph:
    """Dequantize, Conv, Relu, Quantize as exporters write it."""
    b = GraphBuilder("net")
    x = b.add("Dequantize", [b.input("x", (1, 3, 4, 4), DType.I8)], {"to": DType.F32})
    w = b.add("Dequantize", [b.weight("w", (8, 3, 1, 1), DType.I8)], {"to": DType.F32})
    bias = b.add("Dequantize", [b.weight("bias", (8,), DType.I32)], {"to": DType.F32})
    y = b.add("Relu", [b.add("Conv", [x, w, bias])])
    return b.finish(b.add("Quantize", [y], {"to": DType.I8}))


def test_explicit_quantization_becomes_an_integer_kernel(types):
    graph = _quantized_convolution()
    fused = make_pass("fuse_quantization")(graph)
    assert types(fused) == ["Conv+Relu"]
    assert fused.tensors[fused.ops[0].inputs[0]].dtype == fused.tensors[fused.ops[0].outputs[0]].dtype == DType.I8
    assert total_macs(fused) == total_macs(graph)
    assert fused.parameters() == graph.parameters()
    assert fused.outputs == graph.outputs


def test_a_float_result_keeps_the_float_kernel(types):
    graph = _quantized_convolution()
    graph.outputs = [graph.ops[-1].inputs[0]]
    graph.ops.pop()
    assert types(make_pass("fuse_quantization")(graph)) == types(graph)


def test_mixed_float_operands_are_cast_once():
    b = GraphBuilder("net")
    x, half = b.input("x", (4,)), b.input("h", (4,), DType.F16)
    graph = b.finish(b.add("Mul", [b.add("Add", [x, half]), half]))
    cast = make_pass("insert_casts")(graph)
    assert [op.type for op in cast.ops] == ["Cast", "Add", "Mul"]
    assert make_pass("insert_casts")(cast).ops == cast.ops


def _dynamically_quantized(same_scale: bool = False) -> Graph:
    """A dense layer on integers whose scales meet after it, as dynamic quantization writes it."""
    b = GraphBuilder("net")
    x, scale, _ = b.add_many("DynamicQuantize", [b.input("x", (2, 4))], {"to": DType.I8}, outputs=3)
    sums = b.add("Dense", [x, b.weight("w", (3, 4), DType.I8)], {"out_dtype": DType.I32})
    scales = scale if same_scale else b.add("Mul", [scale, b.tensor("w_scale", (3,), role="constant")])
    y = b.add("Mul", [b.add("Cast", [sums], {"to": DType.F32}), scales])
    return b.finish(b.add("Add", [y, b.weight("bias", (3,))]))


@pytest.mark.parametrize("same_scale", [False, True])
def test_a_dynamically_quantized_product_scales_its_own_result(types, same_scale):
    graph = _dynamically_quantized(same_scale)
    fused = make_pass("fuse_dynamic_quantization")(graph)
    assert types(fused) == ["DynamicQuantize", "Dense+Cast+Mul" + ("" if same_scale else "+Mul"), "Add"]
    assert total_macs(fused) == total_macs(graph)
    assert types(make_pass("fuse_epilogue")(fused))[-1].endswith("+Add")


def test_a_product_scaled_by_something_else_stays(types):
    graph = _dynamically_quantized()
    scaling = next(op for op in graph.ops if op.name == "mul")
    scaling.type = "Add"
    assert types(make_pass("fuse_dynamic_quantization")(graph)) == types(graph)


def test_integer_kernels_take_in_what_vanishes_in_integers(types):
    """In integers only clamps and stored additions are taken in, unless the runtime takes in everything."""
    b = GraphBuilder("net", DType.I8)
    x = b.input("x", (1, 3, 4, 4))
    y = b.add("Conv", [x, b.weight("w", (3, 3, 1, 1))])
    graph = b.finish(b.add("Relu", [b.add("Add", [b.add("Add", [y, b.weight("bias", (1, 3, 1, 1))]), x])]))
    assert types(make_pass("fuse_epilogue", {"residual": True})(graph)) == ["Conv+Add", "Add+Relu"]
    assert types(make_pass("fuse_epilogue", {"residual": True, "integer": True})(graph)) == ["Conv+Add+Add+Relu"]
