"""Energy by component, and what requests of each workload caused."""

from __future__ import annotations

from typing import Any

from sim.report.plots.style import color, in_unit, plain, written
from sim.report.run_file.document import RunDocument


def draw_energy(document: RunDocument, figure: Any) -> bool:
    """Returns whether there was anything to draw."""
    energy = document.data.get("energy")
    if not energy or not energy["total_j"] > 0:
        return False
    axes = figure.add_subplot()
    bars = {"components": energy["components"]}
    if energy["workloads"]:
        bars["requests"] = {**energy["workloads"], "standing": max(energy["standing_j"], 0.0)}
    number = 0
    for row, parts in enumerate(bars.values()):
        left = 0.0
        for name, value in sorted(parts.items(), key=lambda item: -item[1]):
            if value > 0:
                hue = "0.7" if name == "standing" else color(number)
                label = f"{written(name)} {100 * value / energy['total_j']:.2g} %"
                axes.barh(row, value, left=left, height=0.6, color=hue, label=label)
                left, number = left + value, number + 1
    axes.set_yticks(range(len(bars)), list(bars))
    axes.invert_yaxis()
    axes.set_xlabel("energy of the run")
    in_unit(axes.xaxis, "J")
    plain(axes)
    axes.grid(False, axis="y")
    axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.22))
    return True
