"""Ten minutes of language-model decoding on a phone: fitted on one model, the plateau and the way to it predicted for others.

The three GPU runs and the two NPU runs below are those that began on a phone at rest ("nominal") and throttled; a run that begins
warm has no burst to compare with. The same unit at the same clock is taken to draw the same power whatever model it decodes.
Times are read from bins of 10 s: a prediction within one bin is as good as the measurement can tell.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from device_models.throttle import Shape, ThrottledDevice, fit_throttled, mean_in_bins, shape, throttled_run

SOURCE = "john-rocky/apple-silicon-llm-bench@93ef5877d08d, iPhone 17 Pro, 10 s medians of the decode rate"
BIN_S, AMBIENT_C = 10.0, 25.0
# unit -> the model that is fitted, the models that are predicted
RUNS = {
    "GPU": (("mlx-swift", "Qwen3-0.6B (4-bit)"), [("core-ai", "Llama-3.2-3B (Core AI, GPU)"), ("mlx-swift", "Gemma 4 E2B (4-bit)")]),
    "NPU": (("core-ai", "DeepSeek-R1-1.5B (Core AI, ANE)"), [("core-ai", "Qwen3-4B (Core AI, ANE)")]),
}
# Estimated: throttling sets in at 50 degC, and 4.7 W (the mean power most runs report) hold 75 degC; only ratios enter the shape.
SUSTAINED_W, HELD_C, ONSET_C, STATIC_W = 4.7, 75.0, 50.0, 0.5
GUESS = ThrottledDevice((HELD_C - AMBIENT_C) / SUSTAINED_W, 5.0, STATIC_W, 12.0, ONSET_C, 50.0)
IPHONE_16_PRO = (40.35, 22.56)  # tok/s peak and iterations 8 to 20 of Qwen2.5 1.5B on the GPU (conscious-engines/TinyBench@f045b4d3f1c7)


@pytest.mark.parametrize("unit", RUNS)
def test_plateau_and_time_to_it_of_other_models(unit: str, shared: Path) -> None:
    runs = _runs(shared)
    fitted_on, others = RUNS[unit]
    device = _fitted(shared, fitted_on)
    print(f"\n{SOURCE}; {unit} fitted on {fitted_on[1]}: full clock {device.power_w(1.0) / SUSTAINED_W:.1f} times the sustained power")
    for run in [fitted_on, *others]:
        bins, rates = runs[run]
        measured, predicted = shape(bins, rates, BIN_S), _predicted(device, bins)
        print(
            f"{run[1]:34s} plateau {measured.plateau_ratio:.2f} predicted {predicted.plateau_ratio:.2f}"
            f"   reached after {measured.time_to_plateau_s:.0f} s predicted {predicted.time_to_plateau_s:.0f} s"
        )
        assert predicted.plateau_ratio == pytest.approx(measured.plateau_ratio, rel=0.2)
        assert predicted.time_to_plateau_s == pytest.approx(measured.time_to_plateau_s, rel=0.2, abs=BIN_S)


def test_plateau_of_the_phone_before(shared: Path) -> None:
    """The iPhone 16 Pro of thermal_tables.csv, predicted by what was fitted on the 17 Pro."""
    predicted = _predicted(_fitted(shared, RUNS["GPU"][0]), np.arange(0.0, 600.0, BIN_S))
    measured = IPHONE_16_PRO[1] / IPHONE_16_PRO[0]
    print(f"\niPhone 16 Pro: plateau {measured:.2f} predicted {predicted.plateau_ratio:.2f}")
    assert predicted.plateau_ratio == pytest.approx(measured, rel=0.2)


def test_warmer_air_lowers_the_plateau_in_the_model(shared: Path) -> None:
    device = _fitted(shared, RUNS["GPU"][0])
    assert device.sustained_clock(40.0) < device.sustained_clock(25.0) < replace(device, onset_c=80.0).sustained_clock(25.0)


@cache
def _fitted(shared: Path, run: tuple[str, str]) -> ThrottledDevice:
    return fit_throttled(*_runs(shared)[run], BIN_S, GUESS, AMBIENT_C)


def _predicted(device: ThrottledDevice, bins: np.ndarray) -> Shape:
    times, clocks, _ = throttled_run(device, AMBIENT_C, float(bins[-1]) + BIN_S)
    return shape(bins, mean_in_bins(times, clocks, bins, BIN_S), BIN_S)


def _runs(shared: Path) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with (shared / "measurements" / "iphone17pro_llm_throttling.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            points.setdefault((row["runtime"], row["model"]), []).append((float(row["bin_s"]), float(row["decode_tok_s_median"])))
    return {run: (np.array([time for time, _ in sorted(rows)]), np.array([rate for _, rate in sorted(rows)])) for run, rows in points.items()}
