"""A run as a folder of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.errors import EdgesimError
from sim.report.atomic_file import atomic_file
from sim.report.chrome_trace import write_chrome_trace
from sim.report.glyphs import UNICODE
from sim.report.html.collect import run_document
from sim.report.metrics_json import write_result
from sim.report.page import Page
from sim.report.run_file.write import RUN_FILE, write_run_file
from sim.report.scenario_yaml import scenario_text
from sim.report.summary import summary
from sim.report.tables_csv import write_tables
from sim.report.window import Window

RESULT_FILE = "metrics.json"
SUMMARY_WIDTH = 100


def export(page: Page, window: Window | None, data: dict[str, Any], directory: Path, folder: Path) -> None:
    """Write ``summary.txt``, ``metrics.json``, ``requests.csv``, ``spans.csv``, ``counters.csv``, ``trace.json``, ``run.edgesim`` (what a report
    is made from) and ``scenario.yaml``, and ``radio_phases.csv`` where there are radios.

    ``scenario.yaml`` runs again; ``directory`` is where the scenario's relative paths are looked for. The same scenario and seed
    give the same bytes. All files appear together, when the last is complete. Raises EdgesimError where the folder cannot be written.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".part", dir=folder) as part:
            write_run_file(run_document(page, data, directory), Path(part) / RUN_FILE)
            _write_all(page, window, data, scenario_text(page.result.scenario, directory, folder), Path(part))
            for file in sorted(Path(part).iterdir(), key=lambda file: file.name == RESULT_FILE):  # last: where it is, the rest is
                file.replace(folder / file.name)
    except OSError as error:
        raise EdgesimError(f"cannot write into the folder {str(folder)!r}: {error.strerror or error}") from None
    finally:
        for place in missing:  # what was made for nothing
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()


def _write_all(page: Page, window: Window | None, data: dict[str, Any], scenario: str, folder: Path) -> None:
    with atomic_file(folder / "summary.txt") as stream:
        stream.writelines(f"{line.plain.rstrip()}\n" for line in summary(replace(page, width=SUMMARY_WIDTH, glyphs=UNICODE), window))
    with atomic_file(folder / "scenario.yaml") as stream:
        stream.write(scenario)
    write_tables(page.result.trace, folder)
    write_chrome_trace(page.result, folder / "trace.json")
    write_result(data, folder / RESULT_FILE)
