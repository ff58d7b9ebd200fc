"""What the sweep engine costs: one worker against two, its overhead a point, and memory that does not grow.

    .venv/bin/python tests/benchmarks/sweep_engine.py [--points 10000] [--repeat 3]

Two kinds of points: a fixed 5 ms of processor time, and a real scenario of about 5 ms (a keyword spotter on a Raspberry Pi 4, 400 ms simulated, at many
rates and seeds). The overhead is what remains of the workers' time when the time spent in points is taken away, 1 - busy / (workers x elapsed), from the
first batch to the last result, results kept in a store on disk. Each figure is the best of the repetitions, because other load on the machine only ever
adds; the load is printed with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exploring import AXES, BASE, Burn, points

from sim.exploration.engines import open_engine
from sim.exploration.engines.local import LocalEngine
from sim.exploration.evaluate import Evaluator
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.run_points import Totals, run_points
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store

RATE = "workloads.microphone.arrival.rate"
SCENARIO = {
    "name": "small",
    "device": "raspberry_pi_4",
    "duration": "400 ms",
    "models": {"keyword": {"source": "ds_cnn", "runtime": "tflite", "precision": "int8"}},
    "workloads": {
        "microphone": {
            "arrival": {"kind": "periodic", "rate": "20 Hz", "jitter": "2 ms"},
            "deadline": "50 ms",
            "pipeline": [{"name": "mfcc", "unit": "cpu", "work": {"operations": "1 M", "bytes": "64 kB"}}, {"name": "spot", "model": "keyword"}],
        }
    },
}


@dataclass
class Kind:
    """Points and what evaluates them."""

    name: str
    evaluate: Callable[[Point], Outcome]
    points: Callable[[int], Iterator[Point]]
    axes: tuple[str, ...]


@dataclass
class Memory:
    """Resident bytes of the driver and of its largest worker, after a tenth of the points and after all of them."""

    seen: dict[int, tuple[int, int]] = field(default_factory=dict)

    def look(self, engine: LocalEngine, after: int) -> None:
        self.seen[after] = (_resident_bytes("self"), max(_resident_bytes(str(lane.pid)) for lane in engine.lanes() if lane.pid))

    def __str__(self) -> str:
        return ", ".join(f"after {after}: driver {driver / 2**20:.1f} MiB, worker {worker / 2**20:.1f} MiB" for after, (driver, worker) in self.seen.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--overhead-points", type=int, default=1_000, help="points of 10 ms, for the overhead")
    args = parser.parse_args()

    print(f"cores {len(os.sched_getaffinity(0))}, load {os.getloadavg()[0]:.2f}")
    for kind in (Kind("points of 5 ms", Burn(0.005), points, AXES), Kind("real points", Evaluator(SCENARIO), _real_points, (RATE, "seed"))):
        _one_against_two(kind, args.points, args.repeat)
    for workers in (1, 2):
        kind = Kind("points of 10 ms", Burn(0.010), points, AXES)
        cost = min(_overhead(_swept(kind, args.overhead_points, workers)[0], workers) for _ in range(args.repeat))
        print(f"overhead at 10 ms a point, {workers} worker{'s' * (workers > 1)}: {100 * cost:.2f} %")
    totals, memory = _swept(Kind("", Burn(0.0), points, AXES), 100_000, 2)
    print(f"{totals.points} points that cost nothing, {totals.points / totals.elapsed_s:.0f} points/s; {memory}")
    print(f"load {os.getloadavg()[0]:.2f}")


def _one_against_two(kind: Kind, count: int, repeat: int) -> None:
    pairs = [(_swept(kind, count, 1), _swept(kind, count, 2)) for _ in range(repeat)]  # in turn: both see the same load from others
    one = min((pair[0][0] for pair in pairs), key=lambda totals: totals.elapsed_s)
    two, memory = min((pair[1] for pair in pairs), key=lambda found: found[0].elapsed_s)
    ratio = one.elapsed_s / two.elapsed_s
    print(f"{count} {kind.name}: 1 worker {one.elapsed_s:.2f} s, 2 workers {two.elapsed_s:.2f} s, ratio {ratio:.3f}; ", end="")
    print(f"{two.busy_s / count * 1e3:.2f} ms in a point, overhead {100 * _overhead(two, 2):.2f} %; {memory}; load {os.getloadavg()[0]:.2f}", flush=True)


def _swept(kind: Kind, count: int, workers: int) -> tuple[Totals, Memory]:
    memory = Memory()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "sweep.db") as store, open_engine("local", workers) as engine:
        assert isinstance(engine, LocalEngine)
        store.begin(SweepRecord("0" * 64, BASE, "base", kind.axes))
        run_points(kind.points(2 * workers), kind.evaluate, engine, _nothing)  # workers up
        told = 0

        def done(outcome: Outcome) -> None:
            nonlocal told
            store.add(outcome)
            if outcome.status != "done":
                raise SystemExit(f"point {outcome.point.position}: {outcome.problems}")
            told += 1
            if told in (count // 10, count):
                memory.look(engine, told)

        return run_points(kind.points(count), kind.evaluate, engine, done), memory


def _real_points(count: int) -> Iterator[Point]:
    every = (Point(position, ((RATE, f"{10 + position % 40} Hz"), ("seed", position))) for position in range(10**9))
    return islice(every, count)


def _overhead(totals: Totals, workers: int) -> float:
    return 1 - totals.busy_s / (workers * totals.elapsed_s)


def _resident_bytes(process: str) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _nothing(outcome: Outcome) -> None:
    """Results of warming up are not kept."""


if __name__ == "__main__":
    main()
