"""Predicted over measured as a picture: a panel per dataset and metric, both axes logarithmic, with the band of 20 %."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from sim.errors import EdgesimError
from sim.report.fidelity_scores import METRICS, Point

BAND = 0.2
COLORS = {"in-sample": "#8a8a8a", "zero-shot": "#d1622b", "k-shot": "#2f8f4e", "leave-family-out": "#1f6fb4"}  # drawn in this order
_ACROSS = 3


def panels(points: Sequence[Point]) -> dict[tuple[str, str], list[Point]]:
    """Points by dataset and metric, in the order in which they first come."""
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.dataset, point.metric), []).append(point)
    return found


def limits(points: Sequence[Point]) -> tuple[float, float]:
    """Powers of ten around all values of a panel."""
    values = [value for point in points for value in (point.measured, point.predicted)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def draw(points: Sequence[Point], titles: Mapping[str, str], path: Path) -> None:
    """Write the picture; its format is that of the file's ending. Needs matplotlib. Raises EdgesimError where it cannot be written."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "edgesim"  # the same bytes for the same points
    from matplotlib.figure import Figure

    shown = panels(points)
    across = min(_ACROSS, len(shown))
    down = math.ceil(len(shown) / across)
    figure = Figure(figsize=(4.6 * across, 4.4 * down), layout="constrained")
    for position, ((dataset, metric), members) in enumerate(shown.items()):
        axes = figure.add_subplot(down, across, position + 1)
        low, high = limits(members)
        axes.fill_between([low, high], [low * (1 - BAND), high * (1 - BAND)], [low * (1 + BAND), high * (1 + BAND)], color="0.9", zorder=0)
        axes.plot([low, high], [low, high], color="0.6", linewidth=0.8, zorder=1)
        for regime, color in COLORS.items():
            own = [point for point in members if point.regime == regime]
            if not own:
                continue
            axes.scatter([point.measured for point in own], [point.predicted for point in own], s=8, linewidths=0, alpha=0.7, color=color, label=regime)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set_title(titles[dataset], fontsize=9, parse_math=False)
        axes.set_xlabel("measured " + METRICS[metric].label)
        axes.set_ylabel("predicted")
        axes.legend(fontsize=7, loc="upper left")
    save_figure(figure, path)


def save_figure(figure: object, path: Path) -> None:
    """Beside its place first, so that an older file is lost only to a complete one."""
    metadata: dict[str, None] = {"Date": None} if path.suffix.lower() == ".svg" else {"CreationDate": None} if path.suffix.lower() == ".pdf" else {}
    try:
        with NamedTemporaryFile(dir=path.resolve().parent, suffix=path.suffix, delete=False) as part:
            temporary = Path(part.name)
        try:
            figure.savefig(temporary, dpi=130, metadata=metadata)  # type: ignore[attr-defined]  # matplotlib is imported late
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise EdgesimError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
