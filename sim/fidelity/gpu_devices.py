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

from device_models.catalog.catalog import read_device
from device_models.spec import DeviceSpec
from sim.fidelity import cpu_devices

DATA = Path(__file__).resolve().parent / "data"
UNIT, CPU = "gpu", cpu_devices.UNIT
_RECALLED = {"source": "none", "kind": "estimated", "note": "recalled, unconfirmed"}
_UNUSED = {"source": "none", "kind": "estimated", "note": "not needed for latencies"}


@cache
def rows() -> dict[str, dict[str, str]]:
    """Rows of ``ncnn_gpu_devices.csv`` by device."""
    with (DATA / "ncnn_gpu_devices.csv").open(newline="", encoding="utf-8") as file:
        return {row["device"]: row for row in csv.DictReader(file)}


@cache
def specification(device: str) -> DeviceSpec:
    """The device with its GPU and CPU and no fitted parameter. Raises KeyError for an unknown device."""
    row, cpu = rows()[device], cpu_devices.specification(device, 2, 1)
    raw: dict[str, Any] = {
        "name": device,
        "title": row["label"],
        "category": "board",
        "units": {UNIT: _unit(row)},
        "domains": {UNIT: {"operating_points": [{"frequency": {"value": f"{row['clock_ghz']} GHz", **_RECALLED}}]}},
        "memory": {
            "type": "DRAM",
            "bandwidth": {"value": f"{row['bandwidth_gb_s']} GB/s", **_RECALLED},
            "capacity": {"value": "64 GiB", **_UNUSED},
            "energy": {"value": "50 pJ/B", **_UNUSED},
        },
        "storage": {"type": "flash", "read_bandwidth": {"value": "1 GB/s", **_UNUSED}, "capacity": {"value": "256 GB", **_UNUSED}},
        "base_power": {"value": "1 W", **_UNUSED},
        "thermal": {
            "nodes": {"soc": {"heat_capacity": {"value": "100 J/K", **_UNUSED}, "heated_by": [UNIT]}},
            "links": [{"between": ["soc", "ambient"], "resistance": {"value": "1 K/W", **_UNUSED}}],
        },
        "runtimes": ["ncnn"],
    }
    gpu = read_device(raw)
    return gpu.model_copy(update={"units": {**gpu.units, **cpu.units}, "domains": {**gpu.domains, **cpu.domains}})


def _unit(row: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": "gpu",
        "title": row["gpu"],
        "cost_class": row["cost_class"],
        "cores": {"value": int(row["cores"]), **_RECALLED},
        "macs_per_cycle": {**_RECALLED, "values": {name: float(row[name]) for name in ("float32", "float16")}},
        "domain": UNIT,
        "on_chip": {"value": f"{row['on_chip_mib']} MiB", **_RECALLED},
        "power": {"dynamic_capacitance": {"value": "1 nF", **_UNUSED}},
    }
