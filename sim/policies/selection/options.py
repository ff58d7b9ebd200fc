"""What a scenario writes of a selection policy, read in the policy's units and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from device_models.units import UnitError, format_quantity, parse_quantity
from sim.policies.selection.policy import SelectionOptions, SelectionPolicy

_LEAST, _MOST = {"count": 1.0, "temperature": -273.15, "ratio": 0.0, "time": 0.0}, {"ratio": 1.0}
_OPTIONAL = ("thresholds", "hysteresis", "margin", "weights", "node")
_NODE = "temperature"  # the dimension of policies that look at a thermal node


def selection_problems(policy: type[SelectionPolicy], written: Mapping[str, Any], models: int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the options of a policy: (path below ``select``, what)."""
    uses = policy.uses | ({"node"} if policy.dimension == _NODE else set())
    for key in _OPTIONAL:
        if key in written and key not in uses:
            has = f"it has {', '.join(sorted(uses))}" if uses else "it has no options"
            yield (key,), f"the policy does not look at {key}; {has}"
    if "thresholds" in uses:
        yield from _threshold_problems(policy, written, models)
    if "weights" in uses and (weights := written.get("weights")):
        yield from _weight_problems(weights, models)
    if "hysteresis" in uses and written.get("hysteresis") is not None:
        try:
            if _span(policy, written["hysteresis"]) < 0:
                yield ("hysteresis",), "is at least 0"
        except UnitError as error:
            yield ("hysteresis",), str(error)


def selection_options(policy: type[SelectionPolicy], models: int, written: Mapping[str, Any]) -> SelectionOptions:
    """The options in SI units; ``written`` has passed :func:`selection_problems`. A battery's thresholds keep falling order."""
    thresholds = tuple(parse_quantity(value, policy.dimension) for value in written.get("thresholds") or ())
    hysteresis = 0.0 if written.get("hysteresis") is None else _span(policy, written["hysteresis"])
    return SelectionOptions(models, thresholds, hysteresis, float(written.get("margin") or 0.0), tuple(written.get("weights") or ()))


def _span(policy: type[SelectionPolicy], value: Any) -> float:
    """A difference: of temperatures in kelvin."""
    dimension = "temperature_difference" if policy.dimension == "temperature" else policy.dimension
    return parse_quantity(value, dimension)


def _threshold_problems(policy: type[SelectionPolicy], written: Mapping[str, Any], models: int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    given: Sequence[Any] = written.get("thresholds") or ()
    if len(given) != models - 1:
        path = ("thresholds",) if given else ()
        yield path, f"{models} models need {models - 1} threshold{'s' if models > 2 else ''}, one between each and the next, not {len(given)}"
        return
    values: list[float] = []
    for position, raw in enumerate(given):
        try:
            value = parse_quantity(raw, policy.dimension)
        except UnitError as error:
            yield ("thresholds", position), str(error)
            continue
        least, most = _LEAST.get(policy.dimension, 0.0), _MOST.get(policy.dimension, float("inf"))
        if not least <= value <= most:
            bounds = f"from {least:g} to {most:g}" if most < float("inf") else f"at least {least:g}"
            yield ("thresholds", position), f"{format_quantity(value, policy.dimension)} is out of range; it is {bounds}"
        values.append(value)
    if len(values) == len(given):
        for position, (first, second) in enumerate(pairwise(values)):
            if (second >= first) if policy.descending else (second <= first):
                way = "descend" if policy.descending else "ascend"
                yield ("thresholds", position + 1), f"thresholds {way} from the favourite model on; {second:g} comes after {first:g}"


def _weight_problems(weights: Sequence[float], models: int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if len(weights) != models:
        yield ("weights",), f"{models} models need {models} weights, not {len(weights)}"
    elif not sum(weights) > 0:
        yield ("weights",), "at least one weight is more than 0"
