"""Learning in simulated rounds, from a study's file to its page: what is learnt is what the rounds let through."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sim.cli.main import main
from sim.errors import EdgesimError
from sim.experiment.digits.data import digits
from sim.experiment.federated.study import prepare_federated
from sim.experiment.names import known_names
from sim.report.federated_budgets import judge_federated
from sim.report.federated_metrics import measure_federated
from sim.report.federated_page import federated_lines
from sim.report.glyphs import UNICODE
from sim.report.sheet import StudySheet
from sim.scenario.federated.learning import DIGITS_TRAINED
from sim.scenario.study import load_study

STUDY = {
    "name": "readers",
    "seed": 4,
    "federated": {
        "model": {
            "layers": [{"op": "dense", "out": 16, "activation": "relu"}, {"op": "dense", "out": 10}, {"op": "softmax"}],
            "input": {"shape": [1, 64]},
            "training": {"optimizer": "sgd", "batch": 4},
        },
        "local": {"epochs": 3},
        "population": {
            "count": 60,
            "devices": {"reader": {"device": "stm32h7a3", "share": "50 %"}, "gateway": {"device": "raspberry_pi_4", "share": "50 %"}},
            "links": {"up": "60 kbit/s", "down": "200 kbit/s", "sigma": 1.0},
            "availability": {"fraction": "50 %", "session": "1 min"},
            "failures": "5 min",
        },
        "rounds": {"number": 25, "clients": 10, "over_selection": 1.5, "deadline": "5 s", "minimum": 3},
        "learning": {"split": {"kind": "dirichlet", "alpha": 0.3}, "hidden": [16], "learning_rate": 0.2, "targets": ["50 %", "70 %", "100 %"]},
        "budgets": {"accuracy": "60 %", "time_to_accuracy": "1 min"},
    },
}
ASYNCHRONOUS = {"kind": "asynchronous", "number": 40, "buffer": 5, "concurrency": 12}


def study(**changes):
    """``path.to.field=value`` with dots as double underscores; None takes a field away."""
    data = copy.deepcopy(STUDY)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = data["federated"]
        for name in parents:
            place = place[name]
        place[last] = value
        if value is None:
            del place[last]
    return data


def result(**changes):
    return prepare_federated(load_study(study(**changes), known=known_names())).run()


def test_answers_that_count_are_learnt_from_and_nothing_else():
    run = result()
    curve, ledger = run.learning, run.ledger
    assert np.diff(curve.answers).tolist() == [row.answered for row in ledger.rounds]
    assert curve.time_s[1:].tolist() == [row.end_s + row.aggregation_s for row in ledger.rounds]
    assert curve.energy_j[-1] == pytest.approx(ledger.spent_j) and curve.sent_bytes[-1] == pytest.approx(ledger.up_bytes)
    assert sum(row.late + row.session + row.network for row in ledger.rounds) > 20, "some must be lost for this to be seen"
    assert curve.accuracy[-1] > 0.6


def test_clients_train_as_long_as_they_have_images():
    """A client with twice the images takes twice the steps, hence twice the time and energy of training."""
    run = result(learning__split="iid", population__links={"up": "1 Gbit/s", "down": "1 Gbit/s"})
    twice = result(learning__split="iid", population__links={"up": "1 Gbit/s", "down": "1 Gbit/s"}, population__count=30)
    assert sorted(set(run.learning.images)) == [17, 18] and set(twice.learning.images) == {35, 36}
    reader_s, twice_s = (one.ledger.work_s[0] / one.ledger.answered[0] for one in (run, twice))
    assert twice_s / reader_s == pytest.approx(9 / 5, rel=0.02), "9 batches of 4 in 35 or 36 images, 5 in 17 or 18"


def test_rounds_that_are_given_up_teach_nothing():
    run = result(rounds__deadline="2 s", rounds__minimum=10, rounds__number=12)
    failed = np.array([row.failed for row in run.ledger.rounds])
    assert failed.any() and not failed.all()
    norms = run.learning.norm[1:]
    assert (norms[failed] == 0).all() and (norms[~failed] > 0).all()


def test_where_nobody_ever_answers_nothing_is_learnt():
    run = result(rounds__deadline="1 ms", rounds__number=5)
    assert (run.learning.accuracy == run.learning.accuracy[0]).all() and run.learning.answers[-1] == 0
    metrics = measure_federated(run)
    assert [verdict.ok for verdict in judge_federated(metrics, run.federated.budgets)] == [False, False]
    assert any("70 % never" in line.plain for line in federated_lines(StudySheet(100, UNICODE), run, metrics))


def test_asynchronous_answers_have_the_age_that_the_rounds_say(monkeypatch):
    from sim.experiment.federated import learning

    seen = []
    whole = learning.learnt
    monkeypatch.setattr(learning, "learnt", lambda learner, rounds, progress: seen.extend(rounds) or whole(learner, rounds, progress))
    run = result(rounds=ASYNCHRONOUS)
    rows = run.ledger.rounds
    assert len(seen) == len(rows) == 40 and all(len(one.clients) == 5 for one in seen)
    ages = [float((number - one.taken).mean()) for number, one in enumerate(seen)]
    assert ages == pytest.approx([row.staleness for row in rows]) and max(ages) > 1
    assert (np.diff(run.learning.time_s) >= 0).all() and (np.diff(run.learning.energy_j) > 0).all()
    assert run.learning.energy_j[-1] <= run.ledger.spent_j * (1 + 1e-12)
    assert run.learning.accuracy[-1] > 0.5


def test_a_staleness_limit_leaves_old_answers_out(monkeypatch):
    from sim.experiment.federated import learning

    seen = []
    monkeypatch.setattr(learning, "learnt", lambda learner, rounds, progress: seen.extend(rounds) or learner.curve([]))
    result(rounds=ASYNCHRONOUS | {"staleness": 1})
    assert max(int((number - one.taken).max()) for number, one in enumerate(seen)) == 1


def test_aggregators_at_the_edge_learn_too():
    edges = {"number": 3, "to_server": "10 Mbit/s"}
    run = result(rounds={"kind": "hierarchical", "number": 25, "clients": 12, "edges": edges})
    assert run.learning.accuracy[-1] > 0.6 and run.learning.energy_j[-1] == pytest.approx(run.ledger.spent_j)


def test_selections_see_the_losses_of_what_is_learnt(monkeypatch):
    from sim.policies.client_selection.power_of_choice import PowerOfChoice

    told = []
    monkeypatch.setattr(PowerOfChoice, "learn", lambda self, view, clients, seconds, losses: told.append((clients, losses)))
    run = result(selection="power_of_choice", learning__split="iid")
    assert [len(clients) for clients, _ in told] == [row.answered for row in run.ledger.rounds if row.answered]
    medians = [float(np.median(losses)) for _, losses in told]
    # nobody knows anything at first: ln 10 nats; and what is learnt is about as good on clients' images as on those held out
    assert medians[0] == pytest.approx(np.log(10), rel=0.25)
    assert np.mean(medians[-5:]) < 0.6 * medians[0]


@pytest.mark.parametrize("kind", ["synchronous", "asynchronous"])
def test_a_seed_is_a_result(kind):
    changes = {"rounds": ASYNCHRONOUS} if kind == "asynchronous" else {}
    first, again = (result(compression="sketch", **changes).learning for _ in range(2))
    assert (first.final == again.final).all() and (first.accuracy == again.accuracy).all()


def test_learning_leaves_the_rounds_as_they_are():
    """With as many images as samples, time only and learning simulate the same rounds."""
    learning = result(learning__split="iid", population__count=77, rounds__number=10)
    only_time = result(learning=None, population__samples=14, population__count=77, rounds__number=10, budgets={})
    assert set(learning.learning.images) == {14}
    assert learning.ledger.rounds == only_time.ledger.rounds and only_time.learning is None


def test_as_many_images_as_the_checks_count():
    assert len(digits(0).labels) == DIGITS_TRAINED


def test_the_whole_way_to_files(tmp_path, capsys):
    path = tmp_path / "readers.yaml"
    path.write_text(json.dumps(STUDY))
    assert main(["run", str(path), "--out", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]) == 0
    metrics = json.loads((tmp_path / "r.json").read_text())["metrics"]["learning"]
    assert metrics["final"]["unit"] == "1" and metrics["targets"]["50 %"]["time"]["unit"] == "s"
    curve = metrics["curve"]
    first = next(number for number, accuracy in enumerate(curve["accuracy"]["value"]) if accuracy >= 0.5)
    assert metrics["targets"]["50 %"]["time"]["value"] == curve["time"]["value"][first]
    assert metrics["targets"]["50 %"]["energy"]["value"] == curve["energy"]["value"][first]
    assert metrics["targets"]["100 %"]["time"] == {"value": None, "unit": "s"}
    rows = list(csv.DictReader((tmp_path / "out" / "learning.csv").open()))
    assert [float(row["accuracy"]) for row in rows] == curve["accuracy"]["value"] and set(rows[0]) >= {"round", "time_s", "energy_j", "answers", "loss_nats"}
    shown = capsys.readouterr().out
    assert "what was learnt: digits, Dirichlet 0.3" in shown and "100 % never" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_page_keeps_to_its_width(width):
    run = result(rounds__number=8, learning__learning_rate=900.0)
    metrics = measure_federated(run)
    lines = federated_lines(StudySheet(width, UNICODE, judge_federated(metrics, run.federated.budgets)), run, metrics)
    assert max(line.cell_len for line in lines) <= width


def test_a_rate_beyond_all_numbers_is_said():
    run = result(rounds__number=30, learning__learning_rate=1000.0, local__epochs=40)
    metrics = measure_federated(run)
    json.dumps(metrics.learning.final_loss_ratio, allow_nan=False)
    if not np.isfinite(run.learning.final).all():
        assert metrics.learning.final_ratio == 0.0 and metrics.learning.final_loss_ratio is None


def test_another_network_on_the_wire_is_said():
    run = result(learning__hidden=[], rounds__number=2)
    assert any("650 weights" in note and "1210" in note for note in run.notes)
    assert not any("weights" in note for note in result(rounds__number=2).notes)


MISTAKES = [
    ({"learning__split": {"kind": "dirichlet", "alpha": 0}}, "learning.split.alpha", "0"),
    ({"learning__split": {"kind": "dirichlet", "alpha": -1.5}}, "learning.split.alpha", "1.5"),
    ({"learning__split": {"kind": "dirichlet"}}, "learning.split", "missing key 'alpha'"),
    ({"learning__split": "uneven"}, "learning.split", "iid"),
    ({"learning__split": {"kind": "shards", "per_client": 18}}, "learning.split.per_client", "60 clients x 18 shards are 1080, but there are 1078"),
    ({"learning__data": "faces"}, "learning.data", "digits"),
    ({"learning__targets": ["50 %", "120 %"]}, "learning.targets.1", "at most 1"),
    ({"learning__targets": ["0 %"]}, "learning.targets.0", "0"),
    ({"learning__targets": ["90 %", "80 %"]}, "learning", "from low to high"),
    ({"learning__learning_rate": 0}, "learning.learning_rate", "0"),
    ({"learning__hidden": [0]}, "learning.hidden.0", "1"),
    ({"learning__hidden": [1024, 1024]}, "learning.hidden", "60 updates of 1126410 weights are more than 40 M"),
    ({"population__count": 1079}, "population.count", "1079 clients, but there are 1078 images"),
    ({"population__count": 5_000_000}, "population.count", "5000000 clients, but there are 1078 images"),
    ({"population__samples": 30}, "population.samples", "leave samples out"),
    ({"model__training": {"batch": 4, "last": 1}}, "model.training.last", "all layers"),
    ({"model__training": {"batch": 4, "trainable": "bias"}}, "model.training.trainable", "trainable: all only"),
    ({"model__training": {"batch": 4, "loss": "mean_squared_error"}}, "model.training.loss", "cross_entropy"),
    ({"learning__clip": 1.0}, "learning.clip", "with privacy only"),
    ({"privacy": {"noise": "server"}}, "learning", "needs clip"),
    ({"budgets": {"accuracy": "130 %"}}, "budgets.accuracy", "at most 1"),
    ({"budgets": {"time_to_accuracy": "1 min"}}, "budgets.time_to_accuracy", "add accuracy"),
]


@pytest.mark.parametrize(("changes", "path", "what"), MISTAKES, ids=[f"{path}-{number}" for number, (_, path, _) in enumerate(MISTAKES)])
def test_mistakes_are_reported_at_their_place(changes, path, what, tmp_path):
    file = tmp_path / "readers.yaml"
    file.write_text(json.dumps(study(**changes), indent=1))
    with pytest.raises(EdgesimError) as error:
        load_study(file, known=known_names())
    found = [problem for problem in error.value.problems if problem.path == f"federated.{path}"]
    assert found and what in found[0].what, [(problem.path, problem.what) for problem in error.value.problems]
    assert found[0].line


def test_the_shipped_study_shows_what_it_says():
    """The same rounds, with digits spread evenly and unevenly; and smaller updates, which reach as much sooner and for less energy."""
    path = Path(__file__).resolve().parents[4] / "scenarios" / "federated_digits.yaml"
    changes = {"uneven": "split.alpha=0.1", "even": "split.alpha=100"}
    found = {name: _measured(path, f"federated.learning.{change}") for name, change in changes.items()}
    found["large"] = _measured(path, "federated.compression=none")
    assert found["even"].rounds == found["uneven"].rounds
    even, uneven, large = (found[name].learning.targets["90 %"] for name in ("even", "uneven", "large"))
    assert even.time_s < 0.5 * uneven.time_s < 0.5 * large.time_s
    assert even.energy_j < uneven.energy_j < large.energy_j
    assert found["uneven"].learning.final_ratio > 0.93


def _measured(path, override):
    return measure_federated(prepare_federated(load_study(path, overrides=(override, "federated.rounds.number=280"), known=known_names())).run())


def test_runs_are_compared(tmp_path, capsys):
    path = tmp_path / "readers.yaml"
    path.write_text(json.dumps(study(rounds__number=6)))
    assert main(["compare", str(path), "--each", "federated.learning.split.alpha=0.1,100"]) == 0
    assert "learning.final" in capsys.readouterr().out


def test_accuracy_asked_of_a_study_that_learns_nothing_is_not_held():
    run = result(learning=None, rounds__number=2)
    verdicts = judge_federated(measure_federated(run), run.federated.budgets)
    assert [verdict.ok for verdict in verdicts] == [False, False] and "no learning" in verdicts[0].detail
