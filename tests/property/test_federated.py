"""Federated rounds of any kind: every client's second and joule has a cause, nobody is lost, the same seed gives the same rounds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import federating
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.fleet.federated.attempt import Wire
from sim.fleet.federated.population import ClientRadio, Group


@st.composite
def runs(draw: st.DrawFn) -> tuple[Any, dict[str, Any], Wire, str, int]:
    """Rounds, fields of a population, links, a selection, a seed."""
    seed = draw(st.integers(0, 1000))
    rng, count = np.random.default_rng(seed), draw(st.integers(4, 120))
    fields: dict[str, Any] = federating.batteries(count, 200.0, 0.6, drain_w=0.3, charging_s=draw(st.sampled_from([0.0, 600.0]))) if draw(st.booleans()) else {}
    held_j = 200.0 if fields else np.inf
    fields["groups"] = (Group("a", "none", federating.RADIO, held_j, 0.5, 1.0, 0.1, 0.2), Group("b", "none", ClientRadio(), np.inf))
    fields["kind"] = rng.integers(0, 2, count).astype(np.int8)
    if "charge_j" in fields:
        fields["charge_j"] = np.where(fields["kind"] == 1, np.inf, rng.uniform(0, 200, count)).astype(np.float32)
        fields["least_charge"] = draw(st.sampled_from([0.0, 0.2]))
    fields["factor"] = rng.lognormal(0, 0.8, count).astype(np.float32)
    fields["up_bytes_per_s"], fields["down_bytes_per_s"] = rng.uniform(2, 30, (2, count)).astype(np.float32)
    fields["steps"] = rng.integers(1, 40, count).astype(np.float32)
    if draw(st.booleans()):
        fields["windows"] = federating.sessions(count, 300.0, draw(st.sampled_from([40.0, 150.0, 300.0])), seed)
    if draw(st.booleans()):
        fields["failures_s"] = 120.0
    wanted = draw(st.integers(1, max(count // 2, 1)))
    more = {"over_selection": draw(st.sampled_from([1.0, 1.5, 2.0])), "most_time": "1 h"}
    if draw(st.booleans()):
        more["deadline"] = draw(st.sampled_from(["5 s", "40 s"]))
    kind = draw(st.sampled_from(["synchronous", "asynchronous", "hierarchical"]))
    capacity = draw(st.sampled_from([np.inf, 50.0])) if kind != "asynchronous" else np.inf
    wire = Wire(draw(st.sampled_from([0.0, 100.0])), draw(st.sampled_from([0.0, 60.0])), 0.2, capacity, capacity)
    if kind == "asynchronous":
        staleness = draw(st.sampled_from([None, 0, 2]))
        rounds: Any = federating.asynchronous(4, draw(st.integers(1, 10)), wanted, most_time="1 h", **({} if staleness is None else {"staleness": staleness}))
    elif kind == "hierarchical":
        rounds = federating.hierarchical(3, wanted, {"number": draw(st.integers(1, 5)), "to_server": "20 B/s"}, **more)
    else:
        rounds = federating.synchronous(3, wanted, **more)
    return rounds, fields, wire, draw(st.sampled_from(["random", "oort", "power_of_choice", "availability", "battery"])), seed


def done(case: tuple[Any, dict[str, Any], Wire, str, int]) -> federating.Run:
    rounds, fields, wire, selection, seed = case
    copied = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in fields.items()}
    warm = (federating.table(100, 10.0), federating.table(100))
    return federating.Run(rounds, federating.population(len(fields["kind"]), **copied), wire, selection=selection, tables=warm, seed=seed, backbone=wire)


@settings(max_examples=150)
@given(runs())
def test_every_second_and_joule_has_a_cause(case):
    run = done(case)
    ledger = run.ledger
    assert ledger.seconds.sum() == pytest.approx(ledger.bound_s, abs=1e-6)
    assert ledger.joules.sum() == pytest.approx(ledger.spent_j, abs=1e-6)
    assert (ledger.seconds > -1e-6).all() and (ledger.joules > -1e-6).all()
    assert (ledger.answered + ledger.late + ledger.fell_out.sum(axis=1) == ledger.asked).all()
    for attempt, released_s, counted in run.attempts:
        assert (released_s >= attempt.begin_s - 1e-9).all()
        assert np.isfinite(attempt.end_s[counted]).all()
        spent_j = attempt.down_j + attempt.work_j + attempt.up_j
        assert (attempt.spent_j(released_s) <= spent_j + 1e-6).all()
        edges = (attempt.begin_s, attempt.down_end_s, attempt.work_end_s, attempt.up_end_s)
        assert all((high >= low - 1e-9).all() for low, high in pairwise(edges))
    for row in ledger.rounds:
        assert row.end_s >= row.begin_s
        if row.failed:
            assert row.answered == 0


@settings(max_examples=30)
@given(runs())
def test_the_same_seed_gives_the_same_rounds(case):
    first, again = done(case), done(case)
    assert first.ledger.rounds == again.ledger.rounds or np.isnan([row.client_p50_s for row in first.ledger.rounds]).any()
    assert first.end_s == again.end_s and first.ledger.spent_j == again.ledger.spent_j
