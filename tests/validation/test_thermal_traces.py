"""Temperatures of eight cooled Raspberry Pis, predicted from the first half of their load (``pytest -s`` prints the figures).

The power is that of a Raspberry Pi 4 for all of them, the Pi 3B+ too: only the ratio of idle to load enters the shape.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from device_models.catalog.catalog import cooling_variants
from device_models.thermal_fit import ROOM_C, fit_network, ladder, plausible, temperatures
from device_models.thermal_spec import Cooling

from .rpi_traces import HEAT, LEARNT_UNTIL_S, PREDICTED_UNTIL_S, SOURCE, board_and_air, read_runs, rms_k, with_sink

REFERENCE = "rpi4b-stock"  # the bare board
RUNS_OF_VARIANTS = {
    "rpi4b-stock": "bare",
    "rpi4b-fans-off": "case_fan_off",
    "rpi4b-armor": "armor_case",
    "rpi4b-argon-one": "argon_one_fan_on",
    "rpi4b-hex-wrench": "hex_wrench",
    "rpi4b-icetower-fan-off": "ice_tower_fan_off",
    "rpi4b-coolipi-passive": "coolipi_passive",
}


def test_second_half_of_a_run_is_predicted_from_the_first(shared: Path) -> None:
    errors = {}
    print(f"\n{SOURCE}\nrun                       fit K   next 150 s K   cool down K   time constants s")
    for run, (trace, profile) in read_runs(shared).items():
        learnt = trace.until(LEARNT_UNTIL_S)
        fit = fit_network(learnt, profile, board_and_air(learnt, profile))
        predicted = temperatures(fit.parameters, profile, trace)
        errors[run] = rms_k(predicted, trace, LEARNT_UNTIL_S, PREDICTED_UNTIL_S)
        cool = rms_k(predicted, trace, PREDICTED_UNTIL_S, 700.0)
        print(f"{run:24s} {fit.rms_k:6.2f} {errors[run]:14.2f} {cool:13.2f}   {' '.join(f'{tau:.1f}' for tau in fit.parameters.time_constants_s)}")
    assert len(errors) == 8
    assert max(errors.values()) <= 1.0


def test_another_cooling_path_is_predicted_on_a_known_board(shared: Path) -> None:
    """The board's parameters come from the bare board alone; of each other run only pad, sink, their air and its temperature are fitted."""
    runs = read_runs(shared)
    trace, profile = runs.pop(REFERENCE)
    board = fit_network(trace, profile, plausible(ladder(("soc", "board"), HEAT), trace, profile)).parameters
    errors = {}
    print(f"\n{SOURCE}\nrun                      next 150 s K   load and cool down K   pad K/W   sink K/W   sink J/K   air degC")
    for run, (trace, profile) in runs.items():
        learnt = trace.until(LEARNT_UNTIL_S)
        fitted = fit_network(learnt, profile, with_sink(board, learnt, profile)).parameters
        predicted = temperatures(fitted, profile, trace)
        errors[run] = rms_k(predicted, trace, LEARNT_UNTIL_S, 700.0)
        half = rms_k(predicted, trace, LEARNT_UNTIL_S, PREDICTED_UNTIL_S)
        pad, sink = fitted.resistance_k_per_w[-2:]
        print(f"{run:24s} {half:12.2f} {errors[run]:22.2f} {pad:9.1f} {sink:10.1f} {fitted.heat_capacity_j_per_k[-1]:10.0f} {fitted.ambient_c:10.1f}")
        assert (fitted.resistance_k_per_w[:2] == board.resistance_k_per_w).all() and (fitted.heat_capacity_j_per_k[:2] == board.heat_capacity_j_per_k).all()
    assert len(errors) == 7
    assert max(errors.values()) <= 2.5


@pytest.mark.parametrize("run", RUNS_OF_VARIANTS)
def test_cooling_variants_of_the_catalogue_are_these_fits(run: str, shared: Path) -> None:
    """Each variant's numbers come out again, and follow the whole run they were fitted to within 1 K."""
    trace, profile = read_runs(shared)[run]
    fitted = fit_network(trace, profile, plausible(ladder(("soc", "board"), HEAT), trace, profile, ROOM_C)).parameters
    variant = Cooling.model_validate(cooling_variants("raspberry_pi")[RUNS_OF_VARIANTS[run]])
    resistance = [float(link.resistance_k_per_w) for link in variant.links]
    capacity = [float(variant.heat_capacities_j_per_k[node]) for node in ("soc", "board")]
    assert resistance == pytest.approx(fitted.resistance_k_per_w.tolist(), rel=0.02)
    assert capacity == pytest.approx(fitted.heat_capacity_j_per_k.tolist(), rel=0.05)
    predicted = temperatures(fitted, profile, trace)
    assert rms_k(predicted, trace, -1.0, 700.0) <= 1.0
