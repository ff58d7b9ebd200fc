"""Intervals of a run's metrics: closed forms, draws by hand, and runs with slower units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import load_device, unit_residuals
from device_models.residuals import FLOAT, INT8
from sim import load_scenario
from sim.experiment import perturbed
from sim.experiment.perturbed import HIGH, perturbations, slowed
from sim.experiment.simulate import Experiment, prepare
from sim.report.budgets import judge
from sim.report.metrics import measure
from sim.report.uncertainty import LIKELIHOODS, Interval, Uncertainty, energy_ratio, likelihood, uncertainty

ONE_UNIT: dict[str, Any] = {
    "name": "one_unit",
    "device": "raspberry_pi_4",
    "duration": "2 s",
    "models": {"net": {"source": "ds_cnn", "runtime": "tflite", "precision": "int8"}},
    "workloads": {"loop": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "net"}]}},
    "governors": {"cpu": "performance"},
}
TWO_UNITS: dict[str, Any] = {
    "name": "two_units",
    "device": "snapdragon_8_gen_2_phone",
    "duration": "2 s",
    "models": {"net": {"source": "resnet18", "runtime": "qnn", "precision": "int8", "placement": {"prefer": ["npu", "cpu"]}}},
    "workloads": {
        "camera": {
            "arrival": {"kind": "periodic", "rate": "20 Hz"},
            "pipeline": [{"name": "pre", "unit": "cpu_prime", "work": {"operations": "40 M", "bytes": "1 MB"}}, {"model": "net"}],
        }
    },
    "governors": dict.fromkeys(("cpu_prime", "cpu_gold", "cpu_silver", "npu", "gpu"), "performance"),
}


def known(scenario: dict[str, Any]) -> tuple[Experiment, Any, Uncertainty]:
    experiment = prepare(load_scenario(scenario))
    result = experiment.run()
    return experiment, result, uncertainty(result, measure(result), perturbations(experiment, result))


def found(sure: Uncertainty, *path: str) -> Interval:
    interval = sure.find(*path)
    assert interval is not None
    return interval


def test_one_class_of_units_stretches_latency_by_its_residuals() -> None:
    _, result, sure = known(ONE_UNIT)
    predicted = measure(result).workloads["loop"].latency
    assert predicted is not None
    low, high = np.exp(unit_residuals(load_device("raspberry_pi_4").units["cpu"], numbers=INT8).interval())
    interval = found(sure, "workloads", "loop", "latency", "p50")
    assert interval.low == pytest.approx(predicted.p50_s * low, rel=2e-3)
    assert interval.high == pytest.approx(predicted.p50_s * high, rel=2e-3)


def test_a_busy_loop_answers_less_often_by_as_much() -> None:
    _, result, sure = known(ONE_UNIT)
    rate = measure(result).workloads["loop"].throughput_hz
    low, high = np.exp(unit_residuals(load_device("raspberry_pi_4").units["cpu"], numbers=INT8).interval())
    interval = found(sure, "workloads", "loop", "throughput")
    assert (interval.low, interval.high) == pytest.approx((rate / high, rate / low), rel=0.02)


def test_classes_err_independently() -> None:
    _, result, sure = known(TWO_UNITS)
    predicted = measure(result).workloads["camera"].latency
    assert predicted is not None
    device, busy_s = load_device("snapdragon_8_gen_2_phone"), result.trace.totals["busy_s"]
    requests = len(result.trace.requests)
    rng = np.random.default_rng(0)
    total = np.zeros(200_000)
    for unit, numbers in (("cpu_prime", FLOAT), ("npu", INT8)):
        shares = rng.uniform(size=len(total))
        grid = np.linspace(0.0005, 0.9995, 1000)
        factors = np.exp(np.interp(shares, grid, unit_residuals(device.units[unit], numbers=numbers).at(grid)))
        total += busy_s[unit] / requests * factors
    assert busy_s["cpu_prime"] + busy_s["npu"] == pytest.approx(requests * predicted.p50_s, rel=0.05)  # nothing else takes time
    interval = found(sure, "workloads", "camera", "latency", "p50")
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(total, [0.1, 0.9])), rel=0.05)


def test_queues_answer_as_they_do() -> None:
    """Just below saturation: slower units let the queue grow, and the interval's upper end is that run's."""
    scenario = {**ONE_UNIT, "workloads": {"camera": {"arrival": {"kind": "poisson", "rate": "150 Hz"}, "pipeline": [{"model": "net"}]}}, "duration": "5 s"}
    experiment, result, sure = known(scenario)
    slow = measure(slowed(experiment, "cpu_armv80_outoforder", HIGH).run(seed=result.seed)).workloads["camera"].latency
    plain = measure(result).workloads["camera"].latency
    assert slow is not None and plain is not None
    interval = found(sure, "workloads", "camera", "latency", "p99")
    assert interval.high == pytest.approx(slow.p99_s, rel=0.01)
    _, ratio = np.exp(unit_residuals(load_device("raspberry_pi_4").units["cpu"], numbers=INT8).interval())
    assert slow.p99_s / plain.p99_s > ratio  # more than the service time alone


def test_long_runs_are_simulated_again_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(known(TWO_UNITS)[2], "workloads", "camera", "latency", "p50")
    monkeypatch.setattr(perturbed, "EVENTS", 800)
    experiment, result, sure = known(TWO_UNITS)
    assert 0 < sure.window_s < result.trace.end_s / 2
    runs = perturbations(experiment, result)
    assert sum(run.trace.totals["events"] for run in runs.runs) <= 1.3 * 800
    part = found(sure, "workloads", "camera", "latency", "p50")
    assert (part.low, part.high) == pytest.approx((whole.low, whole.high), rel=0.02)


def test_what_the_window_does_not_show_is_told_by_the_shares_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbed, "EVENTS", 400)
    late = {**ONE_UNIT["workloads"]["loop"], "start": "1.9 s"}
    _, result, sure = known({**ONE_UNIT, "workloads": {"loop": ONE_UNIT["workloads"]["loop"], "late": late}})
    latency = measure(result).workloads["late"].latency
    low, high = np.exp(unit_residuals(load_device("raspberry_pi_4").units["cpu"], numbers=INT8).interval())
    interval = found(sure, "workloads", "late", "latency", "p50")
    assert latency is not None
    assert (interval.low, interval.high) == pytest.approx((latency.p50_s * low, latency.p50_s * high), rel=5e-3)
    assert sure.find("workloads", "late", "throughput") is None or found(sure, "workloads", "late", "throughput").low >= 0


def test_the_same_run_has_the_same_intervals() -> None:
    first, second = (known(TWO_UNITS)[2] for _ in range(2))
    assert first == second


def test_a_chance_agrees_with_its_interval() -> None:
    interval = Interval.of(np.arange(1, 1001) / 1000)
    assert interval.chance(interval.high, at_least=False) == pytest.approx(0.9, abs=1e-3)
    assert interval.chance(interval.low, at_least=True) == pytest.approx(0.9, abs=2e-3)
    assert interval.chance(0.0, at_least=False) == 0.0 and interval.chance(2.0, at_least=False) == 1.0
    exact = Interval.of(np.full(10, 0.5))
    assert exact.chance(0.5, at_least=False) == exact.chance(0.5, at_least=True) == 1.0  # at the limit is held


def test_energies_of_a_class_err_together_and_of_two_apart() -> None:
    device = load_device("snapdragon_8_gen_2_phone")

    def ratio(**components_j: float) -> np.ndarray:
        found = energy_ratio(components_j, device)
        assert found is not None
        return found

    prime, gold, npu = ratio(cpu_prime=1.0), ratio(cpu_gold=1.0), ratio(npu=1.0)
    np.testing.assert_allclose(ratio(cpu_prime=2.0, cpu_gold=2.0), (prime + gold) / 2)
    assert ratio(cpu_prime=1.0, npu=1.0).var() == pytest.approx((prime.var() + npu.var()) / 4, rel=0.1)
    low, high = np.exp(unit_residuals(device.units["cpu_prime"], "energy").interval())
    assert np.quantile(prime, [0.1, 0.9]) == pytest.approx([low, high], rel=5e-3)
    assert energy_ratio({"npu": 0.0}, device) is None


def test_words_are_of_chances() -> None:
    assert [likelihood(chance) for chance in (1.0, 0.95, 0.8, 0.5, 0.1, 0.0)] == [
        "very likely",
        "very likely",
        "likely",
        "toss-up",
        "unlikely",
        "very unlikely",
    ]
    assert [least for least, _ in LIKELIHOODS] == sorted((least for least, _ in LIKELIHOODS), reverse=True)


@pytest.mark.parametrize(("factor", "ok", "word"), [(0.4, False, "very unlikely"), (0.9, False, None), (1.1, True, None), (4.0, True, "very likely")])
def test_the_predicted_value_judges_and_the_chance_says_how_sure_that_is(factor: float, ok: bool, word: str | None) -> None:
    _, result, sure = known(ONE_UNIT)
    latency = measure(result).workloads["loop"].latency
    assert latency is not None
    scenario = load_scenario({**ONE_UNIT, "budgets": {"latency_p50": f"{latency.p50_s * factor * 1e3} ms"}}).scenario
    (verdict,) = judge(measure(result), scenario, result.device, sure)
    assert verdict.ok == ok and verdict.chance is not None and verdict.interval_text.startswith("(")
    assert (verdict.chance > 0.5) == ok
    assert word is None or verdict.likelihood == word
    (plain,) = judge(measure(result), scenario, result.device)
    assert plain.ok == ok and plain.chance is None and not plain.interval_text and not plain.likelihood
