"""A million requests through a batching server: CPU seconds and memory. Run it by hand: ``python tests/benchmarks/million_requests.py``.

``--trace summary`` keeps no rows: memory does not grow with the number of requests.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import serving
import synthetic

from sim.trace import Trace

_SECONDS = {1: 0.0016, 2: 0.0022, 4: 0.0035, 8: 0.006}
RATE_HZ = 1000.0  # three quarters of what batches of eight can do


def synthetic_run(requests: int, trace: str) -> Callable[[], Trace]:
    stage = serving.batched("detector", max_size=8, max_delay="5 ms")
    workload = {"arrival": {"kind": "poisson", "rate": f"{RATE_HZ} Hz"}, "pipeline": [stage], "deadline": "40 ms"}
    given = serving.scenario({"camera": workload}, requests / RATE_HZ, trace=trace)
    return serving.engine(given, synthetic.device(["gpu"]), {"detector": _SECONDS}).run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--trace", default="requests", help="what is kept, as a scenario says it")
    args = parser.parse_args()
    run = synthetic_run(args.requests, args.trace)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.process_time()
    trace = run()
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    batches = sum(trace.queues[0].sizes.values())
    print(f"{trace.end_s:g} s simulated in {seconds:.2f} s of CPU; memory {before:.0f} MiB before, {peak:.0f} MiB at most")
    print(f"{len(trace.requests)} requests kept, {batches} batches, {trace.totals['events']} events")


if __name__ == "__main__":
    main()
