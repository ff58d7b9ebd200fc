"""Sweeps whose workers and drivers are killed in the middle: the table has to equal the undisturbed one byte for byte.

    .venv/bin/python tests/benchmarks/sweep_kills.py [--points 2000] [--seconds 0.005]

On the local engine with two workers, and on a Dask cluster of two local workers: one worker, then the driver, twice over, each with ``kill -9``;
then the sweep is resumed. Loopback only. Exits with 1 where a table differs or a worker is left behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sweeping import acknowledged, csv_of, driver, gone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.005)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = _undisturbed(Path(folder) / "undisturbed.db", args.points, args.seconds)
        right = _local(Path(folder) / "local.db", args.points, args.seconds, undisturbed)
        right &= _dask(Path(folder) / "dask.db", args.points, args.seconds, undisturbed)
    return 0 if right else 1


def _undisturbed(db: Path, count: int, seconds: float) -> str:
    began_s = time.monotonic()
    _finished(db, "local", count, seconds)
    text = csv_of(db)
    print(f"undisturbed: {text.count(chr(10)) - 1} points, {time.monotonic() - began_s:.1f} s")
    return text


def _finished(db: Path, engine: str, count: int, seconds: float) -> int:
    """Run what is missing to its end; how many points that was."""
    with driver(db, engine, count, seconds) as process:
        out, errors = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"the sweep ended with {process.returncode}: {errors}")
        return len(out.splitlines())


def _local(db: Path, count: int, seconds: float, undisturbed: str) -> bool:
    kept: set[int] = set()
    left: set[int] = set()
    for _ in range(2):
        with driver(db, "local", count, seconds) as process:
            some, pids = acknowledged(process, count // 8)
            os.kill(max(pids), signal.SIGKILL)
            more, others = acknowledged(process, count // 8)
            process.kill()
            process.wait()
            kept |= some | more
            left |= pids | others
    orphans = not gone(left)
    return _judged("local", db, "local", count, seconds, undisturbed, kept) and not orphans


def _dask(db: Path, count: int, seconds: float, undisturbed: str) -> bool:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1", silence_logs=50) as cluster:
        kept: set[int] = set()
        engine = f"dask:{cluster.scheduler_address}"
        for _ in range(2):
            with driver(db, engine, count, seconds) as process:
                some, _ = acknowledged(process, count // 8)
                os.kill(_a_worker(Client, cluster.scheduler_address), signal.SIGKILL)
                more, _ = acknowledged(process, count // 8)
                process.kill()
                process.wait()
                kept |= some | more
        return _judged("dask", db, engine, count, seconds, undisturbed, kept)


def _a_worker(client_of: Any, address: str) -> int:
    with client_of(address, set_as_default=False) as client:
        return int(next(iter(client.run(os.getpid).values())))


def _judged(name: str, db: Path, engine: str, count: int, seconds: float, undisturbed: str, kept: set[int]) -> bool:
    lines = csv_of(db).splitlines()[1:]
    lost = kept - {int(line.split(",")[0]) for line in lines}
    resumed = _finished(db, engine, count, seconds)
    equal = csv_of(db) == undisturbed
    print(f"{name}: two workers and two drivers killed, {len(kept)} points acknowledged, {len(lost)} of them lost, {resumed} run after --resume")
    print(f"{name}: {count} expected, {len(lines)} + {resumed} = {len(lines) + resumed} run, tables {'equal byte for byte' if equal else 'DIFFER'}")
    return equal and not lost and len(lines) + resumed == count


if __name__ == "__main__":
    sys.exit(main())
