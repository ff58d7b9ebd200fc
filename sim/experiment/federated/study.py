"""A federated study from its file to what its clients did."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from device_models.figure import Figure
from device_models.radio import RadioSpec
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.experiment.federated.code_rates import code_rates
from sim.experiment.federated.draw_population import draw_population
from sim.experiment.federated.learning import learning_notes, learning_run
from sim.experiment.federated.training_table import training_table
from sim.experiment.federated.update_costs import UpdateCosts, update_costs
from sim.experiment.locate import collected
from sim.experiment.programs import Programs, model_graph
from sim.fleet.federated.attempt import Workforce
from sim.fleet.federated.plan import AssumedLosses, CodeRates, Plan, Progress, Watch
from sim.fleet.federated.pool import Pool
from sim.fleet.federated.population import ClientRadio, Group
from sim.fleet.federated.result import FederatedResult
from sim.fleet.federated.runs import run_rounds
from sim.fleet.federated.training_time import TrainingTable, TrainingTimes
from sim.graph.ir import Graph
from sim.policies.aggregation import AGGREGATION, AggregationRule
from sim.policies.client_selection import CLIENT_SELECTION
from sim.policies.tunables import Tunables
from sim.scenario.device_file import resolve_device
from sim.scenario.federated.model import Federated, FederatedStudy, NamedChoice
from sim.scenario.federated.population import SampleSpread
from sim.scenario.known import Known
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import DeviceChoice, Scenario
from sim.scenario.positions import Path
from sim.scenario.study import LoadedStudy
from sim.workload.streams import stream

_MODEL = "model"
Chosen = TypeVar("Chosen", bound=Tunables)


@dataclass(frozen=True)
class FederatedExperiment:
    """A study whose training is compiled and timed on every type of device; it can be run any number of times."""

    loaded: LoadedStudy
    groups: tuple[Group, ...]
    tables: tuple[TrainingTable, ...]
    batch: int
    costs: UpdateCosts
    server: CodeRates
    edge: CodeRates
    notes: tuple[str, ...]
    prepare_cpu_s: float

    def run(self, seed: int | None = None, progress: Progress | None = None, watch: Watch | None = None) -> FederatedResult:
        """One run. ``seed`` None: the study's. ``watch``: told what every client did, see :class:`sim.fleet.federated.plan.Plan`."""
        study = federated_of(self.loaded)
        seed = self.loaded.study.seed if seed is None else seed
        learning = learning_run(study, _tuned(AGGREGATION, study.aggregation), self.batch, seed)
        begun_s = time.process_time()
        population = draw_population(study, self.groups, self.batch, seed)
        if learning is not None:
            learning.give_images(population)
        counts = tuple(np.bincount(population.kind, minlength=len(self.groups)).tolist())
        workforce = Workforce(population, TrainingTimes(self.tables), stream(seed, "failures"))
        wire = self.costs.wire
        selection = _tuned(CLIENT_SELECTION, study.selection)
        selection.start(population.count, stream(seed, "selection/policy"))
        losses = AssumedLosses(float(study.losses.spread), float(study.losses.decline))
        costs = self.costs
        plan = Plan(wire, costs.backbone, selection, self.server, costs.server_work, losses, stream(seed, "losses"), costs.threshold)
        plan.watch, plan.progress = watch, progress
        if learning is not None:
            plan.watch, plan.selection = learning.watching(watch), learning.selecting(selection)
        pool = Pool(workforce, wire, stream(seed, "selection"))
        ledger, end_s = run_rounds(study.rounds, workforce, pool, plan, self.edge)
        cpu_s = time.process_time() - begun_s
        curve = None if learning is None else learning.curve(ledger, progress)
        if progress is not None:
            progress(1.0)
        return FederatedResult(
            loaded=self.loaded,
            groups=self.groups,
            counts=counts,
            ledger=ledger,
            seed=seed,
            end_s=end_s,
            elements=self.costs.elements,
            download_bytes=wire.download_bytes,
            upload_bytes=wire.upload_bytes,
            notes=self.notes,
            cpu_s=cpu_s,
            prepare_cpu_s=self.prepare_cpu_s,
            learning=curve,
        )


def federated_of(loaded: LoadedStudy) -> Federated:
    """The study's own part."""
    assert isinstance(loaded.study, FederatedStudy)
    return loaded.study.federated


def prepare_federated(loaded: LoadedStudy) -> FederatedExperiment:
    """Compile the training step for every type of device, and time it there. Raises EdgesimError for all that cannot be trained or does not fit."""
    cpu_s, study, problems = time.process_time(), federated_of(loaded), list[Problem]()
    devices = {name: _device(loaded, ("federated", "population", "devices", name), entry.device) for name, entry in study.population.devices.items()}
    with collected(problems, loaded.places, ("federated", "model")):
        graph = model_graph(_scenario(loaded, next(iter(devices.values()))), study.model, study.model.source or _MODEL)
    if problems:
        raise EdgesimError(problems)
    batch, elements = _batch(study, graph), int(graph.notes["training"]["trained"])
    steps = _most_steps(study, batch)
    tables = _tables(loaded, devices, steps)
    rule = _rule(loaded)
    costs = update_costs(study, rule, elements)
    groups = tuple(_group(study, name, device, costs) for name, device in devices.items())
    edges = getattr(study.rounds, "edges", None)
    return FederatedExperiment(
        loaded,
        groups,
        tables,
        batch,
        costs,
        _rates(loaded, ("federated", "server"), study.server.device),
        _rates(loaded, ("federated", "rounds", "edges"), None if edges is None else edges.device),
        _notes(study, steps, tables, tuple(devices), costs),
        time.process_time() - cpu_s,
    )


def _rule(loaded: LoadedStudy) -> AggregationRule:
    """Raises EdgesimError for a rule that needs single answers where there are only sums."""
    study, problems = federated_of(loaded), list[Problem]()
    rule = _tuned(AGGREGATION, study.aggregation)
    with collected(problems, loaded.places, ("federated",)):
        if study.secure_aggregation is not None and not rule.sums:
            name = study.aggregation if isinstance(study.aggregation, str) else study.aggregation.name
            what = f"{name} looks at single answers, of which secure_aggregation shows the sum alone; take fedavg, or leave one of the two out"
            raise EdgesimError(Problem(path="aggregation", what=what))
    if problems:
        raise EdgesimError(problems)
    return rule


def _tables(loaded: LoadedStudy, devices: dict[str, DeviceSpec], steps: float) -> tuple[TrainingTable, ...]:
    """One for each group; groups of one device at one ambient temperature share the work. Raises EdgesimError for all that cannot train."""
    study, problems = federated_of(loaded), list[Problem]()
    timed, tables = dict[tuple[str, float | None], TrainingTable](), list[TrainingTable]()
    for name, device in devices.items():
        ambient = study.population.devices[name].ambient_c
        key = (device.model_dump_json(), None if ambient is None else float(ambient))
        with collected(problems, loaded.places, ("federated", "population", "devices", name)):
            if key not in timed:
                program = Programs(_scenario(loaded, device)).compiled(study.model, study.model.source or _MODEL)
                timed[key] = training_table(program, device, steps, key[1])
            tables.append(timed[key])
    if problems:
        raise EdgesimError(problems)
    return tuple(tables)


def _device(loaded: LoadedStudy, place: Path, choice: DeviceChoice) -> DeviceSpec:
    device, problems = resolve_device(choice, loaded.places.part((*place, "device"), ("device",)), loaded.directory, Known())
    if device is None or problems:
        raise EdgesimError(problems)
    return device


def _scenario(loaded: LoadedStudy, device: DeviceSpec) -> LoadedScenario:
    study = federated_of(loaded)
    scenario = Scenario.model_construct(name=_MODEL, device=device.name, models={_MODEL: study.model}, workloads={}, duration_s=Figure(1.0))
    return LoadedScenario(scenario, device, loaded.directory, loaded.file, loaded.places)


def _batch(study: Federated, graph: Graph) -> int:
    """Samples of a step: as the scenario says, else the first extent of the model's first input."""
    training = study.model.training
    if training is not None and training.batch is not None:
        return int(training.batch)
    shape = graph.tensors[graph.inputs[0]].shape if graph.inputs else ()
    return int(shape[0]) if shape else 1


def _most_steps(study: Federated, batch: int) -> float:
    """Of a client in one round: the tables go so far. Of scattered samples three standard deviations."""
    if study.local.steps is not None:
        return float(study.local.steps)
    samples = study.population.samples
    if isinstance(samples, SampleSpread):
        most = float(samples.median) * np.exp(3 * float(samples.sigma))
        most = most if samples.most is None else min(most, float(samples.most))
    else:
        most = float(samples)
    return float(np.ceil(most / batch) * study.local.epochs)


def _tuned(table: Mapping[str, type[Chosen]], choice: str | NamedChoice) -> Chosen:
    named = NamedChoice(name=choice) if isinstance(choice, str) else choice
    return table[named.name].tuned(named.tunables)


def _group(study: Federated, name: str, device: DeviceSpec, costs: UpdateCosts) -> Group:
    entry = study.population.devices[name]
    choice = entry.radio or study.population.radio
    rates, battery = code_rates(device) if costs.needs_code else CodeRates(), device.battery
    held_j = np.inf if battery is None else float(battery.capacity_c) * float(battery.nominal_v)
    return Group(
        name,
        device.name,
        ClientRadio.of(None if choice is None else RadioSpec.model_validate(choice)),
        held_j,
        rates.seconds(costs.client_work),
        rates.joules(costs.client_work),
        rates.seconds(costs.step_work),
        rates.joules(costs.step_work),
    )


def _rates(loaded: LoadedStudy, place: Path, choice: DeviceChoice | None) -> CodeRates:
    return CodeRates() if choice is None else code_rates(_device(loaded, place, choice), all_cores=True)


def _notes(study: Federated, steps: float, tables: tuple[TrainingTable, ...], names: tuple[str, ...], costs: UpdateCosts) -> tuple[str, ...]:
    notes = [*costs.notes, *learning_notes(study, costs.elements)]
    for name, table in zip(names, tables, strict=True):
        if table.simulated_steps < steps:
            notes.append(f"{name}: training was simulated for {table.seconds[-1] / 60:.0f} min; longer ones go on at the last rate")
    return tuple(notes)
