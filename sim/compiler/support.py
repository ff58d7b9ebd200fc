"""Which unit can run which kernel under a runtime, and the reason where it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from device_models.compute import unit_supports
from device_models.spec import DeviceSpec, UnitSpec
from device_models.work import DType, Work
from sim.compiler.runtimes import Delegate, Limit, Runtime
from sim.compiler.runtimes.spec import FORMAT_NAMES
from sim.graph.ir import Graph, Op
from sim.graph.ops.definition import as_tuple

_WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")


@dataclass(frozen=True)
class Target:
    """A unit of the device with the delegate that serves it."""

    unit: str
    spec: UnitSpec
    delegate: Delegate


@dataclass(frozen=True)
class Support:
    """For every target and kernel: ``""`` if it runs there, else why not (``reasons[unit][kernel]``)."""

    targets: dict[str, Target]
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def runs(self, unit: str, kernel: int) -> bool:
        return not self.reasons[unit][kernel]


def units_of_kind(device: DeviceSpec, kind: str) -> list[str]:
    """Units of a kind, the strongest first (peak multiply-accumulates a second of all cores; ties keep the device's order)."""
    names = [name for name, unit in device.units.items() if unit.kind == kind]
    return sorted(names, key=lambda name: -_strength(device, device.units[name]))


def _strength(device: DeviceSpec, unit: UnitSpec) -> float:
    rate = max(float(rate) for rate in unit.macs_per_cycle.values())
    return float(unit.cores) * rate * float(device.domains[unit.domain].operating_points[-1].frequency_hz)


def targets_of(device: DeviceSpec, runtime: Runtime) -> dict[str, Target]:
    """The units the runtime can use, in the device's order."""
    found = {}
    for name, spec in device.units.items():
        delegate = runtime.delegate(spec.kind)
        if delegate is not None:
            found[name] = Target(name, spec, delegate)
    return found


def has_operators(device: DeviceSpec, runtime: Runtime, operators: tuple[str, ...], formats: tuple[DType, ...]) -> bool:
    """Whether units of the device run all these operator types in these formats under a runtime, shapes aside."""

    def runs(target: Target, operator: str, format: DType) -> bool:
        delegate = target.delegate
        return delegate.runs(operator) and FORMAT_NAMES.get(format, "") in delegate.formats and unit_supports(target.spec, format)

    targets = targets_of(device, runtime).values()
    return all(any(runs(target, operator, format) for target in targets) for operator in operators for format in formats)


def support_of(graph: Graph, ops: list[Op], work: Work, targets: dict[str, Target]) -> Support:
    """Support of every kernel (``ops`` with their ``work`` rows) on every target."""
    reasons = {}
    for unit, target in targets.items():
        row = [refusal(graph, op, DType(work.dtype[i]), DType(work.weight_dtype[i]) if work.weight_elements[i] else None, target) for i, op in enumerate(ops)]
        reasons[unit] = _prefix_rule(row, ops) if target.delegate.mapping == "prefix" else row
    return Support(targets, reasons)


def refusal(graph: Graph, op: Op, dtype: DType, weight_dtype: DType | None, target: Target) -> str:
    """Why a target does not run an operator, ``""`` if it does."""
    delegate = target.delegate
    for part in (op, *op.fused):
        if not delegate.runs(part.type):
            return f"{part.type} is not supported by {delegate.name}"
    for format in dict.fromkeys((dtype, *_converted_formats(graph, op))):
        if FORMAT_NAMES.get(format, "") not in delegate.formats:
            return f"{op.type} in {format.name.lower()} is not supported by {delegate.name}"
        if not unit_supports(target.spec, format):
            return f"{op.type} in {format.name.lower()} is not supported by the hardware of {target.unit}"
    if weight_dtype is not None and target.spec.kind not in ("cpu", "mcu") and not _weights_fit(dtype, weight_dtype):
        return f"{op.type} with {weight_dtype.name.lower()} weights in {dtype.name.lower()} is not supported by {delegate.name}"
    for limit in delegate.limits:
        if (not limit.operators or op.type in limit.operators) and (broken := broken_limit(graph, op, dtype, limit)):
            return f"{op.type} {broken}, which {delegate.name} does not run"
    return ""


def broken_limit(graph: Graph, op: Op, dtype: DType, limit: Limit) -> str:
    """What about an operator exceeds a limit, ``""`` if nothing does."""
    tensors = [graph.tensors[name] for name in (*op.all_inputs, *op.outputs)]
    rank = max((len(tensor.shape) for tensor in tensors), default=0)
    if limit.max_rank is not None and rank > limit.max_rank:
        return f"has tensors of {rank} dimensions"
    first = next((graph.tensors[name] for name in op.inputs if name), None)
    if limit.max_batch is not None and first is not None and len(first.shape) > 1 and first.shape[0] > limit.max_batch:
        return f"has a batch of {first.shape[0]}"
    if limit.formats and FORMAT_NAMES.get(dtype, "") not in limit.formats:
        return f"in {dtype.name.lower()}"
    if limit.weights_stored and (len(op.inputs) < 2 or not graph.tensors[op.inputs[1]].is_stored):
        return "has a second operand that is computed"
    if limit.max_weight_bytes is not None and (size := sum(tensor.bytes for tensor in tensors if tensor.is_stored)) > limit.max_weight_bytes:
        return f"has {size:.0f} bytes of weights"
    return _broken_window(graph, op, limit) if op.type in _WINDOWED else ""


def _broken_window(graph: Graph, op: Op, limit: Limit) -> str:
    x = graph.tensors[op.inputs[0]]
    channels_last = op.attributes.get("layout", "NCHW") == "NHWC"
    spatial = x.shape[1:-1] if channels_last else x.shape[2:]
    channels = x.shape[-1] if channels_last else x.shape[1]
    weighted = op.type in ("Conv", "ConvTranspose")
    kernel = graph.tensors[op.inputs[1]].shape[2:] if weighted else as_tuple(op.attributes.get("kernel", spatial), len(spatial))
    stride = max(as_tuple(op.attributes.get("strides", 1), len(spatial)), default=1)
    dilation = max(as_tuple(op.attributes.get("dilations", 1), len(spatial)), default=1)
    groups = int(op.attributes.get("group", 1))
    if limit.max_kernel is not None and max(kernel, default=1) > limit.max_kernel:
        return f"has a window {'x'.join(map(str, kernel))}"
    if limit.max_kernel_area is not None and prod(kernel) > limit.max_kernel_area:
        return f"has a window {'x'.join(map(str, kernel))}"
    if limit.max_stride is not None and stride > limit.max_stride:
        return f"has stride {stride}"
    if limit.max_dilation is not None and dilation > limit.max_dilation:
        return f"has dilation {dilation}"
    if limit.max_groups is not None and groups > limit.max_groups and groups != channels:
        return f"has {groups} groups"
    if limit.max_channels is not None and channels > limit.max_channels:
        return f"has {channels} channels"
    return ""


def _converted_formats(graph: Graph, op: Op) -> tuple[DType, ...]:
    """The format a conversion makes, which the unit must carry too."""
    return (graph.tensors[op.outputs[0]].dtype,) if op.type in ("Cast", "Quantize", "Dequantize") else ()


def _weights_fit(dtype: DType, weights: DType) -> bool:
    """Accelerators take float weights for float arithmetic, integer weights for integer or weight-only arithmetic."""
    return not (dtype == DType.I8 and weights in (DType.F32, DType.F16, DType.BF16))


def _prefix_rule(row: list[str], ops: list[Op]) -> list[str]:
    """The first operator that cannot run ends the mapped part of the graph: all later ones stay off the unit."""
    first = next((index for index, why in enumerate(row) if why), None)
    if first is None:
        return row
    after = f"comes after {ops[first].name} ({row[first]}), where the compiler ends the mapped part"
    return [why or (after if index > first else "") for index, why in enumerate(row)]
