"""What checks work with: names that exist in other layers, and the findings they report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sim.registry import near_names
from sim.scenario.positions import Path
from sim.scenario.raw import Raw
from sim.scenario.schema_problems import described

_NAMES_COMPARED = 300  # comparing names takes time, and somebody may have thousands


@dataclass(frozen=True)
class Known:
    """Names that exist in the registries of other layers; None: not checked.

    ``option_problem(model, option, value)`` says what is wrong with one option of a zoo model, or None;
    ``tunable_problem(kind, policy, tunable, value)`` with a tunable of a "governor", "thermal governor", "fan governor", "admission policy",
    "offloading policy", "client selection" or "aggregation rule";
    ``selection_problems(policy, options, models)`` with the options of a selection policy, each at its path;
    ``selection_sees(policy)`` says what of the device or workload it needs.
    """

    models: frozenset[str] | None = None
    runtimes: frozenset[str] | None = None
    schedulers: frozenset[str] | None = None
    governors: frozenset[str] | None = None
    option_problem: Callable[[str, str, Any], str | None] | None = None
    thermal_governors: frozenset[str] | None = None
    power_governors: frozenset[str] = frozenset()  # thermal governors that look at watts
    fan_governors: frozenset[str] | None = None
    idle_policies: frozenset[str] | None = None
    tunable_problem: Callable[[str, str, str, Any], str | None] | None = None
    selection_policies: frozenset[str] | None = None
    selection_problems: Callable[[str, dict[str, Any], int], Iterator[tuple[Path, str]]] | None = None
    selection_sees: Callable[[str], frozenset[str]] | None = None
    cache_policies: frozenset[str] | None = None
    batching_policies: frozenset[str] | None = None
    admission_policies: frozenset[str] | None = None
    serving_policies: frozenset[str] | None = None
    client_selections: frozenset[str] | None = None
    aggregation_rules: frozenset[str] | None = None
    offloading_policies: frozenset[str] | None = None


@dataclass(frozen=True)
class Finding:
    """A mistake at a path of the scenario, shown at the value or at its key."""

    path: Path
    what: str
    at_key: bool = False


def unknown_name(raw: Raw, what: str, known: Collection[str] | None) -> Iterator[Finding]:
    """A finding if the text at ``raw`` is not among the known names."""
    name = raw.text()
    if known is not None and name is not None and name not in known:
        yield Finding(raw.path, f"unknown {what} {described(name)}; {near(name, known)}")


def near(name: str, known: Collection[str]) -> str:
    """The names that are like ``name``, for messages."""
    return near_names(name, islice(known, _NAMES_COMPARED)) if known else "there is none"
