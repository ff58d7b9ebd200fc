"""A scenario's accuracy: measured on data, told in result and verdict, and precise about what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from sim import simulate
from sim.errors import EdgesimError
from sim.experiment.accuracy import measure
from sim.experiment.digits.network import Layer, graph_of, logits
from sim.experiment.names import known_names
from sim.frontends.onnx.export import export_onnx
from sim.scenario.loading import load_scenario

COUNT = 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random network that takes batches of three, and labels it gets right four times of five."""
    random = np.random.default_rng(0)
    network = tuple(Layer(random.normal(size=(out, wide)).astype(np.float32), np.zeros(out, np.float32), out != 6) for out, wide in ((9, 8), (6, 9)))
    (tmp_path / "net.onnx").write_bytes(export_onnx(graph_of(network, "net", batch=3)).SerializeToString())
    images = random.normal(size=(COUNT, 8)).astype(np.float32)
    labels = logits(network, images).argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % 6
    np.savez(tmp_path / "data.npz", pixels=images, labels=labels)
    np.savez(tmp_path / "named.npz", x=images.astype(np.float64), y=labels)
    np.savez(tmp_path / "narrow.npz", pixels=images[:, :7], labels=labels)
    np.savez(tmp_path / "short.npz", pixels=images, labels=labels[:9])
    return tmp_path


def _scenario(**model: Any) -> dict[str, Any]:
    return {
        "name": "checked",
        "device": "raspberry_pi_4",
        "duration": "100 ms",
        "models": {"net": {"source": "net.onnx"} | model},
        "workloads": {"w": {"arrival": {"kind": "periodic", "rate": "100 Hz"}, "pipeline": [{"model": "net"}]}},
        "budgets": {"accuracy": "75 %"},
    }


def _run(folder: Path, **model: Any) -> Any:
    return simulate(load_scenario(_scenario(**model), directory=folder, known=known_names()))


def test_a_file_is_measured_as_it_is(folder: Path) -> None:
    found = _run(folder, accuracy={"dataset": "data.npz"}).metrics.models["net"].accuracy
    assert (found.value_ratio, found.kind, found.samples_count) == (pytest.approx(0.8), "measured", COUNT)
    assert found.low_ratio < 0.8 < found.high_ratio
    assert "50 samples of data.npz" in found.source


def test_arrays_of_other_names_and_a_limit(folder: Path) -> None:
    found = _run(folder, accuracy={"dataset": "named.npz", "inputs": {"pixels": "x"}, "labels": "y", "limit": 10}).metrics.models["net"].accuracy
    assert (found.value_ratio, found.samples_count) == (pytest.approx(0.8), 10)


def test_what_compression_destroys_is_seen(folder: Path) -> None:
    found = _run(folder, accuracy={"dataset": "data.npz"}, compress=[{"prune": {"sparsity": "95 %", "scope": "global"}}]).metrics.models["net"].accuracy
    assert found.kind == "measured" and found.value_ratio < 0.6


def test_a_conversion_by_the_runtime_was_not_measured(folder: Path) -> None:
    found = _run(folder, accuracy={"dataset": "data.npz"}, precision="int8").metrics.models["net"].accuracy
    assert found.value_ratio is None and "before the runtime's conversion to int8" in found.note


def test_an_error_metric_is_told_but_is_no_share(folder: Path) -> None:
    np.savez(folder / "numbers.npz", pixels=np.zeros((4, 8), np.float32), labels=np.zeros((4, 6)))
    found = _run(folder, accuracy={"dataset": "numbers.npz", "metric": "mse"}).metrics.models["net"].accuracy
    assert found.value_ratio is None and found.kind == "measured"
    assert f"{1 / 36:.4g}" in found.note  # softmax of zeros


def test_the_same_content_runs_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(folder, accuracy={"dataset": "data.npz", "limit": 7})
    monkeypatch.setattr(measure, "Runner", None)  # would fail if it were asked again
    assert _run(folder, accuracy={"dataset": "data.npz", "limit": 7}).metrics.models["net"].accuracy.samples_count == 7


@pytest.mark.parametrize(
    ("accuracy", "where", "what"),
    [
        ({"dataset": "narrow.npz"}, "accuracy", r"takes \[samples, 8\], the data have shape \[50, 7\]"),
        ({"dataset": "short.npz"}, "accuracy.dataset", "pixels 50, labels 9"),
        ({"dataset": "data.npz", "labels": "y"}, "accuracy.labels", "no array 'y'"),
        ({"dataset": "data.npz", "inputs": {"image": "pixels"}}, "accuracy.inputs.image", "no input 'image'"),
        ({"dataset": "data.npz", "output": "logits"}, "accuracy.output", "no output 'logits'"),
        ({"dataset": "nowhere.npz"}, "accuracy.dataset", "no file"),
        ({"dataset": "data.npz", "metric": "top6"}, "accuracy.metric", "top5"),
        ({"dataset": "net.onnx"}, "accuracy.dataset", "no .npz file"),
    ],
)
def test_data_that_do_not_fit_are_named(folder: Path, accuracy: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(EdgesimError, match=what) as caught:
        _run(folder, accuracy=accuracy)
    assert any(f"models.net.{where}" in str(problem) for problem in caught.value.problems)


def test_a_structure_without_weights_cannot_be_measured(folder: Path) -> None:
    with pytest.raises(EdgesimError, match="no values are stored"):
        _run(folder, source="ds_cnn", accuracy={"dataset": "data.npz"})


SHIPPED = Path(__file__).resolve().parents[4] / "scenarios"


def test_the_shipped_scenario_tells_what_its_files_do() -> None:
    """Its figures against runs of what `edgesim compress` writes for the same steps, or of the file itself."""
    from sim.experiment.accuracy.session import Runner
    from sim.experiment.compress_file import Order, compressed_file

    told = simulate(SHIPPED / "digits_compression.yaml").metrics.models
    prune, int8 = {"prune": {"sparsity": "50 %", "scope": "global"}}, {"quantize": {"to": "int8"}}
    steps = {"int8": (int8,), "int4": ({"quantize": {"to": "int4"}},), "pruned": (prune, int8)}
    model, calibrate = SHIPPED / "digits_mlp.onnx", SHIPPED / "digits_calibration.npz"
    files: dict[str, bytes | Path] = {name: compressed_file(Order(model, own, calibrate=calibrate)).content for name, own in steps.items()}
    with np.load(SHIPPED / "digits_held_out.npz") as data:
        for name, file in {**files, "full": model}.items():
            right = Runner(file, name).run({"pixels": data["pixels"]})["probabilities"].argmax(1) == data["labels"]
            assert told[name].accuracy.value_ratio == pytest.approx(right.mean())
            assert told[name].accuracy.kind == "measured" and right.mean() > 0.94


def test_a_copy_of_a_scenario_finds_its_data(folder: Path, tmp_path: Path) -> None:
    from sim.report.scenario_yaml import scenario_text

    loaded = load_scenario(
        _scenario(accuracy={"dataset": "data.npz"}, compress=[{"quantize": {"to": "int8", "calibration": "named.npz"}}]), directory=folder, known=known_names()
    )
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "copy.yaml").write_text(scenario_text(loaded.scenario, folder, other))
    assert load_scenario(other / "copy.yaml", known=known_names()).canonical()["files"].keys() == {"../data.npz", "../named.npz", "../net.onnx"}
