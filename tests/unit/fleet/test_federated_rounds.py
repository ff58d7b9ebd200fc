"""Federated rounds against closed forms, and against a simulation of one client after the other."""

from __future__ import annotations

import math
from itertools import pairwise

import federating
import numpy as np
import pytest

from sim.fleet.federated.attempt import Cause, Wire
from sim.fleet.federated.plan import CodeRates
from sim.fleet.federated.population import ClientRadio, Group
from sim.policies.aggregation import ElementWork

# a client alone: 100 bytes down at 10/s, ten steps of a second, 50 bytes up at 10/s
DOWN_S, WORK_S, UP_S = 10.0, 10.0, 5.0
ALONE_S = DOWN_S + WORK_S + UP_S


def conserved(run) -> None:
    """Every second and joule has its cause."""
    ledger = run.ledger
    assert ledger.seconds.sum() == pytest.approx(ledger.bound_s)
    assert ledger.joules.sum() == pytest.approx(ledger.spent_j)
    assert (ledger.seconds >= -1e-9).all() and (ledger.joules >= -1e-9).all()
    assert (ledger.answered + ledger.late + ledger.fell_out.sum(axis=1) == ledger.asked).all()
    own_s = sum(float((released_s - attempt.begin_s).sum()) for attempt, released_s, _ in run.attempts)
    assert ledger.bound_s == pytest.approx(own_s)


# ---- synchronous


def test_a_round_of_equal_clients_takes_as_long_as_one_of_them():
    run = federating.Run(federating.synchronous(3, 10, pause="4 s"), federating.population(100), Wire(100.0, 50.0, latency_s=1.0))
    assert [row.end_s - row.begin_s for row in run.ledger.rounds] == pytest.approx([ALONE_S + 2] * 3)
    assert run.end_s == pytest.approx(3 * (ALONE_S + 2 + 4))
    assert run.ledger.seconds[0] == pytest.approx([30 * WORK_S, 30 * (DOWN_S + 1), 30 * (UP_S + 1), 0, 0])
    assert run.ledger.joules[0] == pytest.approx([30 * 10 * federating.STEP_J, 0, 0, 0, 0])
    conserved(run)


def test_energy_of_the_radio_with_promotions_and_tails():
    people = federating.population(5, groups=(Group("all", "none", federating.RADIO, np.inf),))
    run = federating.Run(federating.synchronous(1, 5), people)
    radio = federating.RADIO
    down_j = radio.promotion_j + DOWN_S * radio.receive_w + 100 * radio.receive_j_per_byte + radio.tail_j
    up_j = radio.promotion_j + UP_S * radio.send_w + 50 * radio.send_j_per_byte + radio.tail_j
    assert run.ledger.joules[0] == pytest.approx([5 * 20.0, 5 * down_j, 5 * up_j, 0, 0])
    assert run.ledger.rounds[0].end_s == pytest.approx(ALONE_S + 2 * radio.promotion_s)


def test_training_shorter_than_the_tail_needs_no_second_promotion():
    people = federating.population(5, groups=(Group("all", "none", federating.RADIO, np.inf),), steps=np.ones(5, dtype=np.float32))
    run = federating.Run(federating.synchronous(1, 5), people)
    assert run.ledger.rounds[0].end_s == pytest.approx(DOWN_S + 1 + UP_S + federating.RADIO.promotion_s)
    assert run.ledger.joules[0][1] == pytest.approx(5 * (1.0 + 10.0 + 0.5 + 0.5 * federating.RADIO.tail_j))


@pytest.mark.parametrize("asked", [20, 26])
def test_round_times_are_order_statistics(asked):
    """Exponential work, negligible transfers: the k-th of n answers comes after sum of 1/(n - i)."""
    rng, number, wanted = np.random.default_rng(5), 4000, 20
    people = federating.population(200_000, factor=rng.standard_exponential(200_000).astype(np.float32), steps=np.ones(200_000, dtype=np.float32))
    run = federating.Run(federating.synchronous(number, wanted, over_selection=asked / wanted), people, Wire(0.0, 0.0))
    times_s = np.array([row.end_s - row.begin_s for row in run.ledger.rounds])
    terms = 1.0 / np.arange(asked - wanted + 1, asked + 1)
    assert times_s.mean() == pytest.approx(terms.sum(), abs=4 * math.sqrt((terms**2).sum() / number))
    assert all(row.answered == wanted and row.late == asked - wanted for row in run.ledger.rounds)
    conserved(run)


def test_a_deadline_ends_a_round_and_what_comes_later_is_lost():
    factor = np.array([1, 1, 1, 5], dtype=np.float32)
    run = federating.Run(federating.synchronous(1, 4, deadline="30 s"), federating.population(4, factor=factor))
    row = run.ledger.rounds[0]
    assert (row.end_s, row.answered, row.late, row.failed) == (30.0, 3, 1, False)
    assert run.ledger.seconds[0, 3:] == pytest.approx([3 * (30 - ALONE_S), 30.0])
    assert run.ledger.joules[0, 4] == pytest.approx(20 / 50 * 100)  # of fifty seconds of training at two watts
    conserved(run)


def test_a_round_in_which_all_fall_out_is_reported_and_the_next_one_tried():
    people = federating.population(50, windows=np.tile(np.array([1000.0, 15.0, 0.0], dtype=np.float32), (50, 1)))
    run = federating.Run(federating.synchronous(3, 10, check_in="985 s"), people)
    assert [row.failed for row in run.ledger.rounds] == [True] * 3
    assert [row.session for row in run.ledger.rounds] == [10] * 3
    assert [row.end_s for row in run.ledger.rounds] == pytest.approx([15.0, 1015.0, 2015.0])
    assert np.isnan(run.ledger.rounds[0].client_p50_s)
    assert run.ledger.seconds[0, :4].sum() == 0
    assert run.ledger.waited_s == pytest.approx(2 * 985)
    conserved(run)


def test_failed_rounds_count_or_are_tried_again():
    people = federating.population(50, factor=np.full(50, 100.0, dtype=np.float32))
    settings = {"deadline": "20 s", "minimum": 3}
    goes_on, again = (federating.Run(federating.synchronous(4, 10, when_short=how, **settings), people) for how in ("continue", "retry"))
    assert len(goes_on.ledger.rounds) == 4 and all(row.failed for row in goes_on.ledger.rounds)
    assert len(again.ledger.rounds) == 80  # given up in the end
    conserved(again)


def test_nobody_ever_there_ends_the_run():
    people = federating.population(10, windows=np.tile(np.array([1.0, 0.0, 0.0], dtype=np.float32), (10, 1)))
    run = federating.Run(federating.synchronous(1, 5, most_time="1 h"), people)
    assert not run.ledger.rounds and run.end_s == pytest.approx(3600.0)


def test_too_few_answers_cannot_be_unmasked():
    people = federating.population(10, factor=np.array([1] * 5 + [50] * 5, dtype=np.float32))
    settings = federating.synchronous(1, 10, deadline="1 min")
    assert federating.Run(settings, people, threshold=0.5).ledger.rounds[0].answered == 5
    lost = federating.Run(settings, people, threshold=0.6).ledger
    assert lost.rounds[0].failed and lost.seconds[0, :4].sum() == 0


def test_the_networks_of_clients_fail_at_their_rate():
    run = federating.Run(federating.synchronous(50, 1000), federating.population(5000, failures_s=100.0))
    share = run.ledger.fell_out[0, Cause.NETWORK] / 50_000
    assert share == pytest.approx(1 - math.exp(-ALONE_S / 100), abs=4 * math.sqrt(0.25 / 50_000))
    conserved(run)


def test_an_empty_battery_stops_a_client_when_its_energy_is_used_up():
    people = federating.population(1, **federating.batteries(1, 100.0, 0.15, drain_w=0.1))
    run = federating.Run(federating.synchronous(1, 1), people)
    attempt, released_s, _ = run.attempts[0]
    # 15 J: 1 J of drain in the download, then 2.1 W
    assert released_s == pytest.approx([DOWN_S + 14 / 2.1])
    assert attempt.cause[0] == Cause.BATTERY and run.ledger.rounds[0].battery == 1
    assert people.charge_j == pytest.approx([0.0], abs=1e-4)
    assert run.ledger.joules[0, 4] == pytest.approx(14 / 2.1 * 2)
    conserved(run)


def test_batteries_lose_what_their_clients_spend():
    people = federating.population(20, **federating.batteries(20, 1000.0, 0.9, drain_w=0.5))
    before_j = people.charge_j.astype(float).copy()
    run = federating.Run(federating.synchronous(5, 5), people)
    spent_j = before_j - people.charge_j
    assert spent_j.sum() == pytest.approx(run.ledger.spent_j + 0.5 * people.charged_s.sum(), rel=1e-5)


def test_clients_below_the_least_charge_are_not_asked_unless_they_charge():
    fields = federating.batteries(10, 100.0, 0.1)
    fields["charge_j"][3:] = 80.0
    people = federating.population(10, least_charge=0.2, **fields)
    run = federating.Run(federating.synchronous(1, 5), people)
    assert set(run.attempts[0][0].clients.tolist()) <= set(range(3, 10))
    charging = federating.population(10, least_charge=0.2, **federating.batteries(10, 100.0, 0.1, charging_s=3600.0))
    assert federating.Run(federating.synchronous(1, 5), charging).ledger.rounds[0].answered == 5


def test_the_server_is_the_bottleneck():
    run = federating.Run(federating.synchronous(1, 40), federating.population(40), Wire(100.0, 50.0, up_bytes_per_s=20.0, down_bytes_per_s=50.0))
    assert run.ledger.rounds[0].end_s == pytest.approx(40 * 100 / 50 + WORK_S + 40 * 50 / 20)
    conserved(run)


def test_the_next_round_begins_when_the_model_is_made():
    run = federating.Run(
        federating.synchronous(2, 5),
        federating.population(10),
        server=CodeRates(100.0, 10.0, 3.0),
        work=lambda answered, asked: ElementWork(40.0 * answered, 0.0),
    )
    assert run.ledger.rounds[1].begin_s == pytest.approx(ALONE_S + 2.0)
    assert (run.ledger.server_s, run.ledger.server_j) == pytest.approx((4.0, 12.0))


def test_a_warm_client_is_slower_in_the_next_round():
    steps = np.arange(101.0)
    hot = federating.TrainingTable(steps, np.where(steps <= 10, steps, 10 + 3 * (steps - 10)), steps, steps, 50.0, 100.0)
    run = federating.Run(federating.synchronous(2, 1, pause="100 s"), federating.population(1), tables=(hot,))
    first, second = (row.end_s - row.begin_s for row in run.ledger.rounds)
    left_c = 10 * math.exp(-(UP_S + 100 + DOWN_S) / 50)
    assert first == pytest.approx(ALONE_S)
    assert second == pytest.approx(ALONE_S + 2 * left_c)


def test_rounds_are_those_of_clients_simulated_one_by_one():
    """Two groups, scattered factors and rates, sessions, failures, batteries: each client's moments from its own figures."""
    count, rng = 300, np.random.default_rng(9)
    fields = federating.batteries(count, 400.0, 0.5, drain_w=0.2)
    groups = (Group("old", "none", federating.RADIO, 400.0, code_s=1.5, code_j=2.0), Group("new", "none", ClientRadio(), math.inf, step_s=0.1))
    fields |= {"groups": groups, "charge_j": np.where(np.arange(count) % 2, np.inf, rng.uniform(20, 400, count)).astype(np.float32)}
    people = federating.population(
        count,
        kind=(np.arange(count) % 2).astype(np.int8),
        factor=rng.lognormal(0, 0.5, count).astype(np.float32),
        up_bytes_per_s=rng.uniform(3, 20, count).astype(np.float32),
        down_bytes_per_s=rng.uniform(3, 20, count).astype(np.float32),
        steps=rng.integers(1, 30, count).astype(np.float32),
        windows=federating.sessions(count, 400.0, 120.0),
        **fields,
    )
    held_j = people.charge_j.astype(float).copy()
    run = federating.Run(federating.synchronous(1, 60, over_selection=1.2, deadline="70 s"), people, Wire(100.0, 50.0, latency_s=0.5))
    attempt, released_s, counted = run.attempts[0]
    alone = [_one_client(people, client, held_j[client]) for client in attempt.clients.tolist()]
    ends = sorted(end for end, *_ in alone)
    close_s = min(ends[59] if len(ends) >= 60 else math.inf, 70.0, max(min(end, stop) for end, stop, *_ in alone))
    assert run.ledger.rounds[0].end_s == pytest.approx(close_s)
    for (end_s, stop_s, cause, _), let_go_s, good in zip(alone, released_s, counted, strict=True):
        assert bool(good) == (end_s <= close_s + 1e-9)
        assert let_go_s == pytest.approx(close_s if good else min(stop_s, close_s))
        if end_s == math.inf and stop_s < close_s - 1e-6:
            position = int(np.flatnonzero(released_s == let_go_s)[0])
            assert attempt.cause[position] == cause
    good_j = sum(joules for (_, _, _, joules), good in zip(alone, counted, strict=True) if good)
    assert run.ledger.joules[:, :4].sum() == pytest.approx(good_j)
    assert {Cause.SESSION, Cause.BATTERY} <= {Cause(cause) for _, _, cause, _ in alone}
    conserved(run)


def _one_client(people, client: int, held_j: float) -> tuple[float, float, int, float]:
    """When its update is there (infinity: never), when it stops, why, and its joules if it answers."""
    group = people.groups[people.kind[client]]
    radio, factor = group.radio, float(people.factor[client])
    period_s, length_s, phase_s = people.windows[client].astype(float)
    session_s = length_s - phase_s % period_s
    steps = float(people.steps[client])
    ready_s = 0.5 + radio.promotion_s
    down_end_s = ready_s + 100 / float(people.down_bytes_per_s[client])
    work_s = factor * (steps * (federating.STEP_S + group.step_s) + group.code_s)
    work_j = factor * (steps * federating.STEP_J + group.code_j)
    again = work_s > radio.tail_s
    down_j = radio.promotion_j + radio.receive_w * (down_end_s - ready_s) + 100 * radio.receive_j_per_byte
    down_j += radio.tail_j * (min(work_s / radio.tail_s, 1.0) if radio.tail_s else 0.0)
    send_s = down_end_s + work_s + 0.5 + (radio.promotion_s if again else 0.0)
    end_s = send_s + 50 / float(people.up_bytes_per_s[client])
    up_j = (radio.promotion_j if again else 0.0) + radio.send_w * (end_s - send_s) + 50 * radio.send_j_per_byte + radio.tail_j
    empty_s, left_j = math.inf, held_j
    if math.isfinite(group.battery_j) and session_s > down_end_s:
        left_j -= down_j + 0.2 * down_end_s
        if left_j < 0:
            empty_s = down_end_s * held_j / (down_j + 0.2 * down_end_s)
        elif left_j < work_j + 0.2 * work_s:
            empty_s = down_end_s + work_s * left_j / (work_j + 0.2 * work_s)
        else:
            left_j -= work_j + 0.2 * work_s + 50 * radio.send_j_per_byte + (radio.promotion_j if again else 0.0)
            empty_s = down_end_s + work_s + max(left_j, 0.0) / (radio.send_w + 0.2)
    stop_s = min(session_s, empty_s)
    cause = Cause.BATTERY if empty_s < session_s else Cause.SESSION
    return (end_s, stop_s, Cause.NONE, down_j + work_j + up_j) if end_s <= stop_s else (math.inf, stop_s, cause, 0.0)


# ---- asynchronous


def test_throughput_with_a_buffer_is_that_of_little():
    """Concurrency by mean time, whatever the times: 20 places, each through every ALONE_S seconds."""
    run = federating.Run(federating.asynchronous(40, 10, 20), federating.population(500))
    assert run.end_s == pytest.approx(40 * 10 / 20 * ALONE_S)
    assert run.ledger.asked.sum() == 400
    conserved(run)


def test_throughput_of_scattered_clients_is_that_of_little():
    rng = np.random.default_rng(2)
    people = federating.population(100_000, factor=rng.lognormal(0, 1, 100_000).astype(np.float32))
    run = federating.Run(federating.asynchronous(500, 100, 200), people)
    mean_s = DOWN_S + UP_S + WORK_S * float(people.factor.mean())
    assert run.ledger.answered.sum() / run.end_s == pytest.approx(200 / mean_s, rel=0.02)
    # renewal: how many versions pass while a client is at work
    assert np.mean([row.staleness for row in run.ledger.rounds[20:]]) == pytest.approx(200 / 100, rel=0.05)
    conserved(run)


def test_answers_come_as_in_a_simulation_of_one_after_the_other():
    """With the clients that were asked, in the order of their beginnings, a plain simulation of places gives the same ends and versions."""
    rng = np.random.default_rng(4)
    people = federating.population(3000, factor=rng.lognormal(0, 1, 3000).astype(np.float32), failures_s=200.0)
    run = federating.Run(federating.asynchronous(60, 7, 25, staleness=3), people)
    records = [
        (attempt.begin_s[i], min(attempt.end_s[i], attempt.stop_s[i]), math.isfinite(attempt.end_s[i]), bool(counted[i]))
        for attempt, _, counted in run.attempts
        for i in range(len(attempt.clients))
    ]
    ends = [end for _, end, _, _ in records]
    assert ends == sorted(ends)
    version, buffered, versions = 0, 0, [0.0]
    for begin_s, end_s, arrived, counted in records:
        taken = sum(moment <= begin_s for moment in versions) - 1
        good = arrived and version - taken <= 3
        assert good == counted
        buffered += good
        if buffered == 7:
            version, buffered = version + 1, 0
            versions.append(end_s)
    assert [row.end_s for row in run.ledger.rounds] == pytest.approx(versions[1:])
    # each beginning but the first 25 is an end before it
    begins = sorted(begin for begin, *_ in records)
    assert set(begins[25:]) <= set(ends) | {0.0}
    assert run.ledger.late.sum() > 0
    conserved(run)


def test_as_many_places_as_clients():
    run = federating.Run(federating.asynchronous(20, 5, 10), federating.population(10))
    assert run.end_s == pytest.approx(20 * 5 / 10 * ALONE_S)


def test_nobody_is_at_work_twice():
    people = federating.population(60, factor=np.random.default_rng(1).lognormal(0, 1, 60).astype(np.float32))
    run = federating.Run(federating.asynchronous(50, 5, 20), people)
    spans: dict[int, list[tuple[float, float]]] = {}
    for attempt, released_s, _ in run.attempts:
        for client, begin_s, end_s in zip(attempt.clients.tolist(), attempt.begin_s, released_s, strict=True):
            spans.setdefault(client, []).append((begin_s, end_s))
    for own in spans.values():
        own.sort()
        assert all(first[1] <= second[0] + 1e-9 for first, second in pairwise(own))


# ---- hierarchical


def test_a_hierarchical_round_of_equal_clients():
    edges = {"number": 4, "to_server": "20 B/s", "from_server": "50 B/s", "latency": "2 s"}
    backbone = Wire(100.0, 50.0, latency_s=2.0)
    work = lambda answered, asked: ElementWork(operations=10.0 * answered)  # noqa: E731
    run = federating.Run(
        federating.hierarchical(1, 40, edges), federating.population(40), backbone=backbone, work=work, edge=CodeRates(100.0), server=CodeRates(10.0)
    )
    row = run.ledger.rounds[0]
    assert row.end_s == pytest.approx(2 + 100 / 50 + ALONE_S + 10 * 10 / 100 + 2 + 50 / 20)
    assert row.aggregation_s == pytest.approx(4 * 10 / 10)  # of four sums
    assert row.answered == 40 and run.ledger.seconds[0, 3] == 0
    conserved(run)


def test_edges_share_the_servers_link_and_clients_that_of_their_edge():
    edges = {"number": 4, "to_server": "1 MB/s"}
    wire, backbone = Wire(100.0, 50.0, up_bytes_per_s=25.0), Wire(100.0, 50.0, up_bytes_per_s=10.0)
    run = federating.Run(federating.hierarchical(1, 40, edges), federating.population(40), wire, backbone=backbone)
    assert run.ledger.rounds[0].end_s == pytest.approx(100 / 1e6 + DOWN_S + WORK_S + 10 * 50 / 25 + 4 * 50 / 10)


def test_one_edge_with_a_free_link_is_a_synchronous_round():
    rng = np.random.default_rng(3)
    people = federating.population(500, factor=rng.lognormal(0, 0.5, 500).astype(np.float32))
    edges = {"number": 1, "to_server": "1000000 GB/s", "latency": "0 s"}
    settings = {"over_selection": 1.5, "deadline": "40 s"}
    plain = federating.Run(federating.synchronous(5, 50, **settings), people)
    through = federating.Run(federating.hierarchical(5, 50, edges, **settings), people)
    assert [row.end_s for row in through.ledger.rounds] == pytest.approx([row.end_s for row in plain.ledger.rounds], rel=1e-6)
    assert [row.answered for row in through.ledger.rounds] == [row.answered for row in plain.ledger.rounds]


# ---- both


@pytest.mark.parametrize(
    "rounds", [federating.synchronous(5, 40, over_selection=1.2), federating.asynchronous(20, 10, 40)], ids=["synchronous", "asynchronous"]
)
@pytest.mark.parametrize("selection", ["random", "power_of_choice", "oort", "availability", "battery"])
def test_the_same_seed_gives_the_same_run_whoever_selects(rounds, selection):
    def people():
        return federating.population(1000, factor=np.random.default_rng(1).lognormal(0, 1, 1000).astype(np.float32), failures_s=500.0)

    first, again, other = (federating.Run(rounds, people(), selection=selection, seed=seed) for seed in (1, 1, 2))
    assert first.ledger.columns()["end_s"].tolist() == again.ledger.columns()["end_s"].tolist()
    assert first.ledger.spent_j == again.ledger.spent_j
    assert first.end_s != other.end_s
    conserved(first)
