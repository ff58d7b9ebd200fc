"""Selection policies by hand, and what must hold of every one that is registered."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

import numpy as np
import pytest

from sim.policies.selection import SELECTION, SelectionOptions, selection_options, selection_problems


@dataclass
class View:
    """A device and a request made by hand."""

    now_s: float = 0.0
    in_system: int = 1
    temperature_c: float = 25.0
    charge: float = 1.0
    slack_s: float = float("inf")
    predicted: tuple[float, ...] = (0.3, 0.2, 0.1)
    queues: tuple[int, ...] = (0, 0, 0)
    drawn: float = 0.0
    asked: list[int] = field(default_factory=list)

    def predicted_s(self, model: int) -> float:
        return self.predicted[model]

    def waiting(self, model: int) -> int:
        return self.queues[model]

    def draw(self) -> float:
        return self.drawn


def options_of(name: str) -> SelectionOptions:
    """Such that every policy has what it needs."""
    written: dict[str, object] = {}
    thresholds = {"count": [2, 4], "temperature": ["30 degC", "40 degC"], "ratio": ["50 %", "20 %"], "time": ["1 s", "2 s"]}
    if "thresholds" in SELECTION[name].uses:
        written["thresholds"] = thresholds[SELECTION[name].dimension]
    assert not list(selection_problems(SELECTION[name], written, 3))
    return selection_options(SELECTION[name], 3, written)


@pytest.mark.parametrize("name", sorted(SELECTION))
def test_every_policy_chooses_a_model_whatever_it_sees_and_says_what_it_does(name: str) -> None:
    rng = np.random.default_rng(1)
    policy = SELECTION[name](options_of(name))
    for _ in range(500):
        view = View(
            now_s=float(rng.uniform(0, 3)),
            in_system=int(rng.integers(1, 9)),
            temperature_c=float(rng.uniform(20, 60)),
            charge=float(rng.random()),
            slack_s=float(rng.choice([-1.0, 0.15, 0.25, np.inf])),
            predicted=tuple(rng.random(3).tolist()),
            queues=tuple(rng.integers(0, 5, 3).tolist()),
            drawn=float(rng.random()),
        )
        assert policy.choose(view) in (0, 1, 2)
    assert len(inspect.getdoc(SELECTION[name]) or "") > 40


def test_stairs_with_hysteresis() -> None:
    policy = SELECTION["by_temperature"](SelectionOptions(3, (30.0, 40.0), hysteresis=3.0))
    seen = [policy.choose(View(temperature_c=value)) for value in (29.9, 30, 28, 27.1, 26.9, 45, 38, 37.1, 36.9, 20)]
    assert seen == [0, 1, 1, 1, 0, 2, 2, 2, 1, 0]


def test_stairs_going_down() -> None:
    policy = SELECTION["by_battery"](SelectionOptions(3, (0.5, 0.2), hysteresis=0.05))
    seen = [policy.choose(View(charge=value)) for value in (1.0, 0.51, 0.5, 0.54, 0.56, 0.1, 0.24, 0.26, 0.9)]
    assert seen == [0, 0, 1, 1, 0, 2, 2, 1, 0]


def test_the_best_in_time_else_the_fastest() -> None:
    policy = SELECTION["by_deadline"](SelectionOptions(3, margin_s=0.01))
    assert [policy.choose(View(slack_s=slack)) for slack in (1.0, 0.31, 0.3, 0.2, 0.1, -1.0)] == [0, 0, 1, 2, 2, 2]
    assert policy.choose(View(slack_s=0.0, predicted=(0.2, 0.1, 0.3))) == 1


def test_the_emptiest_unit() -> None:
    policy = SELECTION["least_waiting"](SelectionOptions(3))
    assert [policy.choose(View(queues=queues)) for queues in ((0, 0, 0), (2, 1, 1), (2, 2, 1))] == [0, 1, 2]


@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 3.0), (0.0, 1.0, 0.0)])
def test_turns_are_as_even_as_the_weights_allow(weights: tuple[float, ...]) -> None:
    """At any moment each model has had its share of the turns, to within one."""
    policy, share = SELECTION["round_robin"](SelectionOptions(3, weights=weights)), np.array(weights or (1.0, 1.0, 1.0))
    share = share / share.sum()
    counts = np.zeros(3)
    for turn in range(1, 200):
        counts[policy.choose(View())] += 1
        assert (np.abs(counts - turn * share) <= 1).all()


def test_draws_go_by_weight() -> None:
    policy = SELECTION["random"](SelectionOptions(3, weights=(1.0, 0.0, 3.0)))
    assert [policy.choose(View(drawn=value)) for value in (0.0, 0.2499, 0.25, 0.9999)] == [0, 0, 2, 2]
