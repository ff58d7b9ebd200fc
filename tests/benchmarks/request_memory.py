"""Memory and time against the number of requests, with ``trace: summary`` and with rows. Run it by hand: ``python tests/benchmarks/request_memory.py``.

A LoadGen Server on one unit at 70 % load, each run in a process of its own. The last column is the largest resident set beyond that of a
run of ten requests, so that imports do not count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import synthetic

SERVICE_S, RATE_HZ = 0.001, 700.0
COUNTS = (100_000, 1_000_000)


def run(requests: int, trace: str) -> tuple[int, float, float]:
    """Requests, CPU seconds, and the largest resident set in MiB."""
    loadgen = {"scenario": "Server", "target_qps": RATE_HZ, "target_latency": "10 ms", "min_duration": "0 s", "min_query_count": requests}
    given = synthetic.scenario({"load": {"loadgen": loadgen, "pipeline": "one"}}, 2 * requests / RATE_HZ + 1, trace=trace)
    engine = synthetic.engine(given, synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", SERVICE_S)])
    begin = time.process_time()
    found = engine.run()
    assert found.queries["load"].count == requests
    return requests, time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="+", default=COUNTS, help="how many, one run each")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{'trace':<10}{'requests':>10}{'CPU':>9}{'memory':>12}{'beyond 10':>12}")
    for trace in ("summary", "requests"):
        with context.Pool(1, maxtasksperchild=1) as pool:
            runs = pool.starmap(run, [(count, trace) for count in (10, *arguments.requests)], chunksize=1)
        for requests, seconds, mebibytes in runs[1:]:
            print(f"{trace:<10}{requests:>10}{seconds:>7.1f} s{mebibytes:>8.1f} MiB{mebibytes - runs[0][2]:>8.1f} MiB")


if __name__ == "__main__":
    main()
