"""Latencies of many networks on one GPU as sums of parts that scale with the unit's own factors, so that these are quickly fitted.

With factors f the law's latency is linear in products of powers of them::

    T = rest + invocation i + overhead o + (other + winograd w + depthwise d) / e + memory / m

``rest``: what the CPU runs, and copies between the two. The parts are priced by the law itself
(:func:`device_models.cost_gpu.gpu_costs`), so there is no second form to keep in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from device_models.catalog.catalog import cost_classes
from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.cost_context import CostContext
from device_models.cost_gpu import gpu_costs
from device_models.figure import Figure
from device_models.spec import DeviceSpec, UnitSpec
from device_models.work import Kind, Work
from sim.compiler.compile import Lowered, compile_lowered
from sim.compiler.cost import as_computed, unit_costs
from sim.compiler.crossing import EntryCosts
from sim.compiler.pipeline import AS_STORED
from sim.compiler.support import targets_of
from sim.fidelity.repricing import Repriced
from sim.scenario.model import ModelUse

TABLE = "float.ncnn"  # other engines enter a GPU in their own way
FACTORS = ("efficiency", "memory", "overhead", "invocation", "winograd", "depthwise")
_PARTS: dict[str, dict[str, int]] = {
    "rest": {},
    # part -> factors it is multiplied by the power of; rates are in the denominator
    "invocation": {"invocation": 1},
    "overhead": {"overhead": 1},
    "other": {"efficiency": -1},
    "winograd": {"efficiency": -1, "winograd": 1},
    "depthwise": {"efficiency": -1, "depthwise": 1},
    "memory": {"memory": -1},
}
POWERS = np.array([[powers.get(name, 0) for name in FACTORS] for powers in _PARTS.values()], dtype=float)  # [parts, factors]
# Standard deviations of ln(factor) between GPUs of a class.
SPREAD = {"efficiency": 0.4, "memory": 0.4, "overhead": 0.4, "invocation": 0.7, "winograd": 0.25, "depthwise": 0.25}
PRECISION = np.array([1.0 / SPREAD[name] ** 2 for name in FACTORS])


@dataclass(frozen=True)
class Placed:
    """Several networks where their kernels run: those on the GPU one after the other, ``first`` of each ``[networks]``, and what is beside them.

    ``waiting``: kernels of the CPU that wait for the GPU; the others run meanwhile.
    """

    work: Work
    first: np.ndarray
    on_gpu: tuple[Repriced, ...]
    on_cpu: tuple[Repriced, ...]
    waiting: tuple[Work, ...]


def place(networks: Sequence[Lowered], use: ModelUse, device: DeviceSpec, unit: str, cpu: str) -> Placed:
    """Kernels of ``networks`` as the runtime places them on ``device``, the same on all devices with a GPU and a CPU."""
    on_gpu, on_cpu = (tuple(Repriced(lowered, use, device, name) for lowered in networks) for name in (unit, cpu))
    works = [as_computed(one.work, one.target) for one in on_gpu]
    joined = Work(**{field.name: np.concatenate([getattr(work, field.name) for work in works]) for field in fields(Work)})
    waiting = []
    for lowered in networks:
        program = compile_lowered(lowered, device, placement=use.placement, threads=use.threads, name="network")
        rows = [row for part in program.segments if part.unit == cpu and part.entry_s > 0 for row in range(part.first, part.stop)]
        waiting.append(program.kernels.work.take(np.array(rows, dtype=int)))
    return Placed(joined, np.cumsum([0, *(len(work) for work in works[:-1])]), on_gpu, on_cpu, tuple(waiting))


def rests(placed: Placed, device: DeviceSpec, unit: str, cpu: str, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds beside the GPU's kernels and invocations, and number of invocations, ``[networks]``; no structural parameter of GPUs changes them."""
    engine = placed.on_gpu[0].engine
    targets = targets_of(device, engine)
    prices = EntryCosts(device, targets, engine.name, AS_STORED)
    fixed_s, rest_s, counts = prices.calls[unit].fixed_s, [], []
    for gpu, host, waiting in zip(placed.on_gpu, placed.on_cpu, placed.waiting, strict=True):
        entries = [(unit, entry) for entry in gpu.entries] + [(cpu, entry) for entry in host.entries]
        beside_s = sum(prices.entry(name, arriving, leaving, first=first, waits=waits).seconds for name, (arriving, leaving, first, waits) in entries)
        if len(waiting):
            costs = unit_costs(waiting, device, targets[cpu], engine, host.precision, threads, host.weight_bytes)
            beside_s += float(kernel_seconds(costs, max_frequency_hz(device, cpu)).sum())
        rest_s.append(beside_s - len(gpu.entries) * fixed_s)
        counts.append(len(gpu.entries))
    return np.array(rest_s), np.array(counts, dtype=float)


def features(placed: Placed, beside: tuple[np.ndarray, np.ndarray], device: DeviceSpec, unit: str) -> np.ndarray:
    """Seconds of each part of each network with all factors 1, ``[networks, parts]`` in the order of :data:`POWERS`; ``beside``: of :func:`rests`."""
    work, hertz = placed.work, max_frequency_hz(device, unit)
    costs = gpu_costs(work, _context(device, unit, {}))
    kinds = work.kind == Kind.C3, work.kind == Kind.DW
    # the arithmetic of the two kinds alone: what grows with their factor
    grown = gpu_costs(work, _context(device, unit, {"winograd": 2.0, "depthwise": 2.0}))
    own = (grown.compute_cycles - costs.compute_cycles) / hertz
    columns = [costs.fixed_s, costs.compute_cycles / hertz - own, *(np.where(rows, own, 0.0) for rows in kinds), costs.memory_s]
    parts = np.add.reduceat(np.stack(columns), placed.first, axis=1)
    return np.stack([beside[0], beside[1] * invocation_s(device, unit), *parts], axis=1)


def invocation_s(device: DeviceSpec, unit: str) -> float:
    """Entering the GPU once with factor 1: of its structural parameters, else of its class, s."""
    spec = device.units[unit]
    return float(cost_classes()[spec.cost_class].replaced(spec.structure).table(TABLE)["invocation_s"])


def _context(device: DeviceSpec, unit: str, own: dict[str, float]) -> CostContext:
    """The unit with these factors and no others."""
    table = {name: Figure(value, "none", "estimated", "") for name, value in own.items()}
    spec = device.units[unit].model_copy(update={"parameters": {TABLE: table}})
    return CostContext(
        unit=spec,
        memory=device.memory,
        cost_class=cost_classes()[spec.cost_class].replaced(spec.structure),
        max_hz=max_frequency_hz(device, unit),
        threads=1,
        cores=int(spec.cores),
        speeds=(1.0,) * int(spec.cores),
        runtime="ncnn",
        network_weight_bytes=0.0,
        on_chip_bytes=float(spec.on_chip_bytes),
    )


def with_factors(device: DeviceSpec, unit: str, factors: dict[str, float]) -> UnitSpec:
    """The unit with these factors of its own in place of any; the invocation's time is stated as such."""
    stated = {name: value for name, value in factors.items() if name != "invocation"}
    if "invocation" in factors:
        stated["invocation_s"] = factors["invocation"] * invocation_s(device, unit)
    table = {name: Figure(value, "ncnn_fit", "derived", "") for name, value in stated.items()}
    return device.units[unit].model_copy(update={"parameters": {TABLE: table} if table else {}})


def factors_of(device: DeviceSpec, unit: str) -> np.ndarray:
    """Natural logarithms of the unit's own factors, ``[factors]``."""
    own = device.units[unit].parameters.get(TABLE, {})
    stated = {name: float(value) for name, value in own.items()}
    if "invocation_s" in stated:
        stated["invocation"] = stated["invocation_s"] / invocation_s(device, unit)
    return np.log([stated.get(name, 1.0) for name in FACTORS])


def price(parts: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Seconds from parts ``[..., networks, parts]`` and natural logarithms of the factors ``[..., factors]``: ``[..., networks]``."""
    return np.asarray((parts * np.exp(deltas @ POWERS.T)[..., None, :]).sum(axis=-1))
