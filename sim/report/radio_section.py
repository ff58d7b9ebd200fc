"""The radios in a report: a line of what each transferred and where its energy went, and its share of the timeline's right edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.numbers import count, percent
from sim.report.page import Page
from sim.report.radio_metrics import RadioMetrics
from sim.report.radio_rows import radio_label
from sim.report.safe_text import shortened

if TYPE_CHECKING:
    from rich.text import Text


def radio_lines(page: Page, indent: int) -> list[Text]:
    """One or two lines per radio: energy, by state the largest first, transfers, bytes."""
    lines: list[Text] = []
    for name, radio in page.metrics.radios.items():
        parts = sorted(radio.states.items(), key=lambda item: (-item[1].energy_j, item[0]))
        facts = [format_quantity(radio.energy_j, "energy")]
        facts += [f"{state} {percent(one.energy_j / radio.energy_j, 2)}" for state, one in parts if one.energy_j > 0]
        facts += [f"transfers {count(radio.transfers_count)}: {_bytes(radio.sent_bytes)} up, {_bytes(radio.received_bytes)} down"]
        lines += page.facts(shortened(radio_label(page.result.trace, name), indent - 2), facts, indent)
    return lines


def time_text(radio: RadioMetrics, simulated_s: float) -> str:
    """How much of the run it transferred, and how much it was ready for nothing: ``  2 %  tail 19 %``."""
    if simulated_s <= 0:
        return ""
    active_s = sum(one.time_s for state, one in radio.states.items() if state not in ("tail", "idle"))
    tail = f"  tail {percent(radio.states['tail'].time_s / simulated_s, 2)}" if radio.states["tail"].time_s > 0 else ""
    return f"{100 * active_s / simulated_s:3.0f} %{tail}"


def _bytes(amount: float) -> str:
    return f"{count(amount)}B" if amount >= 1000 else f"{amount:.0f} B"
