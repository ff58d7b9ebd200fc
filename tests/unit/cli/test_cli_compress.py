"""``edgesim compress`` and ``edgesim digits``: real files, and nothing written where something does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.cli.main import main
from sim.experiment.accuracy.session import Runner

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SHIPPED = Path(__file__).resolve().parents[3] / "scenarios"
MODEL, CALIBRATION, HELD_OUT = (str(SHIPPED / f"digits_{name}") for name in ("mlp.onnx", "calibration.npz", "held_out.npz"))
Captured = pytest.CaptureFixture[str]


def _compress(target: Path, *options: str) -> int:
    return main(["compress", MODEL, *options, "-o", str(target)])


@pytest.mark.parametrize(
    ("options", "largest", "lost"),
    [
        (["--int8", "--calibrate", CALIBRATION], 0.5, 0.01),
        (["--int8"], 0.5, 0.01),
        (["--int4"], 0.25, 0.02),
        (["--fp16"], 0.55, 0.005),
        (["--prune", "50%"], 1.01, 0.02),
        (["--prune", "25%", "--structured"], 0.8, 0.5),
        (["--cluster", "4"], 1.01, 0.02),
        (["--prune", "0.5", "--int8", "--calibrate", CALIBRATION], 0.5, 0.03),
        (["--step", "quantize: {to: w8a16}", "--calibrate", CALIBRATION], 0.5, 0.01),
    ],
)
def test_the_file_runs_and_is_as_accurate_as_told(tmp_path: Path, capsys: Captured, options: list[str], largest: float, lost: float) -> None:
    target = tmp_path / "out.onnx"
    assert _compress(target, *options, "--check", HELD_OUT, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    with np.load(HELD_OUT) as data:
        answers = Runner(target, "out").run({"pixels": data["pixels"]})["probabilities"]
        right = float((answers.argmax(axis=1) == data["labels"]).mean())
    assert told["after"]["accuracy"]["value"] == pytest.approx(right)
    assert told["after"]["file_bytes"] == target.stat().st_size < largest * told["before"]["file_bytes"]
    assert right > told["before"]["accuracy"]["value"] - lost
    assert told["sqnr_db"]["probabilities"] > 0


def test_int8_with_calibration_is_qdq(tmp_path: Path) -> None:
    _compress(tmp_path / "out.onnx", "--int8", "--calibrate", CALIBRATION)
    kinds = {node.op_type for node in onnx.load(tmp_path / "out.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds and "DynamicQuantizeLinear" not in kinds


def test_removed_channels_are_counted_on_the_file(tmp_path: Path, capsys: Captured) -> None:
    _compress(tmp_path / "out.onnx", "--prune", "50%", "--structured", "--json")
    told = json.loads(capsys.readouterr().out)["after"]["measures"]
    stored = sum(int(np.prod(value.dims)) for value in onnx.load(tmp_path / "out.onnx").graph.initializer)
    assert told["parameters_count"] == stored == 2778
    assert told["macs_count"] == 64 * 32 + 32 * 16 + 16 * 10


def test_the_table_says_what_was_measured(tmp_path: Path, capsys: Captured) -> None:
    assert _compress(tmp_path / "out.onnx", "--fp16", "--check", HELD_OUT) == 0
    text = capsys.readouterr().out
    assert "parameters" in text and "measured in ONNX Runtime on 719 samples of digits_held_out.npz" in text


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Calibration data of every wrong kind."""
    for name, values in {
        "shape": np.zeros((5, 63), np.float32), "type": np.full((5, 64), "x"), "nan": np.full((5, 64), np.nan), "empty": np.zeros((0, 64)),
        "object": np.array([{}], dtype=object),
    }.items():  # fmt: skip
        np.savez(tmp_path / f"{name}.npz", pixels=values)
    np.savez(tmp_path / "key.npz", a=np.zeros((5, 64)), b=np.zeros((5, 64)))
    (tmp_path / "junk.npz").write_text("junk")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("shape", "[5, 63]"),
        ("type", "takes float32"),
        ("nan", "finite"),
        ("empty", "no sample"),
        ("object", "no .npz"),
        ("key", "it has a, b"),
        ("junk", "no .npz"),
    ],
)
def test_calibration_data_that_do_not_fit(odd: Path, capsys: Captured, name: str, what: str) -> None:
    assert _compress(odd / "out.onnx", "--int8", "--calibrate", str(odd / f"{name}.npz")) == 2
    assert what in capsys.readouterr().err
    assert not list(odd.glob("*out.onnx*"))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ([], "at least one technique"),
        (["--prune", "100%"], "would leave nothing"),
        (["--prune", "much"], "not a ratio"),
        (["--cluster", "x"], "whole number"),
        (["--step", "shrink: {}"], "unknown key 'shrink'"),
        (["--step", "7"], "is no entry"),
        (["--int8", "--prune", "50%"], "comes last"),
        (["--int8", "--int4"], "once"),
        (["--structured", "--fp16"], "goes with --prune"),
        (["--fp16", "--check", HELD_OUT, "--metric", "top6"], "top5"),
        (["--fp16", "--check", CALIBRATION], "no array 'labels'"),
        (["--fp16", "--shape", "n=0"], "at least 1"),
    ],
)
def test_what_cannot_be_done_writes_nothing(tmp_path: Path, capsys: Captured, options: list[str], what: str) -> None:
    assert _compress(tmp_path / "out.onnx", *options) == 2
    assert what in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("again", [["--int8"], ["--step", "quantize: {to: int8}"], ["--int8", "--calibrate", CALIBRATION]])
@pytest.mark.parametrize("first", [["--int8"], ["--int8", "--calibrate", CALIBRATION]])
def test_a_quantized_model_is_not_quantized_again(tmp_path: Path, capsys: Captured, first: list[str], again: list[str]) -> None:
    _compress(tmp_path / "once.onnx", *first)
    assert main(["compress", str(tmp_path / "once.onnx"), *again, "-o", str(tmp_path / "twice.onnx")]) == 2
    assert "quantized already" in capsys.readouterr().err
    assert not (tmp_path / "twice.onnx").exists()


def test_files_are_not_replaced_unasked(tmp_path: Path, capsys: Captured) -> None:
    target = tmp_path / "out.onnx"
    target.write_text("mine")
    assert _compress(target, "--fp16") == 2
    assert target.read_text() == "mine" and "--force" in capsys.readouterr().err
    assert _compress(target, "--fp16", "--force") == 0
    assert main(["compress", str(target), "--fp16", "-o", str(target), "--force"]) == 2
    assert _compress(tmp_path / "nowhere" / "out.onnx", "--fp16") == 2


def test_digits_prints_rows_and_json(capsys: Captured) -> None:
    pytest.importorskip("sklearn")
    assert main(["digits", "--seeds", "1", "--only", "int8_channel"]) == 0
    assert "int8" in capsys.readouterr().out
    assert main(["digits", "--seeds", "1", "--only", "int8_channel", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["rows"]] == ["fp32", "int8_channel"]
    assert main(["digits", "--only", "int9"]) == 2
    assert "int8" in capsys.readouterr().err


def test_digits_writes_the_shipped_files_anew(tmp_path: Path, capsys: Captured) -> None:
    """The same data, and a network as accurate (its last bits depend on the machine's linear algebra)."""
    pytest.importorskip("sklearn")
    assert main(["digits", "--write", str(tmp_path)]) == 0
    assert main(["digits", "--write", str(tmp_path)]) == 2
    assert "--force" in capsys.readouterr().err
    with np.load(HELD_OUT) as old, np.load(tmp_path / "digits_held_out.npz") as new:
        np.testing.assert_array_equal(old["pixels"], new["pixels"])
        right = [
            (Runner(path, "net").run({"pixels": new["pixels"]})["probabilities"].argmax(1) == new["labels"]).mean()
            for path in (Path(MODEL), tmp_path / "digits_mlp.onnx")
        ]
    assert right[0] == pytest.approx(right[1], abs=0.01)


@pytest.fixture
def open_batch(tmp_path: Path) -> Path:
    """The digits network as exporters leave it: any number of samples at once."""
    model = onnx.load(MODEL)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, tmp_path / "open.onnx")
    return tmp_path / "open.onnx"


@pytest.mark.parametrize(
    ("options", "extent", "said"),
    [
        (["--prune", "50%"], 1, "batch = 1, so the new file takes samples one by one"),
        (["--int8", "--calibrate", CALIBRATION], "batch", "the file still takes any number"),
        (["--fp16", "--shape", "batch=4"], 4, ""),
    ],
)
def test_an_open_batch_is_one_unless_told(open_batch: Path, capsys: Captured, options: list[str], extent: int | str, said: str) -> None:
    target = open_batch.with_name("out.onnx")
    assert main(["compress", str(open_batch), *options, "--check", HELD_OUT, "-o", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    dim = onnx.load(target).graph.input[0].type.tensor_type.shape.dim[0]
    assert (dim.dim_param or dim.dim_value) == extent
    assert any(said in note for note in told["notes"]) if said else not told["notes"]
    assert told["after"]["accuracy"]["samples_count"] == 719


def test_other_open_extents_are_asked_for(open_batch: Path, capsys: Captured) -> None:
    model = onnx.load(open_batch)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "pixels_count"
    onnx.save(model, open_batch)
    assert main(["compress", str(open_batch), "--fp16", "-o", str(open_batch.with_name("out.onnx"))]) == 2
    told = capsys.readouterr().err
    assert "pixels_count" in told and "batch" not in told.replace(str(open_batch), "")


@pytest.mark.parametrize(("to", "stored"), [("w4a16", {"INT4", "INT16"}), ("w4f16", {"INT4", "FLOAT16"})])
def test_sixteen_bits_are_integers_or_floats_by_name(tmp_path: Path, to: str, stored: set[str]) -> None:
    assert _compress(tmp_path / "out.onnx", "--step", f"quantize: {{to: {to}}}", "--calibrate", CALIBRATION) == 0
    kinds = {onnx.TensorProto.DataType.Name(held.data_type) for held in onnx.load(tmp_path / "out.onnx").graph.initializer}
    assert stored <= kinds and ("INT16" in kinds) != ("FLOAT16" in kinds)
