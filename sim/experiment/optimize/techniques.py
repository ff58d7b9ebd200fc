"""Techniques as steps: each a choice between leaving a model as it is and a few changed forms of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.experiment.optimize.changes import Append, Change, Put, SetPath
from sim.registry import Registry


@dataclass(frozen=True)
class Alternative:
    """One form: what it is called, and how the scenario changes."""

    label: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Step:
    """One technique for one model (None: for the scenario). Of its alternatives at most one is taken."""

    kind: str
    model: str | None
    alternatives: tuple[Alternative, ...]


Choice = tuple[int, ...]  # for each step 0 (left out) or the number of an alternative, from 1
Maker = Callable[[str, Any], Alternative]

MODEL_TECHNIQUES: Registry[Maker] = Registry("technique")  # (model, value as written) -> Alternative


def steps_of(techniques: Sequence[Mapping[str, Any]], models: Sequence[str]) -> tuple[Step, ...]:
    """The steps of techniques as they are written in a scenario (checked before), in order; one for each of the ``models`` it is for."""
    return tuple(step for technique in techniques for step in _steps(technique, models))


def changes_of(steps: Sequence[Step], choice: Choice) -> tuple[Change, ...]:
    """Everything a choice changes, in the order of the steps."""
    return tuple(change for alternative in alternatives_of(steps, choice) for change in alternative.changes)


def alternatives_of(steps: Sequence[Step], choice: Choice) -> list[Alternative]:
    """What was chosen, in the order of the steps."""
    return [step.alternatives[number - 1] for step, number in zip(steps, choice, strict=True) if number]


def with_choice(choice: Choice, position: int, number: int) -> Choice:
    """Another alternative at one step."""
    return (*choice[:position], number, *choice[position + 1 :])


def size_of(choice: Choice) -> int:
    """How many steps are taken."""
    return sum(number > 0 for number in choice)


def _steps(technique: Mapping[str, Any], models: Sequence[str]) -> Iterator[Step]:
    kind = next(key for key, value in technique.items() if key != "models" and value is not None)
    values = technique[kind] if isinstance(technique[kind], list | tuple) else [technique[kind]]
    if kind == "set":
        yield Step(kind, None, tuple(_set(value) for value in values))
        return
    for model in models:
        if model in (technique.get("models") or models):
            yield Step(kind, model, tuple(MODEL_TECHNIQUES[kind](model, value) for value in values))


def _set(value: Mapping[str, Any]) -> Alternative:
    changes = tuple(SetPath(path, new) for path, new in value.items())
    return Alternative("set " + ", ".join(f"{path}={flow(new)}" for path, new in value.items()), changes)


@MODEL_TECHNIQUES.register("precision")
def _precision(model: str, value: str) -> Alternative:
    return Alternative(f"precision {value}", (Put(("models", model, "precision"), value),))


@MODEL_TECHNIQUES.register("compress")
def _compress(model: str, value: Mapping[str, Any]) -> Alternative:
    ((technique, options),) = value.items()
    shown = ", ".join(flow(option) if key in ("to", "structured", "ratio", "sparsity") else f"{key} {flow(option)}" for key, option in (options or {}).items())
    return Alternative(f"{technique} {shown}".rstrip(), (Append(("models", model, "compress"), value),))


@MODEL_TECHNIQUES.register("runtime")
def _runtime(model: str, value: str) -> Alternative:
    return Alternative(f"runtime {value}", (Put(("models", model, "runtime"), value),))


@MODEL_TECHNIQUES.register("placement")
def _placement(model: str, value: Mapping[str, Any]) -> Alternative:
    parts = [str(value["policy"])] if value.get("policy", "prefer") != "prefer" else []
    parts += [", ".join(map(str, value["prefer"]))] if value.get("prefer") else []
    parts += [f"{pattern} on {unit}" for pattern, unit in (value.get("fixed") or {}).items()]
    return Alternative(f"placement {'; '.join(parts) or 'of the runtime'}", (Put(("models", model, "placement"), value),))


@MODEL_TECHNIQUES.register("threads")
def _threads(model: str, value: int) -> Alternative:
    return Alternative(f"{value} thread{'s' if value != 1 else ''}", (Put(("models", model, "threads"), value),))


@MODEL_TECHNIQUES.register("load")
def _load(model: str, value: str) -> Alternative:
    return Alternative(f"load {value}", (Put(("models", model, "load"), value),))


def flow(value: Any) -> str:
    """A value as YAML would have it on a line, strings bare."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
