"""GPUs of ncnn's published table as devices known by their specification alone: peak, clock, second-level cache, memory and CPU.

The CPU (the strongest cluster) runs what ncnn has no Vulkan layer for: the ends of detectors, and means over axes.

Rows of the table that are left out: int8 ones, which ncnn runs on the CPU; two chips without a GPU; and those of one RK3588S board
from its seventh network on, ten and a hundred times quicker than the same chip elsewhere: its GPU had stopped.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

from device_models.spec import DeviceSpec
from sim.fidelity import cpu_devices
from sim.fidelity.bench_board import RECALLED, UNUSED, bench_board

DATA = Path(__file__).resolve().parent / "data"
UNIT, CPU = "gpu", cpu_devices.UNIT


@cache
def rows() -> dict[str, dict[str, str]]:
    """Rows of ``ncnn_gpu_devices.csv`` by device."""
    with (DATA / "ncnn_gpu_devices.csv").open(newline="", encoding="utf-8") as file:
        return {row["device"]: row for row in csv.DictReader(file)}


@cache
def specification(device: str) -> DeviceSpec:
    """The device with its GPU and CPU and no fitted parameter. Raises KeyError for an unknown device."""
    row, cpu = rows()[device], cpu_devices.specification(device, 2, 1)
    frequency = {"value": f"{row['clock_ghz']} GHz", **RECALLED}
    gpu = bench_board(device, row["label"], UNIT, _unit(row), frequency, row["bandwidth_gb_s"])
    return gpu.model_copy(update={"units": {**gpu.units, **cpu.units}, "domains": {**gpu.domains, **cpu.domains}})


def _unit(row: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": "gpu",
        "title": row["gpu"],
        "cost_class": row["cost_class"],
        "cores": {"value": int(row["cores"]), **RECALLED},
        "macs_per_cycle": {**RECALLED, "values": {name: float(row[name]) for name in ("float32", "float16")}},
        "domain": UNIT,
        "on_chip": {"value": f"{row['on_chip_mib']} MiB", **RECALLED},
        "power": {"dynamic_capacitance": {"value": "1 nF", **UNUSED}},
    }
