"""An hour of a 30 fps camera: CPU seconds and memory. Run it by hand: ``python tests/benchmarks/long_camera.py``.

``--synthetic`` runs one detector of 66 kernels on hand-made units instead of ``scenarios/phone_camera.yaml``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import synthetic

from sim.trace import Trace

_SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "phone_camera.yaml"


def synthetic_run() -> Callable[[], Trace]:
    rng = np.random.default_rng(0)
    costs = synthetic.costs(rng.uniform(0.5e-4, 2e-4, 66), rng.uniform(0.5e-4, 2e-4, 66), exponent=3.0)
    scenario = synthetic.scenario({"camera": {"arrival": {"kind": "periodic", "rate": "30 Hz"}, "pipeline": "detector", "deadline": "33 ms"}}, 3600.0)
    return lambda: synthetic.run(scenario, synthetic.device(governor="schedutil"), [synthetic.program("detector", synthetic.segment("npu", costs))])


def shipped_run() -> Callable[[], Trace]:
    from sim.experiment.simulate import prepare
    from sim.scenario.loading import load_scenario

    experiment = prepare(load_scenario(_SCENARIO, overrides=("duration=1 h",)))
    return lambda: experiment.run().trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthetic", action="store_true")
    run = synthetic_run() if parser.parse_args().synthetic else shipped_run()
    begin = time.process_time()
    trace = run()
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{trace.end_s:g} s simulated in {seconds:.2f} s of CPU, peak memory {peak:.0f} MiB")
    operators, events = trace.totals["operators"], trace.totals["events"]
    print(f"{len(trace.requests)} requests, {len(trace.spans)} spans, {len(trace.counter_rows)} counter rows, {operators} operators, {events} events")


if __name__ == "__main__":
    main()
