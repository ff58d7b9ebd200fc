"""CPUs of ncnn's published table as devices known by their specification alone: clusters, clocks, last-level cache and memory."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from device_models.spec import DeviceSpec
from sim.fidelity.bench_board import RECALLED, UNUSED, bench_board

DATA = Path(__file__).resolve().parent / "data"
UNIT = "cpu"
_LABEL = {"source": "ncnn_fit", "kind": "datasheet", "note": "as the published table labels the device"}
_LITTLE, _ALL = "_little", "_all"  # after the name where all cores ran, or where the little ones were asked for
_FORMATS = ("float32", "float16", "int8")
Row = dict[str, str]


@cache
def clusters() -> dict[str, list[Row]]:
    """Rows of ``ncnn_cpu_devices.csv`` by device, the strongest cluster first."""
    found: dict[str, list[Row]] = {}
    with (DATA / "ncnn_cpu_devices.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["device"], []).append(row)
    return found


def core_clocks_hz(row: Row) -> list[float]:
    """Clock of every core of a cluster, ``"2.96 x 1 + 2.42 x 3"`` in GHz, the fastest first."""
    clocks = []
    for part in row["clocks_ghz"].split(" + "):
        ghz, count = part.split(" x ")
        clocks += [1e9 * float(ghz)] * int(count)
    return sorted(clocks, reverse=True)


def chosen_clusters(device: str, powersave: int, threads: int) -> list[Row]:
    """The clusters a run used: ncnn's ``powersave`` 1 takes the little cores, 2 the big ones, 0 all.

    With 0 and no more threads than big cores they are taken to run on the big ones, where the scheduler puts busy threads.
    """
    known = clusters()[device]
    if powersave == 1:
        return known[-1:]
    if powersave == 2 or threads <= len(core_clocks_hz(known[0])):
        return known[:1]
    return known


def device_of(name: str) -> str:
    """The measured device, of the name of a specification that says which of its cores ran."""
    return name.removesuffix(_LITTLE).removesuffix(_ALL)


@cache
def specification(device: str, powersave: int, threads: int) -> DeviceSpec:
    """The device with the cores a run used as one unit and no fitted parameter. Raises KeyError for an unknown device."""
    used = chosen_clusters(device, powersave, threads)
    first = used[0]
    clock = core_clocks_hz(first)[0]
    name = device + (_ALL if len(used) > 1 else _LITTLE if powersave == 1 else "")
    return bench_board(name, first["label"], UNIT, _unit(used), {"value": f"{clock!r} Hz", **_LABEL}, first["bandwidth_gb_s"])


def _unit(used: Sequence[Row]) -> dict[str, Any]:
    first = used[0]
    speeds = core_speeds(used)
    return {
        "kind": "cpu",
        "title": first["core"],
        "cost_class": first["cost_class"],
        "core": first["core"],
        "cores": {"value": len(speeds), **_LABEL},
        "core_speeds": [] if min(speeds) == 1.0 else [{"value": speed, **_LABEL} for speed in speeds],
        "macs_per_cycle": {**RECALLED, "values": {name: float(first[name]) for name in _FORMATS if first[name]}},
        "domain": UNIT,
        "on_chip": {"value": f"{first['last_level_mib']} MiB", **RECALLED},
        "power": {"dynamic_capacitance": {"value": "1 nF", **UNUSED}},
    }


def core_speeds(used: Sequence[Row]) -> list[float]:
    """Peak of every core (multiply-accumulates a second in its quickest float format) relative to the quickest, which comes first."""
    rates = [float(row["float16"] or row["float32"]) * clock for row in used for clock in core_clocks_hz(row)]
    return [rate / max(rates) for rate in sorted(rates, reverse=True)]
