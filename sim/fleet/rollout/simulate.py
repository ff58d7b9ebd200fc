"""A roll-out in steps of time, all devices at once.

In a step every device that may, can and has not yet, downloads at its fair rate; what ends within the step ends at its exact moment at
that rate. Installing, failing, giving up and taking back follow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.sessions import is_open, remaining_s
from sim.fleet.rollout.level import fair_rates
from sim.fleet.rollout.plan import RolloutPlan, RolloutResult, UpdatedFleet

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
_MANY = 2_654_435_761  # Knuth's multiplier: a session's number becomes an even chance


class _State:
    """Arrays ``[devices]`` of what each has got so far."""

    def __init__(self, fleet: UpdatedFleet, plan: RolloutPlan) -> None:
        count = fleet.count
        self.left_bytes = np.full(count, plan.update_bytes)
        self.done_s = np.full(count, np.inf)
        self.received_bytes = np.zeros(count)
        self.energy_j = np.zeros(count)
        self.attempts = np.zeros(count, dtype=np.int16)
        self.busy_until_s = np.full(count, -np.inf)  # installing
        self.wants = np.ones(count, dtype=bool)
        self.begun = np.zeros(count, dtype=bool)  # part of a download is there
        self.troubled = np.zeros(count, dtype=bool)
        self.updated = np.zeros(count, dtype=bool)
        self.corrupt = self.failed = self.cut_off = self.gave_up = 0
        self.wasted_bytes = 0.0


def roll_out(plan: RolloutPlan, fleet: UpdatedFleet, rng: np.random.Generator, progress: Callable[[float], None] | None = None) -> RolloutResult:
    """One roll-out. The same generator state gives the same result."""
    state, order = _State(fleet, plan), rng.permutation(fleet.count)
    salts = rng.integers(0, 2**32, fleet.count, dtype=np.uint64)
    rank = np.empty(fleet.count, dtype=np.int64)
    rank[order] = np.arange(fleet.count)
    stage, stage_s, began, taken_back = 0, 0.0, [0.0], None
    times, sent = [], []
    steps = int(np.ceil(plan.duration_s / plan.step_s - 1e-9))
    now = 0.0
    for number in range(steps):
        now = number * plan.step_s
        while stage + 1 < len(plan.stages) and now >= stage_s + plan.stages[stage][1]:
            stage_s += plan.stages[stage][1]
            stage += 1
            began.append(stage_s)
        allowed = rank < round(plan.stages[stage][0] * fleet.count)
        length_s = min(plan.step_s, plan.duration_s - now)
        before = state.received_bytes.sum()
        _download(plan, fleet, state, np.flatnonzero(allowed & state.wants), now, length_s, salts, rng)
        times.append(now)
        sent.append((state.received_bytes.sum() - before) / length_s)
        if taken_back is None and _too_much_trouble(plan, state):
            taken_back = now + length_s
            break
        if progress is not None:
            progress((number + 1) / steps)
        if not state.wants.any() and stage + 1 == len(plan.stages):
            break
    end_s = plan.duration_s if taken_back is None else taken_back
    if taken_back is not None:
        _take_back(plan, state)
    return RolloutResult(
        plan, state.done_s, state.received_bytes, state.energy_j, np.array(times), np.array(sent), tuple(began), taken_back,
        state.corrupt, state.failed, state.cut_off, state.gave_up, int(state.troubled.sum()), state.wasted_bytes, end_s,
    )  # fmt: skip


def _download(
    plan: RolloutPlan, fleet: UpdatedFleet, state: _State, wanting: Indices, now: float, length_s: float, salts: NDArray[np.uint64], rng: np.random.Generator
) -> None:
    there = _there(plan, fleet, state, wanting, now, salts)
    if not plan.resume:
        gone = np.setdiff1d(wanting[state.begun[wanting]], there, assume_unique=True)
        _lose(plan, state, gone)
    if not len(there):
        return
    period_s, session_s, phase_s = fleet.period_s[there], fleet.session_s[there], fleet.phase_s[there]
    usable_s = np.minimum(length_s, remaining_s(now, period_s, session_s, phase_s))
    rates = fair_rates(fleet.down_bytes_per_s[there], plan.server_bytes_per_s)
    wanted_s = state.left_bytes[there] / rates
    taken_s = np.minimum(wanted_s, usable_s)
    got = np.where(wanted_s <= usable_s, state.left_bytes[there], rates * taken_s)
    first = ~state.begun[there]
    state.begun[there] = True
    state.left_bytes[there] -= got
    state.received_bytes[there] += got
    radio = plan.radio
    state.energy_j[there] += taken_s * radio.receive_w + got * radio.receive_j_per_byte + first * (radio.promotion_j + radio.tail_j)
    ended = wanted_s <= usable_s
    cut_off = ~ended & (usable_s < length_s)
    state.cut_off += int(cut_off.sum())
    if not plan.resume:
        _lose(plan, state, there[cut_off])
    _finish(plan, state, there[ended], now + taken_s[ended], rng)


def _there(plan: RolloutPlan, fleet: UpdatedFleet, state: _State, wanting: Indices, now: float, salts: NDArray[np.uint64]) -> Indices:
    """Those that can be reached, on Wi-Fi if that is asked for, and are not installing."""
    period_s, phase_s = fleet.period_s[wanting], fleet.phase_s[wanting]
    reached = is_open(now, period_s, fleet.session_s[wanting], phase_s) & (state.busy_until_s[wanting] <= now)
    if plan.wifi_only and fleet.wifi < 1.0:
        session = np.floor((now + phase_s) / period_s).astype(np.uint64)
        chance = ((session + np.uint64(1)) * np.uint64(_MANY) + salts[wanting]) % np.uint64(2**32)
        chance = (chance ^ (chance >> np.uint64(15))) * np.uint64(0x2C1B3C6D) % np.uint64(2**32)
        reached &= chance < np.uint64(int(fleet.wifi * 2**32))
    return wanting[reached]


def _lose(plan: RolloutPlan, state: _State, devices: Indices) -> None:
    """Parts of downloads that cannot be gone on with."""
    state.wasted_bytes += float((plan.update_bytes - state.left_bytes[devices]).sum())
    state.left_bytes[devices] = plan.update_bytes
    state.begun[devices] = False


def _finish(plan: RolloutPlan, state: _State, devices: Indices, at_s: Values, rng: np.random.Generator) -> None:
    """Downloads that have ended: damaged ones begin anew, others are installed."""
    if not len(devices):
        return
    state.attempts[devices] += 1
    corrupt = rng.random(len(devices)) < plan.corrupt
    state.corrupt += int(corrupt.sum())
    fails = ~corrupt & (rng.random(len(devices)) < plan.install_fails)
    state.failed += int(fails.sum())
    installed = ~corrupt & ~fails
    state.energy_j[devices[~corrupt]] += plan.install_s * plan.install_w
    good = devices[installed]
    state.done_s[good] = at_s[installed] + plan.install_s
    state.updated[good] = True
    state.wants[good] = False
    state.troubled[good[rng.random(len(good)) < plan.crash]] = True
    again = devices[~installed]
    state.busy_until_s[devices[fails]] = at_s[fails] + plan.install_s
    state.left_bytes[devices[fails]] = 0.0  # the download is good: it is installed again
    state.wasted_bytes += plan.update_bytes * float(corrupt.sum())
    state.left_bytes[devices[corrupt]] = plan.update_bytes
    state.begun[devices[corrupt]] = False
    given_up = again[state.attempts[again] >= plan.attempts]
    state.gave_up += len(given_up)
    state.wants[given_up] = False


def _too_much_trouble(plan: RolloutPlan, state: _State) -> bool:
    updated = int(state.updated.sum())
    return updated >= plan.least_reports and state.troubled.sum() > plan.tolerated * updated


def _take_back(plan: RolloutPlan, state: _State) -> None:
    """Devices switch back to the model they had, which they keep until the next update: another installation, no download."""
    state.energy_j[state.updated] += plan.install_s * plan.install_w
    state.done_s[state.updated] = np.inf
    state.updated[:] = False
