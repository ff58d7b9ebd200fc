"""What stages that adapt did: exits taken, how far cascades went, which models were chosen, hits of caches; and how accurate the mixture is.

An accuracy is *exact* where a trace says of every answer whether it is right, and *expected* where the accuracy of each way is known. Where
only the models' accuracies on all inputs are known, that of a cascade lies between two bounds, because nobody knows how the models'
mistakes and the sure answers fall together: right answers of a model that answers a share ``w`` of all inputs are at least
``max(0, accuracy - (1 - w))`` and at most ``min(w, accuracy)`` of all (Boole and Frechet).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sim.report.model_metrics import ModelMetrics
from sim.scenario.model import Scenario, Workload
from sim.scenario.settling import guards
from sim.scenario.stages import ModelStage
from sim.trace import Decider, Trace

_DETERMINED = 1e-9  # bounds nearer than this are one number


@dataclass(frozen=True)
class MixtureAccuracy:
    """Of all answers that were decided on. ``kind``: how it is known. Without a value there may be bounds, and ``note`` says what is missing."""

    value_ratio: float | None
    kind: Literal["exact", "expected", "unknown"]
    low_ratio: float | None = None
    high_ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class WayMetrics:
    """One way that requests went: an exit, a model. ``accuracy_ratio``: of the answers given there; None where nobody knows."""

    requests_count: int
    share_ratio: float | None
    accuracy_ratio: float | None


@dataclass(frozen=True)
class MixtureMetrics:
    """Requests of a stage or a cascade by the way they went, in order. ``policy`` is empty unless one chose."""

    policy: str
    decided_count: int
    ways: dict[str, WayMetrics]
    accuracy: MixtureAccuracy


@dataclass(frozen=True)
class CacheMetrics:
    """A cache of results. Lookups are of requests that arrived after the warm-up, the rest of the whole run."""

    policy: str
    hits_count: int
    misses_count: int
    hit_ratio: float | None
    entries_count: int
    used_bytes: float
    capacity_bytes: float
    evictions_count: int
    expirations_count: int


@dataclass(frozen=True)
class AdaptiveMetrics:
    """By ``workload/stage``; a cascade by its first stage, an early exit network that is one of several models of a stage with its name."""

    exits: dict[str, MixtureMetrics]
    cascades: dict[str, MixtureMetrics]
    selections: dict[str, MixtureMetrics]
    caches: dict[str, CacheMetrics]
    models: tuple[str, ...]  # programs that only answer as a part of these mixtures

    def judged(self) -> dict[str, MixtureAccuracy]:
        """The accuracies of those that are no part of another."""
        inside = {name for name in self.exits if name.partition(" (")[0] in self.selections}
        for name, cascade in self.cascades.items():
            inside |= {f"{name.partition('/')[0]}/{way}" for way in cascade.ways}
        apart = {name: mixture for name, mixture in {**self.exits, **self.selections}.items() if name not in inside}
        return {name: mixture.accuracy for name, mixture in {**apart, **self.cascades}.items() if mixture.decided_count}


@dataclass(frozen=True)
class _Way:
    """``right``: right answers, if known; ``accuracy``: on all inputs, of the model that answers, if known."""

    name: str
    count: int
    right: float | None
    exact: bool = False
    accuracy: float | None = None


def adaptive_metrics(trace: Trace, scenario: Scenario, models: Mapping[str, ModelMetrics]) -> AdaptiveMetrics | None:
    """Of a run; None if no stage of the scenario adapts."""
    if not trace.deciders:
        return None
    exits = {_label(trace, decider): _mixture("", _exit_ways(decider)) for decider in trace.deciders if decider.kind == "exits"}
    known = _Known(trace, models, exits)
    selections = {
        trace.stages[decider.stage]: _mixture(str(decider.facts["policy"]), _selected_ways(decider, known), independent=True)
        for decider in trace.deciders
        if decider.kind == "selection"
    }
    caches = {trace.stages[decider.stage]: _cache(decider) for decider in trace.deciders if decider.kind == "cache"}
    return AdaptiveMetrics(exits, _cascades(scenario, known), selections, caches, tuple(name for name in models if _only_mixed(name, scenario)))


def _only_mixed(program: str, scenario: Scenario) -> bool:
    """Whether a program's answers are all judged as a part of a mixture."""
    model, _, part = program.partition("@")
    return bool(part) or not any(
        isinstance(stage, ModelStage) and stage.model == model and position not in _of_cascades(workload)
        for workload in scenario.workloads.values()
        for position, stage in enumerate(workload.pipeline)
    )


def _of_cascades(workload: Workload) -> set[int]:
    """Positions of stages whose answers are those of a cascade."""
    chains = _chains([position for position, stage in enumerate(workload.pipeline) if stage.exit is not None], guards(workload))
    finals = (_final_stage(workload, chain[-1]) for chain in chains)
    return {position for chain in chains for position in chain} | {final for final in finals if final is not None}


@dataclass(frozen=True)
class _Known:
    trace: Trace
    models: Mapping[str, ModelMetrics]
    exits: Mapping[str, MixtureMetrics]

    def accuracy(self, stage: int, model: str) -> float | None:
        """Of a model at a stage on all inputs, if known."""
        own = self.exits.get(f"{self.trace.stages[stage]} ({model})") or self.exits.get(self.trace.stages[stage])
        if own is not None:
            return own.accuracy.value_ratio
        found = self.models.get(model)
        return None if found is None else found.accuracy.value_ratio


def _label(trace: Trace, decider: Decider) -> str:
    """An early exit network's stage; with its name where the stage has several models."""
    several = any(other.stage == decider.stage and other.kind == "selection" for other in trace.deciders)
    return f"{trace.stages[decider.stage]} ({decider.facts['model']})" if several else trace.stages[decider.stage]


def _exit_ways(decider: Decider) -> list[_Way]:
    given: Sequence[Any] = decider.facts["accuracy"]
    rows = zip(decider.outcomes, decider.counts, decider.right, given, strict=True)
    return [_way(name, count, right, accuracy) for name, count, right, accuracy in rows]


def _way(name: str, count: int, right: float | None, given: Any, accuracy: float | None = None) -> _Way:
    """Counted right answers, else those expected of the accuracy ``given`` for just these answers."""
    if right is not None:
        return _Way(name, count, right, exact=True, accuracy=accuracy)
    if given is not None:
        return _Way(name, count, count * float(given), accuracy=accuracy)
    return _Way(name, count, None, accuracy=accuracy)


def _selected_ways(decider: Decider, known: _Known) -> list[_Way]:
    """The state of the device chose, not the input: each model's accuracy holds for those it got."""
    ways = []
    for name, count in zip(decider.outcomes, decider.counts, strict=True):
        accuracy = known.accuracy(decider.stage, name)
        ways.append(_Way(name, count, None if accuracy is None else count * accuracy, accuracy=accuracy))
    return ways


def _cascades(scenario: Scenario, known: _Known) -> dict[str, MixtureMetrics]:
    """Chains of stages with ``exit``, each left out when one before it was sure."""
    found, first = dict[str, MixtureMetrics](), 0
    for workload in scenario.workloads.values():
        deciders = {decider.stage - first: decider for decider in known.trace.deciders if decider.kind == "exit" and _stands_in(decider, first, workload)}
        for chain in _chains(sorted(deciders), guards(workload)):
            found[known.trace.stages[first + chain[0]]] = _mixture("", _cascade_ways([deciders[position] for position in chain], chain, workload, known))
        first += len(workload.pipeline)
    return found


def _stands_in(decider: Decider, first: int, workload: Workload) -> bool:
    """Whether a stage is one of the workload whose first stage has the position ``first``."""
    return first <= decider.stage < first + len(workload.pipeline)


def _chains(positions: Sequence[int], guarded: Sequence[Sequence[int]]) -> list[list[int]]:
    """Exits that depend on each other, in order."""
    chains: list[list[int]] = []
    for position in positions:
        mine = next((chain for chain in chains if chain[-1] in guarded[position]), None)
        if mine is None:
            chains.append([position])
        else:
            mine.append(position)
    return chains


def _cascade_ways(deciders: Sequence[Decider], chain: Sequence[int], workload: Workload, known: _Known) -> list[_Way]:
    names = workload.stage_names()
    ways = []
    for decider, position in zip(deciders, chain, strict=True):
        accuracy = _of_stage(workload, position, decider.stage, known)
        ways.append(_way(names[position], decider.counts[0], decider.right[0], decider.facts["accuracy"][0], accuracy))
    last = deciders[-1]
    final = _final_stage(workload, chain[-1])
    accuracy = None if final is None else _of_stage(workload, final, last.stage - chain[-1] + final, known)
    name = "the rest" if final is None else names[final]
    ways.append(_way(name, last.counts[1], last.right[1], last.facts["accuracy"][1], accuracy))
    return ways


def _final_stage(workload: Workload, last: int) -> int | None:
    """The one stage with a model that the last exit may spare."""
    spared = [position for position, settling in enumerate(guards(workload)) if last in settling and isinstance(workload.pipeline[position], ModelStage)]
    return spared[0] if len(spared) == 1 else None


def _of_stage(workload: Workload, position: int, stage: int, known: _Known) -> float | None:
    """Accuracy of a stage's model on all inputs."""
    one = workload.pipeline[position]
    return known.accuracy(stage, one.model) if isinstance(one, ModelStage) else None


def _mixture(policy: str, ways: Sequence[_Way], independent: bool = False) -> MixtureMetrics:
    total = sum(way.count for way in ways)
    shown = {
        way.name: WayMetrics(way.count, way.count / total if total else None, way.right / way.count if way.right is not None and way.count else None)
        for way in ways
    }
    return MixtureMetrics(policy, total, shown, _accuracy(ways, total, independent))


def _accuracy(ways: Sequence[_Way], total: int, independent: bool) -> MixtureAccuracy:
    taken = [way for way in ways if way.count]
    if not taken:
        return MixtureAccuracy(None, "unknown", note="nothing was decided")
    missing = [way for way in taken if way.right is None]
    if not missing:
        value = sum(way.right or 0.0 for way in taken) / total
        return MixtureAccuracy(value, "exact" if all(way.exact for way in taken) else "expected", value, value)
    note = f"nobody knows how accurate {_listed([way.name for way in missing])} on the requests that {'they' if len(missing) > 1 else 'it'} answered"
    if independent or any(way.accuracy is None for way in missing):
        return MixtureAccuracy(None, "unknown", note=note)
    bounds = [_bounds(way, way.count / total) for way in taken]
    low, high = sum(least for least, _ in bounds), sum(most for _, most in bounds)
    if high - low <= _DETERMINED:
        return MixtureAccuracy(low, "expected", low, low)
    return MixtureAccuracy(None, "unknown", low, high, "it depends on which answers are sure; only the models' accuracies on all inputs are known")


def _listed(names: Sequence[str]) -> str:
    """``a is``, ``a and b are``."""
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"


def _bounds(way: _Way, share: float) -> tuple[float, float]:
    """Least and most right answers of a way, as a share of all."""
    if way.right is not None:
        exact = share * way.right / way.count
        return exact, exact
    accuracy = way.accuracy or 0.0
    return max(0.0, accuracy - (1.0 - share)), min(share, accuracy)


def _cache(decider: Decider) -> CacheMetrics:
    facts, (hits, misses) = decider.facts, decider.counts
    return CacheMetrics(
        policy=str(facts["policy"]),
        hits_count=hits,
        misses_count=misses,
        hit_ratio=hits / (hits + misses) if hits + misses else None,
        entries_count=int(facts["entries"]),
        used_bytes=float(facts["bytes"]),
        capacity_bytes=float(facts["capacity_bytes"]),
        evictions_count=int(facts["evictions"]),
        expirations_count=int(facts["expirations"]),
    )
