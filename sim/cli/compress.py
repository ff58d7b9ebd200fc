"""``edgesim compress``: an ONNX file compressed for real, run in ONNX Runtime, and written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.experiment.compress_file import Compressed, Order, Side
    from sim.experiment.onnx_quantizers import Quantizer


class _Ordered(argparse.Action):
    """Collects techniques in the order they are written."""

    def __call__(self, parser: argparse.ArgumentParser, space: argparse.Namespace, values: Any, option: str | None = None) -> None:
        space.techniques = [*(getattr(space, "techniques", None) or []), (self.dest, values)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="a float model with its weights")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.onnx", help="the compressed model")
    parser.add_argument("--int8", action=_Ordered, nargs=0, help="ONNX Runtime's quantizer: static with --calibrate, dynamic without; comes last")
    parser.add_argument("--int4", action=_Ordered, nargs=0, help="weights in four bits, those of matrices in groups of 32 (MatMulNBits)")
    parser.add_argument("--fp16", action=_Ordered, nargs=0, help="weights and activations in half precision")
    parser.add_argument("--prune", action=_Ordered, metavar="SHARE", help="smallest weights to zero, or with --structured channels removed; such as 50%%")
    parser.add_argument("--structured", action="store_true", help="--prune removes whole channels")
    parser.add_argument("--low-rank", action=_Ordered, dest="low_rank", metavar="SHARE", help="matrices as two thinner ones of this share of their rank")
    parser.add_argument("--cluster", action=_Ordered, metavar="BITS", help="weights share 2^BITS values")
    parser.add_argument("--step", action=_Ordered, metavar="YAML", help="an entry as in a scenario's compress, such as 'quantize: {to: w8a16}'")
    parser.add_argument("--per-tensor", action="store_true", help="--int8 with one scale a tensor instead of one a channel")
    parser.add_argument("--calibrate", type=Path, metavar="DATA.npz", help="samples of each input, the first axis counting them")
    parser.add_argument("--check", type=Path, metavar="DATA.npz", help="samples and right answers: measures accuracy before and after")
    parser.add_argument("--metric", default="top1", metavar="NAME", help="with --check: top1 (default), top5, mse or mae")
    parser.add_argument("--labels", metavar="ARRAY", help="with --check: the array of right answers; labels if absent")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME=N", help="value of a symbolic dimension, may be repeated; a batch is 1 if absent")
    parser.add_argument("--force", action="store_true", help="replace an output file that is there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(techniques=[])


def run(args: argparse.Namespace) -> int:
    import json

    from sim.experiment.compress_file import compressed_file
    from sim.experiment.whole_file import write_whole

    _check_output(args)
    found = compressed_file(_order(args))
    write_whole(args.output, found.content)
    if args.json:
        print(json.dumps(_data(found), indent=1))
    else:
        _show(found, args)
    return 0


def _check_output(args: argparse.Namespace) -> None:
    from sim.errors import EdgesimError

    output: Path = args.output
    if output.exists() and not output.is_file():
        raise EdgesimError(f"-o: {str(output)!r} is not a regular file; name another")
    if output.exists() and args.model.exists() and output.samefile(args.model):
        raise EdgesimError(f"-o: {str(output)!r} is the model itself; name another file")
    if output.exists() and not args.force:
        raise EdgesimError(f"-o: {str(output)!r} is already there; --force replaces it")
    if not output.parent.is_dir():
        raise EdgesimError(f"-o: there is no folder {str(output.parent)!r}")


def _order(args: argparse.Namespace) -> Order:
    """Everything asked for. Raises EdgesimError with every mistake."""
    from sim.errors import EdgesimError, Problem
    from sim.experiment.compress_file import Order

    problems: list[Problem] = []
    quantizers = [name for name, _ in args.techniques if name in ("int8", "int4")]
    of_runtime = quantizers == ["int8"]
    if len(quantizers) > 1:
        problems.append(Problem(what="give --int8 or --int4, once"))
    elif of_runtime and args.techniques[-1][0] != "int8":
        problems.append(Problem(what="--int8 is done by ONNX Runtime's quantizer, which comes last: write it after the others"))
    steps = [_step(name, value, args.structured, problems) for name, value in args.techniques if name != "int8"]
    if args.structured and not any(name == "prune" for name, _ in args.techniques):
        problems.append(Problem(path="--structured", what="goes with --prune"))
    shapes, check = _shapes(args.shape, problems), _check(args, problems)
    if problems:
        raise EdgesimError(problems)
    kind: Quantizer | None = None if not of_runtime else "int8_static" if args.calibrate else "int8_dynamic"
    return Order(args.model, tuple(steps), kind, not args.per_tensor, args.calibrate, check, shapes)


def _step(name: str, value: Any, structured: bool, problems: list[Any]) -> dict[str, Any]:
    """An entry of ``compress`` for an option."""
    from sim.errors import EdgesimError, Problem
    from sim.scenario.yaml_source import parse_yaml

    if name == "prune":
        return {"prune": {"structured": "channels", "ratio": value} if structured else {"sparsity": value, "scope": "global"}}
    if name == "low_rank":
        return {"low_rank": {"ratio": value}}
    if name == "cluster":
        return {"cluster": {"bits": int(value) if value.isascii() and value.isdigit() else value}}
    if name != "step":
        return {"quantize": {"to": "fp16"} if name == "fp16" else {"to": "int4", "granularity": "per_group", "group_size": 32}}
    try:
        found = parse_yaml(value, "--step").data
    except EdgesimError as error:
        problems.extend(error.problems)
        return {}
    if not isinstance(found, dict):
        problems.append(Problem(path="--step", what=f"{value!r} is no entry such as 'quantize: {{to: int8}}'"))
        return {}
    return found


def _shapes(texts: Sequence[str], problems: list[Any]) -> dict[str, int]:
    from sim.errors import Problem

    found: dict[str, int] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name and value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value):
            found[name] = int(value)
        else:
            problems.append(Problem(path="--shape", what=f"{text!r}: expected NAME=N, a whole number of at least 1"))
    return found


def _check(args: argparse.Namespace, problems: list[Any]) -> Any:
    from typing import get_args

    from sim.errors import Problem
    from sim.registry import near_names
    from sim.scenario.accuracy import AccuracyUse, MetricName

    if args.metric not in get_args(MetricName):
        problems.append(Problem(path="--metric", what=f"unknown metric {args.metric!r}; {near_names(args.metric, get_args(MetricName))}"))
        return None
    return None if args.check is None else AccuracyUse(dataset=str(args.check), metric=args.metric, labels=args.labels)


def _show(found: Compressed, args: argparse.Namespace) -> None:
    from sim.cli.table import print_table
    from sim.report.safe_text import printable

    sides = (found.before, found.after)
    rows = [
        ["parameters", *(f"{side.measures.parameters_count:,}" for side in sides)],
        ["MACs", *(f"{side.measures.macs_count:,}" for side in sides)],
        ["file", *(f"{side.file_bytes:,} bytes" for side in sides)],
        ["zeros", *(f"{100 * side.measures.sparsity_ratio:.3g} %" for side in sides)],
    ]
    if found.after.accuracy is not None:
        rows.append([found.after.accuracy.metric, *(_accuracy(side) for side in sides)])
    print_table(["", printable(args.model.name), printable(args.output.name)], rows, right=(1, 2))
    if found.after.accuracy is not None:
        print(
            printable(
                f"measured in ONNX Runtime on {found.after.accuracy.samples_count:,} samples of {found.after.accuracy.dataset}; in brackets 95 % intervals"
            )
        )
    for name, ratio in found.sqnr_db.items():
        print(printable(f"answers '{name}': signal {ratio:.1f} dB above the change, on {found.samples_count} samples"))
    for note in found.notes:
        print(printable(f"note: {note}"))


def _accuracy(side: Side) -> str:
    measured = side.accuracy
    if measured is None:
        return ""
    if measured.is_share:
        return f"{100 * measured.value:.2f} % [{100 * measured.low:.1f} .. {100 * measured.high:.1f}]"
    return f"{measured.value:.4g} [{measured.low:.3g} .. {measured.high:.3g}]"


def _data(found: Compressed) -> dict[str, Any]:
    from dataclasses import asdict

    sides = {"before": asdict(found.before), "after": asdict(found.after)}
    ratios = {name: value if abs(value) != float("inf") else None for name, value in found.sqnr_db.items()}  # None: nothing changed
    return {"schema": "edgesim.compress/1", **sides, "sqnr_db": ratios, "samples": found.samples_count, "notes": list(found.notes)}
