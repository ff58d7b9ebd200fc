"""GPUs in ncnn's own benchmark, through Vulkan: 23 devices, 19 networks; the shortest of the loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from device_models.spec import DeviceSpec
from sim.fidelity.case import Case
from sim.fidelity.cpu_features import with_unit
from sim.fidelity.datasets.ncnn_cpu import FAMILIES, SOURCE
from sim.fidelity.gpu_devices import CPU, DATA, UNIT, rows, specification
from sim.fidelity.gpu_features import FACTORS, Placed, place, rests, with_factors
from sim.fidelity.gpu_structure import Measured, factors, folds, parts_of, structured
from sim.fidelity.ncnn_rows import NcnnTable, table_rows
from sim.fidelity.predict import lowered_of
from sim.frontends.zoo.published_names import published_network
from sim.scenario.model import ModelUse

# The networks one would measure first on a new GPU, in this order: small and large, dense and depthwise.
SHOTS = ("mobilenet", "resnet18", "squeezenet", "shufflenet", "mobilenet_v3", "blazeface", "vgg16")
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}
Fitted = list[tuple[list[int], DeviceSpec]]


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(case for line, row in table_rows(DATA / "ncnn_gpu.csv") if (case := _case(line, row)) is not None)


def _case(line: int, row: Mapping[str, str]) -> Case | None:
    """A row as a case, None for a network the zoo does not have."""
    network = published_network("ncnn", row["network"])
    if network is None or row["network"] not in _FAMILY:
        return None
    source, options = network
    return Case(
        dataset="ncnn_gpu",
        group="Vulkan GPU",
        device=f"{row['device']}, {row['threads']} threads",
        spec=specification(row["device"]),
        unit=UNIT,
        model=row["network"],
        family=_FAMILY[row["network"]],
        use={"source": source, "options": dict(options), "runtime": "ncnn", "threads": int(row["threads"]), "placement": {"prefer": [UNIT]}},
        metric="latency_s",
        measured=float(row["min_ms"]) / 1e3,
        source=SOURCE,
        line=line,
        kind=row["network"],
    )


def gpu_of(case: Case) -> str:
    """The GPU a case was measured on; boards with one kind of GPU are left out together."""
    return rows()[case.spec.name]["gpu"]


def measured_rows(cases: Sequence[Case], keep: Iterable[int]) -> list[tuple[Measured, list[int]]]:
    """Devices of ``cases`` with their measurements, those not in ``keep`` as NaN, and the rows of ``cases`` of each."""
    kept = set(keep)
    groups: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        groups.setdefault(case.device, []).append(row)
    networks = tuple(sorted({case.model for case in cases}))
    placed = _placed(networks)
    found = []
    for own in groups.values():
        measured_s = np.full(len(networks), np.nan)
        for row in own:
            if row in kept:
                measured_s[networks.index(cases[row].model)] = cases[row].measured
        found.append((Measured(cases[own[0]].spec, placed, _beside(cases[own[0]], networks), measured_s), own))
    return found


@cache
def _placed(networks: tuple[str, ...]) -> Placed:
    """All GPUs of the table run the same layers in the same format."""
    examples = {case.model: case for case in _cases()}
    use = ModelUse.model_validate(dict(next(iter(examples.values())).use), by_alias=True, by_name=False)
    return place([lowered_of(examples[name]) for name in networks], use, _cases()[0].spec, UNIT, CPU)


_BESIDE: dict[tuple[str, tuple[str, ...]], tuple[np.ndarray, np.ndarray]] = {}


def _beside(case: Case, networks: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    key = case.device, networks
    if key not in _BESIDE:
        _BESIDE[key] = rests(_placed(networks), case.spec, UNIT, CPU, int(case.use["threads"]))
    return _BESIDE[key]


def fitted(cases: Sequence[Case], keep: Iterable[int], logs: np.ndarray) -> Fitted:
    """Each device's rows, and the device with structure ``logs`` and factors fitted to the measurements in ``keep``."""
    found = measured_rows(cases, keep)
    measured = [one for one, _ in found]
    own = np.exp(factors(parts_of(measured, logs), np.stack([one.measured_s for one in measured])))
    return [(case_rows, _device(one, logs, values)) for (one, case_rows), values in zip(found, own, strict=True)]


def _device(one: Measured, logs: np.ndarray, values: np.ndarray) -> DeviceSpec:
    spec = structured(one.device, logs)
    return with_unit(spec, UNIT, with_factors(spec, UNIT, dict(zip(FACTORS, values.tolist(), strict=True))))


def _in_sample(cases: list[Case], shots: int) -> Fitted:
    return fitted(cases, range(len(cases)), folds()["all"])


def _leave_family_out(cases: list[Case], shots: int) -> Fitted:
    found: Fitted = []
    for family in dict.fromkeys(case.family for case in cases):
        out = {row for row, case in enumerate(cases) if case.family == family}
        for case_rows, device in fitted(cases, set(range(len(cases))) - out, folds()[f"family {family}"]):
            found.append(([row for row in case_rows if row in out], device))
    return found


def _zero_shot(cases: list[Case], shots: int) -> Fitted:
    """Without any measurement the factors stay at 1."""
    return _by_gpu(cases, lambda own: set())


def _k_shot(cases: list[Case], shots: int) -> Fitted:
    """The first ``shots`` networks of :data:`SHOTS` that a device has are measured, the others predicted."""
    return _by_gpu(cases, lambda own: _shown(own, shots))


def _by_gpu(cases: list[Case], shown_of: Callable[[Sequence[Case]], set[int]]) -> Fitted:
    found: Fitted = []
    for gpu in dict.fromkeys(gpu_of(case) for case in cases):
        case_rows = [row for row, case in enumerate(cases) if gpu_of(case) == gpu]
        own = [cases[row] for row in case_rows]
        shown = shown_of(own)
        for positions, device in fitted(own, shown, folds()[f"gpu {gpu}"]):
            found.append(([case_rows[position] for position in positions if position not in shown], device))
    return found


def _shown(cases: Sequence[Case], shots: int) -> set[int]:
    shown: set[int] = set()
    for device in dict.fromkeys(case.device for case in cases):
        has = {case.model: position for position, case in enumerate(cases) if case.device == device}
        shown |= {has[name] for name in [name for name in SHOTS if name in has][:shots]}
    return shown


# Latencies of convolutional networks on GPUs through Vulkan.
DATASET = NcnnTable(
    "ncnn_gpu", "GPUs, ncnn (Vulkan)", _cases, {"in-sample": _in_sample, "leave-family-out": _leave_family_out, "zero-shot": _zero_shot, "k-shot": _k_shot}
)
