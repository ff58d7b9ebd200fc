"""Cells of the search space NAS-Bench-201 on two phones and boards: whether a search would find the order the hardware has.

Every fifth of those cells among the 1,008 of the table in which every node receives something: what engines do with the zeros of
the others is not known. The number of threads is not stated; one is TensorFlow Lite's default.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from device_models.catalog.catalog import load_device
from device_models.figure import Figure
from device_models.map_fit import map_fit
from device_models.spec import DeviceSpec, UnitSpec
from sim.fidelity.case import Case, Regime
from sim.fidelity.predict import predict

SOURCE = "HELP (Lee et al. 2021, HayeonLee/HELP@45f70eb92d0d, data/nasbench201/latency), whose two columns equal HW-NAS-Bench's, CIFAR-10 inputs"
DATA = Path(__file__).resolve().parent.parent / "data" / "nasbench201.csv"
# Standard deviations of ln(factor on the class law) between devices (fit of the ncnn tables); wide for 3x3 convolutions, whose factor in
# this engine is known from four networks on one phone.
DELTAS: Mapping[str, float] = {"compute": 0.3, "memory": 0.4, "cache": 0.4, "overhead": 0.5, "winograd": 0.7}
MACS = {"nor_conv_3x3": 9, "nor_conv_1x1": 1}  # of an edge, relative


class NasBench201:
    """One CPU thread each, float32, TensorFlow Lite."""

    name = "nasbench201"
    title = "NAS-Bench-201 cells, TensorFlow Lite, one thread"
    regimes: tuple[Regime, ...] = ("zero-shot", "k-shot")

    def cases(self) -> list[Case]:
        with DATA.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [case for device, (unit, column) in _MEASURED.items() for case in _cases(device, unit, column, rows)]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        if regime == "zero-shot":
            return [case.spec for case in cases]
        found: list[DeviceSpec | None] = []
        for device in dict.fromkeys(case.device for case in cases):
            own = [case for case in cases if case.device == device]
            shown = _spread(own, shots)
            fitted = _fitted([own[position] for position in shown])
            found += [None if position in shown else fitted for position in range(len(own))]
        return found


DATASET = NasBench201()


def _cases(device: str, unit: str, column: str, rows: Sequence[Mapping[str, str]]) -> list[Case]:
    spec = _SPECS[device]()
    use = {"source": "nasbench201", "precision": "float32", "runtime": "tflite", "threads": 1, "placement": {"prefer": [unit]}}
    return [
        Case(
            dataset="nasbench201",
            group=spec.title,
            device=device,
            spec=spec,
            unit=unit,
            model=f"cell {row['index']}",
            family=f"cell {row['index']}",
            use={**use, "options": {"arch": row["arch"]}},
            metric="latency_s",
            measured=float(row[column]) / 1e3,
            source=SOURCE,
            line=line,
            kind=f"{row['arch'].count('nor_conv_3x3')} convolutions 3x3",
        )
        for line, row in enumerate(rows, start=2)
    ]


def _spread(cases: Sequence[Case], shots: int) -> list[int]:
    """Positions of the cells to measure: evenly spread over the work they do."""
    work = [sum(macs * str(case.use["options"]["arch"]).count(edge) for edge, macs in MACS.items()) for case in cases]
    order = np.argsort(work, kind="stable")
    return sorted(int(order[round((step + 0.5) * len(order) / shots - 0.5)]) for step in range(min(shots, len(order))))


def _fitted(shown: Sequence[Case]) -> DeviceSpec:
    """The device with its rates fitted to the measured cells, pulled to those of its class."""
    spec, unit = shown[0].spec, shown[0].unit
    fit = map_fit(
        lambda deltas: np.array([predict(case, _with_deltas(spec, unit, deltas)) for case in shown]),
        np.array([case.measured for case in shown]),
        np.array(list(DELTAS.values())),
    )
    return _with_deltas(spec, unit, fit.deltas)


def _with_deltas(spec: DeviceSpec, unit: str, deltas: np.ndarray) -> DeviceSpec:
    factors = {name: Figure(float(np.exp(delta)), source=SOURCE, kind="derived") for name, delta in zip(DELTAS, deltas, strict=True)}
    fitted = spec.units[unit].model_copy(update={"parameters": {"threads_1": factors}, "calibration": "k-shot"})
    return spec.model_copy(update={"units": {**spec.units, unit: fitted}})


@cache
def _raspberry_pi_4() -> DeviceSpec:
    spec = load_device("raspberry_pi_4")
    return spec.model_copy(update={"units": {"cpu": _unmeasured(spec.units["cpu"])}})


@cache
def _pixel_3() -> DeviceSpec:
    """Its Snapdragon 845: the 855's entry with four big cores of the generation before, at the phone's clock."""
    spec = load_device("snapdragon_855_phone")
    clock = Figure(2.5e9, kind="estimated", note="Pixel 3: big cores at 2.5 GHz; recalled, unconfirmed")
    point = spec.domains["cpu_gold"].operating_points[-1].model_copy(update={"frequency_hz": clock})
    domain = spec.domains["cpu_gold"].model_copy(update={"operating_points": (point,)})
    cores = Figure(4.0, kind="estimated", note="four Kryo 385 Gold; recalled, unconfirmed")
    unit = _unmeasured(spec.units["cpu_gold"]).model_copy(update={"title": "4x Cortex-A75", "cores": cores})
    units, domains = {**spec.units, "cpu_gold": unit}, {**spec.domains, "cpu_gold": domain}
    return spec.model_copy(update={"name": "pixel_3", "title": "Pixel 3 (Snapdragon 845)", "units": units, "domains": domains})


def _unmeasured(unit: UnitSpec) -> UnitSpec:
    """As its specification alone describes it."""
    return unit.model_copy(update={"parameters": {}, "calibration": "zero-shot", "calibration_error": None})


_MEASURED = {"raspberry_pi_4": ("cpu", "raspi4_ms"), "pixel_3": ("cpu_gold", "pixel3_ms")}
_SPECS = {"raspberry_pi_4": _raspberry_pi_4, "pixel_3": _pixel_3}
