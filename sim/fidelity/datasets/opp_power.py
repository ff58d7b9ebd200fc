"""Power of a phone's CPU clusters per operating point: one core busy, above the idle device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from device_models.catalog.catalog import read_device
from device_models.figure import Figure
from device_models.power_fit import relative_fit
from device_models.spec import DeviceSpec
from sim.fidelity.bare_devices import rows
from sim.fidelity.case import Case, Regime

FIRST_LINE = 2
CLASSES = {"Cortex-A55": "cpu_armv82_inorder", "Cortex-A76": "cpu_armv82_outoforder", "Cortex-X1": "cpu_armv82_outoforder"}
_NONE = {"source": "none", "kind": "estimated", "note": "not measured: no part of the power above idle"}
_LEAST = 4  # operating points that tell capacitance, leakage and base


class OppPower:
    """Google Tensor (gs101) running CoreMark: ``opp_power.csv``. A family is an operating point."""

    name = "opp_power"
    title = "CPU power per operating point"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out")

    def cases(self) -> list[Case]:
        return list(_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [_fitted(case, [other for other in _cases() if other.unit == case.unit and (regime == "in-sample" or other is not case)]) for case in cases]


def _fitted(case: Case, learnt: Sequence[Case]) -> DeviceSpec | None:
    """The device with switched capacitance, leakage and base power of the cluster from these points; None from too few."""
    if len(learnt) < _LEAST:
        return None
    table = [_point(other) for other in learnt]
    frequency, voltage, power = (np.array(column) for column in zip(*table, strict=True))
    highest = float(case.spec.domains[case.unit].operating_points[-1].voltage_v or 1.0)
    capacitance, leakage, base = relative_fit(np.column_stack([voltage**2 * frequency, voltage / highest, np.ones(len(power))]), power)
    unit = case.spec.units[case.unit]
    powers = {"dynamic_capacitance_f": _figure(max(capacitance, 1e-15)), "leakage_w": _figure(leakage)}
    changed = unit.model_copy(update={"power": unit.power.model_copy(update=powers)})
    return case.spec.model_copy(update={"units": {case.unit: changed}, "base_w": _figure(base)})


def _figure(value: float) -> Figure:
    return Figure(float(value), "freqbench", "derived", "fitted to power per operating point")


def _point(case: Case) -> tuple[float, float, float]:
    row = rows("opp_power.csv")[case.line - FIRST_LINE]
    return float(row["frequency_khz"]) * 1e3, float(row["voltage_v"]), case.measured


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(_case(row, line) for line, row in enumerate(rows("opp_power.csv"), start=FIRST_LINE))


def _case(row: dict[str, str], line: int) -> Case:
    hz = float(row["frequency_khz"]) * 1e3
    return Case(
        dataset="opp_power",
        group=f"{row['soc']}, {row['core']}",
        device=row["soc"],
        spec=_cluster(row["unit"]),
        unit=row["unit"],
        model=f"CoreMark at {hz / 1e6:g} MHz",
        family=f"{row['unit']} at {hz / 1e6:g} MHz",
        use={"frequency_hz": hz},
        metric="power_w",
        measured=float(row["power_mw"]) / 1e3,
        source=row["source"],
        line=line,
    )


@cache
def _cluster(unit: str) -> DeviceSpec:
    """One cluster with its operating points, alone: the rest of the device idles below the baseline."""
    mine = [row for row in rows("opp_power.csv") if row["unit"] == unit]
    points = sorted([float(row["frequency_khz"]) / 1e3, float(row["voltage_v"])] for row in mine)
    table = [[f"{mhz!r} MHz", f"{volts!r} V"] for mhz, volts in points]
    raw: dict[str, Any] = {
        "name": mine[0]["soc"],
        "title": f"Google Tensor, {mine[0]['core']}",
        "category": "phone",
        "units": {
            unit: {
                "kind": "cpu",
                "cost_class": CLASSES[mine[0]["core"]],
                "macs_per_cycle": {**_NONE, "values": {"float32": 8}},
                "domain": unit,
                "on_chip": {"value": "1 MiB", **_NONE},
                "power": {"dynamic_capacitance": {"value": "1 nF", **_NONE}},
            }
        },
        "domains": {unit: {"operating_points": {"source": "dt_gs101", "kind": "datasheet", "table": table}}},
        "memory": {
            "type": "DRAM",
            "bandwidth": {"value": "51.2 GB/s", **_NONE},
            "capacity": {"value": "8 GiB", **_NONE},
            "energy": {"value": "0 J/B", **_NONE},
        },
        "storage": {"type": "flash", "read_bandwidth": {"value": "1 GB/s", **_NONE}, "capacity": {"value": "128 GB", **_NONE}},
        "base_power": {"value": "0 W", **_NONE},
        "thermal": {
            "nodes": {"soc": {"heat_capacity": {"value": "100 J/K", **_NONE}, "heated_by": [unit]}},
            "links": [{"between": ["soc", "ambient"], "resistance": {"value": "1 K/W", **_NONE}}],
        },
        "runtimes": ["tflite"],
    }
    return read_device(raw)


DATASET = OppPower()
