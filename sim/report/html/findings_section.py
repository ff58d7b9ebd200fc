"""What is worth knowing of the run: sentences with their evidence, the costliest first."""

from __future__ import annotations

from sim.report.findings import findings
from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.safe_text import printable


def findings_section(page: Page) -> Section:
    """``what_ifs``: titles of changes that may mend it, which ``edgesim explain`` simulates."""
    return Section(
        [
            {
                "rule": found.rule,
                "text": printable(found.text),
                "weight_ratio": found.weight_ratio,
                "of": printable(found.of),
                "evidence": {
                    printable(name, 120): value if isinstance(value, int | float) else printable(value, 300)
                    for name, value in found.evidence.items()
                    if value is not None
                },
                "what_ifs": [printable(change.title, 200) for change in found.what_ifs],
                "why_none": printable(found.why_none),
            }
            for found in findings(page.result, page.metrics, page.verdicts)
        ]
    )
