"""One supernet, several devices: the subnets that are best within a latency differ, because what costs little differs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from device_models.catalog.catalog import load_device
from sim.exploration.search.accuracy import Candidate, accuracy_provider
from sim.exploration.search.architectures import ARCHITECTURES
from sim.fidelity.case import Case
from sim.fidelity.predict import predict
from sim.scenario.search_accuracy import PublishedSource

PLACES = {
    "raspberry_pi_4": ("cpu", "tflite", "float32"),
    "snapdragon_8_gen_2_phone": ("npu", "qnn", "float16"),
}


def subnets(count: int) -> list[dict[str, Any]]:
    dice, space = random.Random(1), ARCHITECTURES["once_for_all"]
    drawn = [space.changes(space.sample(lambda name, values: dice.choice(values)), "net") for _ in range(count)]
    return [{path.rpartition(".")[2]: value for path, value in changes.items()} for changes in drawn]


def latency_s(place: str, options: dict[str, Any]) -> float:
    (unit, runtime, precision), device = PLACES[place], load_device(place)
    use = {"source": "once_for_all", "options": options, "precision": precision, "runtime": runtime, "placement": {"prefer": [unit]}}
    about = {"dataset": "", "group": "", "model": "", "family": "", "source": "", "line": 0, "kind": ""}
    case = Case(device=place, spec=device, unit=unit, use=use, metric="latency_s", measured=1.0, **about)  # type: ignore[arg-type]
    return predict(case, device)


def test_the_best_subnets_of_a_cpu_and_of_an_npu_are_not_the_same() -> None:
    provider = accuracy_provider(PublishedSource(provider="published", table="once_for_all"), Path())
    found = subnets(40)
    shares = [provider.accuracy(Candidate("net", {"source": "once_for_all", "options": options})).value_ratio or 0.0 for options in found]
    best = {}
    for place in PLACES:
        latencies = [latency_s(place, options) for options in found]
        allowed = sorted(latencies)[len(latencies) // 2]  # half of the subnets hold this latency
        best[place] = max((index for index in range(len(found)) if latencies[index] <= allowed), key=lambda index: shares[index])
    cpu, npu = best["raspberry_pi_4"], best["snapdragon_8_gen_2_phone"]
    assert cpu != npu
    assert shares[npu] > shares[cpu]  # an NPU does more work in the time that half of the subnets take


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_optuna_asks_only_for_blocks_that_run(sampler: str) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = ARCHITECTURES["once_for_all"]
    made = {"tpe": optuna.samplers.TPESampler(seed=1), "nsga2": optuna.samplers.NSGAIISampler(seed=1, population_size=8)}
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=made[sampler])
    for _ in range(24):
        trial = study.ask()
        changes = space.changes(space.sample(trial.suggest_categorical), "net")
        depths = changes["models.net.options.depths"]
        assert len(trial.params) == 2 + 5 + 2 * sum(depths)
        study.tell(trial, [sum(depths), sum(changes["models.net.options.kernels"])])
