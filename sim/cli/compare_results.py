"""Part of ``edgesim compare``: the results it sets side by side, read from files or simulated."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.report.page import Page

MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Compared:
    """A result's data as ``edgesim run --json`` writes them, and the run itself where it was simulated here, of one device."""

    data: dict[str, Any]
    page: Page | None = None


def each_change(text: str) -> tuple[str, ...]:
    """``device=a,b`` -> ``("device=a", "device=b")``. Raises EdgesimError."""
    from sim.errors import EdgesimError

    path, equals, values = text.partition("=")
    if not equals or not path or not all(value.strip() for value in values.split(",")):
        raise EdgesimError(f"--each {text!r}: expected PATH=VALUE,VALUE..., for example device=pixel_6,raspberry_pi_5")
    return tuple(f"{path.strip()}={value.strip()}" for value in values.split(","))


def is_result(text: str) -> bool:
    """A file or folder of a run that has been, not a scenario."""
    return Path(text).is_dir() or text.lower().endswith(".json")


def wanted(text: str, change: str = "") -> Compared:
    """A result: read from a file or folder, or simulated, with one value of the scenario changed. Raises EdgesimError for anything else."""
    from sim.errors import EdgesimError
    from sim.report.export import RESULT_FILE

    if not is_result(text):
        return simulated_result(text, change)
    if change:
        raise EdgesimError(f"--each changes scenarios; {text} is a result, which has been run already")
    path = Path(text)
    return Compared(_read(path / RESULT_FILE if path.is_dir() else path))


def simulated_result(text: str, change: str = "", seed: int | None = None, sure: bool = True) -> Compared:
    """A scenario or study, run. ``sure``: with intervals. Raises EdgesimError."""
    from sim.cli.loading import load, load_study
    from sim.cli.run import how_sure, simulated
    from sim.report.budgets import judge
    from sim.report.console import report_width, stream_glyphs
    from sim.report.metrics import measure
    from sim.report.metrics_json import result_data
    from sim.report.page import Page

    overrides = (change,) if change else ()
    changed = {"change": change} if change else {}
    study = load_study(text, overrides, seed)
    if study is not None:
        from sim.exploration.studies import study_result

        return Compared({**study_result(study), **changed})
    experiment, result = simulated(load(text, overrides, seed))
    metrics = measure(result)
    known = how_sure(experiment, result, metrics) if sure else None
    verdicts = judge(metrics, result.scenario, result.device, known)
    page = Page(result, metrics, verdicts, report_width(sys.stdout), stream_glyphs(), known)
    return Compared({**result_data(result, metrics, verdicts, known), **changed}, page)


def same_kind(results: Sequence[dict[str, Any]]) -> None:
    """Raise EdgesimError where runs of one device stand beside studies of many."""
    from sim.errors import EdgesimError

    if len({data["schema"] for data in results}) > 1:
        raise EdgesimError("scenarios of one device and studies of many have different numbers; compare either with their like")


def _read(path: Path) -> dict[str, Any]:
    import json

    from sim.errors import EdgesimError, Problem
    from sim.report.metrics_json import SCHEMA
    from sim.report.study_json import SCHEMA as OF_STUDY

    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what="too large to be a result"))
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None
    except (ValueError, RecursionError):
        raise EdgesimError(Problem(str(path), what="is not JSON; expected a result that edgesim run --json wrote")) from None
    if not isinstance(data, dict) or data.get("schema") not in (SCHEMA, OF_STUDY) or not isinstance(data.get("metrics"), dict):
        raise EdgesimError(Problem(str(path), what=f"is no result of edgesim run --json (schema {SCHEMA} or {OF_STUDY})"))
    return data
