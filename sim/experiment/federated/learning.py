"""Real learning beside the simulated rounds of a study: the answers that count, in the order and from the networks they had."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.experiment.federated.learning_data import divided_digits
from sim.experiment.federated.learning_local import Steps
from sim.experiment.federated.learning_network import Shape
from sim.experiment.federated.learning_record import Recorder
from sim.experiment.federated.learning_trainer import Learner, Trainer, learnt
from sim.experiment.federated.learning_updates import Sender
from sim.fleet.federated.attempt import Attempt
from sim.fleet.federated.learning_curve import LearningCurve
from sim.fleet.federated.ledger import Ledger
from sim.fleet.federated.plan import Progress, Watch
from sim.fleet.federated.population import Population
from sim.policies.aggregation import AggregationRule
from sim.policies.aggregation.fedprox import FedProx
from sim.policies.client_selection import CLIENT_SELECTION, ClientSelection, SelectionView
from sim.scenario.federated.model import Asynchronous, Federated, Hierarchical, Privacy
from sim.workload.streams import stream

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass
class LearningRun:
    """Gives clients their images, and watches the rounds.

    Synchronous rounds are learnt from as they end, so that selections see real losses; asynchronous ones afterwards, when it is
    known which network each client had.
    """

    study: Federated
    learner: Learner
    recorder: Recorder = field(default_factory=Recorder)

    def give_images(self, population: Population) -> None:
        """How many images clients have decides how long they train."""
        trainer = self.learner.trainer
        population.samples[:] = trainer.data.counts
        population.steps[:] = trainer.steps.number(trainer.data.counts)

    def watching(self, watch: Watch | None) -> Watch:
        """Told of every attempt, and tells ``watch`` too."""

        def told(attempt: Attempt, released_s: Values, counted: NDArray[np.bool_]) -> None:
            self.recorder(attempt, released_s, counted)
            if self._in_step:
                version, clients = self.learner.version, attempt.clients[counted]
                self.learner.round(clients, np.full(len(clients), version), version + 1)
            if watch is not None:
                watch(attempt, released_s, counted)

        return told

    def selecting(self, selection: ClientSelection) -> ClientSelection:
        """The selection, told real losses where it learns from them."""
        return RealLosses(selection, self.learner) if self._in_step and selection.learns else selection

    def curve(self, ledger: Ledger, progress: Progress | None = None) -> LearningCurve:
        """What was learnt in the rounds that were watched."""
        if not isinstance(self.study.rounds, Asynchronous):
            return self.learner.curve(self.recorder.in_step(ledger))
        return learnt(self.learner, self.recorder.buffered(ledger, self.study.rounds.buffer), progress)

    @property
    def _in_step(self) -> bool:
        return not isinstance(self.study.rounds, Asynchronous)


class RealLosses(ClientSelection):
    """A selection that is told the losses of the network its clients began with, on their own images, instead of assumed ones."""

    def __init__(self, selection: ClientSelection, learner: Learner) -> None:
        self._selection, self._learner = selection, learner

    def start(self, population: int, rng: np.random.Generator) -> None:
        self._selection.start(population, rng)

    def select(self, view: SelectionView, number: int) -> Indices:
        return self._selection.select(view, number)

    def learn(self, view: SelectionView, clients: Indices, seconds: Values, losses: Values) -> None:
        self._selection.learn(view, clients, seconds, self._learner.trainer.losses(self._learner.network, clients))


def learning_run(study: Federated, rule: AggregationRule, batch: int, seed: int) -> LearningRun | None:
    """None where nothing is learnt. Raises EdgesimError where scikit-learn is missing."""
    learning, training = study.learning, study.model.training
    if learning is None or training is None:
        return None
    shape, count = Shape(learning.hidden), study.population.count
    trainer = Trainer(
        shape,
        divided_digits(learning.split, count, seed),
        Steps(
            float(learning.learning_rate),
            batch,
            study.local.epochs,
            study.local.steps,
            training.optimizer,
            float(rule.mu) if isinstance(rule, FedProx) else 0.0,
        ),
        rule,
        Sender(study.update_compression if study.ring_bits is None else None, count, shape.elements, stream(seed, "learning/sketch")),
        stream(seed, "learning/batches"),
        stream(seed, "learning/noise"),
        float(learning.server_rate),
        study.rounds.edges.number if isinstance(study.rounds, Hierarchical) else 0,
        None if learning.clip is None else float(learning.clip),
        float(learning.noise_multiplier),
        (study.privacy or Privacy()).noise,
        study.ring_bits,
    )
    return LearningRun(study, Learner(trainer, shape.start(seed)))


def learning_notes(study: Federated, elements: int) -> tuple[str, ...]:
    """What the figures of learning rest on. ``elements``: of the network whose training was timed."""
    learning = study.learning
    if learning is None:
        return ()
    notes, learns = list[str](), learning.weights
    if learns != elements:
        notes.append(f"learning: the network that learns has {learns} weights, the one that is timed and sent {elements}")
    chosen = CLIENT_SELECTION[study.selection if isinstance(study.selection, str) else study.selection.name]
    if isinstance(study.rounds, Asynchronous) and chosen().learns:
        notes.append("learning: in asynchronous rounds the selection is told assumed losses, not those of the network that learns")
    return tuple(notes)
