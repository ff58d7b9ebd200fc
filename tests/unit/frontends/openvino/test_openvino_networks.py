"""Networks written by hand: what their layers become, where their weights are read, and what is refused."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from device_models.work import DType
from sim.compiler import compile_model
from sim.errors import EdgesimError, ModelError
from sim.frontends.load import load_model
from sim.frontends.openvino import import_openvino
from sim.graph.ir import Graph
from sim.graph.work import total_macs

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ir_models import Net, convolutional, quantized, various


def types(graph: Graph) -> list[str]:
    return [op.type for op in graph.ops]


@pytest.mark.parametrize("version", [10, 11])
def test_a_small_network(tmp_path: Path, version: int) -> None:
    net = convolutional()
    net.version = version
    graph = import_openvino(net.save(tmp_path), shapes={"batch": 2})
    assert types(graph) == ["Conv", "Relu6", "Conv", "MaxPool", "Reshape", "Dense", "Softmax"]
    assert len(graph.ops[0].inputs) == 3  # the sum with one number a channel is its bias
    assert total_macs(graph) == 2 * (8 * 64 * 27 + 8 * 16 * 9 + 10 * 32)
    assert graph.parameters() == 8 * 27 + 8 + 8 * 9 + 320
    assert graph.tensors[graph.inputs[0]].shape == (2, 3, 8, 8) and graph.tensors[graph.outputs[0]].shape == (2, 10)
    assert graph.notes["format"] == "openvino" and "warnings" not in graph.notes


def test_values_come_from_the_weights_file(tmp_path: Path) -> None:
    graph = import_openvino(convolutional().save(tmp_path), shapes={"batch": 1})
    weight = graph.tensors[graph.ops[0].inputs[1]]
    assert weight.load is not None
    np.testing.assert_allclose(weight.load(), np.random.default_rng(1).normal(size=(8, 3, 3, 3)).astype(np.float32))


def test_fake_quantized_layers_run_in_integers(tmp_path: Path) -> None:
    """One that is quantized again ends in integers; the last one, which is not, scales its sums to floats itself."""
    graph = import_openvino(quantized().save(tmp_path))
    assert types(graph) == ["Quantize", "Conv", "Relu", "Conv", "Reshape", "Dense"]
    convolutions = [op for op in graph.ops if op.type == "Conv"]
    assert [graph.tensors[op.inputs[0]].dtype for op in convolutions] == [DType.I8, DType.I8]
    assert [graph.tensors[op.outputs[0]].dtype for op in convolutions] == [DType.I8, DType.F32]
    first = graph.tensors[convolutions[0].inputs[1]]
    assert first.dtype is DType.I8 and first.quantization is not None and first.quantization.axis == 0
    assert first.quantization.scale == pytest.approx((2 / 254,) * 8) and set(first.quantization.zero_point) == {0}
    assert first.load is not None
    expected = np.round(np.clip(np.random.default_rng(2).normal(size=(8, 4, 3, 3)), -1, 1) * 127)
    assert np.abs(first.load() - expected).max() <= 1  # ties may go either way
    x = graph.tensors[graph.ops[0].outputs[0]].quantization
    assert x is not None and x.scale == pytest.approx((1 / 128,)) and x.zero_point == (0,)
    relu = graph.tensors[graph.ops[2].outputs[0]].quantization
    assert relu is not None and relu.scale == pytest.approx((0.01,))


def test_decompressed_weights_keep_their_integers(tmp_path: Path) -> None:
    graph = import_openvino(quantized().save(tmp_path))
    second = graph.tensors[[op for op in graph.ops if op.type == "Conv"][1].inputs[1]]
    assert second.dtype is DType.I8 and second.quantization is not None
    assert second.quantization.zero_point == (128,) * 8 and second.quantization.scale == pytest.approx((0.02,) * 8) and second.quantization.unsigned
    matrix = graph.tensors[graph.ops[-1].inputs[1]]
    assert matrix.dtype is DType.I4 and matrix.shape == (16, 64)
    assert matrix.group_bits == pytest.approx((16 + 4) / 16)  # a scale of 16 bits and a zero point of 4 for each 16 numbers
    assert matrix.load is not None and matrix.load().max() <= 15
    assert graph.tensors[graph.outputs[0]].dtype is DType.F32


def test_norms_attention_and_recurrent_layers(tmp_path: Path) -> None:
    graph = import_openvino(various().save(tmp_path))
    found = Counter(types(graph))
    assert found["LayerNorm"] == found["LSTM"] == found["Attention"] == found["TopK"] == found["Resize"] == 1 and not found["MVN"]
    assert graph.tensors[graph.outputs[0]].shape == (1, 1, 4, 3)


def test_variables_hold_what_earlier_runs_left(tmp_path: Path) -> None:
    net = Net()
    x = net.parameter("?,2,?,4")
    shape = net.layer("ShapeOf", (x,), ((4,),), opset=3, output_type="i64")
    batch = net.layer("Gather", (shape, net.constant([0], "int64"), net.constant(0, "int64")), ((1,),), opset=8)
    empty = net.layer(
        "Broadcast", (net.constant(0.0), net.layer("Concat", (batch, net.constant([2, 0, 4], "int64")), ((4,),), axis="0")), ((-1, 2, 0, 4),), opset=3
    )
    past = net.layer("ReadValue", (empty,), ((-1, 2, -1, 4),), opset=6, variable_id="keys", variable_type="f32", variable_shape="?,2,?,4")
    joined = net.layer("Concat", (past, x), ((-1, 2, -1, 4),), axis="2")
    net.layer("Assign", (joined,), ((-1, 2, -1, 4),), opset=6, variable_id="keys")
    net.result(net.layer("ReLU", (joined,), ((-1, 2, -1, 4),)))
    graph = import_openvino(net.save(tmp_path), shapes={"batch": 1, "height": 3, "context": 7})
    assert graph.tensors["keys"].role == "state" and graph.tensors["keys"].shape == (1, 2, 7, 4)
    assert graph.tensors[graph.outputs[0]].shape == (1, 2, 10, 4)


def test_it_runs_through_the_runtime(tmp_path: Path) -> None:
    from device_models.catalog.catalog import load_device

    device = load_device("raspberry_pi_5")
    graph = load_model("net.xml", directory=quantized().save(tmp_path).parent)
    assert graph.notes["structure_bytes"] > 0
    program = compile_model(graph, device, runtime="openvino", name="net")
    assert program.runtime == "openvino" and len(program.kernels.names) >= 4


def changed(net: Net, old: str, new: str) -> Net:
    index = next(i for i, text in enumerate(net.layers) if old in text)
    net.layers[index] = net.layers[index].replace(old, new, 1)
    return net


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (changed(convolutional(), 'type="SoftMax"', 'type="SoftMaks"'), "unknown layer type 'SoftMaks'.*did you mean 'SoftMax'"),
        (changed(convolutional(), 'element_type="f32" shape="8, 3', 'element_type="f23" shape="8, 3'), "type 'f23'.*did you mean 'f32'"),
        (changed(convolutional(), 'shape="8, 3, 3, 3"', 'shape="8, 3, 3, 4"'), "states 864 bytes for shape"),
        (changed(convolutional(), 'offset="0"', 'offset="99999"'), "lies at bytes 99,999"),
        (changed(convolutional(), 'auto_pad="explicit"', 'auto_pad="around"'), "auto_pad 'around'"),
        (changed(various(), 'type="TopK"', 'type="TensorIterator"'), "control flow is not supported"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, net: Net, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_openvino(net.save(tmp_path), shapes={} if "?," not in net.layers[0] else {"batch": 1})


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    path = convolutional().save(tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"net\.bin: no such file"):
        import_openvino(path, shapes={"batch": 1})


def test_open_extents_must_be_bound(tmp_path: Path) -> None:
    path = convolutional().save(tmp_path)
    with pytest.raises(ModelError, match="dimension 0 of input 'x' is open; bind it"):
        import_openvino(path)
    with pytest.raises(EdgesimError, match=r"shapes\.batsch: no input has such an open extent"):
        import_openvino(path, shapes={"batch": 1, "batsch": 2})


def test_unknown_layers_may_run_as_data_movers(tmp_path: Path) -> None:
    net = changed(various(), 'type="HSwish"', 'type="MySwish"')
    graph = import_openvino(net.save(tmp_path), unknown_operators="warn")
    assert graph.ops[-1].type == "Generic" and "MySwish" in str(graph.notes["warnings"])
