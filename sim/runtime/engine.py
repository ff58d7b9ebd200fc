"""One scenario on one device: builds the simulated device, runs it, and returns the trace."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from device_models.spec import DeviceSpec
from sim.runtime import result_cache, selection  # noqa: F401  (they register how their stages are run)
from sim.runtime.battery import BatteryEnded, RunningBattery
from sim.runtime.board import Board, ThermalRunaway
from sim.runtime.climate import cooled
from sim.runtime.clock import OBSERVERS, Clock
from sim.runtime.deployment import Deployment
from sim.runtime.generation import plan as _generation  # noqa: F401  (it registers how stages that generate are run)
from sim.runtime.memory import Instance, Residency
from sim.runtime.plans import Planner
from sim.runtime.queries import QueriesComplete
from sim.runtime.recorder import Recorder
from sim.runtime.source import Source
from sim.runtime.totals import totals
from sim.scenario.loadgen import Server
from sim.scenario.model import Scenario
from sim.streaming.query_log import QueryLog
from sim.streaming.request_summary import RequestSummary
from sim.trace import Status, Trace

Progress = Callable[[float], None]
POWER_ROWS = 500  # rows of each power counter: its mean over such a part of the run
_PROGRESS_STEPS = 200


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Without the cyclic garbage collector: a run makes many small objects and no cycles, so searching them is a tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Engine:
    """A run. ``reference`` uses one event per operator instead of one per segment: same result, to judge by.

    ``power_rows``: into how many parts of equal length the recorded power is averaged. ``clock``: one that others run on as well; who
    gives it calls :meth:`begin` and :meth:`finish` instead of :meth:`run`, and runs it.
    """

    def __init__(
        self,
        scenario: Scenario,
        device: DeviceSpec,
        deployment: Deployment,
        *,
        directory: Path = Path(),
        reference: bool = False,
        power_rows: int = POWER_ROWS,
        clock: Clock | None = None,
    ) -> None:
        device = cooled(device, scenario)
        self.power_rows = power_rows
        self.scenario, self.device, self.deployment, self.directory = scenario, device, deployment, directory
        self.clock = Clock() if clock is None else clock
        stages = [f"{name}/{stage}" for name, workload in scenario.workloads.items() for stage in workload.stage_names()]
        self.trace = Trace(list(device.units), list(scenario.workloads), stages, list(deployment.names or (program.name for program in deployment.programs)))
        self.trace.radios = list(device.radios)
        self.duration_s = float(scenario.duration_s)
        if scenario.trace == "summary":
            self.trace.summaries = [_request_summary(float(scenario.warmup_s), float(workload.start_s)) for workload in scenario.workloads.values()]
        self.recorder = Recorder(self.clock, self.trace, self.duration_s, scenario.trace == "full")
        self.board = Board(self.clock, device, scenario, self.recorder, reference)
        self.battery = self._battery()
        self._memory_counter = self.recorder.counter("memory_bytes")
        self._power_counters = [self.recorder.counter(f"power_w.{name}") for name in self.board.components]
        self._sampled_j = [0.0] * len(self._power_counters)
        self._sampled_s = 0.0
        self.instances = [None if loads is None else Instance(program, loads) for program, loads in zip(deployment.programs, deployment.at_start, strict=True)]
        used = deployment.used()
        resident = [instance for position, instance in enumerate(self.instances) if instance is not None and position in used]
        self.residency = Residency(self.clock, device, resident, scenario.memory.when_full == "evict", self._memory_changed, self.board.storage_reads)
        self.residency.check()
        self.planner = Planner(self.board, deployment, self.instances, self.residency)
        self.planner.directory, self.planner.warmup_s = directory, float(scenario.warmup_s)
        self.planner.models, self.planner.battery = scenario.models, self.battery
        self.sources = self._sources()

    def _battery(self) -> RunningBattery | None:
        spec, scenario = self.device.battery, self.scenario
        if spec is None:
            return None
        supply = iter(()) if scenario.charging is None else scenario.charging.steps(self.directory)
        return RunningBattery(self.clock, spec, float(scenario.battery.initial), supply, self.recorder, float(scenario.warmup_s))

    def _sources(self) -> list[Source]:
        number = itertools.count().__next__
        sources, stage = [], 0
        for index, (name, workload) in enumerate(self.scenario.workloads.items()):
            plans = self.planner.plans(name, workload, stage)
            stage += len(plans)
            sources.append(Source(self.clock, self.recorder, index, name, workload, plans, self.residency, number))
        self._drive(sources)
        return sources

    def _drive(self, sources: list[Source]) -> None:
        """Load generators send the requests of their workloads; the run is over when all of them are through."""
        driven = [source for source in sources if source.workload.loadgen is not None]
        left = len(driven)

        def over(_: Any) -> None:
            raise QueriesComplete

        def complete() -> None:
            nonlocal left
            left -= 1
            if not left:  # after all else that happens at this moment
                self.clock.at(self.clock.now, OBSERVERS, over)

        for source in driven:
            settings = source.workload.loadgen
            log = QueryLog(float(settings.target_latency_s) if isinstance(settings, Server) else math.inf, keeps_all=not self.trace.summaries)
            self.trace.queries[source.name] = log
            source.drive(log, complete)

    def _memory_changed(self, used_bytes: float) -> None:
        self.recorder.count(self._memory_counter, used_bytes)

    def run(self, seed: int | None = None, progress: Progress | None = None) -> Trace:
        """Run to the end of the scenario's duration, of its load generators' queries, of the battery, or until heat runs away.

        ``progress`` is called with the share of simulated time, 0..1.
        """
        self.begin(seed)
        if progress is not None:
            self._report(progress, 0)
        with _collection_paused(), suppress(BatteryEnded, QueriesComplete, ThermalRunaway):
            self.clock.run_until(self.duration_s)
        self.finish()
        if progress is not None:
            progress(1.0)
        return self.trace

    def begin(self, seed: int | None = None) -> None:
        """Put the first events on the clock."""
        self.residency.start()
        self._memory_changed(self.residency.used_bytes)
        self.board.start()
        if self.battery is not None:
            self.battery.start(self.board.power.mix.total_w)
            self.board.power.battery = self.battery.drawn
        for server in self.planner.servers:
            server.start(self.scenario.seed if seed is None else seed)
        for source in self.sources:
            source.start(self.scenario.seed if seed is None else seed, self.duration_s, self.directory)
        self.clock.at(self.duration_s / self.power_rows, OBSERVERS, self._sample_power)

    def _report(self, progress: Progress, step: int) -> None:
        progress(step / _PROGRESS_STEPS)
        if step + 1 < _PROGRESS_STEPS:
            self.clock.at((step + 1) * self.duration_s / _PROGRESS_STEPS, OBSERVERS, lambda _: self._report(progress, step + 1))

    def _sample_power(self, _: Any) -> None:
        self._record_power()
        self.clock.at(self.clock.now + self.duration_s / self.power_rows, OBSERVERS, self._sample_power)

    def _record_power(self) -> None:
        """The mean power of each component since the last row, from exact energies."""
        seconds, energies = self.clock.now - self._sampled_s, self.board.power.energies_j()
        if seconds <= 0:
            return
        for counter, energy_j, before_j in zip(self._power_counters, energies, self._sampled_j, strict=True):
            self.recorder.count(counter, (energy_j - before_j) / seconds, self._sampled_s)
        self._sampled_j, self._sampled_s = energies, self.clock.now
        if self.battery is not None:
            self.battery.observe()

    def finish(self) -> None:
        """Write down what is under way, and the totals."""
        end_s = self.trace.end_s = self.clock.now
        for unit in self.board.units:
            if unit.running is not None:
                unit.close_piece(unit.running, end_s, unit.row_now(unit.running))
        for radio in self.board.radios.values():
            radio.finish()
        for server in self.planner.servers:
            server.finish()
        for source in self.sources:
            source.stop(end_s)
        self._record_power()
        battery = None if self.battery is None else self.battery.totals()
        self.board.heat.observers.clear()
        self.recorder.finish()
        self.trace.energy_j = dict(zip(self.board.components, self.board.power.energies_j(), strict=True))
        ended = {"battery": battery, "runaway": self.board.runaway}
        self.trace.totals = totals(self) | {name: found for name, found in ended.items() if found is not None}


def _request_summary(warmup_s: float, start_s: float) -> RequestSummary:
    return RequestSummary(len(Status), warmup_s, max(warmup_s, start_s))
