"""CPUs in ncnn's own benchmark: 52 devices, 25 networks, one and many threads, float and int8; the shortest of the loops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from device_models.spec import DeviceSpec
from sim.compiler.compile import Lowered
from sim.compiler.cost import halves_floats
from sim.compiler.support import targets_of
from sim.fidelity.case import Case
from sim.fidelity.cpu_devices import DATA, UNIT, clusters, device_of, specification
from sim.fidelity.cpu_factors import fit_factors
from sim.fidelity.cpu_features import FACTORS, Stacked, stack, with_factors, with_structure, with_unit
from sim.fidelity.cpu_structure import Measured, catalogued, folds, parts_of, structure_of
from sim.fidelity.ncnn_rows import NcnnTable, table_rows
from sim.fidelity.predict import lowered_of
from sim.frontends.zoo.published_names import published_network

SOURCE = "Tencent/ncnn@a4d2ea1d44 benchmark/README.md, min"
# A family is left out together: networks built of the same block.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "mobilenet_v1": ("mobilenet", "mobilenet_ssd", "mobilenet_yolo"),
    "mobilenet_v2": ("mobilenet_v2", "mobilenetv2_yolov3"),
    "mobilenet_v3": ("mobilenet_v3",),
    "mobile_search": ("proxylessnasnet", "mnasnet"),
    "squeezenet": ("squeezenet", "squeezenet_ssd"),
    "shufflenet": ("shufflenet", "shufflenet_v2"),
    "resnet": ("resnet18", "resnet50"),
    "vgg": ("vgg16",),
    "alexnet": ("alexnet",),
    "googlenet": ("googlenet",),
    "regnet": ("regnety_400m",),
    "efficientnet": ("efficientnet_b0", "efficientnetv2_b0"),
    "vision_transformer": ("vision_transformer",),
    "blazeface": ("blazeface",),
    "nanodet": ("nanodet_m",),
    "fastestdet": ("FastestDet",),
    "yolo": ("yolo-fastest-1.1", "yolo-fastestv2", "yolov4-tiny"),
}
# The networks one would measure first on a new device, in this order: depthwise, dense, int8, bound by its weights, and bound by starting kernels.
SHOTS = ("mobilenet_v2", "resnet18", "resnet18_int8", "alexnet", "shufflenet", "squeezenet_int8", "vgg16", "blazeface")
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}
Group = tuple[str, int]  # device as specified, threads


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(case for line, row in table_rows(DATA / "ncnn_cpu.csv") if (case := _case(line, row)) is not None)


def _case(line: int, row: Mapping[str, str]) -> Case | None:
    """A row as a case, None for a network the zoo does not have."""
    network, integer = row["network"].removesuffix("_int8"), row["network"].endswith("_int8")
    known = published_network("ncnn", network)
    if known is None or network not in _FAMILY:
        return None
    threads = int(row["threads"])
    spec = specification(row["device"], int(row["powersave"]), threads)
    unit = spec.units[UNIT]
    used = min(threads, int(unit.cores))
    family = "RISC-V" if unit.cost_class == "cpu_riscv" else "CPU"
    return Case(
        dataset="ncnn_cpu",
        group=f"{family} {'int8' if integer else 'float'}, {'1 thread' if used == 1 else 'threads'}",
        device=spec.name,
        spec=spec,
        unit=UNIT,
        model=row["network"],
        family=_FAMILY[network],
        use=_use(known[0], known[1], integer, used),
        metric="latency_s",
        measured=float(row["min_ms"]) / 1e3,
        source=SOURCE,
        line=line,
        kind=network,
    )


def _use(source: str, options: Mapping[str, Any], integer: bool, threads: int) -> dict[str, Any]:
    precision = {"precision": "int8"} if integer else {}
    return {"source": source, "options": dict(options), "runtime": "ncnn", "threads": threads, "placement": {"prefer": [UNIT]}, **precision}


def soc_of(case: Case) -> str:
    """The chip a case was measured on; boards with one chip are left out together."""
    return clusters()[device_of(case.device)][0]["soc"]


def _group(case: Case) -> Group:
    return case.device, int(case.use["threads"])


def measured_rows(cases: Sequence[Case], keep: Iterable[int]) -> list[tuple[Measured, list[int]]]:
    """Configurations of ``cases`` with their measurements, those not in ``keep`` as NaN, and the rows of ``cases`` of each."""
    kept = set(keep)
    groups: dict[Group, list[int]] = {}
    for row, case in enumerate(cases):
        groups.setdefault(_group(case), []).append(row)
    networks = tuple(sorted({case.model for case in cases}))
    examples = {case.model: case for case in cases}
    found = []
    for (_, threads), rows in groups.items():
        measured_s = np.full(len(networks), np.nan)
        for row in rows:
            if row in kept:
                measured_s[networks.index(cases[row].model)] = cases[row].measured
        spec = cases[rows[0]].spec
        stacked = _stacked(tuple(_lowered(examples[name]) for name in networks), spec, networks)
        found.append((Measured(spec, UNIT, threads, stacked, measured_s), rows))
    return found


_LOWERED: dict[str, Lowered] = {}
_STACKED: dict[tuple[tuple[str, ...], bool], Stacked] = {}


def _lowered(case: Case) -> Lowered:
    if case.model not in _LOWERED:
        _LOWERED[case.model] = lowered_of(case)
    return _LOWERED[case.model]


def _stacked(networks: tuple[Lowered, ...], spec: DeviceSpec, names: tuple[str, ...]) -> Stacked:
    """Kernels are the same on all devices that compute in the same float format."""
    key = names, halves_floats(targets_of(spec, networks[0].engine)[UNIT])
    if key not in _STACKED:
        _STACKED[key] = stack(networks, spec, UNIT)
    return _STACKED[key]


def _fitted(cases: Sequence[Case], keep: Iterable[int], logs: np.ndarray) -> list[tuple[list[int], DeviceSpec]]:
    """Each configuration's rows and its device with structure ``logs`` and factors fitted to the measurements in ``keep``."""
    configurations = measured_rows(cases, keep)
    measured = [configuration for configuration, _ in configurations]
    factors = np.exp(fit_factors(parts_of(measured, logs), np.stack([one.measured_s for one in measured])))
    return [(rows, _device(one, logs, own)) for (one, rows), own in zip(configurations, factors, strict=True)]


def _device(one: Measured, logs: np.ndarray, factors: np.ndarray | None) -> DeviceSpec:
    spec = with_structure(one.device, UNIT, structure_of(one.device.units[UNIT].cost_class, logs))
    if factors is None:
        return spec
    own = dict(zip(FACTORS, factors.tolist(), strict=True))
    return with_unit(spec, UNIT, with_factors(spec.units[UNIT], one.threads, own))


def _in_sample(cases: list[Case], shots: int) -> list[tuple[list[int], DeviceSpec | None]]:
    return [*_fitted(cases, range(len(cases)), catalogued())]


def _leave_family_out(cases: list[Case], shots: int) -> list[tuple[list[int], DeviceSpec | None]]:
    found: list[tuple[list[int], DeviceSpec | None]] = []
    for family in dict.fromkeys(case.family for case in cases):
        out = {row for row, case in enumerate(cases) if case.family == family}
        logs = folds().get(f"family {family}", catalogued())
        found += [([row for row in rows if row in out], device) for rows, device in _fitted(cases, set(range(len(cases))) - out, logs)]
    return found


def _zero_shot(cases: list[Case], shots: int) -> list[tuple[list[int], DeviceSpec | None]]:
    return [(rows, _device(one, folds()[f"soc {soc_of(cases[rows[0]])}"], None)) for one, rows in measured_rows(cases, ())]


def _k_shot(cases: list[Case], shots: int) -> list[tuple[list[int], DeviceSpec | None]]:
    """The first ``shots`` networks of :data:`SHOTS` that a configuration has are measured, the others predicted."""
    found: list[tuple[list[int], DeviceSpec | None]] = []
    by_soc: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        by_soc.setdefault(soc_of(case), []).append(row)
    for soc, rows in by_soc.items():
        own = [cases[row] for row in rows]
        shown = _shown(own, shots)
        for positions, device in _fitted(own, shown, folds()[f"soc {soc}"]):
            found.append(([rows[position] for position in positions if position not in shown], device))
    return found


def _shown(cases: Sequence[Case], shots: int) -> set[int]:
    shown: set[int] = set()
    for group in dict.fromkeys(_group(case) for case in cases):
        has = {case.model: position for position, case in enumerate(cases) if _group(case) == group}
        shown |= {has[name] for name in [name for name in SHOTS if name in has][:shots]}
    return shown


# Latencies of convolutional networks on CPU clusters.
DATASET = NcnnTable(
    "ncnn_cpu", "CPU clusters, ncnn", _cases, {"in-sample": _in_sample, "leave-family-out": _leave_family_out, "zero-shot": _zero_shot, "k-shot": _k_shot}
)
