"""Prepare a scenario's models once, and run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_models.spec import DeviceSpec
from device_models.units import format_quantity
from sim.compiler.paging import paged_to_fit
from sim.compiler.program import Program, stored_bytes
from sim.errors import EdgesimError, Problem
from sim.experiment import (
    adaptive_programs,  # noqa: F401  (it registers which programs its stages need)
    generation,  # noqa: F401  (it registers the programs of stages that generate)
)
from sim.experiment.battery_check import check_battery, check_one_inference
from sim.experiment.compiled import Compiled
from sim.experiment.locate import collected, located
from sim.experiment.names import known_names
from sim.experiment.overload import overloads
from sim.experiment.programs import Programs, StageAt, stage_programs
from sim.experiment.result import Result
from sim.runtime.deployment import Deployment
from sim.runtime.engine import POWER_ROWS, Engine
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.model import Scenario

ScenarioSource = LoadedScenario | str | Path | Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """A scenario whose models are compiled for its device; it can be run any number of times.

    ``power_rows``: into how many parts of equal length the recorded power is averaged.
    """

    loaded: LoadedScenario
    programs: Mapping[str, Program]
    deployment: Deployment
    prepare_cpu_s: float = 0.0
    power_rows: int = POWER_ROWS

    def run(self, *, seed: int | None = None, reference: bool = False, progress: Callable[[float], None] | None = None) -> Result:
        """One run. ``seed`` None: the scenario's. ``progress`` is told the share of simulated time that has passed, 0..1.

        ``reference``: one event per operator; slow, the same result. Raises EdgesimError if the models do not fit the memory,
        or the battery ends before a single inference is done.
        """
        scenario = self.loaded.scenario
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        engine = self._engine(reference)
        try:
            trace = engine.run(seed, progress)
        except EdgesimError as error:
            raise EdgesimError(located(error.problems, self.loaded.places, ())) from None
        check_battery(self.loaded, trace)
        used = scenario.seed if seed is None else seed
        return Result(self.loaded, self.programs, trace, used, time.perf_counter() - wall_s, time.process_time() - cpu_s, self.prepare_cpu_s)

    def check(self) -> None:
        """Raise EdgesimError if the models do not fit the device's memory, or its battery cannot carry one inference."""
        self._engine(reference=False)
        check_one_inference(self.loaded, lambda scenario: self._engine(False, scenario).run())

    def warnings(self) -> list[Problem]:
        """What the scenario may not have meant: a queue that grows without end."""
        return overloads(self.loaded, self.deployment)

    def _engine(self, reference: bool, scenario: Scenario | None = None) -> Engine:
        """``scenario``: another than the loaded one, of the same models and stages."""
        loaded = self.loaded
        try:
            return Engine(
                scenario or loaded.scenario, loaded.device, self.deployment, directory=loaded.directory, reference=reference, power_rows=self.power_rows
            )
        except EdgesimError as error:  # the models do not fit the memory
            raise EdgesimError(located(error.problems, loaded.places, ("models",))) from None


def prepare(loaded: LoadedScenario, compiled: Compiled | None = None) -> Experiment:
    """Import, lower and compile each model that a stage runs, once. Raises EdgesimError for all models that cannot be read, run or stored.

    ``compiled``: what other scenarios of the same folder have compiled, which is used and added to.
    """
    cpu_s = time.process_time()
    scenario, asked = loaded.scenario, Programs(loaded, compiled)
    stages = {
        name: [
            stage_programs(stage, StageAt(name, position, stage_name), asked)
            for position, (stage, stage_name) in enumerate(zip(workload.pipeline, workload.stage_names(), strict=True))
        ]
        for name, workload in scenario.workloads.items()
    }
    programs: Mapping[str, Program] = asked.finish()
    problems: list[Problem] = []
    with collected(problems, loaded.places, ("models",)):
        _check_storage(loaded.device, programs)
    if problems:
        raise EdgesimError(problems)
    if scenario.memory.weights == "paged":
        memory = loaded.device.memory
        programs = paged_to_fit(programs, loaded.device, float(memory.capacity_bytes) - float(memory.reserved_bytes))
    mains = {name: [programs_of.main for programs_of in of_workload] for name, of_workload in stages.items()}
    others = {name: [programs_of.others for programs_of in of_workload] for name, of_workload in stages.items()}
    deployment = Deployment(tuple(programs.values()), mains, tuple(asked.loads.values()), tuple(programs), others)
    return Experiment(loaded, programs, deployment, time.process_time() - cpu_s)


def simulate(scenario: ScenarioSource, *, seed: int | None = None, reference: bool = False, progress: Callable[[float], None] | None = None) -> Result:
    """Run a scenario: a path, YAML text, a mapping, or one that is loaded already. See :meth:`Experiment.run`."""
    loaded = scenario if isinstance(scenario, LoadedScenario) else load_scenario(scenario, known=known_names())
    return prepare(loaded).run(seed=seed, reference=reference, progress=progress)


def _check_storage(device: DeviceSpec, programs: Mapping[str, Program]) -> None:
    needed, capacity = stored_bytes(programs.values()), float(device.storage.capacity_bytes)
    if needed > capacity:
        sizes = ", ".join(f"{name} {format_quantity(program.storage_bytes, 'bytes')}" for name, program in programs.items() if program.storage_bytes)
        what = f"the models take {format_quantity(needed, 'bytes')} of storage ({sizes}) but the device has {format_quantity(capacity, 'bytes')}"
        raise EdgesimError(f"{what}; take smaller models or fewer bits per weight (precision)")
