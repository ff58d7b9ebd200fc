"""Published figures of compressed networks: well formed, of models and runtimes that exist, and quoted only where they hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sim.compiler import compile_model
from sim.compiler.runtimes import runtime_names
from sim.frontends.zoo import MODELS, build
from sim.frontends.zoo.published_accuracy import PublishedAccuracy, published_accuracy
from sim.report.accuracy import accuracy_metrics

ROWS = [row for name in MODELS for row in published_accuracy(name)]


def test_every_row_is_of_a_model_and_a_runtime() -> None:
    path = Path(__file__).resolve().parents[4] / "sim/frontends/zoo/published_accuracy.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(ROWS) > 100
    assert {row.runtime for row in ROWS} <= {*runtime_names(), "", "simulated"}
    assert all(row.source and 0 < row.value <= 100 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.model}-{row.setting}")
def test_options_are_those_of_the_model(row: PublishedAccuracy) -> None:
    assert all(pair.partition("=")[0] in MODELS[row.model].options for pair in row.options.split())


def _accuracy(model: str, runtime: str, precision: str, device: str = "pixel_6", **options: object):  # type: ignore[no-untyped-def]  # metrics
    from device_models.catalog.catalog import load_device

    return accuracy_metrics(compile_model(build(model, **options), load_device(device), runtime=runtime, precision=precision))


def test_a_figure_of_just_this_way_is_quoted() -> None:
    found = _accuracy("mobilenet_v2", "tflite", "int8")
    assert (found.value_ratio, found.metric, found.kind) == (pytest.approx(0.706), "ImageNet top-1", "published")
    assert "Qualcomm AI Hub" in found.source and "1,000 samples" in found.source


def test_another_runtime_width_or_format_is_unknown() -> None:
    for precision, options in (("int4", {}), ("int8", {"width": 0.5}), ("int8", {"resolution": 160})):
        found = _accuracy("mobilenet_v2", "tflite", precision, **options)
        assert found.value_ratio is None and found.kind == "unknown"


def test_simulated_rounding_is_no_runtime() -> None:
    found = _accuracy("mobilenet_v1", "tflite", "int8")
    assert found.value_ratio is None and "simulated" in found.note


def test_figures_agree_with_their_source(shared: Path) -> None:
    with (shared / "measurements" / "aihub_accuracy.csv").open(encoding="utf-8") as stream:
        source = {(row["model"], row["precision"], row["runtime"]): row for row in csv.DictReader(stream)}
    row = source["mobilenet_v2", "w8a16", "QNN_DLC"]
    own = next(row for row in published_accuracy("mobilenet_v2") if row.technique == "w8a16 ptq" and row.runtime == "qnn")
    assert (own.value, own.float_value, own.samples_count) == (float(row["value"]), float(row["float_value"]), int(row["num_samples"]))
