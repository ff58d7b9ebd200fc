"""Work x unit x operating point -> seconds, and what bounds it; vectorised over kernels.

The law that turns work into costs is chosen by the unit's cost class (``catalog/cost_classes.yaml``); a new law is one file
and one line of :data:`LAWS`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from device_models.catalog.catalog import cost_classes
from device_models.cost_array import array_costs
from device_models.cost_context import MAC_FORMATS, CostContext, weight_traffic
from device_models.cost_cpu import cpu_costs
from device_models.cost_gpu import gpu_costs
from device_models.cost_language import language_npu_costs
from device_models.cost_mcu import mcu_costs
from device_models.cost_ort import ort_costs
from device_models.cost_spiking import SpikeEvents, event_energy_j, spike_events, spiking_costs
from device_models.kernel_costs import KernelCosts, bound, kernel_activity, kernel_seconds, p_norm
from device_models.spec import DeviceSpec, DvfsDomain, UnitSpec
from device_models.work import DType, Kind, Work

__all__ = [
    "LAWS",
    "InvocationCosts",
    "KernelCosts",
    "arithmetic_intensity",
    "bound",
    "invocation_costs",
    "kernel_activity",
    "kernel_costs",
    "kernel_seconds",
    "max_frequency_hz",
    "p_norm",
    "peak_macs_per_s",
    "spiking_events",
    "unit_supports",
]

EVERY_FORMAT = ("cpu", "mcu", "neuromorphic")  # kinds of units that carry all number formats, some in software; spikes have none
LAWS: dict[str, Callable[[Work, CostContext], KernelCosts]] = {
    "cpu": cpu_costs,
    "gpu": gpu_costs,
    "npu": language_npu_costs,
    "mcu": mcu_costs,
    "array": array_costs,
    "ort": ort_costs,
    "spiking": spiking_costs,
}


@dataclass(frozen=True)
class InvocationCosts:
    """Costs of entering a unit once with a whole program (or segment): s, and s per element or byte at its border."""

    fixed_s: float
    s_per_input_element: float
    s_per_output_element: float
    s_per_byte: float

    def seconds(self, in_elements: float, out_elements: float, in_bytes: float = 0.0, out_bytes: float = 0.0) -> float:
        """Time of one invocation whose border tensors have so many elements and bytes."""
        return self.fixed_s + self.s_per_input_element * in_elements + self.s_per_output_element * out_elements + self.s_per_byte * (in_bytes + out_bytes)


def kernel_costs(
    work: Work,
    device: DeviceSpec,
    unit: str,
    *,
    threads: int = 1,
    cores: int | None = None,
    precision: str = "as_stored",
    runtime: str | None = None,
    network_weight_bytes: float | None = None,
) -> KernelCosts:
    """Costs of every kernel of ``work`` on ``unit``, columns ``[kernels]`` (see :class:`KernelCosts` for units).

    ``threads``: CPU threads; ``cores``: cores they may use (the unit's if None), the fastest first. ``precision``: ``w8a16`` and ``w4a16`` make float16
    rows of an NPU cost what 16-bit activations cost. ``runtime``: picks parameters fitted with it, if there are any.
    ``network_weight_bytes``: weights of the whole network where ``work`` is only a part of it (decides cache residency).
    Raises ValueError for an unknown unit, and for a number format the unit cannot carry.
    """
    spec = _unit(device, unit)
    refuse_unsupported(work, spec, unit)
    work = _with_precision(work, spec, precision)
    context = _context(work, device, unit, threads, cores, runtime, network_weight_bytes)
    law = LAWS.get(context.cost_class.form)
    if law is None:
        raise ValueError(f"cost class {spec.cost_class!r} has the form {context.cost_class.form!r}, which is none of {', '.join(LAWS)}")
    return law(work, context)


def invocation_costs(device: DeviceSpec, unit: str, *, precision: str = "as_stored", runtime: str | None = None, dtype: DType = DType.F32) -> InvocationCosts:
    """Costs of entering ``unit`` once: the time before the first kernel and what its inputs and outputs cost to hand over.

    ``precision`` int8, w8a16, ... (or, with ``as_stored``, an integer ``dtype``) takes the unit's integer parameters.
    """
    spec = _unit(device, unit)
    empty = Work.stack([])
    context = _context(empty, device, unit, 1, None, runtime, 0.0)
    integer_only = not any(name in spec.macs_per_cycle for name in ("float16", "float32", "bfloat16"))
    stored_integer = precision == "as_stored" and dtype in (DType.I8, DType.I16, DType.I4)
    integer = integer_only or stored_integer or precision in ("int8", "int4", "w8a16", "w4a16")
    wide = precision in ("w8a16", "w4a16") or (precision == "as_stored" and dtype == DType.I16)
    key = ("int16" if wide and "int16" in spec.macs_per_cycle else "int8") if integer else "float"
    table = {**context.table(key), **context.table(f"{key}.{runtime}"), **context.parameters(key)}
    values = context.cost_class.values
    fixed = table.get("invocation_s", values.get("invocation_s", 0.0))
    if spec.kind != "npu" or "io_bytes_per_s" not in table:
        return InvocationCosts(float(fixed), 0.0, 0.0, float(values.get("io_s_per_byte", 0.0)))
    element_bytes = 1.0 if integer else 4.0
    per_element = element_bytes / float(table["io_bytes_per_s"])
    return InvocationCosts(float(fixed), float(table["input_share"]) * per_element, per_element, 0.0)


def spiking_events(work: Work, device: DeviceSpec, unit: str) -> tuple[SpikeEvents, dict[str, float]]:
    """Events of spiking kernels on an event-driven unit, and the energy of each kind of them, J."""
    context = _context(work, device, unit, 1, None, None, 0.0)
    events = spike_events(work, context)
    return events, {kind: float(energy_j.sum()) for kind, energy_j in event_energy_j(events, context).items()}


def unit_supports(unit: UnitSpec, dtype: DType) -> bool:
    """Whether the unit's hardware carries a number format. CPUs and microcontrollers carry all of them, some in software.

    Neuromorphic units hold weights in a format of their own, whatever the graph says. float32 runs as float16 on GPUs and NPUs that have
    only that; int32 and bool move through any integer unit, int64 through GPUs, whose languages all have it; int16 activations need an
    int16 rate.
    """
    if unit.kind in EVERY_FORMAT:
        return True
    if dtype == DType.I64:
        return unit.kind == "gpu"
    if dtype == DType.F64:
        return False
    if dtype == DType.I16:
        return "int16" in unit.macs_per_cycle
    if dtype in (DType.I32, DType.BOOL):
        return True
    if dtype == DType.I8 and unit.kind == "gpu":
        return True  # converted to float16 where there is no dot product
    return any(name in unit.macs_per_cycle for name in MAC_FORMATS[dtype])


def refuse_unsupported(work: Work, unit: UnitSpec, name: str) -> None:
    """Raise ValueError if any kernel runs in a format the unit cannot carry; a user's own code runs anywhere."""
    if unit.kind in EVERY_FORMAT:
        return
    for dtype in np.flatnonzero(np.bincount(work.dtype[work.kind != Kind.CODE], minlength=1)).tolist():
        if not unit_supports(unit, DType(dtype)):
            formats = ", ".join(sorted(unit.macs_per_cycle))
            raise ValueError(f"unit {name!r} cannot run {DType(dtype).name} kernels: its formats are {formats}; quantize the model or place it on another unit")


def peak_macs_per_s(device: DeviceSpec, unit: str, dtype: DType, frequency_hz: float | None = None) -> float:
    """Nominal multiply-accumulates per second of all cores in a format, at a clock (the highest if None)."""
    spec = _unit(device, unit)
    hz = max_frequency_hz(device, unit) if frequency_hz is None else frequency_hz
    rate = next((spec.macs_per_cycle[name] for name in MAC_FORMATS[dtype] if name in spec.macs_per_cycle), None)
    return 0.0 if rate is None else float(spec.cores) * float(rate) * hz


def arithmetic_intensity(work: Work) -> np.ndarray:
    """Multiply-accumulates per byte of inputs, outputs and weights, ``[kernels]``; 0 where nothing moves."""
    moved = work.in_bytes + work.out_bytes + work.weight_bytes
    return np.divide(work.macs, moved, out=np.zeros(len(work)), where=moved > 0)


def max_frequency_hz(device: DeviceSpec, unit: str) -> float:
    """The highest clock of the unit's domain, Hz."""
    return float(device.domains[_unit(device, unit).domain].operating_points[-1].frequency_hz)


def _unit(device: DeviceSpec, unit: str) -> UnitSpec:
    if unit not in device.units:
        raise ValueError(f"{device.name} has no unit {unit!r}; units: {', '.join(sorted(device.units))}")
    return device.units[unit]


def _with_precision(work: Work, unit: UnitSpec, precision: str) -> Work:
    """Kernels of a network with 16-bit activations run as int16 on an NPU, whatever format the graph still names."""
    if unit.kind != "npu" or precision not in ("w8a16", "w4a16"):
        return work
    return replace(work, dtype=np.where(np.isin(work.dtype, (DType.F16, DType.I8)), np.int8(DType.I16), work.dtype).astype(np.int8))


def _context(
    work: Work, device: DeviceSpec, unit: str, threads: int, cores: int | None, runtime: str | None, network_weight_bytes: float | None
) -> CostContext:
    if threads < 1 or (cores is not None and cores < 1):
        raise ValueError(f"threads and cores must be at least 1, got {threads} and {cores}")
    spec = _unit(device, unit)
    own = int(spec.cores) if cores is None else min(cores, int(spec.cores))
    weights = float((weight_traffic(work) / work.steps).sum()) if network_weight_bytes is None else network_weight_bytes
    # keyed by identity, which is quick, and holding what it is keyed by, so that no other object can take its place
    domain = device.domains[spec.domain]
    key = (id(spec), id(device.memory), id(domain), threads, own, runtime)
    known = _CONTEXTS.get(key)
    if known is None:
        known = _new_context(device, unit, threads, own, runtime), domain
        _CONTEXTS[key] = known
        if len(_CONTEXTS) > _MOST_CONTEXTS:
            _CONTEXTS.popitem(last=False)
    return replace(known[0], network_weight_bytes=weights)


_CONTEXTS: OrderedDict[tuple[object, ...], tuple[CostContext, DvfsDomain]] = OrderedDict()
_MOST_CONTEXTS = 256


def _new_context(device: DeviceSpec, unit: str, threads: int, cores: int, runtime: str | None) -> CostContext:
    spec, classes = _unit(device, unit), cost_classes()
    if spec.cost_class not in classes:
        raise ValueError(f"unit {unit!r}: no cost class {spec.cost_class!r}; classes: {', '.join(sorted(classes))}")
    speeds = spec.core_speeds[:cores] or (1.0,) * cores
    return CostContext(
        unit=spec,
        memory=device.memory,
        cost_class=classes[spec.cost_class].replaced(spec.structure),
        max_hz=max_frequency_hz(device, unit),
        threads=threads,
        cores=cores,
        speeds=tuple(float(speed) for speed in speeds),
        runtime=runtime,
        network_weight_bytes=0.0,
        on_chip_bytes=float(spec.on_chip_bytes),
    )
