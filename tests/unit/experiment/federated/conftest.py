"""Small federated learners: the digits divided among a few clients, and a trainer for them."""

from __future__ import annotations

import numpy as np
import pytest

from sim.experiment.federated.learning_data import divided_digits
from sim.experiment.federated.learning_local import Steps
from sim.experiment.federated.learning_network import Shape
from sim.experiment.federated.learning_trainer import Trainer
from sim.experiment.federated.learning_updates import Sender
from sim.policies.aggregation.fedavg import FedAvg

WHOLE = 10_000  # images a step: all there are


@pytest.fixture
def made():
    """``made(clients, split, hidden=..., compression=..., rule=..., seed=..., steps...)`` -> a trainer."""

    def build(clients=12, split="iid", hidden=(16,), compression=None, rule=None, seed=5, edges=0, **steps):
        shape = Shape(hidden)
        how = Steps(**({"rate": 0.2, "batch": WHOLE} | steps))
        data = divided_digits(split, clients, seed)
        sender = Sender(compression, clients, shape.elements, np.random.default_rng(1))
        return Trainer(shape, data, how, rule or FedAvg(), sender, np.random.default_rng(2), np.random.default_rng(3), edges=edges)

    return build
