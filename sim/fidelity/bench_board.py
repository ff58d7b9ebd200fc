"""A board around one measured unit: what the specification of a latency benchmark's device needs beside it."""

from __future__ import annotations

from typing import Any

from device_models.catalog.catalog import read_device
from device_models.spec import DeviceSpec

RECALLED = {"source": "none", "kind": "estimated", "note": "recalled, unconfirmed"}
UNUSED = {"source": "none", "kind": "estimated", "note": "not needed for latencies"}


def bench_board(name: str, title: str, unit: str, described: dict[str, Any], frequency: dict[str, Any], bandwidth_gb_s: str) -> DeviceSpec:
    """A device for ncnn of one unit, at one clock; ``described`` and ``frequency`` as a device file has them."""
    return read_device(
        {
            "name": name,
            "title": title,
            "category": "board",
            "units": {unit: described},
            "domains": {unit: {"operating_points": [{"frequency": frequency}]}},
            "memory": {
                "type": "DRAM",
                "bandwidth": {"value": f"{bandwidth_gb_s} GB/s", **RECALLED},
                "capacity": {"value": "64 GiB", **UNUSED},
                "energy": {"value": "50 pJ/B", **UNUSED},
            },
            "storage": {"type": "flash", "read_bandwidth": {"value": "1 GB/s", **UNUSED}, "capacity": {"value": "256 GB", **UNUSED}},
            "base_power": {"value": "1 W", **UNUSED},
            "thermal": {
                "nodes": {"soc": {"heat_capacity": {"value": "100 J/K", **UNUSED}, "heated_by": [unit]}},
                "links": [{"between": ["soc", "ambient"], "resistance": {"value": "1 K/W", **UNUSED}}],
            },
            "runtimes": ["ncnn"],
        }
    )
