"""Mistakes in federated studies: each at its line, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.scenario.federated.model import Asynchronous, FederatedStudy, Hierarchical, Synchronous
from sim.scenario.study import load_study

GOOD = """\
name: good
federated:
  model: {source: mobilenet_v2, training: {batch: 8}}
  population:
    count: 1000
    devices:
      some: {device: pixel_6, share: 40 %}
      others: {device: snapdragon_855_phone, share: 60 %}
    links: {up: 5 Mbit/s, down: 20 Mbit/s}
  rounds: {number: 3, clients: 10}
"""


def loaded(text: str) -> FederatedStudy:
    study = load_study(text, known=known_names(), directory=Path())
    assert study is not None and isinstance(study.study, FederatedStudy)
    return study.study


def mistakes(text: str) -> dict[int, list[str]]:
    """What is wrong, by line."""
    with pytest.raises(EdgesimError) as caught:
        loaded(text)
    found: dict[int, list[str]] = {}
    for problem in caught.value.problems:
        found.setdefault(problem.line, []).append(problem.what)
    return found


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_what_is_left_out_has_defaults():
    study = loaded(GOOD).federated
    assert isinstance(study.rounds, Synchronous)
    assert (study.rounds.least, study.selection, study.aggregation, study.compression) == (1, "random", "fedavg", "none")
    assert study.population.availability.kind == "always" and study.population.battery is None


@pytest.mark.parametrize(
    ("rounds", "kind"),
    [
        ("{kind: asynchronous, number: 3, buffer: 5, concurrency: 10}", Asynchronous),
        ("{kind: hierarchical, number: 3, clients: 5, edges: {number: 2, to_server: 1 Gbit/s}}", Hierarchical),
        ("{kind: synchronous, number: 3, clients: 5}", Synchronous),
    ],
)
def test_kinds_of_rounds(rounds, kind):
    assert isinstance(loaded(changed("{number: 3, clients: 10}", rounds)).federated.rounds, kind)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("clients: 10}", "clients: 1001}", 10, "1001 clients at once, but the population has 1000"),
        ("clients: 10}", "clients: 900, over_selection: 1.3}", 10, "900 clients x 1.3 are 1170"),
        ("{number: 3, clients: 10}", "{kind: asynchronous, number: 3, buffer: 5, concurrency: 1001}", 10, "1001 clients at once"),
        ("{number: 3, clients: 10}", "{kind: asynchronous, number: 3, buffer: 0, concurrency: 10}", 10, "must be at least 1"),
        ("clients: 10}", "clients: 10, deadline: 0 s}", 10, "must be more than 0 s"),
        ("clients: 10}", "clients: 10, minimum: 11}", 10, "no round could ever succeed"),
        ("clients: 10}", "clients: 10, over_selection: 0.9}", 10, "must be at least 1"),
        ("{number: 3, clients: 10}", "{kind: often, number: 3, clients: 10}", 10, "'often' is not one of synchronous, hierarchical, asynchronous"),
        ("share: 40 %", "share: 41 %", 6, "make 101 %, not 100 %"),
        ("share: 40 %", "share: 140 %", 7, "must be at most 1"),
        ("device: pixel_6,", "device: pixel_66,", 7, "unknown device 'pixel_66'; did you mean 'pixel_6'"),
        ("mobilenet_v2,", "mobilenet_v22,", 3, "unknown model 'mobilenet_v22'"),
        (", training: {batch: 8}", "", 3, "needs training"),
        ("count: 1000", "count: 0", 5, "must be at least 1"),
        ("up: 5 Mbit/s", "up: 0 Mbit/s", 9, "must be more than 0"),
        ("{up: 5 Mbit/s, down: 20 Mbit/s}", "{kind: measured, data: flush}", 9, "did you mean 'flash'"),
        ("count: 1000", "count: 1000\n    availability: {fraction: 0, session: 1 min}", 6, "must be more than 0"),
        ("count: 1000", "count: 1000\n    availability: {kind: rarely}", 6, "'rarely' is not one of sessions, measured, always"),
        ("count: 1000", "count: 1000\n    only_charging: true", 6, "battery: {} takes the defaults"),
        ("count: 1000", "count: 1000\n    battery: {initial_low: 60 %, initial_high: 50 %}", 6, "initial_low (60%) is above initial_high (50%)"),
        ("count: 1000", "count: 1000\n    battery: {charging: 25 h}", 6, "at most 24 h"),
        ("  rounds", "  selection: orot\n  rounds", 10, "unknown client selection 'orot'; did you mean 'oort'"),
        ("  rounds", "  selection: {name: oort, tunables: {penality: 1}}\n  rounds", 10, "unknown tunable 'penality'"),
        ("  rounds", "  aggregation: {name: trimmed_mean, tunables: {trim: 60 %}}\n  rounds", 10, "60 % is out of range"),
        ("  rounds", "  aggregation: mean\n  rounds", 10, "unknown aggregation rule 'mean'"),
        ("  rounds", "  compression: {kind: top_k, keep: 0 %}\n  rounds", 10, "must be more than 0"),
        ("up: 5 Mbit/s, down: 20 Mbit/s}", "up: 5 Mbit/s, down: 20 Mbit/s}\n    radio: wifi", 10, "unknown radio 'wifi'"),
        ("share: 40 %}", "share: 40 %, radio: {base: wifi_pixel_6, send_power: -1 W}}", 7, "must be at least 0 W"),
        ("  rounds", "  compression: zip\n  rounds", 10, "'zip' is not one of none, int8, top_k, sketch"),
        ("  rounds", "  secure_aggregation: {group: 1}\n  rounds", 10, "must be at least 2"),
        ("  rounds", "  server: {device: edge_servre}\n  rounds", 10, "did you mean 'edge_server'"),
    ],
)
def test_a_mistake_is_shown_at_its_line(old, new, line, what):
    found = mistakes(changed(old, new))
    assert set(found) == {line}
    assert re.search(re.escape(what), " ".join(found[line]))


def test_rounds_with_a_buffer_do_not_share_the_servers_links():
    rounds = "{kind: asynchronous, number: 3, buffer: 5, concurrency: 10}\n  server: {up: 1 Gbit/s}"
    assert "do not share" in mistakes(changed("{number: 3, clients: 10}", rounds))[11][0]


def test_all_mistakes_are_shown_at_once():
    text = changed("share: 40 %", "share: 30 %").replace("pixel_6,", "pixel_66,").replace("clients: 10", "clients: 5000, deadline: 0 s")
    text = text.replace("up: 5 Mbit/s", "up: 5 parsecs").replace(", training: {batch: 8}", "") + "  selection: orot\n"
    assert set(mistakes(text)) == {3, 6, 7, 9, 10, 11}


@pytest.mark.parametrize(
    ("added", "rounds", "what"),
    [
        ("compression: top_k", "{number: 3, clients: 10}", "top_k does not go with secure_aggregation"),
        ("compression: {kind: sketch, rows: 3}", "{number: 3, clients: 10}", "sketch does not go with secure_aggregation"),
        ("compression: int8", "{number: 3, clients: 10}", "leave bits out"),
        ("compression: none", "{kind: asynchronous, number: 3, buffer: 5, concurrency: 10}", "take synchronous rounds"),
    ],
)
def test_masks_hide_single_updates(added, rounds, what):
    found = mistakes(changed("rounds: {number: 3, clients: 10}", f"secure_aggregation: {{bits: 16}}\n  {added}\n  rounds: {rounds}"))
    assert len(found) == 1 and what in " ".join(next(iter(found.values())))
