"""The engine against queueing theory, real-time scheduling theory and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import synthetic

from sim.runtime.kernels import kernel_spans
from sim.trace import Status, Trace


def _waits_s(trace: Trace) -> np.ndarray:
    return trace.requests["start_s"] - trace.requests["arrival_s"]


def _batch_interval(values: np.ndarray, batches: int = 25) -> tuple[float, float]:
    """99 % confidence interval of the mean by batch means: waits of neighbours are correlated, of batches hardly."""
    from scipy import stats

    means = np.array([batch.mean() for batch in np.array_split(values, batches)])
    half = float(stats.t.ppf(0.995, batches - 1)) * means.std(ddof=1) / math.sqrt(batches)
    return means.mean() - half, means.mean() + half


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_md1_mean_wait(load: float) -> None:
    """Poisson arrivals, constant service: W = rho s / (2 (1 - rho)) (Pollaczek-Khinchine)."""
    service_s = 0.01
    scenario = synthetic.scenario({"load": {"arrival": {"kind": "poisson", "rate": f"{load / service_s} Hz"}, "pipeline": "one"}}, 400.0, seed=7)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", service_s)])
    low, high = _batch_interval(_waits_s(trace)[100:])
    assert low <= load * service_s / (2 * (1 - load)) <= high


def test_mm1_mean_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poisson arrivals, exponential service: W = rho s / (1 - rho). The service times are drawn for the test, one program each."""
    load, mean_s, kinds = 0.7, 0.01, 400
    rng = np.random.default_rng(1)
    # equal-probability quantiles of the exponential, chosen at random per request, are exponential service up to the tail's grain
    quantiles = -mean_s * np.log(1 - (np.arange(kinds) + 0.5) / kinds)
    programs = [synthetic.simple(f"m{index}", "cpu", float(service)) for index, service in enumerate(quantiles)]
    mean, square = float(quantiles.mean()), float((quantiles**2).mean())
    arrivals = np.cumsum(rng.exponential(mean / load, 40_000))
    chosen = rng.integers(0, kinds, len(arrivals))
    scenario = synthetic.scenario({p.name: {"arrival": {"kind": "poisson", "rate": "1 Hz"}, "pipeline": p.name} for p in programs}, float(arrivals[-1]))
    times = {f"m{index}": arrivals[chosen == index] for index in range(kinds)}
    import sim.runtime.source as source

    order = iter(scenario.workloads)
    monkeypatch.setattr(source, "arrival_times", lambda *_: iter(times[next(order)].tolist()))
    trace = synthetic.run(scenario, synthetic.device(["cpu"], capacity_bytes=1e12), programs)
    rows = np.argsort(trace.requests["arrival_s"])
    waits = _waits_s(trace)[rows][200:]
    low, high = _batch_interval(waits[np.isfinite(waits)])  # the last ones never ran
    expected = (load / mean) * square / (2 * (1 - load))
    assert low <= expected <= high
    assert expected == pytest.approx(load * mean_s / (1 - load), rel=0.02)


@pytest.mark.parametrize("clients", [1, 3])
def test_closed_loop_throughput(clients: int) -> None:
    """One unit, n clients, think time Z, service s: throughput min(1 / s, n / (s + Z)), exactly where there is no queueing."""
    service_s, think_s = 0.01, 0.04
    scenario = synthetic.scenario({"load": {"arrival": {"kind": "closed", "clients": clients, "think": f"{think_s} s"}, "pipeline": "one"}}, 50.0)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", service_s)])
    done = int((trace.requests["status"] == Status.DONE).sum())
    assert done / 50.0 == pytest.approx(min(1 / service_s, clients / (service_s + think_s)), rel=0.01)


def test_makespan_is_the_sum_without_contention() -> None:
    compute, memory = [0.001, 0.002, 0.0005], [0.0004, 0.0, 0.003]
    program = synthetic.program("one", synthetic.segment("cpu", synthetic.costs(compute, memory, fixed_s=1e-5), entry_s=0.002))
    scenario = synthetic.scenario({"one": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [program])
    assert trace.requests["end_s"][0] == pytest.approx(sum(compute) + sum(memory) + 3e-5 + 0.002, abs=1e-12)
    kernels = kernel_spans(trace, [program])
    assert kernels["end_s"] - kernels["start_s"] == pytest.approx(np.add(compute, memory) + 1e-5, abs=1e-12)
    assert kernels["start_s"][0] == pytest.approx(0.002, abs=1e-12)


def test_two_equal_memory_bound_programs_take_twice_as_long() -> None:
    programs = [synthetic.program(unit, synthetic.segment(unit, synthetic.costs([0.0] * 5, [0.002] * 5))) for unit in ("cpu", "npu")]
    workloads = {unit: {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1} for unit in ("cpu", "npu")}
    alone = synthetic.run(synthetic.scenario({"cpu": workloads["cpu"]}), synthetic.device(), programs[:1])
    both = synthetic.run(synthetic.scenario(workloads), synthetic.device(), programs)
    assert alone.requests["end_s"] == pytest.approx([0.01], abs=1e-12)
    assert both.requests["end_s"] == pytest.approx([0.02, 0.02], abs=1e-12)


def test_compute_bound_programs_do_not_slow_each_other() -> None:
    programs = [synthetic.simple(unit, unit, 0.01, kernels=5) for unit in ("cpu", "npu")]
    workloads = {unit: {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1} for unit in ("cpu", "npu")}
    both = synthetic.run(synthetic.scenario(workloads), synthetic.device(), programs)
    assert both.requests["end_s"] == pytest.approx([0.01, 0.01], abs=1e-12)


def _feasible(jobs: list[tuple[int, int, int]]) -> bool:
    """Whether any order of unit steps meets all deadlines: jobs are (arrival, length, deadline) on a grid; search over all orders."""
    horizon = max(deadline for *_, deadline in jobs)
    seen: set[tuple[int, tuple[int, ...]]] = set()

    def search(now: int, left: tuple[int, ...]) -> bool:
        if not any(left):
            return True
        if now >= horizon or (now, left) in seen:
            return False
        seen.add((now, left))
        if any(rest and now + rest > job[2] for rest, job in zip(left, jobs, strict=True)):
            return False
        ready = [index for index, job in enumerate(jobs) if left[index] and job[0] <= now]
        if not ready:
            return search(now + 1, left)
        return any(search(now + 1, tuple(rest - (position == index) for position, rest in enumerate(left))) for index in ready)

    return search(0, tuple(length for _, length, _ in jobs))


@pytest.mark.parametrize("seed", range(60))
def test_edf_with_preemption_is_optimal(seed: int) -> None:
    """EDF meets all deadlines exactly on the sets for which brute force finds any schedule (kernels of one grid step)."""
    rng = np.random.default_rng(seed)
    jobs = []
    for _ in range(4):
        arrival, length = int(rng.integers(0, 6)), int(rng.integers(1, 4))
        jobs.append((arrival, length, arrival + length + int(rng.integers(0, 6))))
    step_s = 0.01
    programs = [synthetic.simple(f"j{index}", "cpu", length * step_s, kernels=length) for index, (_, length, _) in enumerate(jobs)]
    workloads = {
        f"j{index}": {
            "arrival": {"kind": "periodic", "rate": "0.1 Hz", "offset": f"{arrival * step_s} s"},
            "count": 1,
            "deadline": f"{(deadline - arrival) * step_s + 1e-9} s",
        }
        for index, (arrival, _, deadline) in enumerate(jobs)
    }
    trace = synthetic.run(synthetic.scenario(workloads, scheduler="edf", preemption=True), synthetic.device(["cpu"]), programs)
    assert bool(np.all(trace.requests["status"] == Status.DONE)) == _feasible(jobs)


def _response_times(lengths: list[float], periods: list[float]) -> list[float]:
    """Worst response times under rate-monotonic priorities (Joseph and Pandya, 1986): R = C + sum ceil(R / T_j) C_j."""
    result = []
    for index, length in enumerate(lengths):
        response, before = length, 0.0
        while response != before:
            before, response = response, length + sum(math.ceil(response / periods[other] - 1e-9) * lengths[other] for other in range(index))
        result.append(response)
    return result


def test_rate_monotonic_response_times() -> None:
    """All tasks released together: the first response of each is the worst, and the classical analysis gives it."""
    periods, lengths = [0.02, 0.05, 0.08, 0.1], [0.004, 0.01, 0.015, 0.02]
    programs = [synthetic.simple(f"t{index}", "cpu", length, kernels=round(length / 1e-4)) for index, length in enumerate(lengths)]
    workloads = {f"t{index}": {"arrival": {"kind": "periodic", "rate": f"{1 / period} Hz"}} for index, period in reversed(list(enumerate(periods)))}
    scenario = synthetic.scenario(workloads, 2.0, scheduler="rate_monotonic", preemption=True)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), programs)
    requests = trace.requests.columns()
    for index, expected in enumerate(_response_times(lengths, periods)):
        mine = (requests["workload"] == trace.workloads.index(f"t{index}")) & (requests["status"] == Status.DONE)
        worst = (requests["end_s"] - requests["arrival_s"])[mine].max()
        # a release may find a kernel running: blocking by one kernel of a less urgent task
        assert expected - 1e-9 <= worst <= expected + 1.01e-4


def test_round_robin_shares_equally() -> None:
    """Two long segments alternate by quanta: both finish within one quantum of twice their length."""
    programs = [synthetic.simple(name, "cpu", 0.1, kernels=1000) for name in ("a", "b")]
    workloads = {name: {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1} for name in ("a", "b")}
    trace = synthetic.run(synthetic.scenario(workloads, scheduler="round_robin"), synthetic.device(["cpu"]), programs)
    assert trace.requests["end_s"] == pytest.approx([0.195, 0.2], abs=1e-6)
    spans = trace.spans.columns()
    assert spans["end_s"] - spans["start_s"] == pytest.approx(np.full(40, 0.005), abs=1e-6)


def test_heft_order_beats_or_equals_others_on_small_sets() -> None:
    """Longest remaining path first: on two units, the request with the long second stage goes first."""
    short = [synthetic.simple("s1", "cpu", 0.01), synthetic.simple("s2", "npu", 0.001)]
    long = [synthetic.simple("l1", "cpu", 0.01), synthetic.simple("l2", "npu", 0.03)]
    workloads = {
        "short": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1, "pipeline": [{"model": "s1"}, {"model": "s2"}]},
        "long": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1, "pipeline": [{"model": "l1"}, {"model": "l2"}]},
    }
    runs = {name: synthetic.run(synthetic.scenario(workloads, scheduler=name), synthetic.device(), [*short, *long]) for name in ("fifo", "heft")}
    ends = {name: trace.requests["end_s"].max() for name, trace in runs.items()}
    assert ends["heft"] == pytest.approx(0.041, abs=1e-9)
    assert ends["fifo"] == pytest.approx(0.05, abs=1e-9)


def test_preemption_waits_for_the_kernel_border() -> None:
    programs = [synthetic.simple("low", "cpu", 0.1, kernels=10), synthetic.simple("high", "cpu", 0.005)]
    workloads = {
        "low": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1},
        "high": {"arrival": {"kind": "periodic", "rate": "1 Hz", "offset": "33 ms"}, "count": 1, "priority": 5},
    }
    for preemption, begin in ((True, 0.04), (False, 0.1)):
        trace = synthetic.run(synthetic.scenario(workloads, scheduler="priority", preemption=preemption), synthetic.device(["cpu"]), programs)
        high = trace.requests["workload"] == 1
        assert trace.requests["start_s"][high] == pytest.approx([begin], abs=1e-9)
        assert trace.requests["end_s"].max() == pytest.approx(0.105, abs=1e-9)


def test_thermal_end_state_is_that_of_the_network_under_the_drawn_power() -> None:
    """Constant power from a unit that never rests: temperatures follow the network's closed form, however often anyone looks."""
    from device_models.thermal import RcNetwork

    device = synthetic.device(["cpu"], leakage_w=0.0)
    scenario = synthetic.scenario({"one": {"arrival": {"kind": "closed", "clients": 2}}}, 100.0)
    ends = []
    for seconds in (0.05, 0.5, 5.0):  # more or fewer changes of state
        trace = synthetic.run(scenario, device, [synthetic.simple("one", "cpu", seconds)])
        ends.append(list(trace.totals["final_temperature_c"].values()))
        network = RcNetwork(device.thermal)
        power = network.node_power({"cpu": 1.0, "memory": 0.02, "base": 0.1})
        assert ends[-1] == pytest.approx(network.step(network.uniform(25.0), power, 25.0, 100.0).tolist(), abs=1e-9)
    assert all(one == pytest.approx(other, abs=1e-9) for one, other in itertools.pairwise(ends))
