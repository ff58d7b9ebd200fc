"""Speed of the engine: simulated operators per CPU second over raw simpy timeouts per CPU second, in one process, alternating.

Run it by hand: ``python tests/benchmarks/engine.py``. Two units, a camera detector of 66 kernels and a keyword spotter of 20 that
contend for the memory, a governor sampling every domain each 100 ms, spans and counters recorded. ``--scenario`` runs
``scenarios/camera_and_keyword.yaml`` instead, with its own models, governors and device.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import synthetic

from sim.policies.governors import GOVERNORS
from sim.policies.governors.ondemand import Ondemand
from sim.trace import Trace

_SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "camera_and_keyword.yaml"


class SlowOndemand(Ondemand):
    """ondemand sampled every 100 ms."""

    sampling_s = 0.1


def raw_timeouts_per_s(count: int = 200_000) -> float:
    """Timeouts of one simpy process per CPU second."""
    environment = simpy.Environment()

    def process() -> object:
        for _ in range(count):
            yield environment.timeout(1e-3)

    environment.process(process())
    begin = time.process_time()
    environment.run()
    return count / (time.process_time() - begin)


def synthetic_run(duration_s: float) -> Callable[[], Trace]:
    rng = np.random.default_rng(0)

    def kernels(count: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.uniform(0.5e-4, 2e-4, count), rng.uniform(0.5e-4, 2e-4, count)

    detector = synthetic.program("detector", synthetic.segment("npu", synthetic.costs(*kernels(66), exponent=3.0)))
    keyword = synthetic.program("keyword", synthetic.segment("cpu", synthetic.costs(*kernels(20))))
    workloads = {
        "camera": {"arrival": {"kind": "periodic", "rate": "30 Hz"}, "pipeline": "detector", "deadline": "33 ms"},
        "microphone": {"arrival": {"kind": "periodic", "rate": "20 Hz", "offset": "7 ms"}, "pipeline": "keyword"},
    }
    scenario = synthetic.scenario(workloads, duration_s)
    device = synthetic.device(governor="slow_ondemand")
    return lambda: synthetic.run(scenario, device, [detector, keyword])


def shipped_run() -> Callable[[], Trace]:
    from sim.experiment.simulate import prepare
    from sim.scenario.loading import load_scenario

    experiment = prepare(load_scenario(_SCENARIO))
    return lambda: experiment.run().trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", action="store_true", help="run the shipped scenario with its real models")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    GOVERNORS.register("slow_ondemand")(SlowOndemand)
    run = shipped_run() if options.scenario else synthetic_run(300.0)
    ratios = []
    for _ in range(options.rounds):
        raw = raw_timeouts_per_s()
        begin = time.process_time()
        trace = run()
        seconds = time.process_time() - begin
        operators = trace.totals["operators"]
        ratios.append(operators / seconds / raw)
        events = trace.totals["events"]
        speed = f"engine {operators / seconds / 1e6:.2f} M operators/s ({operators} in {events} events)"
        print(f"raw simpy {raw / 1e6:.2f} M timeouts/s   {speed}   ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}, best {max(ratios):.2f}")


if __name__ == "__main__":
    main()
