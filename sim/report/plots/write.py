"""Stills into files: one by its ending, or all into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError
from sim.registry import near_names
from sim.report.fidelity_plot import save_figure
from sim.report.plots.energy import draw_energy
from sim.report.plots.latency import draw_latency
from sim.report.plots.roofline import draw_roofline
from sim.report.plots.style import SIZE
from sim.report.plots.temperature import draw_temperature
from sim.report.plots.timeline import draw_timeline
from sim.report.run_file.document import RunDocument

# name -> what draws it; a new still is one file and one line here
STILLS: dict[str, Callable[[RunDocument, Any], bool]] = {
    "timeline": draw_timeline,
    "latency": draw_latency,
    "roofline": draw_roofline,
    "energy": draw_energy,
    "temperature": draw_temperature,
}
ENDINGS = (".png", ".svg", ".pdf")


def write_stills(document: RunDocument, place: Path, name: str | None = None) -> list[Path]:
    """Write one still (``place`` ends in .png, .svg or .pdf) or all that the run has data for (PNG and SVG, into a folder).

    Returns the files. Raises EdgesimError without matplotlib, for an unknown name, and where there is nothing to draw.
    """
    if name is not None and name not in STILLS:
        raise EdgesimError(f"unknown still {name!r}; {near_names(name, STILLS)}")
    _check_matplotlib()
    if place.suffix.lower() in ENDINGS and not place.is_dir():
        chosen = name or next((still for still in STILLS if still in place.stem), "timeline")
        if not _write(document, chosen, [place]):
            raise EdgesimError(f"the run has nothing to draw a {chosen} from")
        return [place]
    if place.suffix and not place.is_dir():
        raise EdgesimError(f"--plot {str(place)!r}: a folder, or a file that ends in {', '.join(ENDINGS)}")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgesimError(f"cannot make the folder {str(place)!r}: {error.strerror or error}") from None
    files = []
    for still in [name] if name else STILLS:
        paths = [place / f"{still}.png", place / f"{still}.svg"]
        if _write(document, still, paths):
            files += paths
    if not files:
        raise EdgesimError("the run has nothing to draw: its file holds no spans, requests or counters")
    return files


def _write(document: RunDocument, name: str, paths: list[Path]) -> bool:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "edgesim"  # the same bytes for the same run
    from matplotlib.figure import Figure

    for path in paths:
        figure = Figure(figsize=SIZE, layout="constrained")  # a new one each: saving lays it out once more
        if not STILLS[name](document, figure):
            return False
        save_figure(figure, path)
    return True


def _check_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise EdgesimError("--plot needs matplotlib: pip install 'edgesim[plots]'")
