"""The laws that federated rounds are made of: windows, batteries, shared links, tables, drawing, packing, masking."""

from __future__ import annotations

import federating
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from device_models.sharing import max_min_rates
from sim.fleet.federated.attempt import Wire, Workforce
from sim.fleet.federated.compression import packed_update
from sim.fleet.federated.measured import measured_factors, measured_rates, measured_sessions
from sim.fleet.federated.pool import Pool
from sim.fleet.federated.secure_aggregation import masked, sum_bits, unmasking_work
from sim.fleet.federated.sessions import ChargingWindow, charge_after, is_open, remaining_s
from sim.fleet.federated.training_time import TrainingTimes
from sim.fleet.federated.transfer import transfer_ends
from sim.scenario.federated.model import UpdateCompression

# ---- windows


def test_a_window_is_open_for_its_share_of_the_time():
    rng = np.random.default_rng(1)
    period_s = rng.uniform(10, 1000, 20_000)
    phase_s = period_s * rng.random(20_000)
    share = np.mean([is_open(moment, period_s, 0.3 * period_s, phase_s).mean() for moment in (0.0, 12.3, 1e5, 3e6)])
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 20_000))


def test_what_remains_is_until_it_closes():
    period_s, length_s, phase_s = np.array([100.0, 100.0, 100.0, 1.0, 1.0]), np.array([30.0, 30.0, 30.0, 1.0, 0.0]), np.array([0.0, 10.0, 50.0, 0.3, 0.3])
    assert remaining_s(5.0, period_s, length_s, phase_s) == pytest.approx([25.0, 15.0, 0.0, np.inf, 0.0])
    assert is_open(5.0, period_s, length_s, phase_s).tolist() == [True, True, False, True, False]


def _stepped(charge_j: float, begin_s: float, end_s: float, phase_s: float, window: ChargingWindow, capacity_j: float) -> float:
    """From border to border of the window, one at a time."""
    now_s = begin_s
    while now_s < end_s - 1e-9:
        position = (now_s + phase_s) % window.period_s
        if window.period_s - position < 1e-9:
            position = 0.0
        charging = position < window.length_s - 1e-9
        step_s = min((window.length_s if charging else window.period_s) - position, end_s - now_s)
        charge_j = min(max(charge_j + step_s * ((window.charge_w if charging else 0.0) - window.drain_w), 0.0), capacity_j)
        now_s += step_s
    return charge_j


@given(st.floats(0, 100), st.floats(0, 50), st.floats(0, 300), st.floats(0, 20), st.floats(0, 20), st.floats(0.0, 12), st.floats(0, 8))
def test_a_charge_over_many_days_is_that_of_day_after_day(charge_j, begin_s, lasts_s, phase_s, length_s, charge_w, drain_w):
    window = ChargingWindow(20.0, length_s, charge_w, drain_w)
    found = charge_after(np.array([charge_j]), np.array([begin_s]), begin_s + lasts_s, np.array([phase_s]), window, np.array([100.0]))
    assert found[0] == pytest.approx(_stepped(charge_j, begin_s, begin_s + lasts_s, phase_s, window, 100.0), abs=1e-5)


# ---- links


def _fluid(begin_s, size, limits, capacity, stop_s):
    """The same flows one event after the other, with rates of the general solver."""
    left, ends, now_s = [size] * len(limits), [np.inf] * len(limits), 0.0
    while True:
        active = [i for i in range(len(limits)) if begin_s[i] <= now_s < stop_s[i] and left[i] > 1e-9]
        rates = max_min_rates([capacity], [(0,)] * len(active), [limits[i] for i in active], [1] * len(active))
        moments = [now_s + left[i] / rate for i, rate in zip(active, rates, strict=True)]
        moments += [stop_s[i] for i in active] + [moment for moment in begin_s if moment > now_s]
        if not moments:
            return ends, [size - part for part in left]
        next_s = min(moments)
        for i, rate in zip(active, rates, strict=True):
            left[i] = max(left[i] - rate * (next_s - now_s), 0.0)
            if left[i] <= 1e-9:
                ends[i] = next_s
        now_s = next_s


flow = st.tuples(st.floats(0, 20), st.floats(0.5, 10), st.floats(0.1, 60))


@given(st.lists(flow, min_size=1, max_size=12), st.floats(1, 60))
def test_shared_transfers_are_those_of_a_fluid_simulation(flows, capacity):
    begin_s, limits = np.array([one[0] for one in flows]), np.array([one[1] for one in flows])
    stop_s = begin_s + np.array([one[2] for one in flows])
    ends_s, carried = transfer_ends(begin_s, 40.0, limits, capacity, stop_s)
    expected_s, moved = _fluid(begin_s.tolist(), 40.0, limits.tolist(), capacity, stop_s.tolist())
    close = np.isclose(np.where(np.isfinite(ends_s), ends_s, 0), stop_s, rtol=1e-6) | np.isclose(carried, 40.0, rtol=1e-6)  # through just when it stops
    assert np.where(close, 0, np.where(np.isfinite(ends_s), ends_s, -1)) == pytest.approx(
        np.where(close, 0, np.where(np.isfinite(expected_s), expected_s, -1)), rel=1e-6
    )
    assert carried == pytest.approx(moved, rel=1e-5, abs=1e-5)


def test_many_flows_on_a_narrow_link_carry_what_it_can():
    """A link that is full from the first to the last byte takes the time of all bytes, whatever flows come, go, are slow or give up."""
    rng = np.random.default_rng(2)
    limits = np.exp(rng.normal(0, 2, 3000))
    ends_s, carried = transfer_ends(np.zeros(3000), 7.0, limits, 0.05 * limits.sum(), np.where(rng.random(3000) < 0.2, 30 * rng.random(3000), np.inf))
    gone = np.isinf(ends_s)
    assert 0.1 < gone.mean() < 0.25 and (carried[~gone] == 7.0).all() and (carried[gone] < 7.0).all()
    busy_s = carried.sum() / (0.05 * limits.sum())
    assert busy_s <= ends_s[~gone].max() and (ends_s[~gone] >= 7.0 / limits[~gone] * (1 - 1e-9)).all()
    assert np.sort(ends_s[~gone])[int(0.5 * (~gone).sum())] < busy_s


def test_a_wide_link_changes_nothing():
    begin_s, limits, stop_s = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0]), np.array([np.inf, np.inf, 5.0])
    alone, wide = (transfer_ends(begin_s, 20.0, limits, capacity, stop_s) for capacity in (np.inf, 100.0))
    assert alone[0] == pytest.approx([20.0, 11.0, np.inf]) and wide[0] == pytest.approx(alone[0])
    assert alone[1] == pytest.approx([20.0, 20.0, 12.0]) and wide[1] == pytest.approx(alone[1])


def test_equal_flows_on_a_narrow_link_take_as_long_as_the_link():
    ends_s, _ = transfer_ends(np.zeros(50), 10.0, np.full(50, 100.0), 25.0, np.full(50, np.inf))
    assert ends_s == pytest.approx(np.full(50, 20.0))


# ---- tables


def test_training_in_two_parts_without_a_pause_is_training_in_one():
    """A device that throttles: its second half is slower, whoever asks for it."""
    steps = np.arange(101.0)
    seconds = np.where(steps <= 50, steps, 50 + 2 * (steps - 50))
    table = federating.TrainingTable(steps, seconds, 3 * steps, steps / 5, 1e9, 100.0)
    times, kinds = TrainingTimes([table]), np.zeros(1, dtype=np.int64)
    first = times.training(kinds, np.array([40.0]), np.zeros(1))
    second = times.training(kinds, np.array([30.0]), first[2])
    whole = times.training(kinds, np.array([70.0]), np.zeros(1))
    for joined, at_once, expected in zip((first[0] + second[0], first[1] + second[1], second[2]), whole, (90.0, 210.0, 14.0), strict=True):
        assert joined == pytest.approx([expected])
        assert at_once == pytest.approx([expected])


def test_beyond_a_table_the_last_rate_goes_on():
    times = TrainingTimes([federating.table(10), federating.table(40)])
    seconds, joules, _ = times.training(np.array([0, 1]), np.array([35.0, 100.0]), np.zeros(2))
    assert seconds == pytest.approx([35.0, 100.0]) and joules == pytest.approx([70.0, 200.0])


# ---- drawing


def _pool(people, seed=3):
    return Pool(Workforce(people, TrainingTimes([federating.table()]), np.random.default_rng(0)), Wire(100.0, 50.0), np.random.default_rng(seed))


@pytest.mark.parametrize(("count", "number"), [(100, 5), (100, 80), (5000, 50)])
def test_all_who_are_there_are_drawn_alike_and_nobody_twice(count, number):
    people = federating.population(count, windows=federating.sessions(count, 100.0, 60.0))
    pool, drawn = _pool(people), np.zeros(count)
    there = np.flatnonzero(is_open(0.0, *people.windows.astype(float).T))
    rounds = 3000 if count == 100 else 600
    for _ in range(rounds):
        clients = pool.draw(number)
        assert len(set(clients.tolist())) == len(clients) == min(number, len(there))
        drawn[clients] += 1
    assert set(np.flatnonzero(drawn)) <= set(there)
    if number < len(there):
        # without replacement counts scatter less than independent ones: by the share that is not drawn
        expected = rounds * number / len(there)
        chi = ((drawn[there] - expected) ** 2 / expected).sum() / (1 - number / len(there))
        assert stats.chi2.sf(chi, len(there) - 1) > 1e-4 and stats.chi2.cdf(chi, len(there) - 1) > 1e-4


def test_the_last_ones_that_are_there_are_found():
    count = 10_000
    windows = np.column_stack([np.ones(count), np.zeros(count), np.zeros(count)]).astype(np.float32)
    windows[[17, 4242, 9999], 1] = 1.0
    assert sorted(_pool(federating.population(count, windows=windows)).draw(10).tolist()) == [17, 4242, 9999]


# ---- measured distributions


def test_measured_distributions_are_those_of_their_sources():
    assert len(measured_factors()) > 900 and np.median(measured_factors()) == pytest.approx(1.0)
    down, up = measured_rates("flash", 0.5)
    assert len(down) == 19 and (up < 2 * down).all() and 1e5 < np.median(down) < 1e6
    period_s, session_s = measured_sessions()
    assert len(period_s) == 710 and np.median(session_s / period_s) == pytest.approx(0.0547, abs=0.002)


def test_measured_figures_against_the_files_they_are_of(shared):
    import csv

    with open(shared / "measurements" / "fl_availability_summary.csv", encoding="utf-8") as stream:
        fractions = [float(row["available_frac"]) for row in csv.DictReader(stream)]
    period_s, session_s = measured_sessions()
    assert session_s / period_s == pytest.approx(fractions, abs=1e-4)


# ---- packing and masking


def test_bytes_of_packed_updates():
    assert packed_update(None, 1000).size_bytes == 4000
    assert packed_update(UpdateCompression(kind="int8"), 1000).size_bytes == 1004
    assert packed_update(UpdateCompression(kind="top_k", keep="1 %"), 1000).size_bytes == pytest.approx(10 * (4 + 10 / 8))
    assert packed_update(UpdateCompression(kind="sketch", rows=5, columns=100), 1000).size_bytes == 2000


@pytest.mark.parametrize(("group", "elements", "expansion"), [(2**10, 2**20, 1.73), (2**14, 2**24, 1.98)])
def test_the_published_expansion_of_masked_updates(group, elements, expansion):
    part = masked(elements, group, 16)
    assert (part.update_bytes + part.extra_bytes) / (2 * elements) == pytest.approx(expansion, abs=0.005)


def test_masking_grows_with_the_group_and_unmasking_with_who_fell_out():
    small, large = masked(10**6, 100, 16), masked(10**6, 1000, 16)
    assert large.client.operations / small.client.operations == pytest.approx(10, rel=0.05)
    none, some = unmasking_work(10**6, 100, 100, 100), unmasking_work(10**6, 100, 90, 100)
    assert some.operations > 9 * none.operations
    assert sum_bits(1024, 16) == 26 and sum_bits(1, 8) == 8
