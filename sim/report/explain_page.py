"""The page of ``edgesim explain``: findings, and what each what-if would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.report.budgets import format_value
from sim.report.findings.finding import Finding
from sim.report.findings_section import sentence_lines
from sim.report.numbers import signed
from sim.report.safe_text import printable
from sim.report.sheet import StudySheet

if TYPE_CHECKING:
    from rich.text import Text

_INDENT = 7
_OTHERS = 2  # what-ifs shown whole besides the best
# metric, how it is called, its dimension; in the order in which a sentence tells of them
_TOLD = (
    ("latency_p99_s", "p99", "time"),
    ("throughput_hz", "throughput", "rate"),
    ("energy_per_inference_j", "energy each", "energy"),
    ("memory_bytes", "memory", "bytes"),
    ("storage_bytes", "storage", "bytes"),
    ("accuracy_ratio", "accuracy", "accuracy"),
    ("die_peak_c", "die", "temperature"),
    ("battery_life_s", "battery", "time"),
)
_LEAST = 0.005  # smaller changes are not told
_NOTHING = "nothing changes"


@dataclass(frozen=True)
class Tried:
    """A what-if as it came out. ``metrics`` None: it is impossible, ``why`` says why. ``command``: the flags that make the same run by hand."""

    title: str
    command: str
    metrics: Mapping[str, Any] | None
    why: str = ""


def explained_lines(number: int, finding: Finding, tried: Sequence[Tried], base: Mapping[str, Any], page: StudySheet) -> list[Text]:
    """One finding with its what-ifs, the best first."""
    from rich.text import Text

    lines = [*sentence_lines(finding, page)]
    if finding.why_none and not tried:
        lines += _wrapped(finding.why_none, page, "dim")
    possible = [one for one in tried if one.metrics is not None and told(one.metrics, base) != _NOTHING]
    for one in possible[: 1 + _OTHERS]:
        better = _is_better(one.metrics or {}, base)
        lines += _wrapped(f"{one.title}: {told(one.metrics or {}, base)}", page, "green" if better else "")
        lines += _wrapped(one.command, page, "dim")
    others = [one.title for one in possible[1 + _OTHERS :]]
    lines += _wrapped(f"no better: {', '.join(others)}", page, "dim") if others else []
    same = [one.title for one in tried if one.metrics is not None and told(one.metrics, base) == _NOTHING]
    lines += _wrapped(f"{_NOTHING}: {', '.join(same)}", page, "dim") if same else []
    impossible = [one for one in tried if one.metrics is None]
    lines += _wrapped("impossible: " + "; ".join(f"{one.title} ({one.why})" for one in impossible[:3]), page, "dim") if impossible else []
    return [*lines, Text("")] if number else lines


def told(metrics: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """``p99 48 -> 21 ms (-56 %), energy each 43 -> 31 mJ (-28 %), accuracy unknown, budgets held 5 -> 6``; ``nothing changes`` where nothing does."""
    parts = []
    for name, title, dimension in _TOLD:
        new, old = metrics.get(name), base.get(name)
        if name == "accuracy_ratio" and new is None and old is not None:
            parts.append("accuracy unknown")
        if not isinstance(new, int | float) or not isinstance(old, int | float):
            continue
        if dimension in ("temperature", "accuracy"):
            if abs(new - old) >= (0.1 if dimension == "temperature" else 0.0005):
                parts.append(f"{title} {format_value(old, dimension)} to {format_value(new, dimension)}")
        elif old and abs(new / old - 1) >= _LEAST:
            parts.append(f"{title} {format_value(old, dimension)} to {format_value(new, dimension)} ({signed(new / old - 1)})")
    held, before = metrics.get("budgets_held_count"), base.get("budgets_held_count")
    if held != before:
        parts.append(f"budgets held {before} to {held}")
    return ", ".join(parts) or _NOTHING


def _is_better(metrics: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether budgets are held better, or equally well and the answer comes sooner or costs less."""
    excess, before = float(metrics.get("excess_ratio") or 0.0), float(base.get("excess_ratio") or 0.0)
    if abs(excess - before) > 1e-12:
        return excess < before
    names = ("latency_p99_s", "energy_per_inference_j")
    return any(float(metrics.get(name) or 0) < (1 - _LEAST) * float(base.get(name) or 0) for name in names)


def _wrapped(text: str, page: StudySheet, style: str) -> list[Text]:
    return page.wrapped("", printable(text, 1000), _INDENT, style)
