"""CPU seconds for 100,000 decoded tokens: one answer after the other, a full batch, and requests that come at random. Run as a script."""

from __future__ import annotations

import time
from typing import Any

from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.scenario.loading import load_scenario

TOKENS = 100_000
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "one at a time": ({"max_batch": 1}, {"kind": "closed"}, {"prompt": 258, "output": 128}),
    "batch of eight": ({"max_batch": 8}, {"kind": "closed", "clients": 8}, {"prompt": 258, "output": 128}),
    "at random": (
        {"max_batch": 8},
        {"kind": "poisson", "rate": "2 Hz"},
        {"prompt": {"kind": "uniform", "min": 20, "max": 400}, "output": {"kind": "lognormal", "mean": 128, "deviation": 80, "max": 1000}},
    ),
}


def measured(serving: dict[str, Any], arrival: dict[str, Any], lengths: dict[str, Any]) -> tuple[int, float]:
    """Tokens and CPU seconds of a run whose steps have been compiled by one before."""
    scenario = {
        "name": "tokens", "device": "jetson_orin_nano", "runtime": "mlc_llm", "duration": "30 min", "trace": "requests",
        "models": {"chat": {"source": "qwen2.5_0.5b", "precision": "w4a16", "serving": {"context": 2048, **serving}}},
        "workloads": {"chat": {"arrival": arrival, "pipeline": [{"name": "answer", "generate": "chat", **lengths}]}},
    }  # fmt: skip
    experiment = prepare(load_scenario(scenario, known=known_names()))
    experiment.run()
    began_s = time.process_time()
    result = experiment.run()
    return result.trace.servings[0].output_tokens, time.process_time() - began_s


def main() -> None:
    for name, case in CASES.items():
        tokens, cpu_s = measured(*case)
        print(f"{name:15} {tokens:8} tokens, {cpu_s:6.2f} s of CPU: {cpu_s / tokens * TOKENS:5.2f} s for {TOKENS:,}")


if __name__ == "__main__":
    main()
