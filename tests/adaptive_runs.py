"""Runs of hand-made programs under scenarios with cascades, early exits, models chosen at run time and caches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.runtime.deployment import Deployment, part_roles
from sim.runtime.engine import Engine
from sim.runtime.selection import role_of
from sim.scenario.adaptive import exit_names
from sim.scenario.model import Scenario
from sim.scenario.stages import ModelStage, SelectStage
from sim.trace import Decider, Trace


def scenario(models: Mapping[str, Mapping[str, Any]], workloads: Mapping[str, Mapping[str, Any]], duration_s: float, **more: Any) -> Scenario:
    """``models``: what they have beside their source, such as exits."""
    named = {name: {"source": name, **use} for name, use in models.items()}
    data = {"name": "adaptive", "device": "synthetic", "models": named, "workloads": workloads, "duration": f"{duration_s} s"}
    return Scenario.model_validate(data | more)


def engine(given: Scenario, on: DeviceSpec, programs: Sequence[Program], reference: bool = False, directory: Path = Path()) -> Engine:
    """``programs``: of models by their name; a network with exits has one named ``model@exit`` for each of its parts."""
    position = {program.name: index for index, program in enumerate(programs)}

    def parts(model: str) -> list[int]:
        exits = given.models[model].exits
        return [position[f"{model}@{name}"] for name in exit_names(exits)] if exits else [position[model]]

    mains: dict[str, list[int | None]] = {}
    others: dict[str, list[dict[str, int]]] = {}
    for name, workload in given.workloads.items():
        mains[name], others[name] = [], []
        for stage in workload.pipeline:
            main: int | None = None
            roles: dict[str, int] = {}
            if isinstance(stage, ModelStage):
                main, *later = parts(stage.model)
                roles = part_roles(later)
            if isinstance(stage, SelectStage):
                for index, model in enumerate(stage.select.among):
                    first, *later = parts(model)
                    roles |= {role_of(index): first} | part_roles(later, role_of(index))
            mains[name].append(main)
            others[name].append(roles)
    return Engine(given, on, Deployment(tuple(programs), mains, (True,) * len(programs), (), others), reference=reference, directory=directory)


def decider(trace: Trace, stage: str, kind: str) -> Decider:
    """The record of a stage's decisions."""
    return next(one for one in trace.deciders if one.kind == kind and trace.stages[one.stage] == stage)


def choices(trace: Trace, stage: str) -> np.ndarray:
    """Position of the outcome of a stage among those it may have, for each request number; -1 where it decided nothing."""
    found = np.full(int(trace.requests["request"].max()) + 1, -1)
    index = trace.stages.index(stage)
    names = next(one.outcomes for one in trace.deciders if one.stage == index)
    mine = trace.choices["stage"] == index
    found[trace.choices["request"][mine]] = [names.index(trace.outcomes[outcome]) for outcome in trace.choices["outcome"][mine]]
    return found


def latencies_s(trace: Trace) -> np.ndarray:
    """By request number."""
    order = np.argsort(trace.requests["request"])
    return (trace.requests["end_s"] - trace.requests["arrival_s"])[order]
