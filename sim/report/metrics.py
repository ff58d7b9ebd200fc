"""Every number of a run, with its unit in its name: what budgets judge, the screen shows and ``--json`` writes.

``_s`` seconds, ``_j`` joules, ``_w`` watts, ``_hz`` per second, ``_v`` volts, ``_ah`` ampere-hours, ``_bytes``, ``_c`` degrees Celsius, ``_per_j`` per joule,
``_ratio`` a share of one, ``_count`` a number of things. None: nobody knows.

Requests that arrive before the warm-up ends do not count; utilisation, power and temperature are taken from its end on. Energy
per component is of the whole run, as the battery would lose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.adaptive_metrics import AdaptiveMetrics, adaptive_metrics
from sim.report.batching_metrics import QueueMetrics, queue_metrics
from sim.report.battery_metrics import BatteryMetrics, battery_metrics
from sim.report.device_metrics import EnergyMetrics, HeatMetrics, MemoryMetrics, PowerMetrics, energy_metrics, heat_metrics, memory_metrics, power_metrics
from sim.report.drift_metrics import DriftMetrics, drift_metrics
from sim.report.generation_metrics import GenerationMetrics, generation_metrics
from sim.report.history_metrics import HistoryMetrics, history_metrics
from sim.report.loadgen_metrics import loadgen_metrics
from sim.report.model_metrics import ModelMetrics, model_metrics
from sim.report.radio_metrics import RadioMetrics, radio_metrics
from sim.report.request_metrics import WorkloadMetrics, answered_requests, workload_metrics
from sim.report.spiking_metrics import SpikingMetrics, spiking_metrics
from sim.report.unit_metrics import UnitMetrics, unit_metrics
from sim.workload.loadgen_rules import LoadGenResult

if TYPE_CHECKING:
    from sim.report.run_result import RunResult


@dataclass(frozen=True)
class Metrics:
    """All metrics of one run."""

    simulated_s: float
    warmup_s: float
    operators_count: int | None  # operators executed, warm-up included
    throughput_hz: float  # requests answered per second, all workloads
    inferences_per_j: float | None  # requests answered in the whole run per joule of the whole run
    workloads: dict[str, WorkloadMetrics]
    loadgen: dict[str, LoadGenResult]  # of workloads that a load generator drives
    units: dict[str, UnitMetrics]
    models: dict[str, ModelMetrics]
    energy: EnergyMetrics
    power: PowerMetrics
    battery: BatteryMetrics | None  # None: the device has none
    heat: HeatMetrics
    drift: DriftMetrics | None  # of runs of at least two minutes, and of throttled ones
    history: HistoryMetrics | None  # likewise
    memory: MemoryMetrics
    queues: dict[str, QueueMetrics]  # by model; empty: no stage has a queue of its own
    generation: GenerationMetrics | None  # None: no stage generates
    radios: dict[str, RadioMetrics]  # empty: the device has none
    adaptive: AdaptiveMetrics | None  # None: no stage adapts
    spiking: dict[str, SpikingMetrics]  # by model; empty: none ran on an event-driven unit


def measure(result: RunResult) -> Metrics:
    """Metrics of a run. Pure: the same trace gives the same numbers."""
    trace, scenario = result.trace, result.scenario
    warmup_s = min(float(scenario.warmup_s), trace.end_s)
    workloads = workload_metrics(trace, warmup_s, {name: float(workload.start_s) for name, workload in scenario.workloads.items()})
    energy = energy_metrics(trace)
    heat = heat_metrics(trace, result.device, warmup_s)
    operators = trace.totals.get("operators")
    models = model_metrics(result)
    return Metrics(
        simulated_s=trace.end_s,
        warmup_s=warmup_s,
        operators_count=None if operators is None else int(operators),
        throughput_hz=sum(workload.throughput_hz for workload in workloads.values()),
        inferences_per_j=answered_requests(trace) / energy.total_j if energy.total_j else None,
        workloads=workloads,
        loadgen=loadgen_metrics(trace, scenario),
        units=unit_metrics(trace, result.programs, result.device, warmup_s),
        models=models,
        energy=energy,
        power=power_metrics(trace, result.device, warmup_s, energy),
        battery=battery_metrics(trace),
        heat=heat,
        drift=drift_metrics(trace, warmup_s, throttled=bool(heat.domains)),
        history=history_metrics(trace, result.device, throttled=bool(heat.domains)),
        memory=memory_metrics(trace, result.device, result.programs),
        queues=queue_metrics(trace, warmup_s),
        generation=generation_metrics(trace, warmup_s, energy.total_j),
        radios=radio_metrics(trace),
        adaptive=adaptive_metrics(trace, scenario, models),
        spiking=spiking_metrics(result),
    )
