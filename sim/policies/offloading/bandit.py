"""Learn from what became of the tasks before, without knowing anything else (UCB1; Auer et al., Machine Learning 47, 2002)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView
from sim.policies.tunables import Tunable


@OFFLOADING.register("bandit")
class Bandit(OffloadingPolicy):
    """Upper confidence bounds on a reward between 0 and 1: 1 / (1 + latency / ``scale``), 0 for what was given up.

    ``forget`` discounts what is older with every task, so that the bounds follow a changing network (Garivier and Moulines, 2011).
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "scale": Tunable("time", "latency whose reward is one half", least=1e-9),
        "exploration": Tunable("count", "weight of the confidence bound"),
        "forget": Tunable("ratio", "share of the memory that is lost with every task", most=1.0),
    }
    scale = 0.1
    exploration = 0.5
    forget = 0.001

    def __init__(self) -> None:
        self._tried: list[float] = []
        self._reward: list[float] = []

    def choose(self, task: TaskView) -> int:
        while len(self._tried) < len(task.options):
            self._tried.append(0.0)
            self._reward.append(0.0)
        total = sum(self._tried)
        bounds = [
            reward / tried + self.exploration * math.sqrt(math.log(max(total, 2.0)) / tried) if tried > 1e-9 else math.inf
            for tried, reward in zip(self._tried, self._reward, strict=True)
        ]
        chosen = max(range(len(bounds)), key=lambda index: (bounds[index], -index))
        keep = 1.0 - self.forget
        self._tried, self._reward = [tried * keep for tried in self._tried], [reward * keep for reward in self._reward]
        self._tried[chosen] += 1.0  # at once: answers that are still on their way count as nothing learnt
        return chosen

    def learn(self, option: int, latency_s: float, energy_j: float, in_time: bool) -> None:
        self._reward[option] += 1.0 / (1.0 + latency_s / self.scale)
