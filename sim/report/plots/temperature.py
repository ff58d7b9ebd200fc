"""Temperatures over the run with their trip points, and the power that heats."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.report.plots.style import color, in_unit, plain, written
from sim.report.run_file.document import RunDocument


def draw_temperature(document: RunDocument, figure: Any) -> bool:
    """Returns whether there was anything to draw."""
    charts = {chart["id"]: chart for chart in document.data.get("charts", ())}
    if "temperature" not in charts:
        return False
    figure.set_size_inches(6.4, 4.2 if "power" in charts else 3.0)
    upper = figure.add_subplot(2 if "power" in charts else 1, 1, 1)
    highest = _curves(document, charts["temperature"], upper)
    for level in sorted({one["value"] for one in charts["temperature"]["levels"]}):
        if level <= highest + 10:
            upper.axhline(level, color="#b3400a", linestyle=":", linewidth=1)
    upper.set_ylabel("temperature, °C\n(dotted: trip points)")
    if "power" in charts:
        lower = figure.add_subplot(2, 1, 2, sharex=upper)
        _stack(document, charts["power"], lower)
        lower.set_ylabel("power")
        in_unit(lower.yaxis, "W")
    figure.axes[-1].set_xlabel("time")
    in_unit(figure.axes[-1].xaxis, "s")
    return True


def _curves(document: RunDocument, chart: dict[str, Any], axes: Any) -> float:
    """Returns the highest value."""
    highest = -np.inf
    for number, one in enumerate(chart["series"]):
        times, values = document.column(f"{one['column']}_t"), document.column(f"{one['column']}_v")
        if len(times) and len(times) == len(values):
            axes.step(times, values, where="post", color=color(number), label=written(one["name"]), linewidth=1.2)
            highest = max(highest, float(values.max()))
    plain(axes)
    axes.legend(fontsize=7, frameon=False)
    return highest


def _stack(document: RunDocument, chart: dict[str, Any], axes: Any) -> None:
    columns = [(one["name"], document.column(f"{one['column']}_t"), document.column(f"{one['column']}_v")) for one in chart["series"]]
    columns = [(name, times, values) for name, times, values in columns if len(times) and len(times) == len(columns[0][1]) == len(values)]
    if columns:
        names, hues = [written(name) for name, _, _ in columns], [color(number) for number in range(len(columns))]
        axes.stackplot(columns[0][1], [values for _, _, values in columns], labels=names, colors=hues)
        axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.28))
    plain(axes)
