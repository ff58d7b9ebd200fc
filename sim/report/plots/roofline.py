"""Rooflines of the units that models run on, with their operators."""

from __future__ import annotations

from typing import Any

from sim.report.plots.style import COLORS, in_unit, plain, written
from sim.report.run_file.document import RunDocument

_BOUNDS = {"compute": COLORS[0], "memory": COLORS[1], "overhead": COLORS[3]}


def draw_roofline(document: RunDocument, figure: Any) -> bool:
    """Returns whether there was anything to draw."""
    models = document.data.get("models") or {"models": [], "units": []}
    points: dict[str, list[dict[str, Any]]] = {unit["name"]: [] for unit in models["units"]}
    for model in models["models"]:
        for row in model["operators"]:
            if not model["is_code"] and row["macs"] > 0 and row["time_s"] > 0 and row["unit"] in points:
                points[row["unit"]].append(row)
    units = [unit for unit in models["units"] if points[unit["name"]]]
    if not units:
        return False
    figure.set_size_inches(3.6 * len(units), 3.2)
    for place, unit in enumerate(units):
        _draw_unit(figure.add_subplot(1, len(units), place + 1), unit, points[unit["name"]])
    return True


def _draw_unit(axes: Any, unit: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    intensity = [row["macs"] / max(row["traffic_bytes"], 1.0) for row in rows]
    rates = [row["macs"] / row["time_s"] for row in rows]
    seen = {row["dtype"] for row in rows}
    peaks = {name: peak for name, peak in unit["peaks_macs_per_s"].items() if name in seen} or unit["peaks_macs_per_s"]
    bandwidth = unit["bandwidth_bytes_per_s"]
    low, high = min(intensity) / 2, max([*intensity, *(peak / bandwidth for peak in peaks.values())]) * 2
    for name, peak in peaks.items():
        ridge = peak / bandwidth
        axes.plot([low, ridge, max(high, ridge)], [low * bandwidth, peak, peak], color="0.2", linewidth=1.2)
        axes.annotate(f"{name} peak", (high, peak), ha="right", va="bottom", fontsize=7)
    for bound, hue in _BOUNDS.items():
        mine = [number for number, row in enumerate(rows) if row["bound"] == bound]
        if mine:
            axes.scatter([intensity[n] for n in mine], [rates[n] for n in mine], s=9, color=hue, label=f"bound by {bound}", linewidths=0)
    axes.set(xscale="log", yscale="log", xlabel="MAC per byte of memory traffic", ylabel="MAC/s")
    axes.set_title(written(unit["name"]), fontsize=9, loc="left")
    in_unit(axes.yaxis, "")
    plain(axes)
    axes.legend(fontsize=7, frameon=False)
