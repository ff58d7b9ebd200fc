"""Chips of Qualcomm AI Hub's table from their specifications, and with fitted figures of their NPU."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from device_models.catalog.catalog import read_device
from device_models.figure import Figure
from device_models.spec import DeviceSpec
from sim.fidelity.npu_fit import CHIP

DATA = Path(__file__).resolve().parent / "data"
UNIT = "npu"
# Array sizes and clocks are not published: nominal figures, of which the fitted rates are so many times as much.
_CLOCK_HZ, _MACS_PER_CYCLE = 1e9, {"float16": 4096.0, "int8": 16384.0, "int16": 8192.0, "int4": 16384.0}
_PEAK = {"float": "float16", "int8": "int8", "int16": "int16"}
_RECALLED = {"source": "none", "kind": "estimated", "note": "recalled, unconfirmed"}
_UNKNOWN = {"source": "none", "kind": "estimated", "note": "without effect on latency"}


@dataclass(frozen=True)
class Chip:
    """One line of ``aihub_chips.csv``. ``hexagon``: version of the instruction set; ``device``: the catalogue's with this silicon, or empty."""

    name: str
    title: str
    hexagon: int
    on_chip_bytes: float
    bandwidth_bytes_per_s: float
    device: str

    @property
    def features(self) -> np.ndarray:
        """What the figures of an unmeasured chip are inferred from: 1, generation, size and memory, around a phone of 2023."""
        return np.array([1.0, (self.hexagon - 73) / 8, np.log(self.on_chip_bytes / 8 / 2**20), np.log(self.bandwidth_bytes_per_s / 67.2e9)])


@cache
def chips() -> dict[str, Chip]:
    """All chips by name."""
    with (DATA / "aihub_chips.csv").open(newline="", encoding="utf-8") as file:
        found = [
            Chip(row["chip"], row["title"], int(row["hexagon"]), float(row["vtcm_mib"]) * 2**20, float(row["bandwidth_gb_s"]) * 1e9, row["device"])
            for row in csv.DictReader(file)
        ]
    return {chip.name: chip for chip in found}


@cache
def specification(name: str) -> DeviceSpec:
    """A chip's NPU and memory without any fitted parameter."""
    chip = chips()[name]
    raw: dict[str, Any] = {
        "name": name.replace("-", "_"),
        "title": chip.title,
        "category": "board",
        "units": {
            UNIT: {
                "kind": "npu",
                "cost_class": "npu_hexagon",
                "cores": {"value": 1, **_RECALLED},
                "macs_per_cycle": {**_RECALLED, "values": _MACS_PER_CYCLE},
                "domain": UNIT,
                "on_chip": {"value": f"{chip.on_chip_bytes / 2**20:g} MiB", **_RECALLED},
                "power": {"dynamic_capacitance": {"value": "1 nF", **_UNKNOWN}},
            }
        },
        "domains": {UNIT: {"operating_points": [{"frequency": {"value": f"{_CLOCK_HZ / 1e9:g} GHz", **_RECALLED}}]}},
        "memory": {
            "type": "LPDDR5",
            "bandwidth": {"value": f"{chip.bandwidth_bytes_per_s / 1e9:g} GB/s", **_RECALLED},
            "capacity": {"value": "16 GiB", **_UNKNOWN},
            "energy": {"value": "40 pJ/B", **_UNKNOWN},
        },
        "storage": {"type": "flash", "read_bandwidth": {"value": "1 GB/s", **_UNKNOWN}, "capacity": {"value": "256 GB", **_UNKNOWN}},
        "base_power": {"value": "1 W", **_UNKNOWN},
        "thermal": {
            "nodes": {"soc": {"heat_capacity": {"value": "100 J/K", **_UNKNOWN}, "heated_by": [UNIT]}},
            "links": [{"between": ["soc", "ambient"], "resistance": {"value": "1 K/W", **_UNKNOWN}}],
        },
        "runtimes": ["qnn", "tflite", "onnxruntime"],
    }
    return read_device(raw)


def unit_figures(key: str, figures: np.ndarray, peak_macs_per_s: float, bandwidth_bytes_per_s: float, clock_hz: float) -> dict[str, float]:
    """A unit's parameters from figures of its chip (:data:`sim.fidelity.npu_fit.CHIP`): rates relative to the nominal ones given."""
    absolute = dict(zip(CHIP, map(float, figures), strict=True))
    return {
        "invocation_s": absolute["invocation_s"],
        "overhead_s": absolute["overhead_s"],
        "efficiency": absolute["macs_per_s"] / peak_macs_per_s,
        "weight_rate": absolute["weight_bytes_per_s"] / bandwidth_bytes_per_s,
        "vector_elements_per_cycle": absolute["elements_per_s"] / clock_hz,
        "io_bytes_per_s": absolute["io_bytes_per_s"],
    }


def fitted(name: str, key: str, runtime: str, figures: np.ndarray, structure: Mapping[str, float]) -> DeviceSpec:
    """The chip with these figures and structural factors for one number format (float, int8, int16) and runtime."""
    device = specification(name)
    unit = device.units[UNIT]
    peak = _MACS_PER_CYCLE[_PEAK[key]] * _CLOCK_HZ
    own = unit_figures(key, figures, peak, float(device.memory.bandwidth_bytes_per_s), _CLOCK_HZ)
    tables = {f"{key}.{runtime}": _figures(own)}
    changed = unit.model_copy(update={"parameters": tables, "structure": {f"{key}.{runtime}": _figures(structure)}})
    return device.model_copy(update={"units": {UNIT: changed}})


def _figures(values: Mapping[str, float]) -> dict[str, Figure]:
    return {name: Figure(float(value), "aihub_fit", "derived", "") for name, value in values.items()}
