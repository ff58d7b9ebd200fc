"""A run as rules look at it: its result and metrics, and what several rules work out from its spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sim.compiler.program import Program
from sim.compiler.runtimes import Runtime, runtime, runtime_names
from sim.compiler.support import targets_of
from sim.report.budgets import Verdict
from sim.report.findings.finding import WhatIf
from sim.report.metrics import Metrics
from sim.report.run_result import RunResult
from sim.scenario.model import ModelUse
from sim.scenario.stages import CodeStage, GenerateStage, ModelStage, SelectStage

UNIT_KINDS = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "dsp": "DSP", "mcu": "microcontroller", "tiny_npu": "NPU", "neuromorphic": "neuromorphic chip"}


@dataclass(frozen=True)
class StageTime:
    """A stage of a workload: seconds on its unit of an average answered request, and that of all the request's stages together."""

    workload: str
    position: int
    name: str
    stage: Any
    seconds: float
    request_s: float

    @property
    def share(self) -> float:
        return self.seconds / self.request_s if self.request_s > 0 else 0.0

    @property
    def path(self) -> str:
        """Of the stage in the scenario."""
        return f"workloads.{self.workload}.pipeline.{self.position}"


@dataclass(frozen=True)
class Examined:
    """One run of a scenario. Rules change nothing in it."""

    result: RunResult
    metrics: Metrics
    verdicts: tuple[Verdict, ...]

    @cached_property
    def stage_times(self) -> tuple[StageTime, ...]:
        """Of every stage that ran, from the spans; none where the run kept no spans."""
        trace = self.result.trace
        spans = trace.spans.columns()
        if not len(spans["unit"]):
            return ()
        seconds = np.bincount(spans["stage"], weights=spans["end_s"] - spans["start_s"], minlength=len(trace.stages))
        found: list[StageTime] = []
        at = 0
        for name, workload in self.result.scenario.workloads.items():
            names = workload.stage_names()
            answered = max(int(np.sum(trace.requests["workload"] == trace.workloads.index(name))), 1)
            own = seconds[at : at + len(names)] / answered
            rows = zip(range(len(names)), names, workload.pipeline, own.tolist(), strict=True)
            found += [StageTime(name, position, stage_name, stage, taken, float(own.sum())) for position, stage_name, stage, taken in rows]
            at += len(names)
        return tuple(found)

    def share_of_requests(self, model: str) -> float:
        """The largest share of a request's time that a model takes, of all workloads; 1 where the run kept no spans."""
        if not self.stage_times:
            return 1.0
        return max((one.share for one in self.stage_times if model in _models_of(one.stage)), default=0.0)

    def code_stages(self) -> Iterator[StageTime]:
        """Stages of user code that ran."""
        return (one for one in self.stage_times if isinstance(one.stage, CodeStage))

    def models(self) -> Iterator[tuple[str, ModelUse, Program]]:
        """Models of the scenario that were compiled whole, with their programs."""
        for name, use in self.result.scenario.models.items():
            if name in self.result.programs:
                yield name, use, self.result.programs[name]

    def offered(self, program: Program) -> tuple[str, ...]:
        """Number formats that the program's runtime makes, beside the one it has."""
        engine = _engine(program.runtime)
        return () if engine is None else tuple(name for name in engine.precisions if name != program.precision)

    def reachable(self, engine: str) -> tuple[str, ...]:
        """Units of the device that a runtime runs on."""
        found = _engine(engine)
        return () if found is None else tuple(targets_of(self.result.device, found))

    def moved(self, model: str, kind: str, prefer: Sequence[str], *more: tuple[str, str]) -> WhatIf:
        """A model on a kind of unit; ``more``: what else is changed for it, such as its runtime."""
        units = frozenset(name for name, other in self.unit_kinds.items() if other == kind)
        changes = (*more, (f"models.{model}.placement.prefer", list(dict.fromkeys(prefer))))
        under = f" under {more[0][1]}" if more else ""
        return WhatIf(f"{model} on the {kind.upper()}{under}", changes, (model, units))

    @cached_property
    def unit_kinds(self) -> Mapping[str, str]:
        """Kind of each unit of the device."""
        return {name: unit.kind for name, unit in self.result.device.units.items()}

    def kind_title(self, unit: str) -> str:
        """``the NPU``, ``the CPU cluster cpu_gold``: how sentences call a unit."""
        kind = self.unit_kinds.get(unit, "")
        same = [name for name, other in self.unit_kinds.items() if other == kind]
        title = UNIT_KINDS.get(kind, unit)
        return f"the {title}" if len(same) == 1 else f"{unit}"


def _models_of(stage: object) -> tuple[str, ...]:
    """Models that a stage may run."""
    if isinstance(stage, ModelStage):
        return (stage.model,)
    if isinstance(stage, GenerateStage):
        return (stage.generate,)
    return stage.select.among if isinstance(stage, SelectStage) else ()


def _engine(name: str) -> Runtime | None:
    """None for programs that no runtime made."""
    return runtime(name) if name in runtime_names() else None
