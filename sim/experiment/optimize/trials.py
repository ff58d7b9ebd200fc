"""Scenarios with changes, each loaded, compiled and run; what they have in common is done once."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.experiment.compiled import Compiled
from sim.experiment.optimize.changes import Change, changed
from sim.experiment.optimize.search import M, Ran
from sim.experiment.result import Result
from sim.experiment.simulate import Experiment, prepare
from sim.scenario.known import Known
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.trace import Trace

_MOST_TRACES = 16  # a long run's takes tens of megabytes
# what of a model the run itself looks at; all else of it is in its program
_AT_RUN_TIME = ("load", "serving", "exits", "last", "part", "training")
_NOT_AT_RUN_TIME = {"name", "description", "device", "models", "runtime", "budgets", "optimize"}


@dataclass
class Trials(Generic[M]):
    """``data``: the scenario as plain data; ``measure``: what a run is judged by.

    Programs of models that are lowered in the same way, and runs of the same programs, are shared among trials: a run depends on nothing else.
    """

    data: Mapping[str, Any]
    directory: Path
    known: Known
    measure: Callable[[Result], M]
    compiled: Compiled = field(default_factory=Compiled)
    traces: dict[str, Trace] = field(default_factory=dict)

    def run(self, changes: Sequence[Change]) -> Ran[M]:
        """A run of the changed scenario, or the mistakes for which there is none."""
        try:
            return Ran(self.measure(self.result(changes)))
        except EdgesimError as error:
            return Ran(None, error.problems)

    def loaded(self, changes: Sequence[Change]) -> LoadedScenario:
        """The changed scenario. Raises EdgesimError."""
        return load_scenario(changed(self.data, changes), known=self.known, directory=self.directory)

    def result(self, changes: Sequence[Change]) -> Result:
        """What ``edgesim run`` would give. Raises EdgesimError as it would."""
        loaded = self.loaded(changes)
        experiment = prepare(loaded, self.compiled)
        key = _run_key(experiment, loaded.device.model_dump_json())
        if key not in self.traces:
            while len(self.traces) >= _MOST_TRACES:
                del self.traces[next(iter(self.traces))]
            self.traces[key] = experiment.run().trace
        return Result(loaded, experiment.programs, self.traces[key], loaded.scenario.seed, 0.0, 0.0)


def _run_key(experiment: Experiment, device: str) -> str:
    """Equal for experiments whose runs are the same."""
    scenario, deployment = experiment.loaded.scenario, experiment.deployment
    rest = scenario.model_dump(mode="json", exclude=_NOT_AT_RUN_TIME)
    models = {name: use.model_dump(mode="json", include=set(_AT_RUN_TIME)) for name, use in scenario.models.items()}
    same = [next(index for index, other in enumerate(deployment.programs) if other is program) for program in deployment.programs]
    stages = [deployment.stages, deployment.others, deployment.at_start, deployment.names, same]
    text = json.dumps([rest, models, device, repr(stages)])
    found = hashlib.sha256(text.encode())
    for program in deployment.programs:
        found.update(_fingerprint(program))
    return found.hexdigest()


def _fingerprint(program: Program) -> bytes:
    """Of everything in a program that a run can look at, costs of every kernel included; why it is so, and its graph's operators, left out."""
    segments = [(one.index, one.unit, one.first, one.stop, one.after, one.costs, one.entry_s, one.entry_bytes, one.cores, one.macs) for one in program.segments]
    own = (program.name, program.model, program.runtime, program.precision, program.weights_bytes, program.state_bytes, program.storage_bytes)
    taken = (program.load_s, program.first_inference_s, program.macs, program.parameters, program.working_bytes, program.weights_in_place)
    paged = (program.page_buffer_bytes, program.page_read_s)
    notes = None if program.graph is None else repr(sorted((key, value) for key, value in program.graph.notes.items() if key not in _NOTES_OF_REPORTS))
    return hashlib.sha256(pickle.dumps((segments, program.kernels.work, program.plan, own, taken, paged, notes))).digest()


_NOTES_OF_REPORTS = ("measured_accuracy", "accuracy", "accuracy_uncompressed", "compression")
