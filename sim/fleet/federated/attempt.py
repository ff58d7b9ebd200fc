"""Clients take part: they download the model, train, and upload their update, or fall out on the way. All at once, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.population import Population
from sim.fleet.federated.sessions import charge_after, is_open, remaining_s
from sim.fleet.federated.training_time import TrainingTimes
from sim.fleet.federated.transfer import transfer_ends

Clients = NDArray[np.int64]
Values = NDArray[np.float64]


class Cause(IntEnum):
    """Why a client fell out."""

    NONE = 0
    SESSION = 1
    NETWORK = 2
    BATTERY = 3


@dataclass(frozen=True)
class Wire:
    """What goes between a client and what it talks to. Capacities are shared; infinity for none. ``latency_s``: one way, of a whole exchange."""

    download_bytes: float
    upload_bytes: float
    latency_s: float = 0.0
    up_bytes_per_s: float = np.inf
    down_bytes_per_s: float = np.inf


@dataclass
class Attempt:
    """What clients do when asked; arrays ``[clients]``, moments in s.

    ``stop_s``: when it falls out for ``cause``, if it does; ``end_s``: when the server has its update, infinity if it falls out.
    ``down_end_s``, ``work_end_s``, ``up_end_s``: ends of its phases, none later than ``stop_s``; ``down_j``, ``work_j``, ``up_j``: their energies.
    ``work_s``: training and the rest of its work, if nothing stops it; ``warm_c``, ``excess_c``: warmth before and after that.
    """

    clients: Clients
    kinds: NDArray[np.int64]
    begin_s: Values
    stop_s: Values
    cause: NDArray[np.int8]
    end_s: Values
    down_end_s: Values
    work_end_s: Values
    up_end_s: Values
    down_j: Values
    work_j: Values
    up_j: Values
    down_bytes: Values
    up_bytes: Values
    work_s: Values
    warm_c: Values
    excess_c: Values

    def of(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Attempt:
        """Of some of the clients."""
        return Attempt(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def spent_j(self, until_s: Values) -> Values:
        """Joules until a moment; within a phase they grow evenly."""
        edges = (self.begin_s, self.down_end_s, self.work_end_s, self.up_end_s)
        total = np.zeros(len(until_s))
        for low, high, joules in zip(edges, edges[1:], (self.down_j, self.work_j, self.up_j), strict=False):
            total += joules * np.clip((until_s - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        return total


class GroupValues:
    """Figures of the groups as arrays ``[groups]``, to be looked up by kind."""

    def __init__(self, population: Population) -> None:
        groups = population.groups
        for name in ("promotion_s", "promotion_j", "send_w", "receive_w", "send_j_per_byte", "receive_j_per_byte", "tail_s", "tail_j"):
            setattr(self, name, np.array([getattr(group.radio, name) for group in groups]))
        self.silent = all(group.radio.tail_s == 0 and group.radio.send_w == 0 and group.radio.receive_w == 0 for group in groups)
        self.code_s, self.code_j = np.array([group.code_s for group in groups]), np.array([group.code_j for group in groups])
        self.step_s, self.step_j = np.array([group.step_s for group in groups]), np.array([group.step_j for group in groups])
        self.battery_j = np.array([group.battery_j for group in groups])

    promotion_s: Values
    promotion_j: Values
    send_w: Values
    receive_w: Values
    send_j_per_byte: Values
    receive_j_per_byte: Values
    tail_s: Values
    tail_j: Values


class Workforce:
    """A population with its tables: answers who can take part, and what becomes of those who do."""

    def __init__(self, population: Population, times: TrainingTimes, rng: np.random.Generator) -> None:
        self.population, self.times, self.rng = population, times, rng
        self.values = GroupValues(population)

    # ---- who is there

    def can_take_part(self, clients: Clients, now_s: Values | float) -> NDArray[np.bool_]:
        """Which are there, and charging or charged enough where that matters."""
        of = self.population
        there = is_open(now_s, *of.sessions(clients))
        if of.charging is None:
            return there
        asked = np.flatnonzero(there)
        moments_s = now_s if np.ndim(now_s) == 0 else np.asarray(now_s)[asked]
        charged = self._charging(clients[asked], moments_s)
        if not of.only_charging:
            low = np.flatnonzero(~charged)
            ratio = self.charge_ratio(clients[asked[low]], now_s if np.ndim(now_s) == 0 else np.asarray(moments_s)[low])
            charged[low] = (ratio > 0) & (ratio >= of.least_charge)  # a phone whose battery is empty is off
        there[asked] = charged
        return there

    def charge_ratio(self, clients: Clients, now_s: Values | float) -> Values:
        """State of charge, 0..1; 1 without a battery."""
        of = self.population
        if of.charging is None:
            return np.ones(len(clients))
        held_j = self.values.battery_j[of.kind[clients]]
        ratio = np.ones(len(clients))
        limited = np.isfinite(held_j)
        ratio[limited] = self._charge_j(clients[limited], now_s if np.ndim(now_s) == 0 else np.asarray(now_s)[limited]) / held_j[limited]
        return ratio

    def remaining_s(self, clients: Clients, now_s: Values | float) -> Values:
        """Until the session ends; with ``only_charging`` also until the charging window does."""
        of = self.population
        left = remaining_s(now_s, *of.sessions(clients))
        if of.only_charging and of.charging is not None and of.charge_phase_s is not None:
            window = of.charging
            left = np.minimum(left, remaining_s(now_s, window.period_s, window.length_s, of.charge_phase_s[clients].astype(np.float64)))
        return left

    def _charging(self, clients: Clients, now_s: Values | float) -> NDArray[np.bool_]:
        of = self.population
        assert of.charging is not None and of.charge_phase_s is not None
        mains = np.isinf(self.values.battery_j[of.kind[clients]])
        return mains | is_open(now_s, of.charging.period_s, of.charging.length_s, of.charge_phase_s[clients].astype(np.float64))

    def _charge_j(self, clients: Clients, now_s: Values | float) -> Values:
        of = self.population
        assert of.charging is not None and of.charge_phase_s is not None and of.charge_j is not None and of.charged_s is not None
        capacity_j = self.values.battery_j[of.kind[clients]]
        phase_s = of.charge_phase_s[clients].astype(np.float64)
        return charge_after(of.charge_j[clients].astype(np.float64), of.charged_s[clients], now_s, phase_s, of.charging, capacity_j)

    # ---- what they are expected to do

    def expected_s(self, clients: Clients, wire: Wire) -> Values:
        """Seconds from asked to answered, alone on the links and cool."""
        of, kinds = self.population, self.population.kind[clients].astype(np.int64)
        train_s, _, _ = self.times.training(kinds, of.steps[clients].astype(np.float64), np.zeros(len(clients)))
        work_s = of.factor[clients] * (train_s + self.values.code_s[kinds] + of.steps[clients] * self.values.step_s[kinds])
        moved_s = wire.download_bytes / of.down_bytes_per_s[clients] + wire.upload_bytes / of.up_bytes_per_s[clients]
        expected: Values = work_s + moved_s + 2 * (wire.latency_s + self.values.promotion_s[kinds])
        return expected

    # ---- what they do

    def attempt(self, clients: Clients, begin_s: Values, wire: Wire) -> Attempt:
        """All clients of one link at once. Does not change the population: see :meth:`settle`.

        A client whose battery ends while it downloads keeps its share of the link for those moments.
        """
        of, values = self.population, self.values
        kinds = of.kind[clients].astype(np.int64)
        stop_s, cause = self._stops(clients, begin_s)
        promotion_s = values.promotion_s[kinds]
        ready_s = begin_s + (wire.latency_s + promotion_s)
        down_s, down_bytes = transfer_ends(ready_s, wire.download_bytes, of.down_bytes_per_s[clients].astype(np.float64), wire.down_bytes_per_s, stop_s)
        arrived_s = np.minimum(down_s, stop_s)
        work_s, work_j, warm_c, excess_c = self._training(clients, kinds, arrived_s)
        tail_s = values.tail_s[kinds]
        down_j = values.receive_w[kinds] * np.maximum(arrived_s - ready_s, 0.0) + down_bytes * values.receive_j_per_byte[kinds]
        down_j += values.promotion_j[kinds] + values.tail_j[kinds] * np.minimum(work_s, tail_s) / np.maximum(tail_s, 1e-12)
        again = work_s > tail_s  # the radio slept meanwhile
        up_fixed_j = np.where(again, values.promotion_j[kinds], 0.0)
        worked_s = np.where(np.isfinite(down_s), arrived_s + work_s, np.inf)
        if of.charging is not None:
            self._battery_stops(clients, kinds, begin_s, arrived_s, worked_s, (down_j, work_j, up_fixed_j), wire, stop_s, cause)
        sending_s = worked_s + (wire.latency_s + np.where(again, promotion_s, 0.0))
        end_s, up_bytes = transfer_ends(
            np.minimum(sending_s, 1e300), wire.upload_bytes, of.up_bytes_per_s[clients].astype(np.float64), wire.up_bytes_per_s, stop_s
        )
        down_end_s, work_end_s, up_end_s = (np.minimum(moment, stop_s) for moment in (arrived_s, worked_s, end_s))
        work_j = work_j * np.clip((work_end_s - down_end_s) / np.maximum(work_s, 1e-12), 0.0, 1.0)
        up_j = values.send_w[kinds] * np.maximum(up_end_s - sending_s, 0.0) + up_bytes * values.send_j_per_byte[kinds]
        up_j += np.where(up_end_s > work_end_s, up_fixed_j, 0.0) + np.where(np.isfinite(end_s), values.tail_j[kinds], 0.0)
        cause[np.isfinite(end_s)] = Cause.NONE
        moments, energies, moved = (end_s, down_end_s, work_end_s, up_end_s), (down_j, work_j, up_j), (down_bytes, up_bytes)
        return Attempt(clients, kinds, begin_s, stop_s, cause, *moments, *energies, *moved, work_s, warm_c, excess_c)

    def settle(self, attempt: Attempt, released_s: Values, joules: Values) -> None:
        """Batteries and warmth of those who took part, until they were let go."""
        of, clients = self.population, attempt.clients
        worked_s = np.minimum(attempt.work_end_s, released_s)
        part = np.clip((worked_s - attempt.down_end_s) / np.maximum(attempt.work_s, 1e-12), 0.0, 1.0)
        worked = part > 0
        of.excess_c[clients[worked]] = (attempt.warm_c + part * (attempt.excess_c - attempt.warm_c))[worked]
        of.warmed_s[clients[worked]] = worked_s[worked]
        if of.charging is None or of.charge_j is None or of.charged_s is None:
            return
        of.charge_j[clients] = np.maximum(self._charge_j(clients, released_s) - joules, 0.0)
        of.charged_s[clients] = released_s

    def _stops(self, clients: Clients, begin_s: Values) -> tuple[Values, NDArray[np.int8]]:
        """When sessions end or the network fails, whichever comes first."""
        stop_s = begin_s + self.remaining_s(clients, begin_s)
        cause = np.full(len(clients), Cause.SESSION, dtype=np.int8)
        if np.isfinite(self.population.failures_s):
            fails_s = begin_s + self.rng.standard_exponential(len(clients)) * self.population.failures_s
            cause[fails_s < stop_s] = Cause.NETWORK
            stop_s = np.minimum(stop_s, fails_s)
        return stop_s, cause

    def _training(self, clients: Clients, kinds: NDArray[np.int64], begin_s: Values) -> tuple[Values, Values, Values, Values]:
        """Seconds, joules, and warmth before and after."""
        of, values = self.population, self.values
        steps, factor = of.steps[clients].astype(np.float64), of.factor[clients].astype(np.float64)
        warm_c = of.excess_c[clients].astype(np.float64)
        warm = np.flatnonzero(warm_c > 0)
        if len(warm):
            warm_c[warm] *= np.exp(-np.maximum(begin_s[warm] - of.warmed_s[clients[warm]], 0.0) / self.times.cooling_s[kinds[warm]])
        seconds, joules, excess_c = self.times.training(kinds, steps, warm_c)
        seconds = factor * (seconds + values.code_s[kinds] + steps * values.step_s[kinds])
        joules = factor * (joules + values.code_j[kinds] + steps * values.step_j[kinds])
        return seconds, joules, warm_c, excess_c

    def _battery_stops(
        self,
        clients: Clients,
        kinds: NDArray[np.int64],
        begin_s: Values,
        arrived_s: Values,
        worked_s: Values,
        joules: tuple[Values, Values, Values],
        wire: Wire,
        stop_s: Values,
        cause: NDArray[np.int8],
    ) -> None:
        """Batteries that end on the way, written into ``stop_s`` and ``cause``. Who charges when asked is safe."""
        window = self.population.charging
        assert window is not None
        chosen = np.flatnonzero(np.isfinite(self.values.battery_j[kinds]) & ~self._charging(clients, begin_s))
        if not len(chosen):
            return
        kinds, drain_w = kinds[chosen], window.drain_w
        down_j, work_j, up_fixed_j = (part[chosen] for part in joules)
        begun_s, arrived_s, worked_s = begin_s[chosen], arrived_s[chosen], worked_s[chosen]
        held_j = self._charge_j(clients[chosen], begun_s)
        down_s, work_s = arrived_s - begun_s, np.where(np.isfinite(worked_s), worked_s - arrived_s, 0.0)
        after_down_j = held_j - down_j - drain_w * down_s
        after_work_j = after_down_j - work_j - drain_w * work_s
        # what bytes cost is set aside before they are sent
        after_fixed_j = np.maximum(after_work_j - up_fixed_j - wire.upload_bytes * self.values.send_j_per_byte[kinds], 0.0)
        sending_s = after_fixed_j / np.maximum(self.values.send_w[kinds] + drain_w, 1e-12)
        empty_s = np.where(np.isfinite(worked_s), worked_s + sending_s, np.inf)
        empty_s = np.where(after_work_j < 0, arrived_s + work_s * after_down_j / np.maximum(work_j + drain_w * work_s, 1e-12), empty_s)
        empty_s = np.where(after_down_j < 0, begun_s + down_s * held_j / np.maximum(down_j + drain_w * down_s, 1e-12), empty_s)
        sooner = empty_s < stop_s[chosen]
        stop_s[chosen[sooner]], cause[chosen[sooner]] = empty_s[sooner], Cause.BATTERY
