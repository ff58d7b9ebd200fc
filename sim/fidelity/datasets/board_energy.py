"""Wall energy of an inference on boards: what a board draws while it runs, and an energy a multiply-accumulate.

Each energy is predicted with its latency known, and those of TFLite on CPUs again with the latency predicted as well ("timed").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from device_models.figure import Figure
from device_models.power_fit import relative_fit
from device_models.spec import DeviceSpec
from device_models.work import macs_by_format
from sim.fidelity.bare_devices import rows, specification
from sim.fidelity.board_speed import fit_times, parts_s, with_times
from sim.fidelity.case import Case, Regime
from sim.fidelity.predict import compiled, lowered_of
from sim.frontends.zoo.published_names import published_network
from sim.scenario.model import ModelUse

FIRST_LINE = 2
NOTHING = Figure(0.0, "none", "estimated", "inside the powers of the whole board")
TIMED = "TFLite, CPU"  # the engine whose latencies the simulator knows
RUNTIME = "tflite"  # ArmNN's kernels are not modelled: its networks are lowered as TFLite does, in the time they were measured to take


class Powers(NamedTuple):
    """``running_w``: the whole board while it infers; ``float_j``, ``integer_j``: more for a multiply-accumulate."""

    running_w: float
    float_j: float
    integer_j: float


class BoardEnergy:
    """MLPerf Inference, single stream, AC power of whole boards (``board_energy.csv``); a system is a board with one engine."""

    name = "board_energy"
    title = "energy of an inference at the wall"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out", "k-shot")

    def cases(self) -> list[Case]:
        return list(_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [_device(case, regime, shots) for case in cases]


def _device(case: Case, regime: Regime, shots: int) -> DeviceSpec | None:
    same = [other for other in _known() if other.device == case.device]
    others = [other for other in same if other.family != case.family]
    if regime == "in-sample":
        learnt, powers = same, _fit(_lines(same))
    elif not others:
        return None
    elif regime == "leave-family-out":
        learnt, powers = others, _fit(_lines(others))
    else:
        learnt = [others[index] for index in np.linspace(0, len(others) - 1, min(shots, len(others))).round().astype(int)]
        powers = _few(case.device, _lines(learnt))
    return with_powers(case, powers) if case.latency_s is not None else _timed(with_powers(case, powers), case, learnt)


def _timed(device: DeviceSpec, case: Case, learnt: Sequence[Case]) -> DeviceSpec:
    """The board with the speed that other networks of the same number format show, of any where there is none."""
    same = [other for other in learnt if other.kind == case.kind] or list(learnt)
    unit, factors = device.units[case.unit], _times(_lines(same))
    return device.model_copy(update={"units": {**device.units, case.unit: with_times(unit, int(unit.cores), factors)}})


@cache
def _times(lines: tuple[int, ...]) -> np.ndarray:
    return fit_times([_parts(line) for line in lines], [float(_known()[line - FIRST_LINE].latency_s or 0.0) for line in lines])


@cache
def _parts(line: int) -> np.ndarray:
    case = _known()[line - FIRST_LINE]
    return parts_s(compiled(ModelUse.model_validate(dict(case.use)), case.spec), case.spec)


@cache
def _fit(lines: tuple[int, ...]) -> Powers:
    """From many measurements of one system: least squares of relative errors, no term below zero."""
    latency, floats, integers, energy = _columns(lines)
    found = relative_fit(np.column_stack([latency, floats, integers]), energy)
    return Powers(*(float(value) for value in found))


@cache
def _few(system: str, lines: tuple[int, ...]) -> Powers:
    """From a few: energies of multiply-accumulates as on the other systems (median), the running power from these."""
    elsewhere = [_fit(_lines([case for case in _known() if case.device == other])) for other in _systems() if other != system]
    float_j, integer_j = (float(np.median([getattr(powers, name) for powers in elsewhere])) for name in ("float_j", "integer_j"))
    latency, floats, integers, energy = _columns(lines)
    running = np.maximum(energy - floats * float_j - integers * integer_j, 0.1 * energy) / latency
    return Powers(float(np.median(running)), float_j, integer_j)


def with_powers(case: Case, powers: Powers) -> DeviceSpec:
    """The board with these powers: idle power as measured before the runs, the rest switched while it runs."""
    unit, device = case.spec.units[case.unit], case.spec
    idle_w = min(float(device.base_w), powers.running_w)
    switched_w = max(powers.running_w - idle_w, 1e-6)
    hz = float(device.domains[unit.domain].operating_points[-1].frequency_hz)
    operation = {"float": _figure(powers.float_j), "integer": _figure(powers.integer_j)}
    changed = {"dynamic_capacitance_f": _figure(switched_w / (hz * float(unit.cores))), "operation_energy": operation, "leakage_w": NOTHING, "idle_w": NOTHING}
    powered = unit.model_copy(update={"power": unit.power.model_copy(update=changed)})
    return device.model_copy(update={"units": {**device.units, case.unit: powered}, "base_w": _figure(idle_w)})


def _figure(value: float) -> Figure:
    return Figure(value, "board_energy_fit", "derived", "fitted to wall energies of inferences")


def _lines(cases: Sequence[Case]) -> tuple[int, ...]:
    return tuple(case.line for case in cases)


def _columns(lines: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Latencies, multiply-accumulates in float and integer formats, energies ``[measurements]``."""
    cases = [_known()[line - FIRST_LINE] for line in lines]
    macs = np.array([macs_of(case.line) for case in cases])
    return np.array([case.latency_s for case in cases]), macs[:, 0], macs[:, 1], np.array([case.measured for case in cases])


@cache
def macs_of(line: int) -> tuple[float, float]:
    """Multiply-accumulates of a case's network as the engine runs it: in float and integer formats."""
    return macs_by_format(lowered_of(_known()[line - FIRST_LINE]).work)


@cache
def _systems() -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.device for case in _known()))


def _cases() -> tuple[Case, ...]:
    """Every measurement with its latency known, and those of TFLite on CPUs with the latency to be predicted too."""
    timed = [case for case in _known() if case.group == TIMED]
    return (*_known(), *(replace(case, latency_s=None, group=f"{TIMED}, timed") for case in timed))


@cache
def _known() -> tuple[Case, ...]:
    return tuple(_case(row, line) for line, row in enumerate(rows("board_energy.csv"), start=FIRST_LINE))


def _case(row: dict[str, str], line: int) -> Case:
    source, options = published_network("mlperf_inference", row["model"]) or ("resnet50", {})
    spec = _idle(row["device"], float(row["idle_w"]))
    use: dict[str, Any] = {
        "source": source,
        "options": options,
        "runtime": RUNTIME,
        "precision": row["precision"],
        "threads": int(spec.units["cpu"].cores),
        "placement": {"prefer": [row["unit"], "cpu"]},
    }
    engine = "ArmNN" if "armnn" in row["system"] else "TFLite"
    return Case(
        dataset="board_energy",
        group=f"{engine}, {row['unit'].upper()}",
        device=row["system"],
        spec=spec,
        unit=row["unit"],
        model=row["model"],
        family=family_of(source),
        use=use,
        metric="energy_j",
        measured=float(row["energy_mj"]) / 1e3,
        source=row["source"],
        line=line,
        kind="integer" if row["precision"] == "int8" else "float",
        latency_s=float(row["latency_ms"]) / 1e3,
    )


def family_of(source: str) -> str:
    """All sizes of one architecture."""
    return next((family for family in ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "efficientnet", "resnet") if source.startswith(family)), source)


@cache
def _idle(device: str, idle_w: float) -> DeviceSpec:
    return specification(device).model_copy(update={"base_w": Figure(idle_w, "board_energy_fit", "measured", "before the runs")})


DATASET = BoardEnergy()
