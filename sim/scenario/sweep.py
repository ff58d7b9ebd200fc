"""What ``edgesim sweep`` varies, as a scenario writes it.

``sweep: {device.units.npu.frequency: [600 MHz, 1 GHz], models.detector.precision: [float16, int8], seed: range(5)}``: every key is the dotted path of an
axis but those of :data:`SETTINGS`. A run of the scenario does not look at this section.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from sim.scenario.constraint import Constraint, parsed_constraint
from sim.scenario.part import Part, SmallCount, Whole
from sim.scenario.sweep_axis import SweepAxis, parsed_sweep_axis

MOST_REPLICATIONS = 10_000


class SampleUse(Part):
    """Points drawn from the axes instead of all combinations. Ranges are then continuous unless they name a step or count."""

    kind: Literal["random", "latin_hypercube", "sobol"] = Field(description="sobol and latin_hypercube need SciPy (extra `statistics`)")
    points: SmallCount = Field(le=10_000_000, description="how many; of those that a constraint rules out none are drawn anew")
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="of the draws; the scenario's own seed is not touched")


class SweepSettings(Part):
    """The keys of ``sweep`` that are no axes."""

    zip: tuple[tuple[str, ...], ...] = Field(default=(), description="axes that move together: [[PATH, PATH], ...]")
    where: tuple[str, ...] = Field(default=(), description="combinations that are wanted: ['units.npu.frequency >= 800 MHz or precision == \"int8\"']")
    sample: SampleUse | None = Field(default=None, description="{kind: latin_hypercube, points: 100, seed: 0} instead of all combinations")
    replications: SmallCount = Field(default=1, le=MOST_REPLICATIONS, description="runs of each combination, with seeds from the scenario's own on")


SETTINGS = tuple(SweepSettings.model_fields)
Wrong = tuple[tuple[str | int, ...], str]  # a path below ``sweep``, and what is wrong there


@dataclass(frozen=True)
class Sweep:
    """``groups``: positions of the axes that move together; every axis is in one group, groups stand in the order of their first axis."""

    axes: tuple[SweepAxis, ...]
    groups: tuple[tuple[int, ...], ...]
    where: tuple[Constraint, ...] = ()
    sample: SampleUse | None = None
    replications: int = 1


def read_sweep(raw: Any) -> tuple[Sweep | None, list[Wrong]]:
    """The section as plain data -> the sweep, or everything that is wrong with it."""
    if not isinstance(raw, Mapping):
        return None, [((), f"expected axes, such as {{device.units.npu.frequency: [600 MHz, 1 GHz]}}; got {type(raw).__name__}")]
    wrong: list[Wrong] = []
    settings = _settings({key: value for key, value in raw.items() if key in SETTINGS}, wrong)
    axes = []
    for path, values in raw.items():
        if path in SETTINGS:
            continue
        try:
            axes.append(parsed_sweep_axis(str(path), values, settings.sample is not None))
        except ValueError as error:
            wrong.append(((path,), str(error)))
    names = [axis.path for axis in axes]
    if not names and not wrong:
        wrong.append(((), "no axis: give at least one, such as device.memory.bandwidth: [20 GB/s, 40 GB/s]"))
    if settings.replications > 1 and "seed" in names:
        wrong.append((("replications",), "replications change the seed, which is an axis already; leave one of them out"))
    groups = _groups(axes, settings.zip, wrong)
    where = [_constraint(text, index, names, wrong) for index, text in enumerate(settings.where)]
    if wrong:
        return None, wrong
    return Sweep(tuple(axes), groups, tuple(one for one in where if one is not None), settings.sample, settings.replications), []


def _settings(raw: Mapping[str, Any], wrong: list[Wrong]) -> SweepSettings:
    try:
        return SweepSettings.model_validate(raw)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        wrong += [(tuple(one["loc"]), _words(one)) for one in errors]
        unreadable = {one["loc"][0] for one in errors}
        return SweepSettings.model_validate({key: value for key, value in raw.items() if key not in unreadable})


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; a sample has kind, points and seed"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "should be").replace("Field required", "missing")


def _groups(axes: list[SweepAxis], zipped: tuple[tuple[str, ...], ...], wrong: list[Wrong]) -> tuple[tuple[int, ...], ...]:
    names = [axis.path for axis in axes]
    seen: set[str] = set()
    found: dict[int, tuple[int, ...]] = {}
    for index, group in enumerate(zipped):
        unknown = [name for name in group if name not in names]
        twice = [name for name in group if name in seen or group.count(name) > 1]
        seen |= set(group)
        if unknown or twice or len(group) < 2:
            wrong.append((("zip", index), _no_group(unknown, twice, names)))
            continue
        members = [axes[names.index(name)] for name in group]
        if any(axis.values is None for axis in members):
            wrong.append((("zip", index), "axes that are drawn from a range cannot be zipped; give them values"))
        elif len({len(axis.values or ()) for axis in members}) > 1:
            counts = ", ".join(f"{axis.path} has {len(axis.values or ())}" for axis in members)
            wrong.append((("zip", index), f"zipped axes have equally many values; {counts}"))
        positions = tuple(sorted(names.index(name) for name in group))
        found[positions[0]] = positions
    together = {position for group in found.values() for position in group}
    return tuple(found.get(position, (position,)) for position in range(len(axes)) if position in found or position not in together)


def _no_group(unknown: list[str], twice: list[str], names: list[str]) -> str:
    if unknown:
        return f"{unknown[0]!r} is no axis of this sweep; axes: {', '.join(names) or 'none'}"
    return f"{twice[0]!r} is zipped twice" if twice else "two axes or more move together"


def _constraint(text: str, index: int, names: list[str], wrong: list[Wrong]) -> Constraint | None:
    try:
        return parsed_constraint(text, names)
    except ValueError as error:
        wrong.append((("where", index), str(error)))
        return None
