"""Transfers of devices: one after the other by a radio, paused by hand-overs, given up; and what is counted of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.radio import RadioSpec
from sim.fleet.device import Device
from sim.fleet.network import Link, Network
from sim.fleet.offloading import Offloading
from sim.fleet.server import ServedWork, Server, ServerPlan
from sim.fleet.task_log import TaskStatus
from sim.fleet.tasks import Exit, Group, Move, Near, Path, TaskKind, Way
from sim.fleet.transfers import Access, Transfers
from sim.runtime.clock import SWITCHES, Clock
from sim.scenario.model import Periodic

SLOW = Path((1,), (1,), 0.0)
FAST = Path((0,), (0,), 0.0)
RADIO = RadioSpec.model_validate({"base": "wifi_huang2012", "promotion_time": "0 s", "up_bandwidth": "8 Mbit/s", "down_bandwidth": "8 Mbit/s"})


def transfers(paths, moves=(), limit=math.inf, radio=None, capacities=(1000.0, 500.0)):
    clock = Clock()
    network = Network(clock, [Link(f"link{index}", rate) for index, rate in enumerate(capacities)])
    group = Group("phones", 1, 0.0, radio, limit, limit, None, {"edge": paths}, tuple(moves))
    access = Access(group, network)
    return clock, Transfers(clock, network, np.random.default_rng(1)), access, Device(0, group, access, clock)


def ends_of(clock, moving, device, starts, until_s=1000.0):
    ends = {}
    for number, (start_s, size) in enumerate(starts):
        clock.at(start_s, SWITCHES, lambda _, n=number, s=size: moving.begin(device, "edge", s, True, lambda delay_s, n=n: ends.__setitem__(n, clock.now)))
    clock.run_until(until_s)
    return [ends.get(number) for number in range(len(starts))]


def test_with_a_rate_of_its_own_a_device_sends_one_thing_after_the_other():
    clock, moving, _, device = transfers(FAST, limit=100.0)
    assert ends_of(clock, moving, device, [(0.0, 100.0), (0.0, 100.0), (5.0, 50.0)]) == pytest.approx([1.0, 2.0, 5.5])
    clock, moving, _, device = transfers(FAST)
    assert ends_of(clock, moving, device, [(0.0, 1000.0), (0.0, 1000.0)]) == pytest.approx([2.0, 2.0])  # the link alone shares


def test_a_hand_over_pauses_what_is_under_way_and_goes_on_by_the_new_way():
    """600 of 1000 bytes at 1000 B/s, half a second of nothing, the rest at 500 B/s, first shared."""
    clock, moving, access, device = transfers(FAST, [Move(0.6, {"edge": SLOW}, 0.5)])
    clock.at(0.6, SWITCHES, lambda _: moving.move(access, access.group.moves[0].paths, access.group.moves[0].outage_s))
    assert ends_of(clock, moving, device, [(0.0, 1000.0), (0.8, 100.0)]) == pytest.approx([0.6 + 0.5 + 0.4 + 300 / 500, 1.1 + 0.4])
    assert moving.network.links[0].carried_bytes == pytest.approx(600.0) and moving.network.links[1].carried_bytes == pytest.approx(500.0)


def test_energy_per_byte_is_spent_once_over_a_hand_over():
    clock, moving, access, device = transfers(FAST, [Move(0.6, {"edge": SLOW}, 0.5)], radio=RADIO)
    clock.at(0.6, SWITCHES, lambda _: moving.move(access, access.group.moves[0].paths, access.group.moves[0].outage_s))
    (end_s,) = ends_of(clock, moving, device, [(0.0, 1000.0)])
    device.radio.close(1000.0)
    assert device.radio.joules["send"] == pytest.approx(end_s * float(RADIO.send_w) + 1000 * float(RADIO.send_j_per_byte))


@pytest.mark.parametrize("limit", [math.inf, 200.0])
def test_what_is_given_up_makes_room(limit):
    clock, moving, _, device = transfers(FAST, limit=limit, capacities=(200.0, 1.0))
    begun = []
    clock.at(0.0, SWITCHES, lambda _: begun.append(moving.begin(device, "edge", 1000.0, True, lambda delay_s: pytest.fail("it was given up"))))
    left = []
    clock.at(1.0, SWITCHES, lambda _: left.append(moving.give_up(begun[0])))
    (end_s,) = ends_of(clock, moving, device, [(0.5, 100.0)])
    assert end_s == pytest.approx(1.5 if limit < math.inf else 1.25)
    assert left == pytest.approx([800.0 if limit < math.inf else 850.0])
    assert moving.network.links[0].carried_bytes == pytest.approx(1000.0 - left[0] + 100.0)


def test_what_waits_behind_a_radio_and_is_given_up_is_never_sent():
    clock, moving, _, device = transfers(FAST, limit=100.0)
    ended = []
    clock.at(0.0, SWITCHES, lambda _: [moving.begin(device, "edge", 100.0, True, lambda delay_s: ended.append(1))])
    clock.at(0.0, SWITCHES, lambda _: moving.give_up(moving.begin(device, "edge", 100.0, True, lambda delay_s: ended.append(2))))
    clock.at(0.0, SWITCHES, lambda _: [moving.begin(device, "edge", 100.0, True, lambda delay_s: ended.append(3))])
    clock.run_until(1.9999)
    assert ended == [1]
    clock.run_until(2.0001)
    assert ended == [1, 3] and moving.network.links[0].carried_bytes == 200.0


def test_a_network_knows_what_has_passed_of_flows_under_way():
    clock, moving, _, device = transfers(FAST)
    clock.at(0.0, SWITCHES, lambda _: moving.begin(device, "edge", 1e6, True, lambda delay_s: None))
    clock.run_until(3.0)
    assert moving.network.carried_bytes(0) == pytest.approx(3000.0) and moving.network.links[0].carried_bytes == 0.0


def fleet(ways, *, moves=(), plan=None, policy="best_cut", timeout_s=math.inf, rate=1.0, until_s=50.0, capacity=1e6, seed=1):
    clock = Clock()
    network = Network(clock, [Link("one", capacity), Link("two", capacity / 2)])
    server = Server(clock, plan or ServerPlan("edge", price_per_gb=1.0), np.random.default_rng(3))
    group = Group("phones", 1, 0.0, None, paths={"edge": FAST}, moves=moves)
    kind = TaskKind("detect", "phones", ways, Periodic.model_validate({"rate": f"{rate} Hz"}), policy, {}, 5.0, timeout_s)
    world = Offloading(clock, network, {"edge": server}, [group], [kind], seed=seed)
    world.start(until_s)
    clock.run_until(until_s + 20)
    return world, server


def test_hand_overs_repeat_and_change_the_time_of_sending():
    work = ServedWork((0.01,), (0.1,))
    ways = (Way("", "", Near(9.0, 1.0)), Way("edge", "", Near(), 1e5, 0.0, work))
    world, _ = fleet(ways, moves=(Move(0.0, {"edge": FAST}, every_s=20.0), Move(10.0, {"edge": SLOW}, every_s=20.0)))
    columns = world.log.columns()
    slow = columns["arrival_s"] % 20 >= 10
    assert columns["up_s"][slow] == pytest.approx(0.2) and columns["up_s"][~slow] == pytest.approx(0.1) and 15 < slow.sum() < 35


def test_traffic_of_refused_and_abandoned_tasks_is_paid_for():
    work = ServedWork((30.0,), (0.1,))
    ways = (Way("", "", Near(0.5, 1.0)), Way("edge", "", Near(), 1e4, 1e3, work))
    world, server = fleet(ways, policy="remote", plan=ServerPlan("edge", queue_limit=2), until_s=20.0)
    statuses = np.bincount(world.log.columns()["status"], minlength=3)
    assert statuses[TaskStatus.REFUSED] > 10
    assert server.moved_bytes == 20 * 1e4 + 1e3 * statuses[TaskStatus.DONE]
    world, server = fleet(ways, policy="remote", timeout_s=1.0, until_s=20.0)
    assert set(world.log.columns()["status"]) == {TaskStatus.FELL_BACK} and server.moved_bytes == 20 * 1e4


def test_time_that_was_lost_before_a_fall_back_is_in_its_phase():
    ways = (Way("", "", Near(0.5, 1.0)), Way("edge", "", Near(), 1e4, 1e3, ServedWork((30.0,), (0.1,))))
    columns = fleet(ways, policy="remote", timeout_s=1.0, until_s=20.0)[0].log.columns()
    parts = sum(columns[name] for name in ("near_s", "up_s", "far_s", "down_s"))
    assert parts == pytest.approx(columns["end_s"] - columns["arrival_s"]) and columns["far_s"] == pytest.approx(0.99)


def test_early_exits_leave_in_their_shares_and_take_their_own_time():
    """The mean of many tasks is that of the enumeration: exits at 10 and 30 ms for 40 and 20 of 100, else 50 ms here and the way there."""
    first, second = Exit("first", 0.4, Near(0.01, 0.1)), Exit("second", 0.6, Near(0.03, 0.3))
    way = Way("edge", "second", second.near, 1e4, 0.0, ServedWork((0.02,), (0.1,)), (first, second))
    local = Way("", "", Near(9.0, 9.0), exits=(first, second))
    world, server = fleet((local, way), rate=5.0, until_s=1000.0)
    columns = world.log.columns()
    assert set(columns["way"]) == {1}
    latencies = columns["end_s"] - columns["arrival_s"]
    by_exit = {0: 0.01, 1: 0.03, -1: 0.03 + 0.01 + 0.02}
    for exit, latency_s in by_exit.items():
        assert latencies[columns["exit"] == exit] == pytest.approx(latency_s)
    counts = np.array([(columns["exit"] == exit).sum() for exit in (0, 1, -1)])
    shares = np.array([0.4, 0.2, 0.4])
    assert np.all(np.abs(counts - 5000 * shares) < 2.9 * np.sqrt(5000 * shares * (1 - shares)))
    assert server.served == counts[2]
    enumerated = 0.4 * 0.01 + 0.2 * 0.03 + 0.4 * (0.03 + 0.01 + 0.02)
    assert latencies.mean() == pytest.approx(enumerated, rel=0.03)
    near = way.expected_near()
    assert near.seconds == pytest.approx(0.4 * 0.01 + 0.2 * 0.03 + 0.4 * 0.03) and way.goes_on == pytest.approx(0.4)


def test_a_replica_that_is_to_stop_stops_when_it_is_repaired():
    clock = Clock()
    plan = ServerPlan("edge", replicas=1, most_replicas=2, interval_s=1.0, mtbf_s=0.5, mttr_s=5.0, low=0.9, high=0.95)
    server = Server(clock, plan, np.random.default_rng(4))
    server.start()
    work = ServedWork((0.2,), (0.1,))
    for number in range(100):
        clock.at(number * 0.1, SWITCHES, lambda _: server.submit(work, lambda served: None))
    clock.run_until(500.0)
    assert server.served == 100 and server.most == 2
    assert server.replica_s(500.0) < 2 * 500.0


def test_a_full_batch_of_one_kind_does_not_wait_behind_another_that_is_not_full():
    clock = Clock()
    server = Server(clock, ServerPlan("edge", max_batch=2, max_delay_s=1.0), np.random.default_rng(4))
    first, second = ServedWork((0.1, 0.1), (0.1, 0.1)), ServedWork((0.1, 0.1), (0.1, 0.1))
    ends = []
    for number, work in enumerate((first, second, second)):
        clock.at(0.01 * number, SWITCHES, lambda _, n=number, w=work: server.submit(w, lambda served, n=n: ends.append((n, clock.now))))
    clock.run_until(10.0)
    assert [number for number, _ in ends] == [1, 2, 0]
    assert [end_s for _, end_s in ends] == pytest.approx([0.12, 0.12, 1.1])
    assert server.batches == 2 and server.wait_s == pytest.approx(0.01 + 0.0 + 1.0)


def test_seconds_by_cause_add_up_whenever_a_task_is_given_up():
    """Time-outs in every phase: on the device, sending, between the last byte and the server, at the server, receiving."""
    path = Path((0,), (0,), 0.05, jitter_s=0.02)
    ways = (Way("", "", Near(0.2, 0.1)), Way("edge", "middle", Near(0.03, 0.02), 2e4, 2e4, ServedWork((0.06,), (0.1,))))
    seen = set()
    for timeout_s in np.linspace(0.01, 0.35, 35):
        clock = Clock()
        network = Network(clock, [Link("one", 5e5)])
        group = Group("phones", 4, 0.0, None, paths={"edge": path})
        kind = TaskKind("detect", "phones", ways, Periodic.model_validate({"rate": "1 Hz"}), "bandit", {}, 1.0, float(timeout_s))
        world = Offloading(clock, network, {"edge": Server(clock, ServerPlan("edge"), np.random.default_rng(3))}, [group], [kind], seed=1)
        world.start(20.0)
        clock.run_until(30.0)
        rows = world.log.columns()
        causes = rows["near_s"] + rows["up_s"] + rows["far_s"] + rows["down_s"]
        assert causes == pytest.approx(rows["end_s"] - rows["arrival_s"], abs=1e-9)
        seen |= set(rows["status"].tolist())
    assert seen == {TaskStatus.DONE, TaskStatus.FELL_BACK}
