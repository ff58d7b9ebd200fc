"""A federated run on screen: the verdict, the rounds over time, where clients' seconds and joules went, and the groups of devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report.federated_learning_section import learning_lines
from sim.report.federated_metrics import FederatedMetrics
from sim.report.numbers import count, percent, rate, seconds, three_digits, traffic
from sim.report.safe_text import printable, shortened
from sim.report.sheet import StudySheet
from sim.report.sparkline import sparkline
from sim.report.summary import verdict_lines

if TYPE_CHECKING:
    from rich.text import Text

    from sim.fleet.federated.ledger import RoundRow
    from sim.fleet.federated.result import FederatedResult

_STYLES = {"compute": "green", "download": "magenta", "upload": "yellow", "waiting": "blue", "lost": "red"}
_LABEL = 12


def federated_lines(sheet: StudySheet, result: FederatedResult, metrics: FederatedMetrics, cpu_s: float | None = None, quiet: bool = False) -> list[Text]:
    """All lines, none longer than the sheet. ``cpu_s``: what the rounds cost, for the header only."""
    lines = [_header(sheet, result, metrics, cpu_s), *verdict_lines(sheet)]
    if not quiet:
        lines += [
            *learning_lines(sheet, result, metrics.learning),
            *_round_lines(sheet, result, metrics),
            *_client_lines(sheet, metrics),
            *_cause_lines(sheet, metrics),
        ]
        lines += [*_group_lines(sheet, metrics), *_note_lines(sheet, result)]
    for line in lines:
        line.truncate(sheet.width, overflow="crop")
    return lines


def _header(sheet: StudySheet, result: FederatedResult, metrics: FederatedMetrics, cpu_s: float | None) -> Text:
    from rich.text import Text

    name = printable(result.loaded.study.name, 40)
    left = Text.assemble((name, "bold"), f"   {_counted(metrics.population_count)} clients, {result.federated.rounds.kind}   seed {result.seed}")
    right = f"{seconds(metrics.simulated_s)} simulated"
    costs = [f" in {format_quantity(cpu_s, 'time', 2)} of CPU", f" ({_counted(metrics.clients.asked_count / cpu_s)} client-rounds/s)"] if cpu_s else []
    for cost in costs:  # as much as there is room for
        if left.cell_len + 3 + len(right) + len(cost) <= sheet.width:
            right += cost
    return left.append(" " * max(sheet.width - left.cell_len - len(right), 3) + right)


def _counted(number: float) -> str:
    return count(number).replace(" ", "")


def _round_lines(sheet: StudySheet, result: FederatedResult, metrics: FederatedMetrics) -> list[Text]:
    from rich.text import Text

    rows, of = result.ledger.rounds, metrics.rounds
    lines = [sheet.heading(f"{len(rows)} rounds")]
    if not rows:
        return [*lines, Text(" nobody could be asked: no client was there, charged enough and free", style="red")]
    if of.p50_s is None or of.p90_s is None or of.max_s is None:
        lines.append(Text(" no round came to a model: in each too many clients fell out or were late", style="red"))
    else:
        facts = [f"p50 {seconds(of.p50_s)}", f"p90 {seconds(of.p90_s)}", f"max {seconds(of.max_s)}", rate(of.done_count / max(metrics.simulated_s, 1e-9))]
        facts += [f"aggregation {seconds(of.aggregation_mean_s)}"] if of.aggregation_mean_s else []
        facts += [f"staleness {of.staleness_mean_count:.3g}"] if of.staleness_mean_count else []
        lines += sheet.facts("duration", facts, _LABEL)
        if of.client_p50_s is not None and of.client_max_s is not None:
            facts = [f"median answer {seconds(of.client_p50_s)}", f"slowest counted {seconds(of.client_max_s)}"]
            if of.client_p50_s and result.federated.rounds.kind != "asynchronous":
                facts.append(f"a round takes {three_digits(of.p50_s / of.client_p50_s)} times the median")
            lines += sheet.facts("stragglers", facts, _LABEL)
    if of.given_up_count:
        lines += sheet.facts("given up", [f"{of.given_up_count} rounds ({percent(of.failed_ratio or 0.0)})"], _LABEL)
    if metrics.server.waited_s:
        lines += sheet.facts("waited", [f"{seconds(metrics.server.waited_s)} until there were enough clients to ask"], _LABEL)
    return lines + _history(sheet, rows)


def _history(sheet: StudySheet, rows: Sequence[RoundRow]) -> list[Text]:
    """A sparkline each of durations and of the share that fell out, one character for a round or for several."""
    from rich.text import Text

    cells = max(sheet.width - _LABEL - 22, 10)
    kinds: tuple[tuple[str, Callable[[RoundRow], float], Callable[[float], str], str], ...] = (
        ("duration", lambda row: row.end_s + row.aggregation_s - row.begin_s, seconds, "cyan"),
        ("fell out", lambda row: (row.session + row.network + row.battery) / max(row.asked, 1), percent, "red"),
    )
    lines = []
    for label, value, write, style in kinds:
        values = np.array([value(row) for row in rows])
        merged = np.array([part.mean() for part in np.array_split(values, min(cells, len(values)))])
        line = Text.assemble((f" {label}".ljust(_LABEL), "bold"), (sparkline(merged, sheet.glyphs, low=0.0), style))
        line.append(f"  {write(float(merged.min()))} .. {write(float(merged.max()))}", style="dim")
        lines.append(line)
    return lines


def _client_lines(sheet: StudySheet, metrics: FederatedMetrics) -> list[Text]:
    of = metrics.clients
    if not of.asked_count:
        return []
    facts = [f"{_counted(of.asked_count)} asked", f"{_counted(of.answered_count)} answered", f"{_counted(of.late_count)} late or let go"]
    lines = [sheet.heading("clients"), *sheet.facts("asked", facts, _LABEL)]
    fallen = [
        f"{text} {_counted(number)}"
        for text, number in (("session ended", of.session_count), ("network failed", of.network_count), ("battery empty", of.battery_count))
        if number
    ]
    if fallen:
        lines += sheet.facts("fell out", [percent(of.dropout_ratio or 0.0), *fallen], _LABEL)
    facts = [f"down {traffic(metrics.download_bytes)}", f"up {traffic(metrics.upload_bytes)}"]
    facts += [f"{_counted(metrics.elements_count)} weights"]
    facts.append(f"all: down {traffic(metrics.server.sent_bytes)}, up {traffic(metrics.server.received_bytes)}")
    return lines + sheet.facts("update", facts, _LABEL)


def _cause_lines(sheet: StudySheet, metrics: FederatedMetrics) -> list[Text]:
    """A bar of seconds and one of joules; the causes make the whole."""
    from rich.text import Text

    if not metrics.clients.asked_count:
        return []
    lines = [sheet.heading("where clients' time and energy went")]
    for label, parts, write in (("time", metrics.seconds_s, seconds), ("energy", metrics.joules_j, lambda value: format_quantity(value, "energy"))):
        total = sum(parts.values())
        per_client = write(total / metrics.clients.asked_count)
        line = Text.assemble((f" {label}".ljust(_LABEL), "bold"), f"{per_client:>9} a client  ")
        line.append_text(_bar(sheet, parts, sheet.width - line.cell_len - 1))
        lines.append(line)
        facts = [Text.assemble((f"{name} ", _STYLES[name]), percent(part / total if total else 0.0)) for name, part in parts.items()]
        lines += sheet.flow(facts, indent=_LABEL)
    return lines


def _bar(sheet: StudySheet, parts: dict[str, float], cells: int) -> Text:
    from rich.text import Text

    bar, total, before, drawn = Text(), sum(parts.values()), 0.0, 0
    for position, (name, part) in enumerate(parts.items()):
        before += part
        upto = round(before / total * cells) if total else 0
        # on ASCII terminals fills tell the parts apart, elsewhere their colours do too
        bar.append(sheet.glyphs.fills[position] * (upto - drawn), style=_STYLES[name])
        drawn = upto
    return bar


def _group_lines(sheet: StudySheet, metrics: FederatedMetrics) -> list[Text]:
    from rich.text import Text

    head = ("group", "clients", "asked", "training", "energy", "late", "fell out", "time lost")
    rows = [
        (
            shortened(name, 20),
            _counted(group.clients_count),
            _counted(group.asked_count),
            _or_dash(group.training_mean_s, seconds),
            _or_dash(group.energy_per_round_j, lambda value: format_quantity(value, "energy")),
            _or_dash(group.let_go_ratio, percent),
            _or_dash(group.dropout_ratio, percent),
            _or_dash(group.lost_ratio, percent),
        )
        for name, group in metrics.groups.items()
    ]
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]

    def joined(cells: Sequence[str]) -> str:
        return " " + cells[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))

    return [sheet.heading("groups of devices, means of a client in a round"), Text(joined(head), style="dim"), *(Text(joined(row)) for row in rows)]


def _or_dash(value: float | None, write: Callable[[float], str]) -> str:
    return "-" if value is None else write(value)


def _note_lines(sheet: StudySheet, result: FederatedResult) -> list[Text]:
    lines: list[Text] = []
    for position, note in enumerate(result.notes):
        lines += sheet.wrapped("" if position else "rests on", note, _LABEL, "dim")
    return lines
