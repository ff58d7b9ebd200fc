"""The section of a report on what is worth knowing: the costliest findings, each with what it costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.report.findings import findings
from sim.report.findings.finding import Changes, Finding
from sim.report.numbers import percent
from sim.report.page import Page
from sim.report.quantities import UNITS, unit_of
from sim.report.safe_text import printable
from sim.report.sheet import Sheet

if TYPE_CHECKING:
    from rich.text import Text

MOST = 4
_COST = 7  # cells before the sentence


def finding_lines(page: Page) -> list[Text]:
    """Heading, the costliest findings that are no budget (those stand above), how many more there are. Empty where there is nothing to say."""
    from rich.text import Text

    found = [one for one in findings(page.result, page.metrics, page.verdicts) if one.rule != "budget_margin"]
    if not found:
        return []
    lines = [page.heading("findings, the costliest first")]
    for finding in found[:MOST]:
        lines += sentence_lines(finding, page)
    more = len(found) - MOST
    told = f"{more} more, and " if more > 0 else ""
    return [*lines, Text(f" {told}what would mend them: edgesim explain", style="dim")]


def sentence_lines(finding: Finding, page: Sheet) -> list[Text]:
    """``  65 %  pre- and post-processing take ...``: the share it costs, then the sentence."""
    return page.wrapped(percent(finding.weight_ratio, 2).rjust(_COST - 2), printable(finding.text, 600), _COST)


def findings_data(found: Sequence[Finding]) -> list[dict[str, object]]:
    """Plain data, every figure with its unit."""
    return [
        {
            "rule": one.rule,
            "text": one.text,
            "cost": {"share": {"value": one.weight_ratio, "unit": "1"}, "of": one.of},
            "evidence": dict(_quantity(name, value) for name, value in one.evidence.items()),
            "what_ifs": [{"title": what.title, "set": change_texts(what.changes)} for what in one.what_ifs],
            **({"why_none": one.why_none} if one.why_none else {}),
        }
        for one in found
    ]


def change_texts(changes: Changes) -> list[str]:
    """``PATH=VALUE`` as ``--set`` takes it."""
    return [f"{path}={value if isinstance(value, str) else json.dumps(value)}" for path, value in changes]


def _quantity(name: str, value: object) -> tuple[str, object]:
    """A figure without the unit in its name, but beside it; texts as they are."""
    unit = unit_of(name)
    if unit is None or isinstance(value, str):
        return name, value
    suffix = next(suffix for suffix in UNITS if name.endswith(suffix))
    return name.removesuffix(suffix), {"value": value, "unit": unit}
