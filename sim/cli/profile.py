"""``edgesim profile``: a model on a device, operator by operator."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device_models.spec import DeviceSpec
    from sim.compiler.program import Program
    from sim.graph.ir import Graph
    from sim.report.operator_profile import OperatorProfile
    from sim.report.uncertainty import Interval, ProgramTrust
    from sim.scenario.model import ModelUse

SEGMENTS_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from sim.cli import profile_training

    parser.add_argument("model", metavar="MODEL", help="a built-in model (see: edgesim models) or a .onnx, .tflite, .xml or .param file")
    parser.add_argument("--device", required=True, metavar="NAME", help="a device of the catalogue, or a device file")
    parser.add_argument("--runtime", metavar="NAME,...", help="inference engine; the device's default if absent; several (tflite,qnn) are shown side by side")
    parser.add_argument("--precision", default="as_stored", metavar="FORMAT", help="float32, float16, int8, w8a16, w4a16, int4 or as_stored (default)")
    parser.add_argument(
        "--compress", action="append", default=[], metavar="STEP", help="a technique as in a scenario, such as 'quantize: {to: int8}'; may be repeated"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    parser.add_argument("--batch", type=int, metavar="N", help="inputs per inference")
    parser.add_argument("--prefer", metavar="UNIT,...", help="units or kinds in order of preference, such as npu,gpu,cpu")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME=N", help="value of a symbolic dimension, such as sequence=128; may be repeated")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="option of a built-in model, such as resolution=160; may be repeated"
    )
    parser.add_argument("--unknown-operators", choices=("error", "warn"), default="error", help="warn: run operators nobody knows as generic data movers")
    parser.add_argument("--top", type=_positive, metavar="N", help="show only the N operators that take longest")
    parser.add_argument(
        "--compare", metavar="FILE", help="a measured profile (ONNX Runtime, benchmark_model, benchmark_app, trtexec, AI Hub) to line the operators up with"
    )
    parser.add_argument("--print-graph", nargs="?", const="", metavar="AFTER_PASS", help="print the lowered graph (or the graph after a pass) as text and stop")
    profile_training.add_arguments(parser)
    parser.add_argument("--cuts", action="store_true", help="print where the model can be cut in two and what crosses there, and stop")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    import json

    from sim.cli.profile_compare import comparison_data, measured_profile, print_comparison, suited
    from sim.cli.profile_cuts import show_cuts
    from sim.cli.profile_runtimes import runtime_list, show_runtimes
    from sim.compiler import compile_model
    from sim.experiment.compression import compressed_model
    from sim.experiment.training import trained_model, training_placement, training_shapes
    from sim.frontends.load import load_model
    from sim.report.operator_profile import operator_profile

    device, runtimes = _device(args.device), runtime_list(args.runtime)
    if len(runtimes) > 1:
        _refuse_with_several(args)
        args.runtime = runtimes[0]
    measured = None if args.compare is None else measured_profile(args.compare, Path(args.model).stem)
    use = _model_use(args)
    use = use if measured is None else suited(use, device, measured)
    graph = load_model(use.source, directory=Path(), options=use.options, shapes=training_shapes(use), unknown_operators=use.unknown_operators)
    graph = trained_model(compressed_model(graph, use, device, Path()), use)
    use = use.model_copy(update={"placement": training_placement(use, device)})
    if args.cuts:
        show_cuts(graph, as_json=args.json)
        return 0
    if args.print_graph is not None:
        print(_graph_text(graph, device, use, args.print_graph))
        return 0
    if len(runtimes) > 1:
        return show_runtimes(graph, device, use, runtimes, as_json=args.json)
    program = compile_model(graph, device, runtime=use.runtime, precision=use.precision, placement=use.placement, threads=use.threads, name=graph.name)
    profile = operator_profile(program, device)
    if args.json:
        compared = {} if measured is None else {"comparison": comparison_data(program, profile, measured)}
        print(json.dumps(_data(program, device, profile) | compared, indent=1))
        return 0
    if measured is not None:
        print_comparison(program, device, profile, measured, args.top)
        return 0
    _print_head(program, device, profile)
    _print_compression(program)
    _print_operators(profile, args.top)
    _print_segments(profile)
    _print_rest(program, device)
    return 0


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _refuse_with_several(args: argparse.Namespace) -> None:
    from sim.errors import EdgesimError

    for option, given in (("--compare", args.compare), ("--print-graph", args.print_graph)):
        if given is not None:
            raise EdgesimError(f"{option} is of one runtime; --runtime names {args.runtime}")


def _device(text: str) -> DeviceSpec:
    """A catalogue device or a file's. Raises EdgesimError with everything that is wrong."""
    from sim.errors import EdgesimError
    from sim.experiment.names import known_names
    from sim.scenario.device_file import resolve_device
    from sim.scenario.positions import Place, Places

    device, problems = resolve_device(text, Places.everywhere(text, Place()), Path(), known_names())
    if device is None or problems:
        raise EdgesimError(problems)
    return device


def _model_use(args: argparse.Namespace) -> ModelUse:
    """The model as a scenario would name it. Raises EdgesimError."""
    from pydantic import ValidationError

    from sim.cli.profile_training import training_data
    from sim.errors import EdgesimError, Problem
    from sim.scenario.model import ModelUse
    from sim.scenario.positions import Place, Places
    from sim.scenario.schema_problems import schema_problems
    from sim.scenario.yaml_source import parse_yaml

    pairs = {name: dict(_pair(text, name) for text in getattr(args, name)) for name in ("shape", "option")}
    options = {key: parse_yaml(text, f"--option {key}").data for key, text in pairs["option"].items()}
    shapes: dict[str, Any] = dict(pairs["shape"])
    if args.batch is not None and args.training is None:  # else it is the step's
        shapes["batch"] = args.batch
    data: dict[str, Any] = {
        "source": args.model,
        "precision": args.precision,
        "compress": [parse_yaml(text, "--compress").data for text in args.compress],
        "options": options,
        "shapes": shapes,
        "unknown_operators": args.unknown_operators,
        **training_data(args),
    }
    data |= {key: value for key, value in (("runtime", args.runtime), ("threads", args.threads)) if value is not None}
    if args.prefer:
        data["placement"] = {"prefer": [unit.strip() for unit in args.prefer.split(",") if unit.strip()]}
    try:
        return ModelUse.model_validate(data)
    except ValidationError as error:
        found = schema_problems(error, ModelUse, Places.everywhere(data, Place()))
        raise EdgesimError(Problem(path="--" + problem.path if problem.path else "", what=problem.what) for problem in found) from None


def _pair(text: str, name: str) -> tuple[str, str]:
    from sim.errors import EdgesimError

    key, equals, value = text.partition("=")
    if not (equals and key and value):
        raise EdgesimError(f"--{name} {text!r}: expected NAME=VALUE")
    return key.strip(), value.strip()


def _graph_text(graph: Graph, device: DeviceSpec, use: ModelUse, after: str) -> str:
    from sim.compiler.pipeline import lower
    from sim.graph.text import to_text
    from sim.report.safe_text import printable

    text = to_text(lower(graph, use.runtime or device.runtimes[0], use.precision, stop_after=after or None))
    return "\n".join(printable(line, len(line) * 10 + 10) for line in text.splitlines())


def _data(program: Program, device: DeviceSpec, profile: OperatorProfile) -> dict[str, Any]:
    from device_models.residuals import LEVEL
    from sim.report.model_metrics import program_metrics
    from sim.report.quantities import described
    from sim.report.uncertainty import UNMEASURED_TRAINING

    trust, numbers = _trust(program, device, profile), described(profile)
    sure: dict[str, Any] = {"note": UNMEASURED_TRAINING}
    if trust is not None:
        for name, ratio in (("total", trust.time_ratio), ("makespan", trust.time_ratio), ("energy", trust.energy_ratio)):
            numbers[name] |= {"low": numbers[name]["value"] * ratio.low, "high": numbers[name]["value"] * ratio.high}
        sure = {"level": LEVEL, "regime": trust.regime}
    model = described(program_metrics(program, device))
    return {"schema": "edgesim.profile/1", "device": device.name, "model": model, "uncertainty": sure, "profile": numbers}


def _print_head(program: Program, device: DeviceSpec, profile: OperatorProfile) -> None:
    from textwrap import fill

    from device_models.residuals import LEVEL
    from device_models.units import format_quantity
    from sim.report.console import report_width
    from sim.report.numbers import count, percent, three_digits
    from sim.report.safe_text import printable
    from sim.report.uncertainty import UNMEASURED_TRAINING

    print(printable(f"{program.model}   {program.precision}   {program.runtime} on {device.title}"))
    trust = _trust(program, device, profile)
    run, what = ("inference", "inference") if trust is not None else ("step", "training step")
    time = f"{what} {_banded(profile.makespan_s, None if trust is None else trust.time_ratio, _time)}"
    if profile.total_s > profile.makespan_s * 1.001:
        time += f" ({format_quantity(profile.total_s, 'time')} of work on several units)"
    print(f"{time}, first one {format_quantity(profile.makespan_s + program.first_inference_s, 'time')}, load {format_quantity(program.load_s, 'time')}")
    energy = f"{_banded(profile.energy_j, None if trust is None else trust.energy_ratio, _energy)} (units and memory only)"
    print(f"{count(program.macs)}MAC, {count(program.parameters)} parameters, {len(profile.operators)} kernels, {energy}")
    if profile.makespan_s > 0:
        print(f"{three_digits(1 / profile.makespan_s)} {run}s/s alone; at the highest clocks and the full memory bandwidth")
    sure = UNMEASURED_TRAINING if trust is None else f"{trust.regime}: in brackets {percent(LEVEL)} intervals"
    print(fill(sure, report_width(sys.stdout)))
    print()


def _banded(value: float, ratio: Interval | None, shown: Callable[[float], str]) -> str:
    """A figure with its interval in brackets, where one is known."""
    from sim.report.numbers import band

    return shown(value) if ratio is None else f"{shown(value)} {band(shown(value), value * ratio.low, value * ratio.high, shown)}".rstrip()


def _trust(program: Program, device: DeviceSpec, profile: OperatorProfile) -> ProgramTrust | None:
    """How sure its time and energy are; None of a step of training."""
    from sim.report.model_metrics import unit_seconds
    from sim.report.uncertainty import program_trust

    memory_j = sum(row.traffic_bytes for row in profile.operators) * float(device.memory.energy_j_per_byte)
    units_j: dict[str, float] = {}
    for row in profile.operators:
        own_j = row.energy_j - row.traffic_bytes * float(device.memory.energy_j_per_byte)
        units_j[row.unit] = units_j.get(row.unit, 0.0) + own_j
    return program_trust(program, device, unit_seconds(program, device), units_j, memory_j)


def _print_compression(program: Program) -> None:
    """What each technique changed, one line each."""
    from sim.report.compression import compression_rows

    rows = compression_rows(program)
    if not rows:
        return
    from sim.cli.table import print_table

    print_table(("step", "parameters", "MACs", "size", "zeros"), rows, right=(1, 2, 3, 4), flexible=0)
    print()


def _print_operators(profile: OperatorProfile, top: int | None) -> None:
    from sim.cli.table import print_table
    from sim.report.console import report_width
    from sim.report.numbers import count, percent

    rows = list(profile.operators)
    if top is not None:
        rows = sorted(rows, key=lambda row: (-row.time_s, row.kernel_index))[: max(top, 0)]
    width = report_width(sys.stdout)
    wide = width >= 100
    shown = []
    for row in rows:
        utilisation = "" if row.utilisation_ratio is None else percent(row.utilisation_ratio, 2)
        name = [str(row.kernel_index), row.name, row.operator] if wide else [row.name if len(row.name) < 40 else row.operator]
        shown.append(
            [
                *name,
                row.unit,
                _time(row.time_s),
                percent(row.share_ratio, 2),
                row.bound,
                count(row.macs_count) if row.macs_count else "",
                utilisation,
                _bytes(row.traffic_bytes),
                _energy(row.energy_j),
            ]
        )
    head = ["#", "name", "operator"] if wide else ["operator"]
    offset = len(head)
    right = (*((0,) if wide else ()), offset + 1, offset + 2, *range(offset + 4, offset + 8))
    columns = [*head, "unit", "time", "share", "bound", "MACs", "of peak", "traffic", "energy"]
    print_table(columns, shown, right=right, flexible=1 if wide else 0, gap=2 if width >= 120 else 1)
    if len(rows) < len(profile.operators):
        rest_s = sum(row.time_s for row in profile.operators) - sum(row.time_s for row in rows)
        print(f"and {len(profile.operators) - len(rows)} more operators, {_time(rest_s)} in all")
    print()


def _print_segments(profile: OperatorProfile) -> None:
    """Where the model was cut, what each crossing costs, and why."""
    from sim.cli.table import print_table

    rows = [
        [str(number), row.unit, f"{row.first_index}..{row.last_index}", _time(row.time_s), _time(row.entry_s), row.why]
        for number, row in enumerate(profile.segments)
    ]
    print_table(["segment", "unit", "kernels", "time", "entry", "why there"], rows[:SEGMENTS_SHOWN], right=(0, 2, 3, 4), wrap=True)
    if len(rows) > SEGMENTS_SHOWN:
        print(f"and {len(rows) - SEGMENTS_SHOWN} more segments (--json lists all)")
    print()


def _print_rest(program: Program, device: DeviceSpec) -> None:
    """Shares per unit, memory, what the compiler says."""
    from device_models.units import format_quantity
    from sim.report.model_metrics import program_metrics
    from sim.report.numbers import percent
    from sim.report.safe_text import printable
    from sim.report.stored_weights import in_words, stored_weights

    metrics = program_metrics(program, device)
    units = ", ".join(
        f"{unit} {percent(seconds / metrics.alone_s if metrics.alone_s else 0.0, 2)} ({metrics.units_kernels_count[unit]} kernels)"
        for unit, seconds in metrics.units_s.items()
    )
    print(printable(f"units      {units}"))
    plan = program.plan
    over = percent(plan.arena_bytes / plan.lower_bound_bytes - 1, 2) if plan.lower_bound_bytes else "0 %"
    arena = f"arena {_bytes(plan.arena_bytes)} ({over} over the most that is ever alive)"
    print(f"memory     {arena}, weights {_bytes(program.weights_bytes)}, state {_bytes(program.state_bytes)}")
    from sim.compiler.in_place import buffers_at_peak, bytes_without_in_place

    without = bytes_without_in_place(program)
    largest = ", ".join(f"{buffer.tensor} {_bytes(buffer.size_bytes)}" for buffer in buffers_at_peak(program)[:3])
    print(printable(f"           at the peak {_bytes(plan.lower_bound_bytes)}, {_bytes(without)} without writing in place; largest there: {largest or 'none'}"))
    if program.graph is not None:
        print(f"formats    {in_words(stored_weights(program.graph))}")
    print(f"storage    {format_quantity(program.storage_bytes, 'bytes')}")
    print(f"passes     {', '.join(step.partition('{')[0] for step in program.pipeline) or 'none'}")
    accuracy = metrics.accuracy
    known = accuracy.note if accuracy.value_ratio is None else f"{percent(accuracy.value_ratio)} {accuracy.metric} ({accuracy.source})"
    print(printable(f"accuracy   {'unknown: ' if accuracy.value_ratio is None else ''}{known}"))
    for note in program.notes:
        print(printable(f"note       {note}"))


def _time(seconds: float) -> str:
    from device_models.units import format_quantity

    return format_quantity(seconds, "time")


def _bytes(value: float) -> str:
    from device_models.units import format_quantity

    return format_quantity(value, "bytes")


def _energy(joules: float) -> str:
    from device_models.units import format_quantity

    return format_quantity(joules, "energy")
