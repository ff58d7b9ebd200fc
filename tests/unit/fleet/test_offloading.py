"""Tasks through device, uplink, server and downlink: closed forms on an idle fleet, fall-backs, lost packets, energy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.radio import RadioSpec, Transfer, energy_j, phases
from sim.fleet.network import Link, Network
from sim.fleet.offloading import Offloading
from sim.fleet.server import ServedWork, Server, ServerPlan
from sim.fleet.task_log import TaskStatus
from sim.fleet.tasks import Group, Near, Path, TaskKind, Way
from sim.runtime.clock import Clock
from sim.scenario.model import Periodic

WORK = ServedWork((0.01, 0.015), (0.1, 0.15))
LOCAL = Way("", "", Near(0.05, 0.2))
CUT = Way("edge", "conv3", Near(0.005, 0.02), 20_000.0, 1_000.0, WORK)
REMOTE = Way("edge", "", Near(), 100_000.0, 1_000.0, WORK)
RADIO = RadioSpec.model_validate("wifi_huang2012")


def fleet(ways, *, policy="best_cut", count=1, rate=1.0, radio=None, path=None, plan=None, timeout_s=math.inf, capacity=1e6, until_s=10.0, tunables=None):
    clock = Clock()
    network = Network(clock, [Link("up", capacity), Link("down", 2 * capacity)])
    server = Server(clock, plan or ServerPlan("edge"), np.random.default_rng(3))
    group = Group("phones", count, 0.5, radio, paths={"edge": path or Path((0,), (1,), 0.002)})
    kind = TaskKind("detect", "phones", ways, Periodic.model_validate({"rate": f"{rate} Hz"}), policy, tunables or {}, 0.2, timeout_s)
    world = Offloading(clock, network, {"edge": server}, [group], [kind], seed=1)
    world.start(until_s)
    clock.run_until(until_s + 5)
    return world, server


def latencies(world):
    columns = world.log.columns()
    return columns["end_s"] - columns["arrival_s"]


def test_an_idle_fleet_has_the_latency_of_its_parts():
    """Cut: 5 ms here, 20 kB at 1 MB/s, 10 ms there, 1 kB at 2 MB/s, and twice the latency of the path."""
    world, _ = fleet((LOCAL, CUT, REMOTE))
    assert latencies(world) == pytest.approx([0.005 + 0.02 + 0.01 + 0.0005 + 0.004] * 10)
    columns = world.log.columns()
    parts = sum(columns[name] for name in ("near_s", "up_s", "far_s", "down_s"))
    assert parts == pytest.approx(latencies(world))


def test_policies_take_the_way_they_say():
    assert set(fleet((LOCAL, CUT, REMOTE), policy="local")[0].log.columns()["way"]) == {0}
    assert set(fleet((LOCAL, CUT, REMOTE), policy="remote")[0].log.columns()["way"]) == {2}
    assert set(fleet((LOCAL, CUT, REMOTE), policy="energy")[0].log.columns()["way"]) == {2}  # no radio: sending is free
    assert set(fleet((LOCAL, CUT, REMOTE), policy="threshold", tunables={"bandwidth": "2 MB/s"})[0].log.columns()["way"]) == {0}
    assert set(fleet((LOCAL, CUT, REMOTE), policy="threshold", tunables={"bandwidth": "0.5 MB/s"})[0].log.columns()["way"]) == {2}


def test_a_bandit_finds_the_fastest_way():
    world, _ = fleet((LOCAL, CUT, REMOTE), policy="bandit", rate=5.0, until_s=200.0, tunables={"scale": "20 ms"})
    chosen = np.bincount(world.log.columns()["way"][-500:], minlength=3)
    assert chosen.argmax() == 1 and chosen[1] > 300


def test_an_answer_that_takes_too_long_is_computed_at_home():
    world, _ = fleet((LOCAL, REMOTE), policy="remote", timeout_s=0.08, capacity=1e5)
    columns = world.log.columns()
    assert set(columns["status"]) == {TaskStatus.FELL_BACK}
    assert latencies(world) == pytest.approx([0.08 + 0.05] * 10)


def test_a_full_queue_refuses():
    world, server = fleet((LOCAL, REMOTE), policy="remote", count=50, plan=ServerPlan("edge", queue_limit=1), capacity=1e9)
    statuses = np.bincount(world.log.columns()["status"], minlength=3)
    assert server.refused == statuses[TaskStatus.REFUSED] and server.served == statuses[TaskStatus.DONE] and statuses.sum() == 500


def test_the_radio_has_the_energy_of_its_phases():
    """One task every ten seconds: promotion, sending, waiting in the tail, receiving, tail, idle; as the radio's own account."""
    world, _ = fleet((LOCAL, REMOTE), policy="remote", rate=0.1, radio=RADIO, until_s=9.9)
    device = world.devices["phones"][0]
    begin = world.log.columns()["arrival_s"][0]
    up_s, away_s = 0.1, 0.002 + 0.01  # the delay of the way back comes behind the bytes
    transfers = [
        Transfer(begin, 100_000, 0, 1e6, 1e6),
        Transfer(begin + float(RADIO.promotion_s) + up_s + away_s, 0, 1_000, 1e6, 2e6),
    ]
    assert device.radio.close(14.9) == pytest.approx(energy_j(phases(RADIO, transfers, 14.9)), rel=1e-9)


def test_lost_packets_are_sent_again():
    lossless, _ = fleet((LOCAL, REMOTE), policy="remote", until_s=200)
    lossy, _ = fleet((LOCAL, REMOTE), policy="remote", until_s=200, path=Path((0,), (1,), 0.002, 0.0, 0.1))
    carried = lossy.network.links[0].carried_bytes / lossless.network.links[0].carried_bytes
    assert carried == pytest.approx(1 / 0.9, rel=0.01)
    assert latencies(lossy).mean() > latencies(lossless).mean() * 1.08


def test_devices_compute_one_task_after_the_other():
    world, _ = fleet((LOCAL,), rate=40.0, until_s=1.0)
    columns = world.log.columns()
    ends = np.sort(columns["end_s"])
    assert np.diff(ends) == pytest.approx([0.05] * (len(ends) - 1))


def test_batches_form_failures_are_repaired_and_nothing_is_lost():
    plan = ServerPlan("edge", replicas=2, max_batch=2, max_delay_s=0.002, mtbf_s=1.0, mttr_s=0.1)
    world, server = fleet((LOCAL, REMOTE), policy="remote", count=40, rate=2.0, plan=plan, capacity=1e9)
    assert server.failures > 5 and server.batches < server.served
    assert server.served == len(world.log) == 40 * 20


def test_replicas_follow_the_load_and_are_paid_for():
    plan = ServerPlan("edge", replicas=1, most_replicas=4, interval_s=0.5, cold_start_s=0.2, idle_w=10.0)
    _, busy = fleet((LOCAL, REMOTE), policy="remote", count=150, rate=2.0, plan=plan, capacity=1e9)
    _, quiet = fleet((LOCAL, REMOTE), policy="remote", count=1, rate=2.0, plan=plan, capacity=1e9)
    assert busy.most == 4 and quiet.most == 1
    assert busy.replica_s(15.0) > 30.0 and quiet.replica_s(15.0) == 15.0
    assert quiet.energy_j(15.0) == pytest.approx(150.0 + quiet.served * 0.1)


def test_a_run_repeats_itself():
    first, _ = fleet((LOCAL, CUT, REMOTE), policy="bandit", count=5, path=Path((0,), (1,), 0.002, 0.004, 0.05))
    again, _ = fleet((LOCAL, CUT, REMOTE), policy="bandit", count=5, path=Path((0,), (1,), 0.002, 0.004, 0.05))
    for name, column in first.log.columns().items():
        assert np.array_equal(column, again.log.columns()[name])
