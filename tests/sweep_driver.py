"""A sweep in a process of its own, for tests that end it: ``sweep_driver.py DB COUNT SECONDS ENGINE [WORKERS]``.

Prints the position of each point when the store has acknowledged it, and ``workers`` with their process numbers first. Goes on where DB has been begun.
"""

from __future__ import annotations

import sys
from pathlib import Path

from exploring import AXES, BASE, Burn, points

from sim.errors import EdgesimError
from sim.exploration.engines import open_engine
from sim.exploration.engines.local import LocalLane
from sim.exploration.outcome import Outcome
from sim.exploration.run_points import run_points
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store


def main(db: str, count: str, seconds: str, engine_text: str, workers: str = "2") -> int:
    record = SweepRecord("5" * 64, BASE, "base", AXES, points=int(count))
    # positions that are a multiple of 50 are mistakes: they too are to be there exactly once
    burn = Burn(float(seconds), wrong=frozenset(range(0, int(count), 50)))
    with Store.open(Path(db)) as store, open_engine(engine_text, int(workers) if engine_text == "local" else None) as engine:
        store.begin(record, resume=True)
        finished = store.finished(record.sweep_id)
        missing = [point for point in points(int(count)) if point.point_id(BASE) not in finished]

        def done(outcome: Outcome) -> None:
            store.add(outcome)
            pids = [lane.pid for lane in engine.lanes() if isinstance(lane, LocalLane)]
            print(outcome.point.position, *pids, flush=True)

        run_points(missing, burn, engine, done, batch_s=0.02)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except EdgesimError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
