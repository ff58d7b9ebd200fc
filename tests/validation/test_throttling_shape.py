"""Ten minutes of language-model decoding on a phone: fitted on one model, the plateau and the way to it predicted for others.

Of the 13 runs, three on the GPU and three on the NPU began on a phone at rest ("nominal"). The power that is held in the end is
the measured one (the mean of a run); free in a fit are a heat capacity and the sustained clock. Times are where the line through
bins of 10 s comes half the way down, and where it comes within a fifth of the plateau.

The same unit at the same clock is taken to draw the same power whatever model it decodes. Within 20 % are the ratio and both
times of the three models on the GPU and of two on the NPU, when the first of each is fitted; and the ratio whichever of
them is fitted, but then the time to the middle is within 25 %, and the time to the plateau up to 40 % off (a fall that
is steeper than a proportional law's).
The third run on the NPU (another software, half the parameters read per second) falls less and later. Power in proportion to that
traffic gives its ratio within 20 %, but not its times: half the way at 93 s, predicted less than half of that. For runs
of the same software that estimate is no better than equal power (the time of Llama 3.2 3B is then 25 % off), so it is used for this run alone.
A phone that begins hot ("serious") is predicted flat; three of four such runs are within 20 %, the other 27 % off. One that
begins "fair" may be anywhere between, and is not judged.
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
Run = tuple[str, str]  # software and model
# unit -> runs from rest; the first is the one that is fitted
RUNS: dict[str, list[Run]] = {
    "GPU": [("mlx-swift", "Qwen3-0.6B (4-bit)"), ("core-ai", "Llama-3.2-3B (Core AI, GPU)"), ("mlx-swift", "Gemma 4 E2B (4-bit)")],
    "NPU": [("core-ai", "DeepSeek-R1-1.5B (Core AI, ANE)"), ("core-ai", "Qwen3-4B (Core AI, ANE)")],
}
OTHER_SOFTWARE = ("coreml-llm", "Gemma 4 E2B (CoreML, ANE)")
# Parameters that are read for a token, as the model's name says (E2B: "effective" 2 billion).
BILLIONS = {"Qwen3-0.6B": 0.6, "Llama-3.2-3B": 3.0, "Gemma 4 E2B": 2.0, "DeepSeek-R1-1.5B": 1.5, "Qwen3-4B": 4.0}
# 4.7 W: the mean power that most runs report. Estimated: it holds 75 degC, throttling sets in at 50 degC; only ratios enter the shape.
SUSTAINED_W, HELD_C, ONSET_C, STATIC_W = 4.7, 75.0, 50.0, 0.5
GUESS = ThrottledDevice((HELD_C - AMBIENT_C) / SUSTAINED_W, 5.0, STATIC_W, 12.0, ONSET_C, 50.0)
HOT_RUNS = 4  # of which one falls
FITTED_ON = [(unit, run) for unit, runs in RUNS.items() for run in runs[1:]]


@pytest.mark.parametrize("unit", RUNS)
def test_plateau_and_time_to_it_of_other_models(unit: str, shared: Path) -> None:
    runs, fitted_on = _runs(shared), RUNS[unit][0]
    device = _fitted(shared, fitted_on)
    print(f"\n{SOURCE}; {unit} fitted on {fitted_on[1]}: full clock {device.power_w(1.0) / SUSTAINED_W:.1f} times the sustained power")
    for run in RUNS[unit]:
        bins, rates = runs[run]
        measured, predicted = shape(bins, rates, BIN_S), _predicted(device, bins)
        _show(run, measured, predicted)
        assert predicted.plateau_ratio == pytest.approx(measured.plateau_ratio, rel=0.2)
        assert predicted.time_to_middle_s == pytest.approx(measured.time_to_middle_s, rel=0.2)
        assert predicted.time_to_plateau_s == pytest.approx(measured.time_to_plateau_s, rel=0.2)


@pytest.mark.parametrize(("unit", "fitted_on"), FITTED_ON)
def test_another_model_is_fitted(unit: str, fitted_on: Run, shared: Path) -> None:
    """The ratio within 20 % for all pairs; the time to the middle within 25 %; the time to the plateau is printed."""
    runs, device = _runs(shared), _fitted(shared, fitted_on)
    print(f"\n{SOURCE}; {unit} fitted on {fitted_on[1]}")
    for run in RUNS[unit]:
        bins, rates = runs[run]
        measured, predicted = shape(bins, rates, BIN_S), _predicted(device, bins)
        _show(run, measured, predicted)
        assert predicted.plateau_ratio == pytest.approx(measured.plateau_ratio, rel=0.2)
        assert predicted.time_to_middle_s == pytest.approx(measured.time_to_middle_s, rel=0.25)


def test_plateau_of_a_run_that_draws_less_power(shared: Path) -> None:
    """Dynamic power at full clock in proportion to the first rate times the parameters read: the ratio; the times are printed."""
    runs = _runs(shared)
    print(f"\n{SOURCE}; power by memory traffic")
    for unit, fitted_on in ((unit, of_unit[0]) for unit, of_unit in RUNS.items()):
        device, reference = _fitted(shared, fitted_on), _traffic(fitted_on, runs[fitted_on][1])
        for run in [*RUNS[unit][1:], *([OTHER_SOFTWARE] if unit == "NPU" else [])]:
            bins, rates = runs[run]
            share = _traffic(run, rates) / reference
            measured, predicted = shape(bins, rates, BIN_S), _predicted(replace(device, dynamic_w=device.dynamic_w * share), bins)
            _show(run, measured, predicted, f"   traffic x {share:.2f}")
            assert predicted.plateau_ratio == pytest.approx(measured.plateau_ratio, rel=0.2)


def test_a_phone_that_begins_hot_has_no_burst(shared: Path) -> None:
    runs, hot = _runs(shared), [run for run, state in _first_states(shared).items() if state == "serious"]
    device, errors = _fitted(shared, RUNS["GPU"][0]), {}
    print(f"\n{SOURCE}; begun at {HELD_C:g} degC")
    for run in hot:
        bins, rates = runs[run]
        measured, predicted = shape(bins, rates, BIN_S).plateau_ratio, _predicted(device, bins, HELD_C).plateau_ratio
        errors[run] = abs(predicted / measured - 1)
        print(f"{run[0]:11s}{run[1]:40s} plateau {measured:.2f} predicted {predicted:.2f} ({predicted / measured - 1:+.0%})")
    assert len(hot) == HOT_RUNS
    assert sum(error <= 0.2 for error in errors.values()) == HOT_RUNS - 1


def test_warmer_air_lowers_the_plateau_in_the_model(shared: Path) -> None:
    device = _fitted(shared, RUNS["GPU"][0])
    assert device.sustained_clock(40.0) < device.sustained_clock(25.0) < replace(device, onset_c=80.0).sustained_clock(25.0)


# phase of the burst, phase of the plateau, the unit whose fit predicts it, how far off at most; rows of thermal_tables.csv
TABLES = {
    ("iPhone 16 Pro", "Qwen2.5 1.5B MLX GPU"): ("peak", "iter 8-20 (Hot, steady)", "GPU", 0.2),
    ("iPhone 17 Pro", "Gemma 4 E2B LiteRT GPU"): ("burst", "10 min", "GPU", 0.2),
    ("iPhone 17 Pro", "Gemma 4 E2B CoreML ANE"): ("burst", "10 min", "NPU", 0.2),
    ("iPhone 17 Pro", "Gemma 4 E2B MLX GPU"): ("burst", "10 min", "GPU", 0.6),
}


@pytest.mark.parametrize("row", TABLES)
def test_plateaus_of_the_summary_tables(row: tuple[str, str], shared: Path) -> None:
    """Plateau over burst, predicted by the fits on other models; of a table the time to it is not known.

    Not within 20 % (52 % off): Gemma on MLX, whose burst of 48 tok/s no bin of its own ten minutes shows (40.7 at first). Not judged: the
    Galaxy S24 Ultra, whose rate falls to 0.88 while its GPU's clock falls to 0.35: its rate does not follow the clock, and only one
    throttled iteration was published; a Raspberry Pi 5 with Hailo-10H and a laptop, of which one level each was published.
    """
    values = {(found["device"], found["workload"], found["phase"]): found for found in _rows(shared, "thermal_tables.csv")}
    burst, plateau, unit, most = TABLES[row]
    measured = float(values[(*row, plateau)]["value"]) / float(values[(*row, burst)]["value"])
    device = _fitted(shared, RUNS[unit][0])
    predicted = device.sustained_clock(AMBIENT_C)
    print(f"\n{row[0]}, {row[1]}: {measured:.2f} predicted {predicted:.2f} ({predicted / measured - 1:+.0%}); {values[(*row, plateau)]['source']}")
    assert predicted == pytest.approx(measured, rel=most)


def _show(run: Run, measured: Shape, predicted: Shape, note: str = "") -> None:
    pairs = [
        ("plateau", measured.plateau_ratio, predicted.plateau_ratio, ".2f"),
        ("middle s", measured.time_to_middle_s, predicted.time_to_middle_s, ".0f"),
        ("plateau s", measured.time_to_plateau_s, predicted.time_to_plateau_s, ".0f"),
    ]
    print(f"{run[1]:32s}" + "".join(f"   {name} {was:{form}} predicted {said:{form}} ({said / was - 1:+.0%})" for name, was, said, form in pairs) + note)


def _traffic(run: Run, rates: np.ndarray) -> float:
    """Billions of parameters that are read in a second at first."""
    return float(rates[:2].max()) * next(size for name, size in BILLIONS.items() if run[1].startswith(name))


@cache
def _fitted(shared: Path, run: Run) -> ThrottledDevice:
    return fit_throttled(*_runs(shared)[run], BIN_S, GUESS, AMBIENT_C, SUSTAINED_W)


def _predicted(device: ThrottledDevice, bins: np.ndarray, start_c: float | None = None) -> Shape:
    times, clocks, _ = throttled_run(device, AMBIENT_C, float(bins[-1]) + BIN_S, start_c)
    return shape(bins, mean_in_bins(times, clocks, bins, BIN_S), BIN_S)


def _runs(shared: Path) -> dict[Run, tuple[np.ndarray, np.ndarray]]:
    points: dict[Run, list[tuple[float, float]]] = {}
    for row in _rows(shared, "iphone17pro_llm_throttling.csv"):
        points.setdefault((row["runtime"], row["model"]), []).append((float(row["bin_s"]), float(row["decode_tok_s_median"])))
    return {run: (np.array([time for time, _ in sorted(rows)]), np.array([rate for _, rate in sorted(rows)])) for run, rows in points.items()}


def _first_states(shared: Path) -> dict[Run, str]:
    return {(row["runtime"], row["model"]): row["thermal_initial"] for row in _rows(shared, "iphone17pro_llm_throttling.csv")}


@cache
def _rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "measurements" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
