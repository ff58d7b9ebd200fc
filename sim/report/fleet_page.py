"""A fleet's run on screen: the verdict, where each kind of task went and its time, devices, servers, links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.fleet_metrics import FleetMetrics, GroupMetrics, TaskMetrics, WayMetrics
from sim.report.numbers import bit_rate, celsius, count, percent, rate, seconds, three_digits, traffic
from sim.report.safe_text import printable, shortened
from sim.report.sheet import StudySheet
from sim.report.summary import verdict_lines

if TYPE_CHECKING:
    from rich.text import Text

    from sim.fleet.result import FleetResult

_CAUSES = (("near_s", "device", "green"), ("up_s", "send", "yellow"), ("far_s", "server", "blue"), ("down_s", "receive", "magenta"))
_NAME = 21  # columns of names
_FIGURES = 22  # and of the share and the time behind them
_FEW = 0.05  # share of the answered tasks: so many may be under way when a run ends without being worth a word


def fleet_lines(sheet: StudySheet, result: FleetResult, metrics: FleetMetrics, cpu_s: float | None = None, quiet: bool = False) -> list[Text]:
    """All lines, none longer than the sheet. ``cpu_s``: what the simulation cost, for the header only."""
    lines = [*_header(sheet, result, metrics, cpu_s), *verdict_lines(sheet), *_runaway_lines(result, metrics)]
    if not quiet:
        for name, task in metrics.tasks.items():
            lines += _task_lines(sheet, name, task, has_deadline=task.miss_ratio is not None)
        lines += [*_group_lines(sheet, metrics), *_server_lines(sheet, metrics), *_link_lines(sheet, metrics)]
    for line in lines:
        line.truncate(sheet.width, overflow="crop")
    return lines


def _header(sheet: StudySheet, result: FleetResult, metrics: FleetMetrics, cpu_s: float | None) -> list[Text]:
    from rich.text import Text

    devices, servers = sum(group.devices_count for group in metrics.groups.values()), len(metrics.servers)
    left = Text.assemble(
        (printable(result.loaded.study.name, 40), "bold"),
        f"   {_counted(devices, 'device')}, {_counted(servers, 'server')}   seed {result.seed}",
    )
    cost = (
        f" in {format_quantity(cpu_s, 'time', 2)} of CPU ({three_digits(metrics.finished_count / cpu_s)} tasks/s)" if cpu_s and metrics.finished_count else ""
    )
    right = f"{seconds(metrics.simulated_s)} simulated{cost}, {_counted(metrics.finished_count, 'task')}"
    if left.cell_len + 3 + len(right) <= sheet.width:
        return [left.append(" " * (sheet.width - left.cell_len - len(right)) + right)]
    return [left, Text(f" {right}")]


def _runaway_lines(result: FleetResult, metrics: FleetMetrics) -> list[Text]:
    """That heat ended the run, if it did."""
    from rich.text import Text

    found = metrics.runaway
    if found is None:
        return []
    of = f"{shortened(found.node, 24)} of a device of {shortened(found.group, 24)}"
    return [Text(f" thermal runaway of {of} after {seconds(found.time_s)} of {seconds(float(result.fleet.duration_s))}", style="bold red")]


def _counted(number: int, what: str) -> str:
    return f"{count(number).strip()} {what}{'' if number == 1 else 's'}"


def _task_lines(sheet: StudySheet, name: str, task: TaskMetrics, has_deadline: bool) -> list[Text]:
    from rich.text import Text

    lines = [sheet.heading(f"task {shortened(name, 30)}")]
    if task.latency is None:
        waiting = f"; {_counted(task.unanswered_count, 'task')} under way at the end" if task.unanswered_count else ""
        return [*lines, Text(f" nothing was answered{waiting}", style="red")]
    facts = [
        f"{label} {format_quantity(value, 'time')}"
        for label, value in (("p50", task.latency.p50_s), ("p90", task.latency.p90_s), ("p99", task.latency.p99_s), ("max", task.latency.max_s))
    ]
    facts += [rate(task.throughput_hz), *([f"missed {percent(task.miss_ratio or 0.0)}"] if has_deadline else [])]
    facts += [f"fell back {task.fell_back_count}"] if task.fell_back_count else []
    facts += [f"refused {task.refused_count}"] if task.refused_count else []
    facts += [f"unanswered at the end {task.unanswered_count}"] if task.unanswered_count > _FEW * task.answered_count else []
    lines += sheet.facts("latency", facts, 11)
    early = sum(way.tasks_count * (way.left_early_ratio or 0.0) for way in task.ways.values())
    if any(way.left_early_ratio is not None for way in task.ways.values()):
        lines += sheet.facts("exits", [f"{percent(early / sum(way.tasks_count for way in task.ways.values()))} left early on the device"], 11)
    longest = max(way.mean_s for way in task.ways.values())
    room = sheet.width - _NAME - _FIGURES
    lines += [_way_line(sheet, label, way, longest, room) for label, way in task.ways.items()]
    legend = [Text.assemble((sheet.glyphs.fills[index], style), (f" {label}", "dim")) for index, (_, label, style) in enumerate(_CAUSES)]
    return [*lines, *sheet.flow(legend, indent=_NAME + _FIGURES, gap=2)]


def _way_line(sheet: StudySheet, label: str, way: WayMetrics, longest_s: float, room: int) -> Text:
    """How often it was taken, its mean time, and a bar of where that went."""
    from rich.text import Text

    name, figures = " " + shortened(label, _NAME - 2), f"{percent(way.share_ratio):>7} {format_quantity(way.mean_s, 'time'):>11}"
    line = Text(name.ljust(_NAME) + figures.ljust(_FIGURES))
    drawn, total = 0, 0.0
    for index, (field, _, style) in enumerate(_CAUSES):
        total += getattr(way, field)
        cells = max((round(total / longest_s * room) if longest_s else 0) - drawn, 0)
        line.append(sheet.glyphs.fills[index] * cells, style=style)
        drawn += cells
    return line


def _table(sheet: StudySheet, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Text]:
    from rich.text import Text

    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    widths[0] = max(widths[0], 10)

    def joined(cells: Sequence[str]) -> str:
        return " " + cells[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))

    return [sheet.heading(title), Text(joined(head), style="dim"), *(Text(joined(row)) for row in rows)]


def _group_lines(sheet: StudySheet, metrics: FleetMetrics) -> list[Text]:
    head = ["group", "number", "busy", "power", "computing", "radio", "tails", "battery"]
    rows = [_group_row(name, group, metrics.simulated_s) for name, group in metrics.groups.items()]
    if any(group.peak_c is not None for group in metrics.groups.values()):
        head.append("hottest")
        rows = [(*row, "-" if group.peak_c is None else celsius(group.peak_c)) for row, group in zip(rows, metrics.groups.values(), strict=True)]
    if any(group.hand_overs_count for group in metrics.groups.values()):
        head.append("hand-overs")
        rows = [(*row, count(group.hand_overs_count).strip()) for row, group in zip(rows, metrics.groups.values(), strict=True)]
    return _table(sheet, "devices, mean of each", head, rows)


def _group_row(name: str, group: GroupMetrics, simulated_s: float) -> tuple[str, ...]:
    radio_j, all_s = sum(group.radio_j.values()), group.devices_count * simulated_s
    return (
        shortened(name, 20),
        str(group.devices_count),
        percent(group.utilisation_ratio),
        format_quantity(group.power_w, "power"),
        format_quantity(group.compute_j / all_s, "power"),
        format_quantity(radio_j / all_s, "power") if group.radio_j else "-",
        percent(group.radio_j.get("tail", 0.0) / radio_j) if radio_j else "-",
        "-" if group.battery_life_s is None else seconds(group.battery_life_s),
    )


def _server_lines(sheet: StudySheet, metrics: FleetMetrics) -> list[Text]:
    rows = [
        (
            shortened(name, 20),
            count(server.served_count),
            "-" if server.batch_mean_count is None else f"{server.batch_mean_count:.2g}",
            "-" if server.wait_mean_s is None else format_quantity(server.wait_mean_s, "time"),
            percent(server.utilisation_ratio),
            str(server.replicas_most_count),
            str(server.failures_count),
            format_quantity(server.power_w, "power"),
            f"{server.hourly_cost_currency_per_h:.3g}",
        )
        for name, server in metrics.servers.items()
    ]
    return _table(sheet, "servers", ("server", "served", "batch", "waiting", "busy", "replicas", "failures", "power", "cost/h"), rows)


def _link_lines(sheet: StudySheet, metrics: FleetMetrics) -> list[Text]:
    rows = [
        (shortened(name, 30), traffic(link.carried_bytes), bit_rate(link.rate_bytes_per_s), percent(link.busy_ratio)) for name, link in metrics.links.items()
    ]
    return _table(sheet, "links", ("link", "carried", "mean rate", "in use"), rows)
