"""Real learning, round by round: answers are trained from the networks they began with, sent, and combined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.experiment.federated.learning_data import ClientImages
from sim.experiment.federated.learning_local import Steps, local_updates
from sim.experiment.federated.learning_network import Shape
from sim.experiment.federated.learning_record import LearningRound
from sim.experiment.federated.learning_updates import Sender, clipped, masked_sums
from sim.fleet.federated.learning_curve import LearningCurve
from sim.fleet.federated.plan import Progress
from sim.policies.aggregation import AggregationRule

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass
class Trainer:
    """Makes the change of a round. ``edges``: aggregators at the edge, each combining its own clients' answers first; 0: none.

    ``clip``, ``noise``: norm that no update exceeds, and standard deviation of the noise by it, added by ``noise_at``: client or server.
    """

    shape: Shape
    data: ClientImages
    steps: Steps
    rule: AggregationRule
    sender: Sender
    batches_rng: np.random.Generator
    noise_rng: np.random.Generator
    server_rate: float = 1.0
    edges: int = 0
    clip: float | None = None
    noise: float = 0.0
    noise_at: str = "server"
    ring_bits: int | None = None  # of elements that are masked and added up

    def combined(self, networks: Values, clients: Indices, staleness: Indices) -> Values:
        """The change ``[elements]`` that answers of ``clients``, trained from ``networks[clients, elements]``, make. Raises ValueError for no answers."""
        updates = local_updates(self.shape, self.data, clients, networks, self.steps, self.batches_rng)
        if self.clip is not None:
            updates = clipped(updates, self.clip)
            if self.noise_at == "client":
                updates = updates + self.noise * self.clip * self.noise_rng.standard_normal(updates.shape)
        arrived = self.sender.sent(clients, updates)
        if self.ring_bits is not None:
            arrived = masked_sums(arrived, self.data.counts[clients].astype(np.float64), self.ring_bits)
        change = self._aggregated(arrived, clients, staleness.astype(np.float64))
        if self.clip is not None and self.noise_at == "server":
            change = change + self.noise * self.clip / len(clients) * self.noise_rng.standard_normal(change.shape)
        return self.server_rate * change

    def losses(self, network: Values, clients: Indices) -> Values:
        """Root mean square of the loss over each client's images, ``[clients]``."""
        counts = self.data.counts[clients]
        rows = np.concatenate([self.data.rows[client, :count] for client, count in zip(clients, counts, strict=True)])
        squares = self.shape.losses(network, self.data.images[rows], self.data.labels[rows]) ** 2
        mean: Values = np.add.reduceat(squares, np.cumsum(counts) - counts) / counts
        return np.sqrt(mean)

    def _aggregated(self, updates: Values, clients: Indices, staleness: Values) -> Values:
        samples = self.data.counts[clients].astype(np.float64)
        if not self.edges:
            return self.rule.combine(updates, samples, staleness)
        edge_of = clients % self.edges
        used = np.unique(edge_of)
        parts = [self.rule.combine(updates[edge_of == edge], samples[edge_of == edge], staleness[edge_of == edge]) for edge in used]
        totals = np.array([samples[edge_of == edge].sum() for edge in used])
        return self.rule.combine(np.array(parts), totals, np.zeros(len(used)))


class Learner:
    """The networks so far, and how good they are. Version 0 is the one before the first round."""

    def __init__(self, trainer: Trainer, start: Values) -> None:
        self.trainer = trainer
        self.version = 0
        self._networks = {0: start}
        self._judged, self._norms, self._answers = [self._judge(start)], [0.0], [0]

    @property
    def network(self) -> Values:
        """The newest, ``[elements]``."""
        return self._networks[self.version]

    def round(self, clients: Indices, taken: Indices, oldest: int) -> None:
        """Answers of ``clients`` that began with versions ``taken``. Versions before ``oldest`` are not asked for again.

        A round without answers changes nothing.
        """
        network, judged, norm = self.network, self._judged[-1], 0.0
        if len(clients):
            with np.errstate(over="ignore", invalid="ignore"):  # too high a rate ends in infinities: no accuracy, and the page says so
                networks = self._taken(taken)
                change = self.trainer.combined(networks, clients, self.version - taken)
                network = network + change
                norm, judged = float(np.linalg.norm(change)), self._judge(network)
        self._judged.append(judged)
        self._norms.append(norm)
        self._answers.append(self._answers[-1] + len(clients))
        self.version += 1
        self._networks[self.version] = network
        for version in [version for version in self._networks if version < min(oldest, self.version)]:
            del self._networks[version]

    def curve(self, rounds: Sequence[LearningRound]) -> LearningCurve:
        """What was learnt in these rounds, which it has had."""
        accuracy, loss = np.array(self._judged).T
        data = self.trainer.data
        return LearningCurve(
            time_s=np.array([0.0, *(one.time_s for one in rounds)]),
            energy_j=np.array([0.0, *(one.energy_j for one in rounds)]),
            sent_bytes=np.array([0.0, *(one.sent_bytes for one in rounds)]),
            accuracy=accuracy,
            loss=loss,
            answers=np.array(self._answers),
            norm=np.array(self._norms),
            images=data.counts,
            classes=data.classes(),
            held_out=len(data.held_out),
            weights=self.trainer.shape.elements,
            final=self.network,
        )

    def _taken(self, versions: Indices) -> Values:
        """Rows of networks, without copies where all are the same."""
        if (versions == versions[0]).all():
            network = self._networks[int(versions[0])]
            return np.broadcast_to(network, (len(versions), len(network)))
        return np.array([self._networks[version] for version in versions.tolist()])

    def _judge(self, network: Values) -> tuple[float, float]:
        return self.trainer.shape.judged(network, self.trainer.data.held_out, self.trainer.data.held_out_labels)


def learnt(learner: Learner, rounds: Sequence[LearningRound], progress: Progress | None = None) -> LearningCurve:
    """All rounds, one after the other."""
    oldest = [len(rounds)]  # for each round the oldest version that a later one begins with
    for one in reversed(rounds):
        oldest.append(min(oldest[-1], int(one.taken.min(initial=oldest[-1]))))
    for number, one in enumerate(rounds):
        learner.round(one.clients, one.taken, oldest[len(rounds) - number - 1])
        if progress is not None:
            progress((number + 1) / len(rounds))
    return learner.curve(rounds)
