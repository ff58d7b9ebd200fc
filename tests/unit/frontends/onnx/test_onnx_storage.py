"""Where a model's constants lie: in the file, beside it, or where they must not; and what is counted as trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import f32, imported, model_of, save, single, value, weight

from sim.errors import ModelError
from sim.frontends.onnx import import_onnx

W = f32(64, 128)


def external(location: str, **entries: str) -> onnx.ModelProto:
    """``y = x W`` with W stored outside the model."""
    tensor = TensorProto(name="w", data_type=1, dims=W.shape, data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=text)
    return model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64])], ["y"], {"w": tensor})


def test_data_beside_the_model_is_read_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 256 + W.tobytes())
    graph = imported(external("weights.bin", offset="256", length=str(W.nbytes)), tmp_path)
    assert graph.parameters() == W.size
    stored = next(tensor for tensor in graph.tensors.values() if tensor.role == "weight")
    assert (stored.load() == W.T).all()  # Dense holds [out, in]


@pytest.mark.parametrize("location", ["../weights.bin", "sub/../../weights.bin", "/etc/passwd", "", "..\\weights.bin", "a\0b"])
def test_data_outside_the_models_folder_is_refused(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(W.tobytes())
    with pytest.raises(ModelError, match="beside the model"):
        imported(external(location), folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(W.tobytes())
    (folder / "weights.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        imported(external("weights.bin"), folder)


def test_a_missing_or_short_data_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist beside the model"):
        imported(external("weights.bin"), tmp_path)
    (tmp_path / "weights.bin").write_bytes(W.tobytes()[:-4])
    with pytest.raises(ModelError, match="needs 32,768 bytes"):
        imported(external("weights.bin"), tmp_path)
    with pytest.raises(ModelError, match="offset '-1'"):
        imported(external("weights.bin", offset="-1"), tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "typed"])
@pytest.mark.parametrize("constant_node", [False, True])
def test_large_tensors_stay_in_the_file_and_read_back(packed: bool, constant_node: bool, tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", 1, W.shape, W.ravel()) if packed else numpy_helper.from_array(W, "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if constant_node:
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    graph = imported(model_of(nodes, [value("x", [1, 64])], ["y"], {} if constant_node else {"w": tensor}), tmp_path)
    stored = graph.tensors[graph.ops[0].inputs[1]]
    assert (stored.load() == W.T).all()
    assert stored.role == "weight"


def test_a_file_that_changes_afterwards_is_noticed(tmp_path: Path) -> None:
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64])], ["y"], {"w": W})
    graph = imported(model, tmp_path)
    save(single("Relu", [f32(3)])[0], tmp_path)
    with pytest.raises(ModelError):
        graph.tensors[graph.ops[0].inputs[1]].load()


def test_what_counts_as_trained(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["n"]),
        helper.make_node("Mul", ["n", "layer_scale"], ["m"]),
        helper.make_node("Mul", ["m", "half"], ["h"]),
        helper.make_node("Constant", [], ["grid"], value=numpy_helper.from_array(f32(1, 4, 1, 1))),
        helper.make_node("Add", ["h", "grid"], ["y"]),
    ]
    constants = {name: f32(4) for name in ("scale", "shift", "mean", "variance")} | {"layer_scale": f32(4, 1, 1), "half": np.float32(0.5), "unused": f32(99)}
    graph = imported(model_of(nodes, [value("x", [1, 4, 5, 5])], ["y"], constants), tmp_path)
    roles = {name: tensor.role for name, tensor in graph.tensors.items() if tensor.is_stored}
    assert {name for name, role in roles.items() if role == "weight"} == {"scale", "shift", "layer_scale"}
    assert {name for name, role in roles.items() if role == "constant"} == {"mean", "variance", "half", "grid"}
    assert graph.parameters() == 12


def test_tied_embeddings_are_stored_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Transpose", ["table"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["e", "turned"], ["logits"]),
    ]
    graph = imported(model_of(nodes, [value("ids", [1, 3], TensorProto.INT64)], ["logits"], {"table": W}), tmp_path)
    assert graph.parameters() == W.size
    assert [op.type for op in graph] == ["Gather", "Dense"]


def test_two_views_of_one_constant_are_told_apart(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["w", "flat"], ["a"]),
        helper.make_node("Reshape", ["w", "wide"], ["b"]),
        helper.make_node("Add", ["x", "a"], ["y"]),
        helper.make_node("Add", ["x", "b"], ["z"]),
    ]
    constants = {"w": f32(2_000_000), "flat": np.array([1, 2_000_000]), "wide": np.array([2, 1_000_000])}
    graph = imported(model_of(nodes, [value("x", [1, 1])], ["y", "z"], constants), tmp_path)
    assert [graph.tensors[name].shape for name in graph.outputs] == [(1, 2_000_000), (2, 1_000_000)]


def test_factors_of_gemm_go_into_its_weights(tmp_path: Path) -> None:
    x, w, b = f32(2, 3), weight(3, 4), weight(4)
    graph = imported(single("Gemm", [x, w, b], {"alpha": 2.0, "beta": 0.5})[0], tmp_path)
    (op,) = graph.ops
    stored, bias = (graph.tensors[name].load() for name in op.inputs[1:])
    np.testing.assert_allclose(x @ stored.T + bias, 2 * x @ w.array + 0.5 * b.array, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"")], ids=["absent", "folder", "empty"])
def test_what_is_no_file_is_refused_with_its_name(make, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    make(path)
    with pytest.raises(ModelError) as caught:
        import_onnx(path)
    assert caught.value.problems[0].file == str(path)
