"""Cumulative distributions of latencies, with deadlines."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.report.plots.style import color, in_unit, plain, written
from sim.report.run_file.document import RunDocument


def draw_latency(document: RunDocument, figure: Any) -> bool:
    """Returns whether there was anything to draw."""
    shown = [(one, document.column(one["column"])) for one in document.data.get("latency", ()) if one["column"]]
    shown = [(one, values) for one, values in shown if len(values)]
    if not shown:
        return False
    axes = figure.add_subplot()
    for number, (one, values) in enumerate(shown):
        shares = np.arange(1, len(values) + 1) / len(values)
        axes.step(np.append(values[0], values), np.append(0.0, shares), where="post", color=color(number), label=written(one["workload"]))
        if one["deadline_s"] is not None:
            axes.axvline(one["deadline_s"], color=color(number), linestyle=":", linewidth=1)
    slowest, fastest = max(float(values[-1]) for _, values in shown), min(float(values[0]) for _, values in shown)
    if fastest > 0 and slowest / fastest > 50:
        axes.set_xscale("log")
    in_unit(axes.xaxis, "s")
    axes.set(xlabel="latency (dotted: deadline)", ylabel="share of requests", ylim=(0, 1.02))
    plain(axes)
    axes.legend(fontsize=7, frameon=False)
    return True
