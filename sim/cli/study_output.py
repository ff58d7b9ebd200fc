"""What a study shows and writes: the page, ``--json``, and with ``--out`` a folder of everything."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from rich.text import Text

    from sim.report.budgets import Verdict
    from sim.report.sheet import StudySheet
    from sim.scenario.study import LoadedStudy

Lines = Callable[["StudySheet"], "list[Text]"]
_OUT_WIDTH = 100


def shown(lines: Lines, verdicts: tuple[Verdict, ...], stream: IO[str]) -> None:
    """The page on standard output."""
    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.sheet import StudySheet

    print_lines(console(), lines(StudySheet(report_width(stream), stream_glyphs(), verdicts)))


def written(
    args: argparse.Namespace,
    loaded: LoadedStudy,
    seed: int,
    metrics: Any,
    verdicts: tuple[Verdict, ...],
    tables: Mapping[str, Mapping[str, np.ndarray]],
    lines: Lines,
) -> None:
    """Files first: what the screen shows is then not lost to a closed pipe. ``tables``: columns by table, written as CSV into the folder."""
    if args.trace:
        from sim.errors import EdgesimError

        raise EdgesimError("--trace: a study of many devices has no trace of one; --out DIR writes its tables")
    if not (args.json or args.out):
        return
    from sim.report.atomic_file import atomic_file
    from sim.report.console import stream_glyphs
    from sim.report.metrics_json import result_text, write_result
    from sim.report.sheet import StudySheet
    from sim.report.study_json import study_data

    data = study_data(loaded, seed, metrics, verdicts)
    if args.json:
        write_result(data, args.json)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        texts = {"result.json": result_text(data), "study.json": loaded.canonical_text() + "\n"}
        texts["summary.txt"] = "\n".join(line.plain.rstrip() for line in lines(StudySheet(_OUT_WIDTH, stream_glyphs(), verdicts))) + "\n"
        for name, text in texts.items():
            with atomic_file(args.out / name) as stream:
                stream.write(text)
        for name, columns in tables.items():
            with atomic_file(args.out / f"{name}.csv") as stream:
                _write_csv(stream, columns)


def _write_csv(stream: IO[str], columns: Mapping[str, np.ndarray]) -> None:
    import csv

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
