"""``edgesim profile --runtime A,B``: one model under several runtimes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_models.spec import DeviceSpec
    from sim.graph.ir import Graph
    from sim.report.runtime_comparison import RuntimeComparison
    from sim.scenario.model import ModelUse

RANGES_SHOWN, REASON_LENGTH = 16, 400


def runtime_list(text: str | None) -> list[str]:
    """Names separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def show_runtimes(graph: Graph, device: DeviceSpec, use: ModelUse, runtimes: Sequence[str], *, as_json: bool) -> int:
    """Compile under each runtime and print the differences. Raises EdgesimError for an unknown one, or where none can run the model."""
    import json

    from sim.report.quantities import described

    found = _compared(graph, device, use, runtimes)
    if as_json:
        print(json.dumps({"schema": "edgesim.runtimes/1", "device": device.name, "comparison": described(found)}, indent=1))
        return 0
    _head(found, device, use)
    _programs(found)
    _partitions(found)
    _fusions(found)
    _fallbacks(found)
    return 0


def _compared(graph: Graph, device: DeviceSpec, use: ModelUse, runtimes: Sequence[str]) -> RuntimeComparison:
    from sim.compiler import compile_model
    from sim.compiler.runtimes import runtime
    from sim.errors import EdgesimError, Problem
    from sim.report.runtime_comparison import compare_runtimes

    programs, refused = {}, {}
    for name in runtimes:
        runtime(name)
        try:
            programs[name] = compile_model(graph, device, runtime=name, precision=use.precision, placement=use.placement, threads=use.threads, name=graph.name)
        except EdgesimError as error:
            refused[name] = "; ".join(str(problem) for problem in error.problems)
    if not programs:
        raise EdgesimError([Problem(what=f"{name}: {why}") for name, why in refused.items()])
    return compare_runtimes(graph, programs, device, refused)


def _head(found: RuntimeComparison, device: DeviceSpec, use: ModelUse) -> None:
    from sim.report.safe_text import printable

    print(printable(f"{found.model}   {use.precision}   under {', '.join(row.runtime for row in found.rows)} on {device.title}"))
    for name, why in found.refused.items():
        shown = why if len(why) <= REASON_LENGTH else why[:REASON_LENGTH] + " ..."
        print(printable(f"{name} cannot run it: {shown}"))
    print()


def _programs(found: RuntimeComparison) -> None:
    """A column a runtime."""
    from device_models.units import format_quantity
    from sim.cli.table import print_table

    lines = {
        "latency": [_time(row.latency_s) for row in found.rows],
        "entering units": [_time(row.entries_s) for row in found.rows],
        "first inference": [_time(row.first_s) for row in found.rows],
        "load": [_time(row.load_s) for row in found.rows],
        "energy": [format_quantity(row.energy_j, "energy") for row in found.rows],
        "segments": [str(row.segments_count) for row in found.rows],
        "kernels": [str(row.kernels_count) for row in found.rows],
        "operators fused into them": [str(row.fused_count) for row in found.rows],
        "kernels by unit": [", ".join(f"{unit} {count}" for unit, count in row.units_kernels_count.items()) for row in found.rows],
        "fallbacks": [str(row.fallbacks_count) for row in found.rows],
        "arena": [format_quantity(row.arena_bytes, "bytes") for row in found.rows],
        "model file": [format_quantity(row.storage_bytes, "bytes") for row in found.rows],
    }
    rows = [[name, *cells] for name, cells in lines.items()]
    print_table(["", *(row.runtime for row in found.rows)], rows, right=tuple(range(1, len(found.rows) + 1)), wrap=True)
    print()


def _partitions(found: RuntimeComparison) -> None:
    """Where the model was cut; the reason of each runtime whose unit is not its first choice."""
    from sim.cli.table import print_table

    names = [row.runtime for row in found.rows]
    if len(names) < 2 or not any(row.differs for row in found.partitions):
        print("the runtimes place every operator on the same unit\n")
        return
    rows = []
    for row in found.partitions[:RANGES_SHOWN]:
        why = "; ".join(f"{name}: {reason.removeprefix('fallback: ')}" for name, reason in row.reasons.items() if reason.startswith("fallback"))
        where = row.first if row.operators_count == 1 else f"{row.first} .. {row.last}"
        rows.append(["*" if row.differs else "", where, str(row.operators_count), *(row.units[name] for name in names), why or "first choice of each"])
    print_table(["", "operators", "number", *names, "why there"], rows, right=(2,), wrap=True)
    if len(found.partitions) > RANGES_SHOWN:
        print(f"and {len(found.partitions) - RANGES_SHOWN} more ranges (--json lists all)")
    print("* on different units\n")


def _fusions(found: RuntimeComparison) -> None:
    from sim.cli.table import print_table

    if not found.fusions or len(found.rows) < 2:
        return
    names = [row.runtime for row in found.rows]
    rows = [[row.operator, *(_fused(row.kernels_count[name], row.inside_count[name]) for name in names)] for row in found.fusions]
    print_table(["operators made", *names], rows, wrap=True)
    print()


def _fused(kernels: int, inside: int) -> str:
    """Such as ``1 kernel, 34 fused``."""
    parts = [f"{kernels} kernel{'s' if kernels > 1 else ''}"] if kernels else []
    parts += [f"{inside} fused"] if inside else []
    return ", ".join(parts) or "none"


def _fallbacks(found: RuntimeComparison) -> None:
    from sim.cli.table import print_table

    if not found.fallbacks:
        return
    rows = [[row.runtime, row.unit, str(row.kernels_count), row.operators, row.why] for row in found.fallbacks[:RANGES_SHOWN]]
    print_table(["runtime", "falls back on", "kernels", "operators", "why"], rows, right=(2,), wrap=True)
    if len(found.fallbacks) > RANGES_SHOWN:
        print(f"and {len(found.fallbacks) - RANGES_SHOWN} more (--json lists all)")
    print()


def _time(seconds: float) -> str:
    from device_models.units import format_quantity

    return format_quantity(seconds, "time")
