"""The highest ``target_qps`` at which a Server is VALID, by growing a bracket and halving it.

All trials use the same programs and, seed by seed, the same random gaps between queries, only scaled: a higher rate then makes each query
wait at least as long, and the verdict changes once from VALID to INVALID, but for the few queries by which the runs differ at their ends.
A rate counts as valid where it is so with every seed. Because a single verdict near the edge is still a matter of luck, a few higher
rates are tried in the end; one that is valid after all moves the search up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from device_models.figure import Figure
from sim.errors import EdgesimError
from sim.experiment.simulate import Experiment
from sim.scenario.loadgen import Server
from sim.workload.loadgen_rules import LoadGenResult, judged

LOWEST, HIGHEST = 1e-4, 1e8  # queries/s: where the bracket stops growing
_GROWTH = 2.0
_BEYOND = (2, 4)  # tolerances above the found rate that are tried once more
_MAX_TRIALS = 200


class Outcome(Enum):
    """What a rate is, for the search."""

    VALID = "VALID"
    TOO_FAST = "too fast"  # answers come late, or not at all
    TOO_FEW = "too few queries"  # all in time, but not enough of them in the run to prove it


@dataclass(frozen=True)
class Trial:
    """A rate and what came of it; ``results``: one for each seed."""

    target_qps: float
    outcome: Outcome
    results: tuple[LoadGenResult, ...]

    @property
    def worst_s(self) -> float | None:
        """The longest percentile latency of all seeds."""
        return max((result.percentile_s for result in self.results if result.percentile_s is not None), default=None)


@dataclass(frozen=True)
class Search:
    """``highest_qps``: the highest valid rate that was tried; None if there was none. ``too_fast_qps``: the lowest above it that was not."""

    workload: str
    highest_qps: float | None
    too_fast_qps: float | None
    seeds: tuple[int, ...]
    tolerance_ratio: float
    trials: tuple[Trial, ...]


Told = Callable[[Trial], None]


def server_of(experiment: Experiment, workload: str | None = None) -> str:
    """The workload that a LoadGen Server drives. Raises EdgesimError where there is none, or several to choose from."""
    found = [name for name, each in experiment.loaded.scenario.workloads.items() if isinstance(each.loadgen, Server)]
    if workload is not None and workload not in found:
        raise EdgesimError(f"no LoadGen Server drives a workload {workload!r}" + (f"; there is {', '.join(found)}" if found else ""))
    if not found:
        raise EdgesimError("no workload has loadgen: {scenario: Server}; only a Server has a highest valid target_qps")
    if workload is None and len(found) > 1:
        raise EdgesimError(f"several Servers: {', '.join(found)}; say which one's target_qps is searched for with --workload")
    return workload or found[0]


def highest_valid_qps(
    experiment: Experiment,
    workload: str,
    *,
    low: float | None = None,
    high: float | None = None,
    tolerance: float = 0.01,
    seeds: tuple[int, ...] = (0,),
    told: Told | None = None,
) -> Search:
    """Search between ``low`` and ``high`` (queries/s; from the scenario's own rate outwards where None) until they are within ``tolerance``.

    ``told`` hears of every trial. Raises EdgesimError for a bracket that is none, or what a run raises.
    """
    _check(low, high, tolerance, seeds)
    return _Bisection(experiment, workload, tolerance, seeds, told).run(low, high)


def _check(low: float | None, high: float | None, tolerance: float, seeds: tuple[int, ...]) -> None:
    for name, value in (("low", low), ("high", high)):
        if value is not None and not LOWEST <= value <= HIGHEST:
            raise EdgesimError(f"--{name} {value:g}: a rate lies between {LOWEST:g} and {HIGHEST:g} queries/s")
    if low is not None and high is not None and low >= high:
        raise EdgesimError(f"--low {low:g} is not below --high {high:g}")
    if not 1e-4 <= tolerance < 1:
        raise EdgesimError(f"--tolerance {tolerance:g}: a share from 0.0001 to below 1, such as 0.01")
    if not seeds:
        raise EdgesimError("--seeds: at least one")


@dataclass
class _Bisection:
    """``fine``: the highest rate known that is not too fast; ``bad``: the lowest known that is."""

    experiment: Experiment
    workload: str
    tolerance: float
    seeds: tuple[int, ...]
    told: Told | None
    trials: dict[float, Trial] = field(default_factory=dict)

    def run(self, low: float | None, high: float | None) -> Search:
        fine, bad = self._bracket(low, high)
        while fine is not None and bad is not None and len(self.trials) < _MAX_TRIALS:
            fine, _ = self._halved(fine, bad)
            higher = self._beyond(fine, high or HIGHEST)
            fine, bad = higher, None if higher is None else self._above(higher, high or HIGHEST)
        valid = [rate for rate, trial in self.trials.items() if trial.outcome is Outcome.VALID]
        highest = max(valid, default=None)
        too_fast = [rate for rate, trial in self.trials.items() if trial.outcome is Outcome.TOO_FAST and (highest is None or rate > highest)]
        return Search(self.workload, highest, min(too_fast, default=None), self.seeds, self.tolerance, tuple(self.trials.values()))

    def _bracket(self, low: float | None, high: float | None) -> tuple[float | None, float | None]:
        """A rate that is not too fast and one that is; None where the limits given allow none."""
        settings = self.experiment.loaded.scenario.workloads[self.workload].loadgen
        assert isinstance(settings, Server)
        first = low or (min(float(settings.target_qps), high / _GROWTH) if high else float(settings.target_qps))
        fine = bad = None
        if self._is_fine(first):
            fine, rate = first, high or first * _GROWTH
            while bad is None and rate <= HIGHEST:
                if not self._is_fine(rate):
                    bad = rate
                elif high is not None:
                    return rate, None
                else:
                    fine, rate = rate, rate * _GROWTH
            return fine, bad
        bad, rate = first, first / _GROWTH
        while low is None and fine is None and rate >= LOWEST:
            if self._is_fine(rate):
                fine = rate
            else:
                bad, rate = rate, rate / _GROWTH
        return fine, bad

    def _halved(self, fine: float, bad: float) -> tuple[float, float]:
        while bad > fine * (1.0 + self.tolerance) and len(self.trials) < _MAX_TRIALS:
            middle = 0.5 * (fine + bad)
            fine, bad = (middle, bad) if self._is_fine(middle) else (fine, middle)
        return fine, bad

    def _beyond(self, fine: float, high: float) -> float | None:
        """A rate a little above that is valid after all."""
        rates = [rate for steps in _BEYOND if (rate := fine * (1.0 + steps * self.tolerance)) <= high]
        return next((rate for rate in rates if self._trial(rate).outcome is Outcome.VALID), None)

    def _above(self, fine: float, high: float) -> float | None:
        """The lowest rate above ``fine`` that is known to be too fast, or found so in growing steps; None up to ``high``."""
        known = [rate for rate, trial in self.trials.items() if rate > fine and trial.outcome is Outcome.TOO_FAST]
        if known:
            return min(known)
        rate, step = fine, self.tolerance
        while rate < high:
            step *= _GROWTH
            rate = min(fine * (1.0 + step), high)
            if not self._is_fine(rate):
                return rate
        return None

    def _is_fine(self, rate: float) -> bool:
        return self._trial(rate).outcome is not Outcome.TOO_FAST

    def _trial(self, rate: float) -> Trial:
        if rate not in self.trials:
            trial = tried(self.experiment, self.workload, rate, self.seeds)
            self.trials[rate] = trial
            if self.told is not None:
                self.told(trial)
        return self.trials[rate]


def tried(experiment: Experiment, workload: str, target_qps: float, seeds: tuple[int, ...]) -> Trial:
    """Runs at one rate; those of further seeds are left out once one is too fast."""
    at_rate = with_rate(experiment, workload, target_qps)
    settings = at_rate.loaded.scenario.workloads[workload].loadgen
    assert settings is not None
    results: list[LoadGenResult] = []
    for seed in seeds:
        results.append(judged(settings, at_rate.run(seed=seed).trace.queries[workload]))
        if _outcome(results[-1]) is Outcome.TOO_FAST:
            break
    outcomes = {_outcome(result) for result in results}
    outcome = next((kind for kind in (Outcome.TOO_FAST, Outcome.TOO_FEW) if kind in outcomes), Outcome.VALID)
    return Trial(target_qps, outcome, tuple(results))


def with_rate(experiment: Experiment, workload: str, target_qps: float) -> Experiment:
    """The experiment with another ``target_qps``, of which only what the verdict needs is kept."""
    scenario = experiment.loaded.scenario
    own = scenario.workloads[workload]
    assert isinstance(own.loadgen, Server)
    changed = own.model_copy(update={"loadgen": own.loadgen.model_copy(update={"target_qps": Figure(target_qps)})})
    scenario = scenario.model_copy(update={"workloads": {**scenario.workloads, workload: changed}, "trace": "summary"})
    return replace(experiment, loaded=replace(experiment.loaded, scenario=scenario), power_rows=1)


def _outcome(result: LoadGenResult) -> Outcome:
    if result.valid:
        return Outcome.VALID
    in_time = result.rules["performance"].ok and result.rules["answered"].ok and not result.over_latency_count
    return Outcome.TOO_FEW if in_time else Outcome.TOO_FAST
