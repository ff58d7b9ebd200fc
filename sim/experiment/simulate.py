"""Prepare a scenario's models once, and run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_models.spec import DeviceSpec
from device_models.units import format_quantity
from sim.compiler import compile_code, compile_model
from sim.compiler.paging import paged_to_fit
from sim.compiler.program import Program, stored_bytes
from sim.errors import EdgesimError, Problem
from sim.experiment.accuracy.of_model import with_accuracy
from sim.experiment.battery_check import check_battery, check_one_inference
from sim.experiment.compression import compressed_model
from sim.experiment.locate import collected, located
from sim.experiment.names import known_names
from sim.experiment.result import Result
from sim.experiment.training import trained_model, training_input, training_placement, training_shapes
from sim.frontends.load import load_model
from sim.runtime.engine import POWER_ROWS, Deployment, Engine
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.model import CodeStage, ModelStage, ModelUse, RadioStage, Scenario

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
        trace = self._engine(reference).run(seed, progress)
        check_battery(self.loaded, trace)
        used = scenario.seed if seed is None else seed
        return Result(self.loaded, self.programs, trace, used, time.perf_counter() - wall_s, time.process_time() - cpu_s, self.prepare_cpu_s)

    def check(self) -> None:
        """Raise EdgesimError if the models do not fit the device's memory, or its battery cannot carry one inference."""
        self._engine(reference=False)
        check_one_inference(self.loaded, lambda scenario: self._engine(False, scenario).run())

    def _engine(self, reference: bool, scenario: Scenario | None = None) -> Engine:
        """``scenario``: another than the loaded one, of the same models and stages."""
        loaded = self.loaded
        try:
            return Engine(
                scenario or loaded.scenario, loaded.device, self.deployment, directory=loaded.directory, reference=reference, power_rows=self.power_rows
            )
        except EdgesimError as error:  # the models do not fit the memory
            raise EdgesimError(located(error.problems, loaded.places, ("models",))) from None


def prepare(loaded: LoadedScenario) -> Experiment:
    """Import, lower and compile each model that a stage runs, once. Raises EdgesimError for all models that cannot be read, run or stored."""
    cpu_s = time.process_time()
    scenario = loaded.scenario
    programs: dict[str, Program] = {}
    compiled: dict[str, Program] = {}
    loads: dict[str, bool | None] = {}
    stages: dict[str, list[int | None]] = {}
    problems: list[Problem] = []
    for workload_name, workload in scenario.workloads.items():
        names: list[str | None] = []
        for position, (stage, stage_name) in enumerate(zip(workload.pipeline, workload.stage_names(), strict=True)):
            if isinstance(stage, RadioStage):
                names.append(None)
                continue
            name = stage.model if isinstance(stage, ModelStage) else f"{workload_name}/{stage_name}"
            names.append(name)
            if name in loads:
                continue
            loads[name] = scenario.models[name].load == "at_start" if isinstance(stage, ModelStage) else None
            place = ("models", name) if isinstance(stage, ModelStage) else ("workloads", workload_name, "pipeline", position)
            with collected(problems, loaded.places, place):
                programs[name] = _model(loaded, name, compiled) if isinstance(stage, ModelStage) else _code(loaded, stage, name)
        stages[workload_name] = [None if name is None else list(loads).index(name) for name in names]
    if not problems:
        with collected(problems, loaded.places, ("models",)):
            _check_storage(loaded.device, programs)
    if problems:
        raise EdgesimError(problems)
    if scenario.memory.weights == "paged":
        memory = loaded.device.memory
        programs = paged_to_fit(programs, loaded.device, float(memory.capacity_bytes) - float(memory.reserved_bytes))
    deployment = Deployment(tuple(programs.values()), stages, tuple(loads.values()), tuple(programs))
    return Experiment(loaded, programs, deployment, time.process_time() - cpu_s)


def simulate(scenario: ScenarioSource, *, seed: int | None = None, reference: bool = False, progress: Callable[[float], None] | None = None) -> Result:
    """Run a scenario: a path, YAML text, a mapping, or one that is loaded already. See :meth:`Experiment.run`."""
    loaded = scenario if isinstance(scenario, LoadedScenario) else load_scenario(scenario, known=known_names())
    return prepare(loaded).run(seed=seed, reference=reference, progress=progress)


def _model(loaded: LoadedScenario, name: str, compiled: dict[str, Program]) -> Program:
    """The program of a model; two models of a scenario that differ only in name or loading share the work."""
    use = loaded.scenario.models[name]
    key = use.model_copy(update={"load": "at_start"}).model_dump_json()
    if key not in compiled:
        compiled[key] = _compiled(loaded, use, name)
    return compiled[key]


def _compiled(loaded: LoadedScenario, use: ModelUse, name: str) -> Program:
    graph = load_model(
        use.source,
        directory=loaded.directory,
        layers=use.layers,
        input=training_input(use),
        options=use.options,
        shapes=training_shapes(use),
        unknown_operators=use.unknown_operators,
        name=name,
    )
    runtime = use.runtime or loaded.scenario.runtime
    graph = compressed_model(graph, use, loaded.device, loaded.directory, loaded.scenario.runtime)
    graph = with_accuracy(graph, use, loaded.directory)
    graph, placement = trained_model(graph, use), training_placement(use, loaded.device)
    return compile_model(graph, loaded.device, runtime=runtime, precision=use.precision, placement=placement, threads=use.threads, name=name)


def _check_storage(device: DeviceSpec, programs: Mapping[str, Program]) -> None:
    needed, capacity = stored_bytes(programs.values()), float(device.storage.capacity_bytes)
    if needed > capacity:
        sizes = ", ".join(f"{name} {format_quantity(program.storage_bytes, 'bytes')}" for name, program in programs.items() if program.storage_bytes)
        what = f"the models take {format_quantity(needed, 'bytes')} of storage ({sizes}) but the device has {format_quantity(capacity, 'bytes')}"
        raise EdgesimError(f"{what}; take smaller models or fewer bits per weight (precision)")


def _code(loaded: LoadedScenario, stage: CodeStage, name: str) -> Program:
    return compile_code(stage.work, stage.unit, loaded.device, name)
