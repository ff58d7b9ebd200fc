"""How accurate a model is, as far as anybody knows: measured in this run, published for exactly this way of running it, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.compiler.program import Program
from sim.frontends.zoo import MODELS
from sim.frontends.zoo.published_accuracy import PublishedAccuracy, published_accuracy
from sim.report.numbers import percent

FLOAT_PRECISIONS = ("as_stored", "float32")
MEASURED = "measured_accuracy"  # key of the graph's notes
_OTHERS_SHOWN = 3


@dataclass(frozen=True)
class AccuracyMetrics:
    """``value_ratio`` None: unknown, or no share of right answers; ``note`` then says what is known.

    ``low_ratio`` and ``high_ratio``: the interval of 95 % confidence of what was measured on ``samples_count`` samples.
    """

    value_ratio: float | None
    metric: str
    source: str
    note: str
    kind: Literal["measured", "published", "unknown"] = "unknown"
    low_ratio: float | None = None
    high_ratio: float | None = None
    samples_count: int | None = None


def accuracy_metrics(program: Program) -> AccuracyMetrics:
    """What was measured; else what was published for the model, the technique and precision, and the runtime; else unknown."""
    notes = program.graph.notes if program.graph else {}
    if "part_of" in notes:
        return AccuracyMetrics(None, "", "", f"a part of {notes['part_of']}, whose accuracy says nothing of it")
    if measured := notes.get(MEASURED):
        return _measured(measured, program.precision)
    rows = _published_rows(notes)
    technique = technique_of(notes, program.precision)
    matching = [row for row in rows if row.technique == technique and row.runtime in ("", program.runtime)]
    if matching:
        base = float((notes.get("accuracy") or notes.get("accuracy_uncompressed") or {}).get("value", 0.0))
        # Of several trainings of a network the one whose float figure the zoo has, or that is nearest to it.
        return _quoted(max(matching, key=lambda row: (row.runtime == program.runtime, row.confirmed, -abs((row.float_value or 0.0) - base))))
    return _of_float(notes, program, technique, [row for row in rows if row.technique == technique] or rows)


def technique_of(notes: Mapping[str, Any], precision: str) -> str:
    """Such as ``float``, ``int8 ptq``, ``prune 50%``, in the words of the table of published figures; several techniques are joined by plus."""
    steps = [_technique(str(change["step"])) for change in notes.get("compression", ())]
    if precision not in FLOAT_PRECISIONS:
        steps.append(f"{precision} ptq")
    return " + ".join(steps) or "float"


def _technique(step: str) -> str:
    """A step of compression as the table names it, or as it is where no table has it."""
    name, _, rest = step.removesuffix("}").partition("{")
    options = dict(part.split("=", 1) for part in rest.split(", ") if "=" in part)
    if name == "quantize" and set(options) <= {"to", "method", "calibration", "granularity"} and options.get("granularity", "per_channel") == "per_channel":
        return f"{options.get('to', 'int8')} {options.get('method', 'ptq')}"
    if name == "prune" and {"sparsity"} <= set(options) <= {"sparsity", "scope"}:
        return f"prune {100 * float(options['sparsity']):g}%"
    if name == "cluster" and set(options) <= {"bits", "clusters"}:
        return f"cluster {options.get('clusters') or 2 ** int(options['bits'])}"
    return step


def _measured(found: Mapping[str, Any], precision: str) -> AccuracyMetrics:
    metric, source = str(found["metric"]), f"measured on {found['samples_count']:,} samples of {found['dataset']} in {found.get('engine', 'ONNX Runtime')}"
    value, low, high, count = (found[key] for key in ("value", "low", "high", "samples_count"))
    if not found["is_share"]:
        told = f"{metric} {value:.4g}, 95 % between {low:.4g} and {high:.4g}, {source}; which is no share of right answers"
        return AccuracyMetrics(None, metric, source, told, "measured", None, None, count)
    if precision not in FLOAT_PRECISIONS:
        told = f"{metric} {percent(value)} {source} before the runtime's conversion to {precision}; quantize under compress to measure what that changes"
        return AccuracyMetrics(None, metric, source, told, "unknown", None, None, count)
    return AccuracyMetrics(value, metric, f"{source}, 95 % between {percent(low)} and {percent(high)}", "", "measured", low, high, count)


def _quoted(row: PublishedAccuracy) -> AccuracyMetrics:
    if row.share is None:
        return AccuracyMetrics(None, row.metric, row.source, f"published as {row.text}, which is no share of right answers")
    return AccuracyMetrics(row.share, row.metric.removesuffix("%").strip(), f"published for {row.setting}: {row.cited}", "", "published")


def _of_float(notes: Mapping[str, Any], program: Program, technique: str, near: list[PublishedAccuracy]) -> AccuracyMetrics:
    """The zoo's figure of the unchanged network, or what is known of other ways to run it."""
    published: Mapping[str, Any] = notes.get("accuracy") or notes.get("accuracy_uncompressed") or {}
    others = "; ".join(f"{row.text} for {row.setting} ({row.cited})" for row in near[:_OTHERS_SHOWN])
    if not published:
        return AccuracyMetrics(
            None, "", "", f"published only as {others}, not for {technique} on {program.runtime}" if others else "nobody published it for this model"
        )
    metric, source = str(published.get("metric", "")), str(published.get("source", ""))
    if not metric.endswith("%"):
        return AccuracyMetrics(None, metric, source, f"published as {metric} {published['value']:g} ({source}), which is no share of right answers")
    value, metric = float(published["value"]) / 100, metric.removesuffix("%").strip()
    if technique == "float":
        return AccuracyMetrics(value, metric, source, "", "published")
    told = f"published only for float32 ({metric} {percent(value)}, {source})" + (f" and as {others}" if others else "")
    return AccuracyMetrics(None, metric, "", f"{told}, not for {technique if 'compression' in notes else program.precision} on {program.runtime}")


def _published_rows(notes: Mapping[str, Any]) -> list[PublishedAccuracy]:
    """Of a zoo model with just these options: figures of other variants do not hold for it."""
    name = str(notes.get("source", "")).partition("zoo:")[2]
    return published_accuracy(name, notes["options"]) if name in MODELS and "options" in notes else []
