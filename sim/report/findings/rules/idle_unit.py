"""Units that do nothing beside one that is busy."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding
from sim.report.numbers import percent

NAME = "idle_unit"
ABOUT = "idle units that could take work from a busy one"
BUSY, IDLE = 0.3, 0.02


def find(run: Examined) -> Iterator[Finding]:
    units = run.metrics.units
    for name, use, program in run.models():
        main = max(program.segments, key=lambda segment: run.metrics.models[name].units_s.get(segment.unit, 0.0)).unit
        busy = units[main].utilisation_ratio if main in units else 0.0
        if busy < BUSY or use.training is not None:
            continue
        idle_units = [unit for unit in run.reachable(program.runtime) if units[unit].utilisation_ratio < IDLE]
        kinds = dict.fromkeys(run.unit_kinds[unit] for unit in idle_units if run.unit_kinds[unit] != run.unit_kinds[main])
        other = _other_runtime(run, program.runtime) if not kinds else None
        if not kinds and other is None:
            continue
        idle = list(kinds) or [other[1] if other else ""]
        share = run.share_of_requests(name)
        verb = "idles" if len(idle) == 1 else "idle"
        text = f"{run.kind_title(main)} is busy {percent(busy, 2)} of the time with {name} while the {' and the '.join(kind.upper() for kind in idle)} {verb}"
        what_ifs = [run.moved(name, kind, (kind, run.unit_kinds[main])) for kind in kinds]
        if other is not None:
            what_ifs.append(run.moved(name, other[1], (other[1], run.unit_kinds[main]), (f"models.{name}.runtime", other[0])))
        evidence = {"model": name, "busy_unit": main, "utilisation_ratio": busy, "idle": ", ".join(idle)}
        yield Finding(NAME, text, busy * share * 0.5, "the time of an answer, if half of it moved", evidence, tuple(what_ifs))


def _other_runtime(run: Examined, used: str) -> tuple[str, str] | None:
    """A runtime of the device that reaches an idle kind of unit which this one does not: its name and the kind."""
    mine = set(run.reachable(used))
    for name in run.result.device.runtimes:
        if name == used:
            continue
        for unit in run.reachable(name):
            if unit not in mine and run.unit_kinds[unit] != "cpu" and run.metrics.units[unit].utilisation_ratio < IDLE:
                return name, run.unit_kinds[unit]
    return None
