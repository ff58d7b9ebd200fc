"""The timeline around the request at the 99th percentile: lanes of units and radios, stages in colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.report.plots.style import color, in_unit, plain, written
from sim.report.run_file.document import RunDocument

_MOST = 3000  # bars: more would be a wall


def draw_timeline(document: RunDocument, figure: Any) -> bool:
    """Returns whether there was anything to draw."""
    about = document.data.get("timeline")
    start, end, lane, stage = (document.column(f"span_{name}") for name in ("start", "end", "lane", "stage"))
    if not about or not len(start) or not len(start) == len(end) == len(lane) == len(stage):
        return False
    window = about["window"] or {"from_s": 0.0, "to_s": about["end_s"]}
    seen = np.flatnonzero((end * 1e-9 > window["from_s"]) & (start * 1e-9 < window["to_s"]))[:_MOST]
    axes = figure.add_subplot()
    low, high = np.maximum(start[seen] * 1e-9, window["from_s"]), np.minimum(end[seen] * 1e-9, window["to_s"])
    for number in np.unique(stage[seen]).tolist():
        mine = stage[seen] == number
        width = high[mine] - low[mine]
        axes.barh(lane[seen][mine], width, left=low[mine] - window["from_s"], height=0.7, color=color(number), label=written(about["stages"][number]))
    axes.set_yticks(range(len(about["lanes"])), [written(one["name"]) for one in about["lanes"]])
    axes.invert_yaxis()
    axes.set_xlabel(f"time since {window['from_s']:.3f} s")
    axes.set_title(written(about["window"]["title"], 110) if about["window"] else "", fontsize=8, loc="left", wrap=True)
    in_unit(axes.xaxis, "s")
    plain(axes)
    axes.grid(False, axis="y")
    axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return True
