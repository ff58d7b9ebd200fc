"""Real learning in simulated rounds: the answers that counted are trained, sent and combined, in the order and from the networks they had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.experiment.federated.learning_data import ClientImages, divided_digits
from sim.experiment.federated.learning_local import Steps, local_updates
from sim.experiment.federated.learning_network import Shape
from sim.experiment.federated.learning_record import LearningRound, Recorder
from sim.experiment.federated.learning_updates import Sender, clipped
from sim.fleet.federated.attempt import Attempt
from sim.fleet.federated.learning_curve import LearningCurve
from sim.fleet.federated.ledger import Ledger
from sim.fleet.federated.plan import Progress, Watch
from sim.fleet.federated.population import Population
from sim.policies.aggregation import AggregationRule
from sim.policies.aggregation.fedprox import FedProx
from sim.policies.client_selection import CLIENT_SELECTION, ClientSelection
from sim.scenario.federated.model import Asynchronous, Federated, Hierarchical, Privacy, UpdateCompression
from sim.workload.streams import stream

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
Progress = Callable[[float], None]
_SIMULATED = 0.1  # share of the progress bar that is simulation; learning takes longer


@dataclass
class Trainer:
    """Makes each new network from the answers of a round. ``edges``: aggregators at the edge, each combining its own clients' answers first; 0: none."""

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
    noise: float = 0.0  # standard deviation by clip
    noise_at: str = "server"

    def combined(self, networks: Values, clients: Indices, staleness: Indices) -> Values:
        """The change ``[elements]`` that answers of ``clients``, trained from ``networks[clients, elements]``, make. Raises ValueError for no answers."""
        updates, _ = local_updates(self.shape, self.data, clients, networks, self.steps, self.batches_rng)
        if self.clip is not None:
            updates = clipped(updates, self.clip)
            if self.noise_at == "client":
                updates = updates + self.noise * self.clip * self.noise_rng.standard_normal(updates.shape)
        arrived = self.sender.sent(clients, updates)
        change = self._aggregated(arrived, clients, staleness.astype(np.float64))
        if self.clip is not None and self.noise_at == "server":
            change = change + self.noise * self.clip / len(clients) * self.noise_rng.standard_normal(change.shape)
        return self.server_rate * change

    def _aggregated(self, updates: Values, clients: Indices, staleness: Values) -> Values:
        samples = self.data.counts[clients].astype(np.float64)
        if not self.edges:
            return self.rule.combine(updates, samples, staleness)
        edge_of = clients % self.edges
        used = np.unique(edge_of)
        parts = [self.rule.combine(updates[edge_of == edge], samples[edge_of == edge], staleness[edge_of == edge]) for edge in used]
        totals = np.array([samples[edge_of == edge].sum() for edge in used])
        return self.rule.combine(np.array(parts), totals, np.zeros(len(used)))


def learnt(trainer: Trainer, start: Values, rounds: Sequence[LearningRound], progress: Progress | None = None) -> LearningCurve:
    """All rounds, one after the other. A round without answers changes nothing, but takes its time and energy."""
    shape, data = trainer.shape, trainer.data
    networks, judged, norms = {0: start}, [shape.judged(start, data.held_out, data.held_out_labels)], [0.0]
    oldest = _oldest(rounds)
    for number, one in enumerate(rounds):
        network = networks[number]
        if len(one.clients):
            with np.errstate(over="ignore", invalid="ignore"):  # too high a rate ends in infinities: no accuracy, and the page says so
                change = trainer.combined(np.array([networks[version] for version in one.taken.tolist()]), one.clients, number - one.taken)
            network = network + change
            norms.append(float(np.linalg.norm(change)))
            judged.append(shape.judged(network, data.held_out, data.held_out_labels))
        else:
            norms.append(0.0)
            judged.append(judged[-1])
        networks[number + 1] = network
        for version in [version for version in networks if version < min(oldest[number + 1], number + 1)]:
            del networks[version]
        if progress is not None:
            progress((number + 1) / len(rounds))
    accuracy, loss = np.array(judged).T
    return LearningCurve(
        time_s=np.array([0.0, *(one.time_s for one in rounds)]),
        energy_j=np.array([0.0, *(one.energy_j for one in rounds)]),
        sent_bytes=np.array([0.0, *(one.sent_bytes for one in rounds)]),
        accuracy=accuracy,
        loss=loss,
        answers=np.concatenate([[0], np.cumsum([len(one.clients) for one in rounds], dtype=np.int64)]),
        norm=np.array(norms),
        images=data.counts,
        classes=data.classes(),
        held_out=len(data.held_out),
        weights=shape.elements,
        final=networks[len(rounds)],
    )


def _oldest(rounds: Sequence[LearningRound]) -> list[int]:
    """For each round the oldest version that it or a later one begins with; one entry more for the end."""
    oldest = [len(rounds)]
    for one in reversed(rounds):
        oldest.append(min(oldest[-1], int(one.taken.min()) if len(one.taken) else oldest[-1]))
    return oldest[::-1]


@dataclass
class LearningRun:
    """Learning beside one run of a study: gives clients their images, watches the rounds, then learns."""

    study: Federated
    trainer: Trainer
    start: Values
    recorder: Recorder = field(default_factory=Recorder)

    def give_images(self, population: Population) -> None:
        """How many images clients have decides how long they train."""
        counts = self.trainer.data.counts
        population.samples[:] = counts
        population.steps[:] = self.trainer.steps.number(counts)

    def curve(self, ledger: Ledger, progress: Progress | None = None) -> LearningCurve:
        """What was learnt in the rounds that were watched."""
        rounds = self.study.rounds
        seen = self.recorder.buffered(ledger, rounds.buffer) if isinstance(rounds, Asynchronous) else self.recorder.in_step(ledger)
        return learnt(self.trainer, self.start, seen, None if progress is None else lambda done: progress(_SIMULATED + (1 - _SIMULATED) * done))

    def watching(self, watch: Watch | None) -> Watch:
        """Told of every attempt, and tells ``watch`` too."""

        def told(attempt: Attempt, released_s: Values, counted: NDArray[np.bool_]) -> None:
            self.recorder(attempt, released_s, counted)
            if watch is not None:
                watch(attempt, released_s, counted)

        return told

    def simulating(self, progress: Progress | None) -> Progress | None:
        """The part of the progress bar that the rounds take."""
        return None if progress is None else lambda done: progress(_SIMULATED * done)


def learning_run(study: Federated, rule: AggregationRule, batch: int, seed: int) -> LearningRun | None:
    """None where nothing is learnt. Raises EdgesimError where scikit-learn is missing."""
    learning, training = study.learning, study.model.training
    if learning is None or training is None:
        return None
    shape, count = Shape(learning.hidden), study.population.count
    steps = Steps(
        float(learning.learning_rate),
        batch,
        study.local.epochs,
        study.local.steps,
        training.optimizer,
        float(rule.mu) if isinstance(rule, FedProx) else 0.0,
    )
    trainer = Trainer(
        shape,
        divided_digits(learning.split, count, seed),
        steps,
        rule,
        Sender(_compression(study), count, shape.elements, stream(seed, "learning/sketch")),
        stream(seed, "learning/batches"),
        stream(seed, "learning/noise"),
        float(learning.server_rate),
        study.rounds.edges.number if isinstance(study.rounds, Hierarchical) else 0,
        None if learning.clip is None else float(learning.clip),
        float(learning.noise_multiplier),
        (study.privacy or Privacy()).noise,
    )
    return LearningRun(study, trainer, shape.start(seed))


def learning_notes(study: Federated, elements: int) -> tuple[str, ...]:
    """What the figures of learning rest on. ``elements``: of the network whose training was timed."""
    learning = study.learning
    if learning is None:
        return ()
    notes, learns = list[str](), Shape(learning.hidden).elements
    if learns != elements:
        notes.append(f"learning: the network that learns has {learns} weights, the one that is timed and sent {elements}")
    chosen = CLIENT_SELECTION[study.selection if isinstance(study.selection, str) else study.selection.name]
    if chosen.learn is not ClientSelection.learn:
        notes.append("learning: the selection is told assumed losses, not those of the network that learns")
    return tuple(notes)


def _compression(study: Federated) -> UpdateCompression | None:
    choice = study.compression
    if isinstance(choice, UpdateCompression):
        return choice
    return None if choice == "none" else UpdateCompression(kind=choice)
