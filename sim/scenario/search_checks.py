"""Checks of what a search may choose: axes that can be followed and do not contradict each other, objectives, and constraints that can hold together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_models.units import DIMENSIONS, UnitError, parse_quantity
from sim.registry import near_names
from sim.scenario.known import Finding
from sim.scenario.raw import Raw
from sim.scenario.search import Limit, parsed_limit
from sim.scenario.search_axis import SearchAxis, is_architecture, parsed_axis, same_value

_NOT_TO_BE_CHOSEN = ("search", "sweep", "optimize", "budgets", "name", "description")


def search_findings(root: Raw) -> Iterator[Finding]:
    """Everything wrong with ``search`` that can be seen without running anything; paths and values are tried one by one when a search begins."""
    section = root.get("search")
    if section.value is None:
        return
    space, objectives = section.get("space"), section.get("objectives")
    if isinstance(space.value, dict) and not space.value:
        yield Finding(space.path, "an empty space: there is nothing to choose")
    if isinstance(objectives.value, dict) and not objectives.value:
        yield Finding(objectives.path, "no objective: say what is better, such as {latency_p99: minimize}")
    axes = dict[str, SearchAxis]()
    for path, raw in space.items():
        axes_of_entry = list(_axis(path, raw, root))
        axes |= {found.path: found for found in axes_of_entry if isinstance(found, SearchAxis)}
        yield from (found for found in axes_of_entry if isinstance(found, Finding))
    yield from _conditions(axes, space)
    yield from _overlaps(axes, space)
    yield from _contradictions(section.get("constraints"))
    if section.get("accuracy").value is not None and root.get("budgets").get("accuracy").value is not None:
        what = "budgets do not see the accuracy that search.accuracy gives; write it in search.constraints, such as 'accuracy >= 76 %'"
        yield Finding(("budgets", "accuracy"), what)


def _axis(path: str, raw: Raw, root: Raw) -> Iterator[SearchAxis | Finding]:
    if path.split(".")[0] in _NOT_TO_BE_CHOSEN:
        yield Finding(raw.path, f"{path.split('.')[0]} is not part of what is searched", at_key=True)
    elif is_architecture(raw.value):
        models = root.get("models").keys()
        name = path.removeprefix("models.")
        if not path.startswith("models.") or name not in models:
            yield Finding(raw.path, f"architectures are chosen for a model: models.NAME; {near_names(name, models)}", at_key=True)
    else:
        try:
            yield parsed_axis(path, raw.value)
        except ValueError as error:
            yield Finding(raw.path, str(error))


def _conditions(axes: dict[str, SearchAxis], space: Raw) -> Iterator[Finding]:
    for path, axis in axes.items():
        if axis.when is None:
            continue
        other, values = axis.when
        place = (*space.get(path).path, "when")
        if other not in axes or other == path:
            yield Finding(place, f"{other!r} is no other axis of this space; {near_names(other, [name for name in axes if name != path])}")
        elif axes[other].when is not None:
            yield Finding(place, f"{other!r} has a condition of its own; conditions are one deep")
        else:
            wrong = [value for value in values if not any(same_value(value, one) for one in axes[other].values)]
            for value in wrong:
                yield Finding(place, f"{value!r} is no value of {other}; it has {', '.join(map(str, axes[other].values))[:200]}")


def _overlaps(axes: dict[str, SearchAxis], space: Raw) -> Iterator[Finding]:
    """An axis inside what a later one replaces would be lost."""
    order = sorted(axes, key=lambda path: axes[path].when is not None)  # as they are chosen
    for index, path in enumerate(order):
        for outer in order[index + 1 :]:
            if path.startswith(outer + "."):
                yield Finding(space.get(path).path, f"stands inside {outer!r}, which replaces it: put {outer!r} first", at_key=True)


def _contradictions(constraints: Raw) -> Iterator[Finding]:
    """Limits of one metric that leave nothing between them."""
    limits: list[tuple[Limit, float, Raw]] = []
    for entry in constraints.entries():
        try:
            limit = parsed_limit(entry.value)
        except (ValueError, TypeError):
            continue  # the schema says so
        value = _any_quantity(limit.text)
        if value is None:
            yield Finding(entry.path, f"{limit.text!r} is no number, with or without a unit")
            continue
        for other, known, _ in limits:
            low, high = (value, known) if limit.at_least else (known, value)
            if other.metric == limit.metric and other.at_least != limit.at_least and low > high:
                yield Finding(entry.path, f"contradicts {other.metric} {'>=' if other.at_least else '<='} {other.text}: nothing can satisfy both")
        limits.append((limit, value, entry))


def _any_quantity(text: Any) -> float | None:
    """In SI units, by whichever dimension has such a unit; limits of one metric are in one dimension."""
    for dimension in ("ratio", *DIMENSIONS):
        try:
            return parse_quantity(text, dimension)
        except UnitError:
            continue
    return None
