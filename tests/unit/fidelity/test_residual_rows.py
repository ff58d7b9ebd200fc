"""From predictions beside measurements to the rows that intervals are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import yaml

from device_models.catalog.catalog import CATALOG
from device_models.residuals import MIN_COUNT, SHARES, quantiles_of, read_residuals
from sim.fidelity.case import Metric
from sim.fidelity.residuals import log_ratios, measured_rows, residual_rows, residuals_text
from sim.report.fidelity_scores import METRICS, Point

POINT = Point("set", "g", "leave-family-out", "d", "cpu", "m", "f", "", "latency_s", 1.0, 2.0, "s", 1, "cpu_x86", "cpu", "int8")


def test_every_metric_can_be_written() -> None:
    assert set(METRICS) == set(get_args(Metric))


def test_a_residual_counts_for_its_class_and_law_and_for_any_numbers() -> None:
    keys = [("latency", law, numbers, "fitted") for law in ("cpu", "cpu_x86") for numbers in ("any", "int8")]
    rows = residual_rows([POINT])
    assert list(rows) == keys
    assert all(log_ratios(points) == pytest.approx([np.log(0.5)]) for points in rows.values())


def test_rates_are_times_inverted() -> None:
    rows = residual_rows([replace(POINT, metric="decode_tokens_per_s")])
    assert log_ratios(rows["tokens", "cpu", "int8", "fitted"]) == pytest.approx([np.log(2.0)])


def test_only_the_unseen_counts() -> None:
    assert residual_rows([replace(POINT, regime="in-sample")]) == {}
    assert residual_rows([replace(POINT, metric="energy_j", latency_known=True)]) == {}
    assert {key[3] for key in residual_rows([replace(POINT, regime=regime) for regime in ("k-shot", "zero-shot")])} == {"k-shot", "zero-shot"}


def test_few_residuals_make_no_row() -> None:
    assert measured_rows([POINT] * (MIN_COUNT - 1)) == []


def test_what_is_written_is_read_back() -> None:
    rng = np.random.default_rng(2)
    points = [replace(POINT, predicted=float(value)) for value in np.exp(rng.normal(0.1, 0.3, 50))]
    table = read_residuals(yaml.safe_load(residuals_text(points, CATALOG / "residuals.yaml")))
    found = table.find("latency", "cpu_x86", "cpu", "int8", "fitted")
    assert found.count == 50 and len(found.quantiles) == len(SHARES)
    assert found.quantiles == pytest.approx(quantiles_of(np.array([point.log_ratio for point in points])), abs=1e-4)
    assert residuals_text(points, CATALOG / "residuals.yaml") == residuals_text(points, CATALOG / "residuals.yaml")
