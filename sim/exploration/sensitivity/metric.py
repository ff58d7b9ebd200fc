"""Metrics by name: what an outcome calls them, with their unit at the end, or the same without the unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from sim.errors import EdgesimError, Problem
from sim.registry import near_names

# unit at the end of a name -> its dimension; those without a natural zero, or that are shares of one already, are compared by their difference
SUFFIXES = {
    "_s": "time",
    "_j": "energy",
    "_w": "power",
    "_hz": "rate",
    "_bytes": "bytes",
    "_c": "temperature",
    "_ratio": "ratio",
    "_count": "count",
    "_per_j": "count",
    "_v": "voltage",
}
_BY_DIFFERENCE = ("temperature", "ratio")
USUAL = (
    "latency_p99",
    "energy_per_inference",
    "power",
    "throughput",
    "first_token_p99",
    "token_rate",
    "miss",
    "skin_peak",
    "die_peak",
    "throttled",
    "battery_life",
)
ALIASES = {
    "miss_rate": "miss",
    "miss_ratio": "miss",
    "skin_temperature": "skin_peak",
    "die_temperature": "die_peak",
}


def number(raw: object) -> float | None:
    """A finite number as a float; None for everything else."""
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw) else None


def known_metrics(base: Iterable[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The flat names that ``wanted`` means, each once; the usual ones that there are if it is empty. Raises EdgesimError for unknown ones."""
    known = list(base)
    by_name = {short: name for name in reversed(known) for short in (name, without_unit(name))}
    if not wanted:
        return tuple(by_name[name] for name in USUAL if name in by_name)
    unknown = [name for name in wanted if _found(name, by_name) is None]
    if unknown:
        names = {*map(without_unit, known), *ALIASES}
        raise EdgesimError(Problem(what=f"no metric {name!r}; {near_names(name, names)}") for name in unknown)
    return tuple(dict.fromkeys(str(_found(name, by_name)) for name in wanted))


def without_unit(name: str) -> str:
    """``latency_p99`` of ``latency_p99_s``."""
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def dimension_of(name: str) -> str:
    """What a metric measures, by the unit at the end of its name; ``count`` where it has none."""
    return next((dimension for suffix, dimension in reversed(SUFFIXES.items()) if name.endswith(suffix)), "count")


def by_difference(name: str) -> bool:
    """Whether changes of a metric are differences in its own unit rather than shares of its value."""
    return dimension_of(name) in _BY_DIFFERENCE


def _found(name: str, by_name: Mapping[str, str]) -> str | None:
    return by_name.get(name, by_name.get(ALIASES.get(name, name)))
