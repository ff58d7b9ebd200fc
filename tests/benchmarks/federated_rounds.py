"""Client-rounds per CPU second of federated rounds, time only, at a population of one million: random selection, Oort, and asynchronous rounds.

Run: ``python tests/benchmarks/federated_rounds.py``. Everything but compiling and timing the training step counts: drawing the
population, choosing, timing and accounting of every client.
"""

from __future__ import annotations

import resource
import time
from typing import Any

from sim.experiment.federated.study import prepare_federated
from sim.experiment.names import known_names
from sim.scenario.study import load_study

POPULATION = 1_000_000
SYNCHRONOUS = {"number": 100, "clients": 10_000, "over_selection": 1.3, "deadline": "10 min"}
ASYNCHRONOUS = {"kind": "asynchronous", "number": 1000, "buffer": 1000, "concurrency": 20_000}


def study(selection: str, rounds: dict[str, Any]) -> dict[str, Any]:
    """One million phones that come and go."""
    return {
        "name": "million_clients",
        "federated": {
            "model": {
                "source": "mobilenet_v2",
                "options": {"width": 0.5, "resolution": 128, "classes": 10},
                "training": {"optimizer": "sgd", "batch": 16},
            },
            "population": {
                "count": POPULATION,
                "devices": {
                    "new": {"device": "snapdragon_8_elite_phone", "share": 0.4},
                    "old": {"device": "snapdragon_855_phone", "share": 0.6, "compute": {"kind": "lognormal", "sigma": 0.4}},
                },
                "samples": {"kind": "lognormal", "median": 200, "sigma": 1, "most": 2000},
                "links": {"kind": "measured", "data": "mobiperf_wifi"},
                "radio": "wifi_pixel_6",
                "availability": {"kind": "sessions", "fraction": "30 %", "session": "20 min", "sigma": 0.5},
            },
            "rounds": rounds,
            "selection": selection,
        },
    }


def main() -> None:
    """Print the figures."""
    for label, selection, rounds in (
        ("random selection", "random", SYNCHRONOUS),
        ("Oort", "oort", SYNCHRONOUS),
        ("asynchronous", "random", ASYNCHRONOUS),
    ):
        loaded = load_study(study(selection, rounds), known=known_names())
        assert loaded is not None
        experiment = prepare_federated(loaded)
        begun_s = time.process_time()
        result = experiment.run()
        cpu_s, asked = time.process_time() - begun_s, int(result.ledger.asked.sum())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{label:18} {asked:>10,} client-rounds in {cpu_s:6.2f} s of CPU: {asked / cpu_s:>12,.0f}/s   peak memory {memory:,.0f} MiB")


if __name__ == "__main__":
    main()
