"""Outcomes of a search as a results file has them, so that a search that was interrupted need not run them again."""

from __future__ import annotations

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store
from sim.exploration.store.table import Selection


def search_record(sweep_id: str, base_digest: str, scenario: str, axes: tuple[str, ...], name: str) -> SweepRecord:
    """How a file tells this search from others; how many trials there will be is not part of it, because more may be asked for later."""
    return SweepRecord(sweep_id, base_digest, scenario, axes, kind="search", description=name)


def remembered(store: Store, sweep_id: str) -> dict[str, Outcome]:
    """Outcome by point id, with all metrics; their canonical texts stay in the file."""
    if not any(one.record.sweep_id == sweep_id and one.ended for one in store.sweeps()):
        return {}
    table = store.table(Selection(sweep=sweep_id, columns=("*",)))
    metrics = [(index, column.name) for index, column in enumerate(table.columns) if column.side == "metric"]
    names = table.names()
    own = {name: names.index(name) for name in ("point_id", "position", "status") if name in names}
    problems = names.index("problems") if "problems" in names else None
    found = {}
    for row in table.rows:
        found[str(row[own["point_id"]])] = Outcome(
            point=Point(int(row[own["position"]]), ()),
            key="",
            canonical="",
            metrics={name: row[index] for index, name in metrics if row[index] is not None},
            problems=tuple(str(row[problems]).split("\n")) if problems is not None and row[problems] else (),
            status=str(row[own["status"]]),
            cpu_s=0.0,
        )
    return found
