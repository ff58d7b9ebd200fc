"""The sections of a report on clocks, heat, power, energy and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report.battery_section import battery_facts
from sim.report.glyphs import color, fill
from sim.report.heat_section import has_charts, heat_lines
from sim.report.numbers import band, celsius, percent, seconds
from sim.report.page import Page
from sim.report.radio_section import radio_lines
from sim.report.safe_text import shortened
from sim.report.sparkline import sparkline
from sim.report.step_function import StepFunction, counters_of, total
from sim.report.uncertainty import Path

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 11
_VALUE = 10  # cells of a value
_EXTREME = 14
_NOTABLE = 1e-3  # of the run: what first inferences took is not worth a word below that


def state_lines(page: Page) -> list[Text]:
    """Charts of a run that heat had a part in; else sparklines: skin and die temperature, clocks that moved, power."""
    if has_charts(page):
        return heat_lines(page)
    trace, device = page.result.trace, page.result.device
    items: list[tuple[str, StepFunction, Callable[[float], str], str]] = []
    nodes = counters_of(trace, "temperature_c")
    for name in temperature_nodes(page, nodes):
        items.append((name, nodes[name], celsius, "red"))
    for name, clock in counters_of(trace, "frequency_hz").items():
        if name in device.domains and _moved(clock):
            items.append((name, clock, lambda value: format_quantity(value, "frequency"), "yellow"))
    power = total(counters_of(trace, "power_w").values())
    if power is not None:
        items.append(("power", power, lambda value: format_quantity(value, "power"), "cyan"))
    if not items:
        return []
    lines = [page.heading(f"over the whole run, 0 to {seconds(trace.end_s)}")]
    return lines + [_spark_line(page, *item) for item in items]


def energy_lines(page: Page) -> list[Text]:
    """Energy by component with a bar, radios state by state, then battery and memory."""

    energy, power, memory = page.metrics.energy, page.metrics.power, page.metrics.memory
    lines = [page.heading("energy and memory")]
    facts = [format_quantity(energy.total_j, "energy") + _band(page, energy.total_j, "energy", ("energy", "total"))]
    if power.average_w is not None:
        facts.append(f"average {format_quantity(power.average_w, 'power')}" + _band(page, power.average_w, "power", ("power", "average")))
    facts += [f"peak {format_quantity(power.peak_w, 'power')}"] if power.peak_w is not None else []
    facts += [f"{page.metrics.inferences_per_j:.3g} inferences/J"] if page.metrics.inferences_per_j is not None else []
    facts += [f"battery {seconds(power.battery_life_s)}"] if power.battery_life_s is not None and page.metrics.battery is None else []
    lines += page.facts("energy", facts, _NAME + 1)
    if energy.total_j > 0:
        lines += _split(page)
    lines += radio_lines(page, _NAME + 1)
    if page.metrics.battery is not None:
        lines += page.facts("battery", battery_facts(page.metrics.battery, page.metrics.simulated_s), _NAME + 1)
    peak = "unknown" if memory.peak_bytes is None else format_quantity(memory.peak_bytes, "bytes")
    facts = [f"peak {peak} of {format_quantity(memory.available_bytes, 'bytes')}", f"models on storage {format_quantity(memory.storage_bytes, 'bytes')}"]
    facts += [_counted(memory.evictions_count, "eviction")] if memory.evictions_count else []
    if memory.loads_count and memory.loading_s is not None:
        facts += [f"{_counted(memory.loads_count, 'load')}, awaited for {seconds(memory.loading_s)} in all"]  # one may wait for another
    if memory.cold_starts_count and (memory.cold_start_s or 0.0) > _NOTABLE * page.metrics.simulated_s:
        facts += [f"{_counted(memory.cold_starts_count, 'cold start')}, +{seconds(memory.cold_start_s or 0.0)}"]
    lines += page.facts("memory", facts, _NAME + 1)
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _band(page: Page, value: float, dimension: str, path: Path) -> str:
    """What a value may be, behind it; nothing where that is unknown."""
    interval = None if page.known is None else page.known.find(*path)
    if interval is None:
        return ""
    text = band(format_quantity(value, dimension), interval.low, interval.high, lambda other: format_quantity(other, dimension))
    return " " + text if text else ""


def _split(page: Page) -> list[Text]:
    """One bar over all components, largest first, and its legend."""
    from rich.text import Text

    energy = page.metrics.energy
    parts = sorted(energy.components_j.items(), key=lambda item: (-item[1], item[0]))
    cells = _apportioned([value / energy.total_j for _, value in parts], page.width - _NAME - 2)
    bar = Text(" " * (_NAME + 1))
    legend = []
    for index, ((name, value), width) in enumerate(zip(parts, cells, strict=True)):
        if value <= 0:
            continue
        bar.append(fill(page.glyphs, index) * width, style=color(index))
        mark = fill(page.glyphs, index)
        legend.append(Text.assemble((mark, color(index)), f" {shortened(name, 16)} {percent(value / energy.total_j, 2)}"))
    return [bar, *page.flow(legend, indent=_NAME + 1)]


def _apportioned(shares: list[float], width: int) -> list[int]:
    """Whole cells for each share, ``width`` in all (largest remainders)."""
    exact = [share * width for share in shares]
    cells = [int(value) for value in exact]
    for index in sorted(range(len(shares)), key=lambda index: (cells[index] - exact[index], index))[: max(width - sum(cells), 0)]:
        cells[index] += 1
    return cells


def _spark_line(page: Page, name: str, function: StepFunction, written: Callable[[float], str], style: str) -> Text:
    from rich.text import Text

    end_s = max(page.result.trace.end_s, float(function.times_s[-1]))
    width = page.width - _NAME - 2 * _VALUE - _EXTREME - 4
    cells = np.linspace(float(function.times_s[0]), end_s, width + 1) if end_s > function.times_s[0] else np.array([0.0, 1.0])
    means = function.means(cells)
    bars = sparkline(means, page.glyphs).ljust(width)
    # power jumps with every kernel: its ends are those of the bars; temperatures and clocks are what they are at the ends of the run
    start, last = (float(means[0]), float(means[-1])) if name == "power" else (float(function.values[0]), function.at(end_s))
    extreme = _extreme(function.values.max(keepdims=True) if name == "power" else function.values, start, last, written)
    label = (" " + shortened(name, _NAME).ljust(_NAME), "bold")
    return Text.assemble(label, written(start).rjust(_VALUE) + " ", (bars, style), " " + written(last).ljust(_VALUE), (extreme.rjust(_EXTREME), "dim"))


def _extreme(values: np.ndarray, start: float, last: float, written: Callable[[float], str]) -> str:
    """The highest value, or the lowest, where it lies neither at the beginning nor at the end."""
    high, low = float(values.max()), float(values.min())
    if written(high) not in (written(start), written(last)):
        return f"max {written(high)}"
    return f"min {written(low)}" if written(low) not in (written(start), written(last)) else ""


def temperature_nodes(page: Page, nodes: dict[str, StepFunction]) -> list[str]:
    """The skin and the hottest other node: what budgets and trip points look at."""
    spec = page.result.device.thermal.nodes
    skins = [name for name in nodes if name in spec and spec[name].is_skin]
    others = sorted((name for name in nodes if name not in skins), key=lambda name: (-float(nodes[name].values.max()), name))
    return skins + others[:1]


def _moved(function: StepFunction) -> bool:
    return bool(function.values.max() > function.values.min())
