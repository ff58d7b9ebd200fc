"""``edgesim digits``: compression and recovery for real, on handwritten digits, every row measured in ONNX Runtime."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.experiment.digits.study import Study

_FILES = ("digits_mlp.onnx", "digits_calibration.npz", "digits_held_out.npz")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=_seeds, default=5, metavar="N", help="repeat with N splits and first weights (default 5, about half a minute)")
    parser.add_argument("--only", action="append", metavar="TECHNIQUE", help="only this row (and full precision); may be repeated")
    parser.add_argument("--write", type=Path, metavar="DIR", help="instead of the table: write the trained network, calibration and held-out data of seed 0")
    parser.add_argument("--force", action="store_true", help="with --write: replace files that are there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict

    from sim.cli.progress import ProgressBar
    from sim.experiment.digits.study import study

    if args.write is not None:
        return _write(args.write, args.force)
    with ProgressBar("training and measuring", shown=not args.json) as told:
        found = study(range(args.seeds), args.only, progress=told)
    if args.json:
        print(json.dumps({"schema": "edgesim.digits/1", **asdict(found)}, indent=1))
    else:
        _show(found)
    return 0


def _seeds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 100 and len(text) < 4):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seeds from 1 to 100")
    return int(text)


def _show(found: Study) -> None:
    from sim.cli.table import print_table

    many = len(found.seeds) > 1
    rows = [
        [
            row.title,
            f"{100 * row.accuracy_ratio:.1f}" + (f" ±{100 * row.spread_ratio:.1f}" if many else ""),
            "" if row.name == "fp32" else f"{100 * row.change_ratio:+.1f}" + (f" ±{100 * row.change_spread_ratio:.1f}" if many else ""),
            f"{row.parameters_count:,.0f}",
            f"{row.bits_per_weight:.3g}",
            f"{100 * row.zeros_ratio:.0f}",
            f"{row.size_bytes / 1000:.2f}",
        ]
        for row in found.rows
    ]
    seeds = f"{len(found.seeds)} seeds, each with its own split and first weights" if many else "1 seed"
    print(f"top-1 in %, measured in ONNX Runtime on {found.samples_count} held-out digits of scikit-learn; {seeds}")
    print("±: standard deviation over seeds; change: against full precision, seed by seed; size: stored in the shortest form")
    print()
    print_table(["technique", "top-1", "change", "parameters", "bits/weight", "zeros %", "kB"], rows, right=(1, 2, 3, 4, 5, 6), wrap=True, gap=1)


def _write(folder: Path, force: bool) -> int:
    """The files of scenarios/digits_compression.yaml."""
    from sim.errors import EdgesimError
    from sim.experiment.digits.files import written
    from sim.report.safe_text import printable

    if not folder.is_dir():
        raise EdgesimError(f"--write: there is no folder {str(folder)!r}")
    taken = [str(folder / name) for name in _FILES if (folder / name).exists()]
    if taken and not force:
        raise EdgesimError(f"{', '.join(taken)}: already there; --force replaces")
    for path, size in written(folder, _FILES).items():
        print(printable(f"{path}   {size:,} bytes"))
    return 0
