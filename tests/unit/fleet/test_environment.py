"""The Gymnasium environment: Gymnasium's own checker, a random policy, and rewards against the log."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from sim.errors import EdgesimError
from sim.experiment.fleet.environment import offloading_environment

FLEET = """
name: learnt
fleet:
  duration: 10 s
  models: {net: {source: resnet8, precision: int8}}
  devices: {camera: {device: raspberry_pi_4, count: 3, radio: wifi_pixel_6}}
  servers: {edge: {device: jetson_orin_nano}}
  links: {wifi: {between: [camera, edge], up: 40 Mbit/s, latency: 2 ms}}
  tasks:
    look: {on: camera, model: net, arrival: {kind: poisson, rate: 5 Hz}, input: 50 kB, output: 1 kB, policy: remote, deadline: 50 ms}
    other: {on: camera, model: net, arrival: {kind: periodic, rate: 1 Hz}, input: 10 kB, policy: energy}
"""


@pytest.fixture(scope="module")
def environment():
    return offloading_environment(FLEET, "look", energy_weight=2.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_passes_gymnasiums_checker(environment):
    from gymnasium.utils.env_checker import check_env

    check_env(environment, skip_render_check=True)


def test_a_random_policy_runs_to_the_end_and_is_paid_for_every_task(environment):
    rng = np.random.default_rng(1)
    seen, _ = environment.reset(seed=3)
    total, steps, ended = 0.0, 0, 0
    truncated = False
    while not truncated:
        assert environment.observation_space.contains(seen)
        seen, reward, terminated, truncated, info = environment.step(rng.integers(len(environment.ways)))
        assert not terminated
        total, steps, ended = total + reward, steps + 1, ended + info["ended"]
    columns = environment._world.log.columns()
    rows = columns["kind"] == 0
    assert ended == rows.sum() and 100 < steps < 210
    latencies = np.minimum((columns["end_s"] - columns["arrival_s"])[rows] / 0.05, 10.0)
    assert total == pytest.approx(-(latencies.sum() + 2.0 * columns["energy_j"][rows].sum()))
    assert set(columns["way"][rows]) == {0, 1}
    with pytest.raises(RuntimeError, match="reset"):
        environment.step(0)


def test_the_same_seed_gives_the_same_episode(environment):
    runs = []
    for _ in range(2):
        environment.reset(seed=11)
        runs.append([environment.step(step % 2)[0].tolist() for step in range(40)])
    assert runs[0] == runs[1]


def test_offloading_shows_in_the_reward(environment):
    """Resnet-8 is quick on the device: sending 50 kB over a shared link is not worth it."""
    totals = []
    for action in (0, 1):
        environment.reset(seed=5)
        total, truncated = 0.0, False
        while not truncated:
            _, reward, _, truncated, _ = environment.step(action)
            total += reward
        totals.append(total)
    assert totals[0] > totals[1]


def test_mistakes_say_what_there_is():
    with pytest.raises(EdgesimError, match="no task 'loo'; there are look, other"):
        offloading_environment(FLEET, "loo")
    with pytest.raises(EdgesimError, match="nothing to decide"):
        offloading_environment(FLEET.replace("policy: remote", "policy: local"), "look")
    with pytest.raises(EdgesimError, match="key fleet"):
        offloading_environment({"name": "x", "device": "raspberry_pi_4", "duration": "1 s", "workloads": {}}, "look")
