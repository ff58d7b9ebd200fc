"""The battery in a report: the end it made of the run, and a line of its charge and voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.battery_metrics import BatteryMetrics
from sim.report.numbers import percent, seconds
from sim.report.page import Page

if TYPE_CHECKING:
    from rich.text import Text

_YEAR_S = 31557600.0


def ended_lines(page: Page) -> list[Text]:
    """That the battery ended the run, if it did: ``battery empty after 3 h 12 min``."""
    from rich.text import Text

    battery = page.metrics.battery
    if battery is None or not battery.ended:
        return []
    what = "empty" if battery.ended == "empty" else f"below its cut-off voltage ({percent(battery.end_ratio)} charge left)"
    planned_s = float(page.result.scenario.duration_s)
    return [Text(f" battery {what} after {duration(page.metrics.simulated_s)} of {duration(planned_s)}", style="bold red")]


def battery_facts(battery: BatteryMetrics, simulated_s: float) -> list[str]:
    """Short texts: state of charge, voltage, charge out and in, how long it lasts."""
    facts = [f"{percent(battery.start_ratio, 4)} to {percent(battery.end_ratio, 4)}", f"lowest {battery.lowest_v:.3g} V", f"out {_charge(battery.out_ah)}"]
    facts += [f"in {_charge(battery.in_ah)}"] if battery.in_ah else []
    if battery.ended:
        return facts
    extrapolated = f"extrapolated from {seconds(simulated_s)}"
    if battery.life_s is None:
        return [*facts, "nothing drains it"]
    facts.append(f"lasts {duration(battery.life_s)}{' without charging' if battery.in_ah else ''} ({extrapolated})")
    return facts


def duration(value_s: float) -> str:
    """A long time in two units: ``3 h 12 min``, ``4 d 2 h``; years as ``2.31 years``; a short one as :func:`seconds` writes it."""
    if value_s >= 2 * _YEAR_S:
        return f"{value_s / _YEAR_S:.3g} years"
    for size_s, unit, part_s, part in ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s")):
        if value_s >= size_s and (value_s >= 2 * size_s or unit != "min"):
            whole, rest = divmod(round(value_s / part_s), round(size_s / part_s))
            return f"{whole:.0f} {unit} {rest:.0f} {part}" if rest else f"{whole:.0f} {unit}"
    return seconds(value_s)


def _charge(hours: float) -> str:
    for size, unit in ((1.0, "Ah"), (1e-3, "mAh"), (1e-6, "uAh")):
        if hours >= size:
            return f"{hours / size:.3g} {unit}"
    return f"{hours / 1e-9:.3g} nAh"
