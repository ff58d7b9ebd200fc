"""Arrival processes: closed forms for rates and distributions, order, bounds, and the same times in any process."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from sim.errors import EdgesimError
from sim.scenario.model import Closed, Periodic, Poisson, TraceArrivals
from sim.workload.arrivals import ClosedLoop, arrival_chunks, arrival_times
from sim.workload.streams import stream


def times(arrival, duration_s, start_s=0.0, count=None, seed=0, **options):
    return np.array(list(arrival_times(arrival, duration_s, start_s, count, stream(seed, "arrival/test"), **options)))


def periodic(**options):
    return Periodic.model_validate(options)


class TestPeriodic:
    def test_arrivals_are_multiples_of_the_period(self):
        assert times(periodic(rate="4 Hz"), 1.0).tolist() == [0, 0.25, 0.5, 0.75]

    def test_an_hour_of_a_camera_has_no_drift(self):
        hour = times(periodic(rate="30 Hz"), 3600.0)
        assert len(hour) == 108_000
        assert np.array_equal(hour, np.arange(108_000) / 30)

    def test_start_and_offset_shift_and_the_end_is_the_runs(self):
        assert times(periodic(rate="10 Hz", offset="50 ms"), 1.0, start_s=0.7) == pytest.approx([0.75, 0.85, 0.95])

    def test_count_limits(self):
        assert len(times(periodic(rate="1 kHz"), 60.0, count=5000)) == 5000
        assert len(times(periodic(rate="10 Hz"), 1.0, count=5000)) == 10

    def test_nothing_arrives_when_the_start_is_the_end(self):
        assert len(times(periodic(rate="10 Hz"), 1.0, start_s=1.0)) == 0

    def test_jitter_delays_uniformly(self):
        from scipy import stats

        jittered = times(periodic(rate="100 Hz", jitter="4 ms"), 200.0)
        delays = jittered - np.arange(len(jittered)) / 100
        assert delays.min() >= 0 and delays.max() <= 0.004 + 1e-12
        assert stats.kstest(delays / 0.004, "uniform").pvalue > 0.001

    def test_jitter_beyond_the_period_keeps_order_also_between_chunks(self):
        jittered = times(periodic(rate="1 kHz", jitter="10 ms"), 20.0)
        assert len(jittered) > 8192
        assert (np.diff(jittered) >= 0).all()
        assert (jittered >= np.arange(len(jittered)) / 1000).all()

    def test_jitter_without_a_generator_is_a_programming_error(self):
        with pytest.raises(ValueError, match="generator"):
            next(arrival_times(periodic(rate="1 Hz", jitter="1 ms"), 1.0))
        assert next(arrival_times(periodic(rate="1 Hz"), 1.0)) == 0


class TestPoisson:
    def test_gaps_are_exponential_and_independent(self):
        from scipy import stats

        gaps = np.diff(times(Poisson.model_validate({"rate": "50 Hz"}), 400.0), prepend=0.0)
        assert stats.kstest(gaps * 50, "expon").pvalue > 0.001
        assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / np.sqrt(len(gaps))

    def test_counts_in_windows_have_the_mean_and_variance_of_a_poisson_distribution(self):
        arrivals = times(Poisson.model_validate({"rate": "20 Hz"}), 2000.0, seed=1)
        counts = np.histogram(arrivals, bins=2000, range=(0, 2000))[0]
        assert counts.mean() == pytest.approx(20, abs=4 * np.sqrt(20 / 2000))
        assert counts.var() == pytest.approx(20, abs=4 * 20 * np.sqrt(2 / 2000))

    def test_the_rate_is_per_second_of_simulated_time_after_the_start(self):
        arrivals = times(Poisson.model_validate({"rate": "600 /min"}), 1000.0, start_s=500.0)
        assert arrivals.min() >= 500
        assert arrivals.max() < 1000
        assert len(arrivals) == pytest.approx(5000, abs=4 * np.sqrt(5000))

    def test_the_same_seed_gives_the_same_times_in_another_process(self):
        program = (
            "from sim.workload.arrivals import arrival_times; from sim.workload.streams import stream; from sim.scenario.model import Poisson;"
            "print(list(arrival_times(Poisson.model_validate({'rate': '5 Hz'}), 3.0, rng=stream(11, 'arrival/test'))))"
        )
        environment = {"PYTHONHASHSEED": "99", "PYTHONPATH": ":".join(sys.path)}
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
        assert other.stdout.strip() == str(times(Poisson.model_validate({"rate": "5 Hz"}), 3.0, seed=11).tolist())


class TestTrace:
    @pytest.fixture
    def recorded(self, tmp_path):
        (tmp_path / "events.csv").write_text("at,what\n1,a\n2,b\n3,c\n")
        return lambda **options: (TraceArrivals(file="events.csv", column="at", **options), {"directory": tmp_path})

    def test_times_are_those_of_the_file_after_the_start(self, recorded):
        arrival, where = recorded()
        assert times(arrival, 100.0, **where).tolist() == [1, 2, 3]
        assert times(arrival, 100.0, start_s=10.0, **where).tolist() == [11, 12, 13]
        assert times(arrival, 3.0, **where).tolist() == [1, 2]

    def test_a_loop_of_an_even_trace_stays_even(self, recorded):
        arrival, where = recorded(loop=True)
        # The trace lasts 3 s and one mean gap of 1 s; the next round begins at 4 s, its first arrival 1 s later.
        assert times(arrival, 12.0, **where).tolist() == [1, 2, 3, 5, 6, 7, 9, 10, 11]
        assert times(arrival, 1e9, count=5, **where).tolist() == [1, 2, 3, 5, 6]

    def test_a_loop_without_length_is_an_error(self, tmp_path):
        (tmp_path / "zero.csv").write_text("time_s\n0\n0\n")
        with pytest.raises(EdgesimError, match="needs a length"):
            times(TraceArrivals(file="zero.csv", loop=True), 1.0, directory=tmp_path)
        assert times(TraceArrivals(file="zero.csv"), 1.0, directory=tmp_path).tolist() == [0, 0]


class TestClosedLoop:
    def test_each_answer_brings_the_next_request_after_the_think_time(self):
        loop = ClosedLoop(Closed.model_validate({"clients": 2, "think": "100 ms"}), duration_s=1.0, start_s=0.25)
        assert loop.first_times() == [0.25, 0.25]
        assert loop.after_answer(0.5) == pytest.approx(0.6)
        assert loop.after_answer(0.95) is None

    def test_count_includes_the_first_requests(self):
        loop = ClosedLoop(Closed.model_validate({"clients": 4}), duration_s=10.0, count=5)
        assert len(loop.first_times()) == 4
        assert loop.after_answer(1.0) == 1.0
        assert loop.after_answer(1.0) is None
        assert ClosedLoop(Closed.model_validate({"clients": 4}), duration_s=10.0, count=3).first_times() == [0, 0, 0]

    def test_nothing_is_sent_after_the_end(self):
        assert ClosedLoop(Closed(), duration_s=1.0, start_s=1.0).first_times() == []

    def test_it_has_no_times_of_its_own(self):
        with pytest.raises(ValueError, match="depend on the answers"):
            next(arrival_times(Closed(), 1.0))


def test_memory_stays_flat_however_many_arrive():
    tracemalloc.start()
    arrived = sum(len(chunk) for chunk in arrival_chunks(Poisson.model_validate({"rate": "1 kHz"}), 2000.0, rng=stream(0, "x")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert arrived == pytest.approx(2_000_000, rel=0.01)
    assert peak < 2_000_000
