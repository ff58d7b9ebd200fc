"""Rounds of real learning against what they must equal: centralised descent, each other, and themselves."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sim.experiment.federated.learning_record import LearningRound
from sim.experiment.federated.learning_trainer import Learner, learnt
from sim.policies.aggregation.fedavg import FedAvg
from sim.policies.aggregation.fedprox import FedProx
from sim.policies.aggregation.rule import weighted_mean
from sim.policies.aggregation.trimmed_mean import TrimmedMean
from sim.policies.aggregation.weighted import Weighted
from sim.scenario.federated.learning import DirichletSplit, ShardSplit
from sim.scenario.federated.model import UpdateCompression

SKEWED = DirichletSplit(kind="dirichlet", alpha=0.2)
CLIENTS = 12


def rounds(number: int, clients: int = CLIENTS, of: int | None = None, seed: int = 0, lag: int = 0) -> list[LearningRound]:
    """``of`` of the clients (all if absent) take part in each; ``lag``: versions by which they are late."""
    rng, found = np.random.default_rng(seed), []
    for one in range(number):
        chosen = np.arange(clients) if of is None else np.sort(rng.choice(clients, of, replace=False))
        found.append(LearningRound(chosen, np.full(len(chosen), max(one - lag, 0)), one + 1.0, 2.0 * (one + 1), 3.0 * (one + 1)))
    return found


def run(trainer, schedule):
    return learnt(Learner(trainer, trainer.shape.start(1)), schedule)


def descent(trainer, steps: int) -> np.ndarray:
    """Centralised: all images in one place, one step after the other; written without the batched code."""
    data, shape = trainer.data, trainer.shape
    weight1, bias1, weight2, bias2 = (part[0].copy() for layer in shape.layers(shape.start(1)[None]) for part in layer)
    one_hot = np.eye(10)[data.labels]
    for _ in range(steps):
        hidden = np.maximum(data.images @ weight1.T + bias1, 0)
        raised = np.exp(hidden @ weight2.T + bias2)
        flow = (raised / raised.sum(axis=1, keepdims=True) - one_hot) / len(one_hot)
        back = (flow @ weight2) * (hidden > 0)
        weight2, bias2 = weight2 - trainer.steps.rate * flow.T @ hidden, bias2 - trainer.steps.rate * flow.sum(axis=0)
        weight1, bias1 = weight1 - trainer.steps.rate * back.T @ data.images, bias1 - trainer.steps.rate * back.sum(axis=0)
    return np.concatenate([part.ravel() for part in (weight1, bias1, weight2, bias2)])


@pytest.mark.parametrize("split", ["iid", SKEWED, ShardSplit(kind="shards", per_client=1)], ids=["iid", "dirichlet", "shards"])
@pytest.mark.parametrize("clients", [1, CLIENTS, 100])
def test_all_clients_and_one_step_are_centralised_descent(made, split, clients):
    trainer = made(clients=clients, split=split)
    curve = run(trainer, rounds(40, clients))
    assert np.abs(curve.final - descent(trainer, 40)).max() < 1e-9
    assert curve.accuracy[-1] > curve.accuracy[0] + 0.1


def test_edges_that_average_change_nothing(made):
    schedule = rounds(10, of=7)
    flat, edged = (run(made(split=SKEWED, edges=edges, batch=8, epochs=2), schedule) for edges in (0, 3))
    assert np.abs(flat.final - edged.final).max() < 1e-9


def test_a_pull_of_nothing_is_federated_averaging_and_a_strong_one_holds(made):
    schedule = rounds(8, of=6)
    plain, pulled = (run(made(split=SKEWED, rule=rule, batch=4, epochs=3, proximal=mu), schedule) for rule, mu in ((FedAvg(), 0.0), (FedProx(), 0.0)))
    assert (plain.final == pulled.final).all()
    norms = [run(made(split=SKEWED, batch=4, epochs=3, proximal=mu), schedule).norm[1] for mu in (0.0, 0.1, 1.0, 4.0)]
    assert norms == sorted(norms, reverse=True) and norms[-1] < 0.7 * norms[0]


def test_one_proximal_step_is_a_plain_one(made):
    """The pull is zero where a client starts."""
    schedule = rounds(5)
    assert (run(made(proximal=3.0), schedule).final == run(made(), schedule).final).all()


def test_trimming_nothing_is_the_mean_and_trimming_resists_a_liar():
    rng = np.random.default_rng(0)
    updates, nobody = rng.standard_normal((10, 50)), np.zeros(10)
    assert TrimmedMean.tuned({"trim": 0}).combine(updates, np.ones(10), nobody) == pytest.approx(updates.mean(axis=0))
    poisoned = updates.copy()
    poisoned[3] = 1e6
    honest = np.delete(updates, 3, axis=0)
    trimmed = TrimmedMean.tuned({"trim": 0.1}).combine(poisoned, np.ones(10), nobody)
    assert (trimmed <= honest.max(axis=0)).all() and (trimmed >= honest.min(axis=0)).all()
    assert np.abs(weighted_mean(poisoned, np.ones(10))).min() > 1e4


def test_a_liar_spoils_averaging_but_not_the_trimmed_mean(made):
    """One client of twelve learns from wrong labels, with images so bright that its update is large."""
    finals = {}
    for name, rule in (("mean", FedAvg()), ("trimmed", TrimmedMean())):
        trainer = made(rule=rule, batch=16, epochs=2)
        lies = trainer.data.rows[0, : trainer.data.counts[0]]
        trainer.data.labels[lies] = (trainer.data.labels[lies] + 5) % 10
        trainer.data.images[lies] *= 50
        finals[name] = run(trainer, rounds(25)).accuracy[-1]
    assert finals["trimmed"] > 0.8 > finals["mean"] + 0.3


def test_a_buffer_of_the_cohort_without_staleness_is_synchronous(made):
    """The buffer's weights by age are one where nobody is late; with age they are not."""
    schedule = rounds(10, of=6)
    plain, weighted = (run(made(split=SKEWED, rule=rule, batch=8), schedule) for rule in (FedAvg(), Weighted()))
    assert np.abs(plain.final - weighted.final).max() < 1e-12
    late = run(made(split=SKEWED, batch=8), rounds(10, of=6, lag=3))
    assert np.abs(late.final - plain.final).max() > 1e-3


def test_answers_start_from_the_network_they_took(made):
    """All late by as many versions: with one step, w(n+1) = w(n) - rate x slope(w(n - lag)), written out."""
    trainer, lag = made(hidden=()), 2
    shape, data = trainer.shape, trainer.data
    networks = [shape.start(1)]
    shares = np.full((1, len(data.labels)), 1 / len(data.labels))
    for one in range(12):
        _, slope = shape.gradients(networks[max(one - lag, 0)][None], data.images[None], data.labels[None], shares)
        networks.append(networks[-1] - trainer.steps.rate * slope[0])
    assert np.abs(run(trainer, rounds(12, lag=lag)).final - networks[-1]).max() < 1e-9


def test_rules_are_told_samples_and_ages(made):
    """Round 3 has answers that began with versions 0, 2 and 3; a rule that discounts by age makes of them what the formula says."""
    told = []

    class Listening(Weighted):
        def combine(self, updates, samples, staleness):
            told.append((updates.copy(), samples, staleness))
            return super().combine(updates, samples, staleness)

    trainer = made(split=SKEWED, rule=Listening(), clients=7)
    mixed = LearningRound(np.array([1, 4, 6]), np.array([0, 2, 3]), 4.0, 8.0, 12.0)
    curve = run(trainer, [*rounds(3, 7), mixed])
    updates, samples, staleness = told[3]
    assert staleness.tolist() == [3.0, 1.0, 0.0] and samples.tolist() == trainer.data.counts[[1, 4, 6]].tolist()
    weights = samples / np.sqrt(1 + staleness)
    assert curve.norm[4] == pytest.approx(np.linalg.norm(weights @ updates / weights.sum()))


def test_a_round_without_answers_takes_time_and_teaches_nothing(made):
    nobody = LearningRound(np.empty(0, dtype=int), np.empty(0, dtype=int), 2.0, 4.0, 6.0)
    first, last = rounds(2)
    curve = run(made(), [first, nobody, LearningRound(last.clients, np.full(CLIENTS, 2), 3.0, 6.0, 9.0)])
    assert curve.time_s.tolist() == [0.0, 1.0, 2.0, 3.0] and curve.norm[2] == 0
    assert curve.accuracy[2] == curve.accuracy[1] and (curve.final == run(made(), rounds(2)).final).all()


@pytest.mark.parametrize("compression", [None, UpdateCompression(kind="top_k", keep=1.0), UpdateCompression(kind="sketch", rows=7, columns=100_000)])
def test_compression_that_leaves_nothing_out_changes_nothing(made, compression):
    schedule = rounds(6, of=5)
    plain, sent = (run(made(split=SKEWED, compression=one, batch=8), schedule) for one in (None, compression))
    assert np.abs(plain.final - sent.final).max() < 1e-9


def test_compression_that_leaves_much_out_still_learns(made):
    schedule = rounds(60)
    whole, few, bytes_ = (
        run(made(compression=one, batch=16), schedule).accuracy[-1]
        for one in (None, UpdateCompression(kind="top_k", keep=0.05), UpdateCompression(kind="int8"))
    )
    assert few > whole - 0.06 and bytes_ == pytest.approx(whole, abs=0.01)


def test_noise_of_privacy_costs_accuracy(made):
    def private(noise: float, where: str = "server"):
        trainer = made(batch=16)
        trainer.clip, trainer.noise, trainer.noise_at = 0.5, noise, where
        return run(trainer, rounds(40))

    quiet, loud, louder = private(0.0), private(2.0), private(2.0, "client")
    assert (quiet.norm <= 0.5 + 1e-12).all(), "a mean of clipped updates is not longer than they are"
    assert quiet.accuracy[-1] > loud.accuracy[-1] + 0.02 and quiet.accuracy[-1] > louder.accuracy[-1] + 0.02
    # of n clients' noise the mean has standard deviation 1/sqrt(n), where one server adds 1/n
    assert louder.norm[1:].mean() > 2 * loud.norm[1:].mean()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_optimizers_learn_and_a_seed_is_a_result(made, optimizer):
    how = {"batch": 8, "epochs": 2, "optimizer": optimizer, "rate": 0.005 if optimizer == "adam" else 0.05}
    first, again = (run(made(split=SKEWED, compression=UpdateCompression(kind="sketch", columns=2000), **how), rounds(15, of=6)) for _ in range(2))
    assert (first.final == again.final).all() and first.accuracy[-1] > 0.6


def test_steps_instead_of_epochs(made):
    """A client with few images goes through them again; as many steps as epochs have are the same."""
    schedule = rounds(4)
    trainer = made(batch=30, epochs=3)
    assert set(trainer.data.counts) <= {89, 90}, "three batches each"
    assert (run(trainer, schedule).final == run(made(batch=30, steps=9), schedule).final).all()
    assert np.abs(run(made(batch=30, steps=8), schedule).final - run(made(batch=30, steps=9), schedule).final).max() > 1e-4


def test_clients_of_different_sizes_learn_as_if_alone(made):
    """In full batches there is no chance: a client's update is that of a round with it alone."""
    from sim.experiment.federated.learning_local import local_updates

    trainer = made(split=ShardSplit(kind="shards", per_client=2), clients=50, steps=5)
    trainer.data.counts[::3] -= 4
    clients = np.arange(50)
    start = trainer.shape.start(3)
    together = local_updates(trainer.shape, trainer.data, clients, np.tile(start, (50, 1)), trainer.steps, np.random.default_rng(0))
    for client in (0, 1, 3, 49):
        alone = local_updates(trainer.shape, trainer.data, clients[[client]], start[None], trainer.steps, np.random.default_rng(7))
        assert together[client] == pytest.approx(alone[0], abs=1e-12)


def test_evenly_and_unevenly_divided_digits(made, capsys):
    """Accuracy by rounds, 20 of 100 clients in each, 4 epochs of batches of 4: reported, and in the order that is expected."""
    schedule, shown = rounds(100, clients=100, of=20), (1, 5, 10, 20, 50, 100)
    curves = {
        "iid": "iid",
        "Dirichlet 0.3": DirichletSplit(kind="dirichlet", alpha=0.3),
        "Dirichlet 0.1": DirichletSplit(kind="dirichlet", alpha=0.1),
        "1 shard": ShardSplit(kind="shards", per_client=1),
    }
    found = {name: run(made(clients=100, split=split, hidden=(32,), batch=4, epochs=4), schedule) for name, split in curves.items()}
    with capsys.disabled():
        print("\naccuracy after rounds".ljust(24) + "".join(f"{number:>7}" for number in shown))
        for name, curve in found.items():
            print(f"  {name:<21}" + "".join(f"{100 * curve.accuracy[number]:6.1f}%" for number in shown))
    at_20 = [curve.accuracy[15:25].mean() for curve in found.values()]
    assert at_20 == sorted(at_20, reverse=True)
    assert at_20[0] > 0.85 and at_20[0] - at_20[-1] > 0.15
    assert all(curve.accuracy[-1] > 0.75 for curve in found.values())
