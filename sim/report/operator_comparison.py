"""A measured operator profile beside the simulated one: what belongs together, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.measurements.alignment import Alignment, SimulatedKernel, align
from sim.measurements.measurement import Measurement
from sim.measurements.operator_types import COMPUTE, OPAQUE
from sim.report.operator_profile import OperatorProfile, OperatorRow

LEAST_ALIKE, SURELY_ALIKE = 0.5, 0.9  # shares of operators with arithmetic that have a partner: below, another model; above, the same
_UNNAMED_LEAST = 0.75  # the same where names hardly agree, as convolutions of any two networks pair by type
_NAMED = 0.2  # share of the measured time found by name from which on names agree: "classifier" alone is in many networks


@dataclass(frozen=True)
class ComparedRow:
    """Work that both have. Times of one inference in seconds; ``simulated_over_measured_ratio``: simulated over measured, None where nothing was measured.

    ``bound``: what bounds the kernel that takes longest; ``by``: ``name``, ``order`` (and type) or ``partition``.
    """

    name: str
    operator: str
    measured_names: tuple[str, ...]
    unit: str
    measured_unit: str
    measured_s: float
    simulated_s: float
    difference_s: float  # simulated less measured
    simulated_over_measured_ratio: float | None
    bound: str
    by: str


@dataclass(frozen=True)
class LoneRow:
    """An operator that only one of the two has."""

    name: str
    operator: str
    unit: str
    time_s: float


@dataclass(frozen=True)
class SumRow:
    """All operators of one type on one unit, alone or not; units as the simulation names them where both have the operator."""

    operator: str
    unit: str
    measured_rows_count: int
    simulated_kernels_count: int
    measured_s: float
    simulated_s: float


@dataclass(frozen=True)
class OperatorComparison:
    """Rows by falling absolute difference. ``*_total_s``: all operators; ``inference_*``: whole inferences, with what lies between operators."""

    source: str
    model: str
    runtime: str
    rows: tuple[ComparedRow, ...]
    only_measured: tuple[LoneRow, ...]
    only_simulated: tuple[LoneRow, ...]
    sums: tuple[SumRow, ...]
    measured_total_s: float
    simulated_total_s: float
    inference_measured_s: float
    inference_simulated_s: float
    matched_measured_ratio: float  # of the measured operators' time
    matched_simulated_ratio: float  # of the simulated kernels' time
    matched_arithmetic_ratio: float  # of the convolutions, products and their like on both sides
    named_ratio: float  # of the measured operators' time, found by name
    warnings: tuple[str, ...]


def compare_operators(program: Program, profile: OperatorProfile, measurement: Measurement) -> OperatorComparison:
    """Line up a measured profile. Raises EdgesimError where it is plainly that of another model."""
    kernels = _kernels(program, profile)
    found = align(measurement.operators, kernels)
    rows = tuple(_compared(measurement, profile, group.measured, group.kernels, group.by) for group in found.groups)
    measured_s, simulated_s = sum(row.seconds for row in measurement.operators), sum(row.time_s for row in profile.operators)
    share = _arithmetic_share(found, kernels)
    named = _share(sum(row.measured_s for row in rows if row.by == "name"), measured_s)
    _refuse_other(measurement, found, len(kernels), share, named)
    return OperatorComparison(
        source=measurement.file,
        model=measurement.model,
        runtime=measurement.runtime,
        rows=tuple(sorted(rows, key=lambda row: (-abs(row.difference_s), row.name))),
        only_measured=_lone(
            LoneRow(row.name, found.types[i] or row.type, row.unit, row.seconds) for i in found.only_measured for row in [measurement.operators[i]]
        ),
        only_simulated=_lone(LoneRow(row.name, row.operator, row.unit, row.time_s) for i in found.only_simulated for row in [profile.operators[i]]),
        sums=_sums(measurement, profile, found),
        measured_total_s=measured_s,
        simulated_total_s=simulated_s,
        inference_measured_s=measurement.seconds,
        inference_simulated_s=profile.makespan_s,
        matched_measured_ratio=_share(sum(row.measured_s for row in rows), measured_s),
        matched_simulated_ratio=_share(sum(row.simulated_s for row in rows), simulated_s),
        matched_arithmetic_ratio=share,
        named_ratio=named,
        warnings=tuple(_warnings(program, measurement, share, named)),
    )


def _kernels(program: Program, profile: OperatorProfile) -> list[SimulatedKernel]:
    """Kernels with every name they may have in a profile: operators, what is fused into them, the tensors they make."""
    ops = {} if program.graph is None else {op.name: op for op in program.graph.ops}
    found = []
    for row in profile.operators:
        op = ops.get(row.name)
        parts = (op, *op.fused) if op is not None else ()
        names = dict.fromkeys([row.name, *(name for part in parts for name in (part.name, *part.outputs))])
        found.append(SimulatedKernel(tuple(names), tuple(row.operator.split("+"))))
    return found


def _compared(measurement: Measurement, profile: OperatorProfile, measured: Sequence[int], kernels: Sequence[int], by: str) -> ComparedRow:
    timings, simulated = [measurement.operators[index] for index in measured], [profile.operators[index] for index in kernels]
    longest = max(simulated, key=lambda row: row.time_s)
    measured_s, simulated_s = sum(row.seconds for row in timings), sum(row.time_s for row in simulated)
    more = f" and {len(simulated) - 1} more" if len(simulated) > 1 else ""
    return ComparedRow(
        name=longest.name + more,
        operator=longest.operator,
        measured_names=tuple(row.name for row in timings),
        unit=longest.unit,
        measured_unit=max(timings, key=lambda row: row.seconds).unit,
        measured_s=measured_s,
        simulated_s=simulated_s,
        difference_s=simulated_s - measured_s,
        simulated_over_measured_ratio=simulated_s / measured_s if measured_s > 0 else None,
        bound=longest.bound,
        by=by,
    )


def _lone(rows: Iterable[LoneRow]) -> tuple[LoneRow, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.time_s, row.name)))


def _sums(measurement: Measurement, profile: OperatorProfile, found: Alignment) -> tuple[SumRow, ...]:
    """By type and unit. A measured row counts where its kernel does, so that the two sides of a line are the same work."""
    home: dict[int, OperatorRow] = {}
    for group in found.groups:
        longest = max((profile.operators[index] for index in group.kernels), key=lambda row: row.time_s)
        home |= dict.fromkeys(group.measured, longest)
    sums: dict[tuple[str, str], list[float]] = {}
    for simulated in profile.operators:
        entry = sums.setdefault((simulated.operator.split("+")[0], simulated.unit), [0, 0, 0.0, 0.0])
        entry[1], entry[3] = entry[1] + 1, entry[3] + simulated.time_s
    for index, row in enumerate(measurement.operators):
        key = (home[index].operator.split("+")[0], home[index].unit) if index in home else (found.types[index] or row.type or "unknown", row.unit)
        entry = sums.setdefault(key, [0, 0, 0.0, 0.0])
        entry[0], entry[2] = entry[0] + 1, entry[2] + row.seconds
    rows = [SumRow(*key, int(entry[0]), int(entry[1]), entry[2], entry[3]) for key, entry in sums.items()]
    return tuple(sorted(rows, key=lambda row: (-abs(row.simulated_s - row.measured_s), row.operator, row.unit)))


def _arithmetic_share(found: Alignment, kernels: Sequence[SimulatedKernel]) -> float:
    """Share of operators with arithmetic, on both sides together, that have a partner (Dice); of all operators where there are none."""
    for counts in (_is_arithmetic, _is_any):
        rows = {index for index, kind in enumerate(found.types) if counts(kind)}
        mine = {index for index, kernel in enumerate(kernels) if counts(kernel.types[0])}
        inside = {index for group in found.groups if any(found.types[row] in OPAQUE for row in group.measured) for index in group.kernels}
        alone = len(rows & set(found.only_measured)) + len(mine & set(found.only_simulated))
        whole = len(rows) + len(mine | inside if rows else mine)
        if whole:
            return 1.0 - alone / whole
    return 0.0


def _is_arithmetic(kind: str) -> bool:
    return kind in COMPUTE


def _is_any(kind: str) -> bool:
    return True


def _refuse_other(measurement: Measurement, found: Alignment, kernels: int, share: float, named: float) -> None:
    least = LEAST_ALIKE if named >= _NAMED else _UNNAMED_LEAST
    if found.groups and share >= least:
        return
    count = sum(len(group.measured) for group in found.groups)
    what = (
        f"is not a profile of this model, or one of another shape of it: {count} of its {len(measurement.operators)} operators have a partner among "
        f"{kernels} kernels, {share:.0%} of the convolutions and products on both sides and {named:.0%} of its time by name; "
        "give the model that was profiled, with its --shape, --option, --precision and --runtime"
    )
    raise EdgesimError(measurement.problem(what))


def _warnings(program: Program, measurement: Measurement, share: float, named: float) -> list[str]:
    found = []
    if share < SURELY_ALIKE:
        found.append(f"only {share:.0%} of the convolutions and products on both sides have a partner: perhaps another version or shape of the model")
    if named < _NAMED:
        how = "no name of an operator agrees" if named == 0 else f"names agree for {named:.0%} of the measured time only"
        found.append(f"{how}: lined up by order and type")
    if measurement.runtime and program.runtime and measurement.runtime != program.runtime:
        found.append(f"measured under {measurement.runtime}, simulated under {program.runtime}")
    if measurement.precision and program.precision != "as_stored" and measurement.precision != program.precision:
        found.append(f"measured in {measurement.precision}, simulated in {program.precision}")
    return found


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole > 0 else 0.0


def profiled(measurements: Sequence[Measurement], file: str, model: str) -> Measurement:
    """The measurement with operators: that of ``model`` where a file has several, else the first. Raises EdgesimError if there is none."""
    with_operators = [each for each in measurements if each.operators]
    if not with_operators:
        what = "holds latencies but no operators; profile with them: ONNX Runtime enable_profiling, benchmark_model --enable_op_profiling=true, "
        raise EdgesimError(f"{file}: {what}benchmark_app -report_type average_counters, trtexec --exportProfile, or an AI Hub profile job")
    return next((each for each in with_operators if each.model == model), with_operators[0])
