"""A population drawn from the distributions of a study."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.measured import measured_factors, measured_rates, measured_sessions
from sim.fleet.federated.population import Group, Population
from sim.fleet.federated.sessions import ChargingWindow
from sim.scenario.federated import population as spec
from sim.scenario.federated.model import Federated
from sim.workload.streams import stream

DAY_S = 86400.0
_ALWAYS_S = 1.0  # a period as long as its session: the client is always there
Halves = NDArray[np.float32]


def draw_population(study: Federated, groups: tuple[Group, ...], batch: int, seed: int) -> Population:
    """All clients as arrays. Each property has a stream of its own; group by group in the order they were written."""
    of, count = study.population, study.population.count
    kind = group_kinds([float(group.share) for group in of.devices.values()], count, stream(seed, "population/device"))
    samples = _samples(of.samples, count, stream(seed, "population/samples"))
    period_s, session_s = drawn_sessions(of.availability, count, stream(seed, "population/sessions"))
    up, down, factor = (np.empty(count, dtype=np.float32) for _ in range(3))
    links_rng, factor_rng = stream(seed, "population/links"), stream(seed, "population/compute")
    for position, entry in enumerate(of.devices.values()):
        members = np.flatnonzero(kind == position)
        up[members], down[members] = drawn_rates(entry.links or of.links, len(members), links_rng)
        factor[members] = _factors(entry.compute, len(members), factor_rng)
    steps = np.ceil(samples / batch) * study.local.epochs if study.local.steps is None else np.full(count, float(study.local.steps), dtype=np.float32)
    return Population(
        groups=groups,
        kind=kind,
        factor=factor,
        up_bytes_per_s=up,
        down_bytes_per_s=down,
        samples=samples,
        steps=steps.astype(np.float32),
        windows=np.column_stack([period_s, session_s, stream(seed, "population/phase").random(count, dtype=np.float32) * period_s]),
        excess_c=np.zeros(count, dtype=np.float32),
        warmed_s=np.zeros(count),
        loss_level=np.exp(float(study.losses.level_spread) * stream(seed, "population/loss").standard_normal(count, dtype=np.float32)),
        failures_s=np.inf if of.failures_s is None else float(of.failures_s),
        **_batteries(of, kind, groups, seed),
    )


def group_kinds(shares: list[float], count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """The group of every client: numbers as close to the shares as whole clients allow (largest remainders), in random order."""
    exact = np.array(shares) * count
    numbers = np.floor(exact).astype(np.int64)
    short = count - int(numbers.sum())
    numbers[np.argsort(-(exact - numbers), kind="stable")[:short]] += 1
    kinds = np.repeat(np.arange(len(shares), dtype=np.int8), numbers)
    rng.shuffle(kinds)
    return kinds


def _factors(choice: spec.FactorChoice, count: int, rng: np.random.Generator) -> Halves:
    if isinstance(choice, spec.MeasuredFactors):
        values = measured_factors()
        return values[rng.integers(0, len(values), count)].astype(np.float32)
    if isinstance(choice, spec.FactorSpread):
        return _lognormal(float(choice.median), float(choice.sigma), count, rng)
    return np.full(count, float(choice), dtype=np.float32)


def drawn_rates(choice: spec.LinkChoice, count: int, rng: np.random.Generator) -> tuple[Halves, Halves]:
    """Up and down, bytes per second."""
    if isinstance(choice, spec.StatedLinks):
        scatter = _lognormal(1.0, float(choice.sigma), count, rng)
        return float(choice.up_bytes_per_s) * scatter, float(choice.down_bytes_per_s) * scatter
    down, up = measured_rates(choice.data, float(choice.up_share))
    chosen = rng.integers(0, len(down), count)
    return up[chosen].astype(np.float32), down[chosen].astype(np.float32)


def _samples(choice: spec.SampleChoice, count: int, rng: np.random.Generator) -> Halves:
    if not isinstance(choice, spec.SampleSpread):
        return np.full(count, float(choice), dtype=np.float32)
    drawn = np.maximum(np.rint(_lognormal(float(choice.median), float(choice.sigma), count, rng)), 1.0)
    return drawn if choice.most is None else np.minimum(drawn, np.float32(choice.most))


def drawn_sessions(choice: object, count: int, rng: np.random.Generator) -> tuple[Halves, Halves]:
    """Period and session length, s."""
    if isinstance(choice, spec.AlwaysThere):
        return np.full(count, _ALWAYS_S, dtype=np.float32), np.full(count, _ALWAYS_S, dtype=np.float32)
    if isinstance(choice, spec.Sessions):
        session_s = _lognormal(float(choice.session_s), float(choice.sigma), count, rng)
        return session_s / np.float32(choice.fraction), session_s
    period_s, lengths_s = measured_sessions()
    chosen = rng.integers(0, len(period_s), count)
    return period_s[chosen].astype(np.float32), lengths_s[chosen].astype(np.float32)


def _batteries(of: spec.Population, kind: NDArray[np.int8], groups: tuple[Group, ...], seed: int) -> dict[str, Any]:
    battery = of.battery
    if battery is None:
        return {}
    low, high = float(battery.initial_low), float(battery.initial_high)
    share = low + (high - low) * stream(seed, "population/charge").random(len(kind), dtype=np.float32)
    held_j = np.array([group.battery_j for group in groups], dtype=np.float32)[kind]
    return {
        "charging": ChargingWindow(DAY_S, float(battery.charging_s), float(battery.charger_w), float(battery.drain_w)),
        "charge_phase_s": (stream(seed, "population/charging").random(len(kind), dtype=np.float32) * DAY_S).astype(np.float32),
        "charge_j": np.where(np.isinf(held_j), held_j, share * np.where(np.isinf(held_j), 1.0, held_j)).astype(np.float32),
        "charged_s": np.zeros(len(kind)),
        "least_charge": float(battery.minimum),
        "only_charging": of.only_charging,
    }


def _lognormal(median: float, sigma: float, count: int, rng: np.random.Generator) -> Halves:
    if not sigma:
        return np.full(count, median, dtype=np.float32)
    return np.float32(median) * np.exp(np.float32(sigma) * rng.standard_normal(count, dtype=np.float32))
