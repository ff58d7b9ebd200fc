"""Federated averaging with a proximal term in the clients' loss (Li et al., FedProx, MLSys 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.aggregation.fedavg import FedAvg
from sim.policies.aggregation.rule import AGGREGATION, ElementWork
from sim.policies.tunables import Tunable


@AGGREGATION.register("fedprox")
class FedProx(FedAvg):
    """As fedavg; every step pulls the weights towards the model they started from, with strength ``mu``.

    Its cost: one subtraction, one multiplication and one addition for each weight, three float32 read and one written.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {"mu": Tunable("count", "strength of the proximal term")}
    mu = 0.01

    def step_work(self, elements: int) -> ElementWork:
        return ElementWork(3.0 * elements, 16.0 * elements)
