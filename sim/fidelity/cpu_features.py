"""Latencies of many networks on one CPU as sums of parts that scale with the unit's own factors, so that these are quickly fitted.

With factors f at one thread count the law's latency is linear in products of powers of them::

    T = overhead o + (other + winograd w + depthwise d + int8 i + int8 depthwise i d) / c + cache / b + memory / m

The parts are priced by the law itself (:func:`device_models.cost_cpu.cpu_costs`), so there is no second form to keep in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from device_models.catalog.catalog import cost_classes
from device_models.compute import max_frequency_hz
from device_models.cost_context import CostContext
from device_models.cost_cpu import codes, cpu_costs
from device_models.cost_cpu_unit import DEPTHWISE, INTEGER_CODES, WINOGRAD
from device_models.figure import Figure
from device_models.spec import DeviceSpec, UnitSpec
from device_models.work import Work
from sim.compiler.compile import Lowered
from sim.compiler.cost import as_computed, weights_read
from sim.compiler.support import targets_of

FACTORS = ("compute", "memory", "cache", "overhead", "winograd", "int8", "depthwise")
_PARTS = {
    # part -> factors it is multiplied by the power of; rates are in the denominator
    "overhead": {"overhead": 1},
    "other": {"compute": -1},
    "winograd": {"compute": -1, "winograd": 1},
    "depthwise": {"compute": -1, "depthwise": 1},
    "int8": {"compute": -1, "int8": 1},
    "int8_depthwise": {"compute": -1, "int8": 1, "depthwise": 1},
    "cache": {"cache": -1},
    "memory": {"memory": -1},
}
POWERS = np.array([[powers.get(name, 0) for name in FACTORS] for powers in _PARTS.values()], dtype=float)  # [parts, factors]
_FREE = {"cache": 1e15}  # no time in caches: what is left of the compute cycles is arithmetic


@dataclass(frozen=True)
class Stacked:
    """Kernels of several networks one after the other: ``first`` kernel of each ``[networks]``, network weights ``[kernels]``."""

    work: Work
    first: np.ndarray
    weight_bytes: np.ndarray


def stack(networks: Sequence[Lowered], device: DeviceSpec, unit: str) -> Stacked:
    """The kernels of ``networks`` as ``unit`` computes them (all on it, in any order)."""
    works, weights = [], []
    for lowered in networks:
        target = targets_of(device, lowered.engine)[unit]
        works.append(as_computed(lowered.work, target))
        weights.append(weights_read(lowered.flow, list(range(len(lowered.work))), target))
    joined = Work(**{field.name: np.concatenate([getattr(work, field.name) for work in works]) for field in fields(Work)})
    lengths = [len(work) for work in works]
    return Stacked(joined, np.cumsum([0, *lengths[:-1]]), np.repeat(np.array(weights), lengths))


def features(stacked: Stacked, device: DeviceSpec, unit: str, threads: int) -> np.ndarray:
    """Seconds of each part of each network with all factors 1, ``[networks, parts]`` in the order of :data:`POWERS`."""
    work, hertz = stacked.work, max_frequency_hz(device, unit)
    plain, free = (cpu_costs(work, _context(device, unit, threads, own), stacked.weight_bytes) for own in ({}, _FREE))
    code = codes(work)
    integer, winograd, depthwise = code >= INTEGER_CODES, WINOGRAD[code], DEPTHWISE[code]
    arithmetic, other = free.compute_cycles / hertz, ~(winograd | depthwise | integer)
    columns = [
        plain.overhead_cycles / hertz,
        *(np.where(rows, arithmetic, 0.0) for rows in (other, winograd, depthwise & ~integer, integer & ~depthwise, integer & depthwise)),
        (plain.compute_cycles - free.compute_cycles) / hertz,
        plain.memory_s,
    ]
    return np.add.reduceat(np.stack(columns), stacked.first, axis=1).T


def _context(device: DeviceSpec, unit: str, threads: int, own: dict[str, float]) -> CostContext:
    """The unit with these factors and no others."""
    spec = with_factors(device.units[unit], threads, own)
    return CostContext(
        unit=spec,
        memory=device.memory,
        cost_class=cost_classes()[spec.cost_class].replaced(spec.structure),
        max_hz=max_frequency_hz(device, unit),
        threads=threads,
        cores=int(spec.cores),
        speeds=tuple(float(speed) for speed in spec.core_speeds) or (1.0,) * int(spec.cores),
        runtime="ncnn",
        network_weight_bytes=0.0,
        on_chip_bytes=float(spec.on_chip_bytes),
    )


def with_factors(unit: UnitSpec, threads: int, factors: dict[str, float], source: str = "ncnn_fit", note: str = "") -> UnitSpec:
    """The unit with these factors of its own at a thread count in place of any."""
    table = {name: Figure(value, source, "derived", note) for name, value in factors.items()}
    return unit.model_copy(update={"parameters": {f"threads_{threads}": table} if table else {}})


def with_unit(device: DeviceSpec, name: str, unit: UnitSpec) -> DeviceSpec:
    """The device with another unit in the place of one."""
    return device.model_copy(update={"units": {**device.units, name: unit}})


def with_structure(device: DeviceSpec, unit: str, structure: dict[str, dict[str, Figure]]) -> DeviceSpec:
    """The device whose unit has these structural parameters in place of its class's."""
    return with_unit(device, unit, device.units[unit].model_copy(update={"structure": structure}))


def price(parts: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Seconds from parts ``[..., networks, parts]`` and natural logarithms of the factors ``[..., factors]``: ``[..., networks]``."""
    return np.asarray((parts * np.exp(deltas @ POWERS.T)[..., None, :]).sum(axis=-1))
