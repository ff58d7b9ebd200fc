"""CPU seconds for 30 simulated minutes of a phone that throttles at 30 frames a second.

Run it by hand: ``python tests/benchmarks/throttling_phone.py [DEVICE] [THERMAL GOVERNOR]``. Importing and compiling the model is
not counted.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.scenario.loading import load_scenario

MINUTES = 30


def main() -> None:
    device = sys.argv[1] if len(sys.argv) > 1 else "snapdragon_8_gen_2_phone"
    governor = sys.argv[2] if len(sys.argv) > 2 else None
    scenario = {
        "name": "throttling_phone",
        "device": device,
        "runtime": "tflite",
        "models": {"segmenter": {"source": "deeplab_v3_plus", "precision": "float16", "placement": {"prefer": ["gpu", "cpu"]}}},
        "workloads": {"camera": {"arrival": {"kind": "periodic", "rate": "30 fps"}, "pipeline": [{"model": "segmenter"}], "queue": {"limit": 2}}},
        "duration": f"{MINUTES} min",
        "ambient": "30 degC",
        **({"thermal": {"governor": governor}} if governor else {}),
    }
    experiment = prepare(load_scenario(scenario, known=known_names()))
    begin = time.process_time()
    trace = experiment.run().trace
    seconds = time.process_time() - begin
    ends = trace.requests["end_s"][trace.requests["status"] <= 1]
    per_minute = np.histogram(ends, bins=np.arange(0, 60 * MINUTES + 1, 60))[0]
    limits = [name for name in trace.counters if name.startswith("limit_hz.")]
    changes = sum(len(trace.counter(name)[0]) for name in limits)
    print(f"{device}: {MINUTES} min at 30 fps in {seconds:.2f} s CPU, {trace.totals['events']} events, {changes} changes of limits")
    print(f"frames in minute 1: {per_minute[0]}, in minute {MINUTES}: {per_minute[-1]}; final {trace.totals['final_temperature_c']}")


if __name__ == "__main__":
    main()
