"""The section of a report on a run long enough to grow warm: temperatures with their trip points, throttled clocks and power against time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report.area_chart import AreaChart, Level, beside
from sim.report.history_metrics import LONG_S
from sim.report.numbers import celsius, percent, seconds
from sim.report.page import Page
from sim.report.safe_text import shortened
from sim.report.step_function import StepFunction, counters_of, step_function, total
from sim.report.time_axis import scaled_axis

if TYPE_CHECKING:
    from rich.text import Text

    from device_models.thermal_spec import Trip
    from sim.trace import Trace

_NAME = 11
_SCALE = 9  # cells of the axis' values
_NOTE = 18
_TALL, _LOW = 5, 3  # rows of a temperature, and of a clock or power
_WARM_K = 5.0  # a smaller rise is nothing to show
_CHARGE = 0.05  # nor is a smaller change of a battery's state of charge
_MOST_CLOCKS = 2


@dataclass(frozen=True)
class _Panel:
    name: str
    function: StepFunction
    low: float
    high: float
    rows: int
    written: Callable[[float], str]
    style: str
    levels: tuple[Level, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()  # (row, text), after those of the levels


def runaway_lines(page: Page) -> list[Text]:
    """That heat ended the run, if it did: ``thermal runaway of die after 3 min of 10 min``."""
    from rich.text import Text

    found = page.metrics.heat.runaway
    if found is None:
        return []
    planned_s = float(page.result.scenario.duration_s)
    return [Text(f" thermal runaway of {shortened(found.node, 24)} after {seconds(found.time_s)} of {seconds(planned_s)}", style="bold red")]


def has_charts(page: Page) -> bool:
    """Whether time changed anything: throttled at any length, or in two minutes or more some kelvins warmer or a battery fuller or emptier."""
    if page.metrics.heat.domains:
        return True
    return page.result.trace.end_s >= LONG_S and bool(_temperatures(page) or _charge(page))


def heat_lines(page: Page) -> list[Text]:
    """Charts over a common time axis: the case, the hottest other node, clocks that were throttled, the fan, power, the battery's charge."""
    from rich.text import Text

    trace = page.result.trace
    panels = [*_temperatures(page), *_clocks(page), *_fan(page), *_power(page), *_charge(page)]
    width = page.width - _NAME - _SCALE - _NOTE - 4
    lines = [page.heading(f"over the whole run, 0 to {seconds(trace.end_s)}")]
    for panel in panels:
        lines += _drawn(page, panel, width)
    indent = " " * (_NAME + _SCALE + 2)
    lines += [Text(indent + row, style="dim") for row in scaled_axis(trace.end_s, width, page.glyphs)]
    return lines + throttling_lines(page)


def throttling_lines(page: Page) -> list[Text]:
    """Which domains were throttled, for how long and how deep, those that it slowed down first; or how near the device came."""
    domains = page.metrics.heat.domains
    if not domains and not page.result.device.thermal.trips:
        return []
    if not domains:
        return page.facts("throttled", [_nearest_trip(page)], _NAME + 1)
    working = _working(page)
    lines: list[Text] = []
    for name in working:
        domain = domains[name]
        text = f"{shortened(name, 16)} {seconds(domain.throttled_s)} ({percent(domain.throttled_share_ratio, 2)}), first after {seconds(domain.first_s)}"
        lines += page.facts("" if lines else "throttled", [text, f"down to {_hertz(domain.lowest_hz)}"], _NAME + 1)
    idle = [shortened(name, 16) for name in domains if name not in working]
    if idle:
        lines += page.wrapped("" if lines else "throttled", "limited, but idle or no faster before: " + ", ".join(idle), _NAME + 1)
    return lines


def _working(page: Page) -> list[str]:
    """Throttled domains that it slowed down: with a hundredth of the work of the busiest or more, and faster at other times. The busiest first."""
    units, device, domains = page.metrics.units, page.result.device, page.metrics.heat.domains
    busy_s = {name: sum(units[unit].busy_s for unit, spec in device.units.items() if spec.domain == name) for name in domains}
    least_s = 0.01 * max(unit.busy_s for unit in units.values())
    clocks = counters_of(page.result.trace, "frequency_hz")
    slowed = [name for name, clock in clocks.items() if name in domains and float(clock.values.max()) > domains[name].lowest_hz]
    return sorted((name for name in slowed if busy_s[name] > least_s), key=lambda name: -busy_s[name])


def _nearest_trip(page: Page) -> str:
    peaks = page.metrics.heat.nodes_peak_c
    trips = [(float(trip.temperature_c) - peaks[trip.node], trip) for trip in page.result.device.thermal.trips if trip.node in peaks]
    if not trips:
        return "never"
    room_k, trip = min(trips, key=lambda item: item[0])
    if room_k <= 0:
        return f"never: {trip.node} passed its trip point at {celsius(float(trip.temperature_c))}, but no clock was lowered"
    return f"never: {trip.node} stayed {room_k:.1f} K below its trip point at {celsius(float(trip.temperature_c))}"


def _temperatures(page: Page) -> list[_Panel]:
    """The skin and the hottest other node: what budgets and trip points look at."""
    spec, nodes = page.result.device.thermal.nodes, counters_of(page.result.trace, "temperature_c")
    skins = [name for name in nodes if name in spec and spec[name].is_skin]
    others = sorted((name for name in nodes if name not in skins), key=lambda name: (-float(nodes[name].values.max()), name))
    trips = page.result.device.thermal.trips
    shown = skins + others[:1]
    if not page.metrics.heat.domains and not any(float(np.ptp(nodes[name].values)) >= _WARM_K for name in shown):
        return []
    return [_temperature(name, nodes[name], [trip for trip in trips if trip.node == name], page) for name in shown]


def _temperature(name: str, node: StepFunction, trips: list[Trip], page: Page) -> _Panel:
    low, peak = float(node.values.min()), float(node.values.max())
    trips_c = sorted({float(trip.temperature_c) for trip in trips})
    # the first and the last trip point that were passed; if none was, the next where that leaves the curve at least half of the height
    reached = [value for value in trips_c if value <= peak]
    far = [] if reached else trips_c[:1]
    near = sorted({*reached[:1], *reached[-1:], *(value for value in far if value - low <= 2 * max(peak - low, _WARM_K))})
    high = max([peak, *near])
    high += 0.02 * max(high - low, _WARM_K)
    levels = tuple(Level(value, f"{value:g}") for value in near)
    end_c = node.at(page.result.trace.end_s)
    notes = [(0, f"max {celsius(peak)}")] if celsius(peak) != celsius(end_c) else []
    notes += [(_TALL - 1, f"end {celsius(end_c)}")]
    notes += [(1, f"trip at {far[0]:g} degC")] if far and not near else []
    return _Panel(name, node, low, high, _TALL, lambda value: f"{value:.0f} degC", "red", levels, tuple(notes))


def _clocks(page: Page) -> list[_Panel]:
    """The domains that were throttled at work, the busiest first."""
    device, clocks = page.result.device, counters_of(page.result.trace, "frequency_hz")
    panels = []
    for name in _working(page)[:_MOST_CLOCKS]:
        highest_hz = float(device.domains[name].operating_points[-1].frequency_hz)
        ratio, end_hz = page.metrics.heat.domains[name].throttled_share_ratio, clocks[name].at(page.result.trace.end_s)
        notes = ((0, f"throttled {percent(ratio, 2)}"), (_LOW - 1, f"end {_hertz(end_hz)}"))
        panels.append(_Panel(name, clocks[name], 0.0, highest_hz, _LOW, _hertz, "yellow", (), notes))
    return panels


def _power(page: Page) -> list[_Panel]:
    power = total(counters_of(page.result.trace, "power_w").values())
    if power is None or power.values.max() <= 0:
        return []
    notes = tuple(
        (row, f"{word} {_watts(value)}")
        for row, word, value in ((0, "peak", page.metrics.power.peak_w), (_LOW - 1, "average", page.metrics.power.average_w))
        if value is not None
    )
    return [_Panel("power", power, 0.0, float(power.values.max()), _LOW, _watts, "cyan", (), notes)]


def _fan(page: Page) -> list[_Panel]:
    """The fan's state in one row, if the device has one and it ran."""
    fan = _counter(page.result.trace, "fan_state")
    if fan is None or fan.values.max() <= 0:
        return []
    end_s = page.result.trace.end_s
    notes = ((0, f"on {percent(fan.seconds_where(fan.values > 0) / end_s if end_s > 0 else 0.0, 2)}"),)
    return [_Panel("fan", fan, 0.0, float(fan.values.max()), 1, lambda value: f"state {value:.0f}", "green", (), notes)]


def _charge(page: Page) -> list[_Panel]:
    """The battery's state of charge, where it changed enough to be seen."""
    charge = _counter(page.result.trace, "battery_soc")
    if charge is None or float(np.ptp(charge.values)) < _CHARGE:
        return []
    notes = ((0, f"min {percent(float(charge.values.min()))}"), (_LOW - 1, f"end {percent(charge.at(page.result.trace.end_s))}"))
    return [_Panel("charge", charge, 0.0, 1.0, _LOW, percent, "magenta", (), notes)]


def _counter(trace: Trace, name: str) -> StepFunction | None:
    if name not in trace.counters:
        return None
    times_s, values = trace.counter(name)
    return step_function(times_s, values, trace.end_s) if len(times_s) else None


def _drawn(page: Page, panel: _Panel, width: int) -> list[Text]:
    from rich.text import Text

    cells = np.linspace(0.0, max(page.result.trace.end_s, float(panel.function.times_s[-1]), 1e-9), width + 1)
    chart = AreaChart(panel.function.means(cells), panel.low, panel.high, panel.rows, panel.levels)
    notes = beside(panel.rows, [*_level_notes(chart), *panel.notes])
    lines = []
    for row, (bars, note) in enumerate(zip(chart.lines(page.glyphs), notes, strict=True)):
        scale = panel.written(panel.high) if row == 0 else panel.written(panel.low) if row == panel.rows - 1 else ""
        name = shortened(panel.name, _NAME) if row == 0 else ""
        line = Text.assemble((" " + name.ljust(_NAME), "bold"), (scale.rjust(_SCALE), "dim"), " ")
        for is_level, group in groupby(bars, key=lambda character: character == page.glyphs.level):
            line.append("".join(group), style="dim" if is_level else panel.style)
        lines.append(line.append("  " + note, style="dim"))
        line.rstrip()
    return lines


def _level_notes(chart: AreaChart) -> list[tuple[int, str]]:
    """Trip points by row; those of one row share a note."""
    rows: dict[int, list[str]] = {}
    for level in chart.levels:
        rows.setdefault(chart.row_of(level.value), []).append(level.text)
    return [(row, f"trip {', '.join(texts)} degC") for row, texts in rows.items()]


def _hertz(value: float) -> str:
    return format_quantity(value, "frequency")


def _watts(value: float) -> str:
    return format_quantity(value, "power")
