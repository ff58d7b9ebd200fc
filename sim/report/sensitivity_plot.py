"""Tornado charts as a picture: a panel for every metric, estimated numbers hatched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.report.fidelity_plot import save_figure
from sim.report.sensitivity_rows import Bar, Sensitivity, Tornado

_DOWN, _UP = "#1f6fb4", "#d1622b"
_ROW_INCHES, _MARGIN_INCHES, _WIDTH_INCHES = 0.24, 0.95, 8.0


def draw_tornados(found: Sensitivity, path: Path, top: int) -> None:
    """Write the picture; its format is that of the file's ending. Needs matplotlib. Raises EdgesimError where it cannot be written."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "edgesim"  # the same bytes for the same numbers
    from matplotlib.figure import Figure

    shown = [tornado for tornado in found.tornados if tornado.bars]
    heights = [_MARGIN_INCHES + _ROW_INCHES * min(len(tornado.bars), top) for tornado in shown] or [_MARGIN_INCHES]
    figure = Figure(figsize=(_WIDTH_INCHES, sum(heights) + 0.4), layout="constrained")
    figure.suptitle(f"{found.scenario} on {found.device}: {found.by}", fontsize=10, parse_math=False)
    if shown:
        for axes, tornado in zip(figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0], shown, strict=True):
            _panel(axes, tornado, top)
        _legend(figure, found)
    save_figure(figure, path)


def _legend(figure: Any, found: Sensitivity) -> None:
    from matplotlib.patches import Patch

    moves = [("parameter down", _DOWN), ("parameter up", _UP)] if found.method == "oat" else [("mu*, in the direction of mu", _UP)]
    patches = [Patch(facecolor=color, label=label) for label, color in moves]
    patches.append(Patch(facecolor="0.6", edgecolor="white", hatch="///", label="an estimated number"))
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=8, frameon=False)


def _panel(axes: Any, tornado: Tornado, top: int) -> None:
    measure, bars = tornado.measure, list(tornado.bars[:top])
    scale, unit = (
        (1.0, "K") if measure.dimension == "temperature" else (100.0, "points") if measure.by_difference else (100.0 / (abs(measure.base) or 1.0), "%")
    )
    for row, bar in enumerate(bars):
        hatch = "///" if bar.kind == "estimated" else None
        ends = [(bar.low, _DOWN), (bar.high, _UP)] if isinstance(bar, Bar) else [(bar.mu_star if bar.mu >= 0 else -bar.mu_star, _UP)]
        for end, color in sorted(((end, color) for end, color in ends if end), key=lambda one: -abs(one[0])):
            axes.barh(row, (end or 0.0) * scale, color=color, height=0.7, hatch=hatch, edgecolor="white", linewidth=0.4)
        if not isinstance(bar, Bar) and bar.confidence:
            axes.errorbar((ends[0][0] or 0.0) * scale, row, xerr=bar.confidence * scale, color="0.2", linewidth=0.8, capsize=2)
    axes.axvline(0.0, color="0.3", linewidth=0.8)
    axes.set_yticks(range(len(bars)), [bar.label + (f" ({bar.moved})" if bar.moved else "") for bar in bars], fontsize=7, parse_math=False)
    axes.invert_yaxis()
    axes.set_title(f"{measure.title}: {measure.base_text}", fontsize=9, parse_math=False)
    axes.set_xlabel(f"change, {unit}", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
