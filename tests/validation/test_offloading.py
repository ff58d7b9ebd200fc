"""Fleets against queueing theory, recorded traces, and published models and measurements of radios."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from device_models.radio import RadioSpec, Transfer, energy_j, phases
from sim.cli.main import main
from sim.experiment.fleet.study import prepare_fleet
from sim.experiment.names import known_names
from sim.fleet.network import Link, Network
from sim.fleet.offloading import Offloading
from sim.fleet.server import ServedWork, Server, ServerPlan
from sim.fleet.tasks import Group, Near, Path, TaskKind, Way
from sim.runtime.clock import Clock
from sim.scenario.batching import Spread
from sim.scenario.model import Poisson
from sim.scenario.study import load_study

EXPONENTIAL = Spread(kind="exponential")


def _interval(values: np.ndarray, batches: int = 25) -> tuple[float, float]:
    """99 % confidence interval of the mean by batch means."""
    from scipy import stats

    means = np.array([batch.mean() for batch in np.array_split(values, batches)])
    half = float(stats.t.ppf(0.995, batches - 1)) * means.std(ddof=1) / math.sqrt(batches)
    return means.mean() - half, means.mean() + half


def _erlang_c(servers: int, offered: float) -> float:
    """Probability of waiting in M/M/c."""
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - offered / servers)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("rate_hz", "replicas"), [(1.6, 3), (2.2, 4)])
def test_a_network_of_queues_has_the_product_form(rate_hz: float, replicas: int) -> None:
    """Jackson: devices M/M/1, links M/G/1 with processor sharing (insensitive to sizes), the server M/M/c; each as if it were alone."""
    devices, near_s, served_s, up, down = 12, 0.3, 0.12, 1e6, 4e5
    way = Way("edge", "cut", Near(near_s, 0.1), 35_000.0, 12_000.0, ServedWork((served_s,), (1.0,), EXPONENTIAL))
    clock = Clock()
    network = Network(clock, [Link("up", up), Link("down", down)])
    server = Server(clock, ServerPlan("edge", replicas=replicas), np.random.default_rng(2))
    group = Group("phones", devices, 0.5, None, paths={"edge": Path((0,), (1,))})
    kind = TaskKind("t", "phones", (Way("", "", Near(9.0, 9.0)), way), Poisson.model_validate({"rate": f"{rate_hz} Hz"}), "remote", {}, spread=EXPONENTIAL)
    kind = TaskKind(**{**vars(kind), "policy": "best_cut"})  # nobody would compute nine seconds here
    world = Offloading(clock, network, {"edge": server}, [group], [kind], seed=5)
    world.start(2500.0)
    clock.run_until(2500.0)
    columns = world.log.columns()
    columns = {name: column[np.argsort(columns["arrival_s"])][500:] for name, column in columns.items()}
    total_hz = devices * rate_hz
    assert set(columns["way"]) == {1}

    def alone(size: float, capacity: float) -> float:
        return size / (capacity - total_hz * size)

    offered = total_hz * served_s
    expected = {
        "near_s": near_s / (1 - rate_hz * near_s),
        "up_s": alone(way.up_bytes, up),
        "far_s": served_s + _erlang_c(replicas, offered) * served_s / (replicas - offered),
        "down_s": alone(way.down_bytes, down),
    }
    for name, mean_s in expected.items():
        low, high = _interval(columns[name])
        assert low <= mean_s <= high, name


FLEET = """
name: oracle
fleet:
  duration: 60 s
  models: {net: {source: resnet8, precision: int8}}
  devices: {camera: {device: stm32h7a3, count: 1}}
  servers: {edge: {device: jetson_orin_nano}}
  links: {link: {between: [camera, edge], up: 1 Gbit/s}}
  tasks: {look: {on: camera, model: net, remote_model: net, arrival: {kind: trace, file: once.csv}, input: 1 MB, policy: remote}}
"""


def test_a_replay_delivers_exactly_the_bytes_of_the_mahimahi_trace(tmp_path, shared) -> None:
    """A transfer that always wants more, over two rounds of recorded deliveries and a part of the third."""
    lines = (shared / "traces" / "mahimahi").glob("*up*")
    trace = sorted(lines)[0]
    times = np.array(trace.read_text().split(), dtype=np.int64)[:20_000]
    (tmp_path / "up.trace").write_text("\n".join(map(str, times)) + "\n")
    (tmp_path / "once.csv").write_text("time_s\n0\n")
    length_s = float(times[-1]) / 1000
    text = FLEET.replace("up: 1 Gbit/s", "up_trace: {file: up.trace, format: mahimahi}, down: 1 Gbit/s").replace("input: 1 MB", "input: 10 GB")
    (tmp_path / "fleet.yaml").write_text(text.replace("remote_model: net, ", ""))
    for rounds, wanted in ((2.0, 2 * len(times)), (2.0 + 30.0 / length_s, 2 * len(times) + (times <= 30_000).sum())):
        out = tmp_path / "out.json"
        assert main(["run", str(tmp_path / "fleet.yaml"), "--set", f"fleet.duration={rounds * length_s!r} s", "--json", str(out), "--quiet"]) == 0
        carried = json.loads(out.read_text())["metrics"]["links"]["link up"]["carried"]["value"]
        assert carried == pytest.approx(wanted * 1500.0, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "key", "tails"), [("lte_huang2012", "LTE", ("tail",)), ("g3_huang2012", "G3", ("dch_tail", "fach_tail")), ("wifi_huang2012", "WiFi", ("tail",))]
)
def test_the_radio_takes_the_energy_of_the_published_states(tmp_path, shared, name: str, key: str, tails: tuple[str, ...]) -> None:
    """Promotion, ``alpha x rate + beta`` while sending and receiving, and the whole tail after each, for a single offloaded task."""
    import yaml

    facts = yaml.safe_load((shared / "facts" / "network.yaml").read_text())["huang2012_mobisys"][key]
    (tmp_path / "once.csv").write_text("time_s\n5\n")
    text = FLEET.replace("count: 1}", f"count: 1, radio: {{base: {name}, up_bandwidth: 4 Mbit/s, down_bandwidth: 8 Mbit/s}}}}").replace(
        "remote_model: net, ", ""
    )
    loaded = load_study(text.replace("input: 1 MB", "input: 1 MB, output: 0.5 MB"), known=known_names(), directory=tmp_path)
    assert loaded is not None
    result = prepare_fleet(loaded).run()
    (device,) = result.world.devices["camera"]
    row = {column: values[0] for column, values in result.world.log.columns().items()}
    up_s, down_s, between_s = 1e6 / 0.5e6, 0.5e6 / 1e6, float(row["far_s"])
    assert row["up_s"] == pytest.approx(facts["promotion_ms"] / 1e3 + up_s)
    send_w = (facts["alpha_u"] * 4 + facts["beta"]) / 1e3
    receive_w = (facts["alpha_d"] * 8 + facts["beta"]) / 1e3
    steps = [(facts[f"{tail}_ms"] / 1e3, facts[f"{tail}_mW"] / 1e3) for tail in tails]
    assert between_s < steps[0][0]  # the server answers within the tail
    expected_j = facts["promotion_ms"] * facts["promotion_mW"] / 1e6 + up_s * send_w + down_s * receive_w
    expected_j += between_s * steps[0][1] + sum(seconds * watts for seconds, watts in steps)
    device.radio.close(result.end_s)
    spent_j = sum(device.radio.joules.values()) - device.radio.joules["idle"]
    assert spent_j == pytest.approx(expected_j, rel=2e-3)
    assert device.radio.joules["tail"] == pytest.approx(between_s * steps[0][1] + sum(seconds * watts for seconds, watts in steps), rel=1e-6)


def _driving_trace(shared) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Power of the radio each second, W, whether a hand-over was recorded in it, and the interfaces that were active."""
    with (shared / "traces" / "sigcomm21_5g_run107.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    power_w = np.array([float(row["avg_power"]) for row in rows])
    return power_w, np.array([row["handover type"] not in ("", "unknown") for row in rows]), {row["active interface"] for row in rows}


def test_the_power_of_a_recorded_drive_is_predicted_within_20_percent(shared) -> None:
    """A state model fitted on the first half predicts the second, and so does the published tail power, on which nothing was fitted.

    The trace has neither rates nor times of transfers, and though it comes from a study of 5G, the active interface is 4G all the time:
    what can be told from it is the power of a radio that stays connected, with and without a hand-over in the second.
    """
    power_w, moved, interfaces = _driving_trace(shared)
    assert interfaces == {"4G"}
    half = len(power_w) // 2
    states = {state: power_w[:half][moved[:half] == state].mean() for state in (False, True)}
    predicted = np.array([states[bool(state)] for state in moved[half:]])
    assert np.mean(np.abs(predicted - power_w[half:]) / power_w[half:]) < 0.20
    assert abs(predicted.mean() / power_w[half:].mean() - 1) < 0.10
    published_w = float(RadioSpec.model_validate("lte_huang2012").tail[0].power_w)
    assert np.mean(np.abs(published_w - power_w) / power_w) < 0.20


# Means of the rows of one target rate each, in which the whole phone with its screen drew so much, W; idle it drew 2.0143 W
@pytest.mark.parametrize(
    ("name", "up_mbit_per_s", "down_mbit_per_s", "measured_w"),
    [
        ("lte_narayanan2021", 0, 20.5, 2.901),
        ("lte_narayanan2021", 10.2, 0, 3.625),
        ("nr_low_band_narayanan2021", 0, 51.5, 3.572),
        ("nr_low_band_narayanan2021", 0, 98, 4.200),
        ("nr_low_band_narayanan2021", 20.4, 0, 3.583),
        ("nr_low_band_narayanan2021", 40.8, 0, 4.603),
        ("nr_mmwave_narayanan2021", 0, 1.03, 5.063),
        ("nr_mmwave_narayanan2021", 0, 196.9, 5.575),
    ],
)
def test_the_power_of_4g_and_5g_at_rates_on_which_no_figure_rests(name: str, up_mbit_per_s: float, down_mbit_per_s: float, measured_w: float) -> None:
    """The catalogue's figures are the published slopes, tails and crossing points, and 4G at 1 Mbit/s; these are other rows of the same measurements."""
    spec = RadioSpec.model_validate(name)
    if up_mbit_per_s:
        predicted_w = 2.0143 + float(spec.send_w) + float(spec.send_j_per_byte) * up_mbit_per_s * 125e3
    else:
        predicted_w = 2.0143 + float(spec.receive_w) + float(spec.receive_j_per_byte) * down_mbit_per_s * 125e3
    assert predicted_w == pytest.approx(measured_w, rel=0.10)


@pytest.mark.parametrize(("sending", "lower", "mbit_per_s"), [(False, "lte", 187), (False, "nr_low_band", 189), (True, "lte", 40), (True, "nr_low_band", 123)])
def test_5g_in_millimetre_waves_draws_less_than_the_others_above_the_published_rates(sending: bool, lower: str, mbit_per_s: float) -> None:
    def joules(name: str, rate: float) -> float:
        """Of a transfer of 100 MB, without promotion and tail."""
        spec = RadioSpec.model_validate({"base": f"{name}_narayanan2021", "promotion_time": "0 s", "tail": [], "idle_power": "0 W"})
        sent, received = (1e8, 0.0) if sending else (0.0, 1e8)
        return energy_j(phases(spec, [Transfer(0.0, sent, received, rate * 125e3, rate * 125e3)], 1e5))

    assert joules("nr_mmwave", 1.02 * mbit_per_s) < joules(lower, 1.02 * mbit_per_s)
    assert joules("nr_mmwave", 0.98 * mbit_per_s) > joules(lower, 0.98 * mbit_per_s)
