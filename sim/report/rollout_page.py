"""A roll-out on screen: the verdict, how far the update has come over time, traffic, trouble, energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.budgets import Verdict
from sim.report.numbers import bit_rate, count, percent, seconds, traffic
from sim.report.rollout_metrics import RolloutMetrics
from sim.report.safe_text import printable
from sim.report.sheet import StudySheet
from sim.report.summary import verdict_lines
from sim.scenario.rollout.model import RolloutBudgets

if TYPE_CHECKING:
    from rich.text import Text


_LABEL = 12
_ROWS = 6
# field of the budgets, title, dimension, metric, at least
_BUDGETS = (
    ("time_to_50_s", "time to 50 %", "time", "time_to_50_s", False),
    ("time_to_95_s", "time to 95 %", "time", "time_to_95_s", False),
    ("time_to_99_s", "time to 99 %", "time", "time_to_99_s", False),
    ("updated", "updated", "ratio", "updated_ratio", True),
    ("traffic_bytes", "traffic", "traffic", "traffic_bytes", False),
    ("device_energy_j", "device energy", "energy", "device_mean_j", False),
)


def judge_rollout(metrics: RolloutMetrics, budgets: RolloutBudgets) -> tuple[Verdict, ...]:
    """A verdict per budget; a time that was never reached does not hold one."""
    found = []
    for field, title, dimension, name, at_least in _BUDGETS:
        limit = getattr(budgets, field)
        if limit is not None:
            found.append(_verdict(field, title, dimension, getattr(metrics, name), float(limit), at_least))
    if budgets.troubled is not None:
        found.append(_verdict("troubled", "devices in trouble", "ratio", metrics.troubled_count / metrics.devices_count, float(budgets.troubled), False))
    return tuple(found)


def _verdict(name: str, title: str, dimension: str, value: float | None, limit: float, at_least: bool) -> Verdict:
    ok = value is not None and (value >= limit if at_least else value <= limit)
    return Verdict(name, title, "", dimension, value, limit, at_least, ok, "never reached" if value is None else "")


def rollout_lines(sheet: StudySheet, name: str, seed: int, metrics: RolloutMetrics, cpu_s: float | None = None, quiet: bool = False) -> list[Text]:
    """All lines, none longer than the sheet."""
    lines = [_header(sheet, name, seed, metrics, cpu_s), *verdict_lines(sheet)]
    if not quiet:
        lines += [*_taken_back(metrics), sheet.heading(f"updated, 0 to {seconds(metrics.simulated_s)}"), *_curve(sheet, metrics), *_facts(sheet, metrics)]
    for line in lines:
        line.truncate(sheet.width, overflow="crop")
    return lines


def _header(sheet: StudySheet, name: str, seed: int, metrics: RolloutMetrics, cpu_s: float | None) -> Text:
    from rich.text import Text

    left = Text.assemble((printable(name, 40), "bold"), f"   {count(metrics.devices_count).strip()} devices   seed {seed}")
    cost = f" in {format_quantity(cpu_s, 'time', 2)} of CPU" if cpu_s else ""
    right = f"{seconds(metrics.simulated_s)} simulated{cost}"
    room = sheet.width - left.cell_len - len(right)
    return left.append(" " * max(room, 3) + right)


def _taken_back(metrics: RolloutMetrics) -> list[Text]:
    from rich.text import Text

    if metrics.taken_back_s is None:
        return []
    return [Text(f" taken back after {seconds(metrics.taken_back_s)}: {metrics.troubled_count} devices in trouble", style="bold red")]


def _curve(sheet: StudySheet, metrics: RolloutMetrics) -> list[Text]:
    """Share of devices over time as bars, with the moments at which stages began below."""
    from rich.text import Text

    width = sheet.width - _LABEL - 2
    points = metrics.curve_ratio
    columns = [points[min(int(index * len(points) / width), len(points) - 1)] for index in range(width)]
    levels = sheet.glyphs.levels
    lines = []
    for row in reversed(range(_ROWS)):
        label = "100 %" if row == _ROWS - 1 else "0 %" if row == 0 else ""
        cells = "".join(_cell(value * _ROWS - row, levels) for value in columns)
        lines.append(Text.assemble((label.rjust(_LABEL - 1) + " ", "dim"), (cells, "green")))
    marks = [" "] * width
    for began_s in metrics.stages_began_s:
        marks[min(int(began_s / metrics.simulated_s * width), width - 1)] = sheet.glyphs.arrival
    lines.append(Text("stages".rjust(_LABEL - 1) + " " + "".join(marks), style="dim"))
    return lines


def _cell(filled: float, levels: str) -> str:
    if filled <= 0:
        return " "
    return levels[min(int(filled * len(levels)), len(levels) - 1)]


def _facts(sheet: StudySheet, metrics: RolloutMetrics) -> list[Text]:
    def shown(value: float | None) -> str:
        return "never" if value is None else seconds(value)

    times = [f"{share} {shown(value)}" for share, value in (("50 %", metrics.time_to_50_s), ("95 %", metrics.time_to_95_s), ("99 %", metrics.time_to_99_s))]
    over_links = [
        f"{traffic(metrics.update_bytes)} a device",
        f"{traffic(metrics.traffic_bytes)} in all",
        f"wasted {percent(metrics.wasted_ratio)}",
        f"peak {bit_rate(metrics.server_peak_bytes_per_s)}",
        *([f"cost {metrics.cost_currency:.3g}"] if metrics.cost_currency else []),
    ]
    trouble = [
        f"cut off {metrics.cut_off_count}",
        f"damaged {metrics.corrupt_count}",
        f"installations failed {metrics.failed_installs_count}",
        f"gave up {metrics.gave_up_count}",
        f"in trouble {metrics.troubled_count}",
    ]
    energy = [f"{format_quantity(metrics.device_mean_j, 'energy')} a device", f"{format_quantity(metrics.all_devices_j, 'energy')} all devices"]
    energy += [f"{format_quantity(metrics.server_j, 'energy')} server and network"] if metrics.server_j is not None else []
    groups = (("time to", [*times, f"{percent(metrics.updated_ratio)} at the end"]), ("traffic", over_links), ("trouble", trouble), ("energy", energy))
    return [line for label, facts in groups for line in sheet.facts(label, facts, _LABEL)]
