"""The same scenario with slower and faster units, as far as predictions of their speed are off: what intervals are made of.

Units of one cost class err together, those of different classes apart. So for each class the scenario is simulated again with all
kernels of the class at the tenth and at the ninetieth percentile of what they may take, everything else as it was. Queues, deadlines,
shared memory and thermal limits thus answer as they do; only the answers to different classes are later added up. Long scenarios are
simulated again in their first part only, and what is slower or faster there is taken to be so by the same ratio in all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from device_models.figure import Figure
from device_models.residuals import Slowdown
from sim.compiler.slowdown import program_slowdown, slowed_program
from sim.errors import EdgesimError
from sim.experiment.result import Result
from sim.experiment.simulate import Experiment
from sim.trace import Trace

LOW, HIGH = 0.1, 0.9  # percentiles that are simulated
EVENTS = 30_000  # of the event queue, in all runs together: a quarter of a second of CPU
LEAST_SHARE = 0.005  # of all busy time: a class that has less of it is left as it is


@dataclass(frozen=True)
class Perturbed:
    """A run in which units of a cost class take what they take at most with probability ``share``."""

    cost_class: str
    share: float
    trace: Trace


@dataclass(frozen=True)
class Perturbations:
    """``base``: the run as predicted over the same simulated time, ``window_s``; shorter than the scenario's where that is long.

    ``slowdowns``: by cost class, for those that did more than a trifle of the work.
    """

    base: Trace
    runs: tuple[Perturbed, ...]
    slowdowns: Mapping[str, Slowdown]
    window_s: float


def perturbations(experiment: Experiment, result: Result) -> Perturbations:
    """Runs of ``experiment`` beside ``result``, which is one of it. How long they are depends on the scenario only, not on the machine."""
    classes = busy_classes(result)
    slowdowns = {name: class_slowdown(experiment, name) for name in classes}
    runs, events = 2 * len(classes), int(result.trace.totals["events"])
    whole = runs * events <= EVENTS
    duration_s = result.trace.end_s * (1.0 if whole else EVENTS / (events * (runs + 1)))  # one more: the run as predicted
    try:
        base = result.trace if whole and not result.trace.summaries else _trace(experiment, result.seed, duration_s)
        found = [Perturbed(name, share, _trace(slowed(experiment, name, share), result.seed, duration_s)) for name in classes for share in (LOW, HIGH)]
    except EdgesimError:  # a battery that ends before anything is done, a device that runs away
        return Perturbations(result.trace, (), slowdowns, 0.0)
    return Perturbations(base, tuple(found), slowdowns, duration_s)


def busy_classes(result: Result) -> tuple[str, ...]:
    """Cost classes of the units that did more than a trifle of the work, the busiest first."""
    busy_s: dict[str, float] = {}
    for name, seconds in result.trace.totals["busy_s"].items():
        cost_class = result.device.units[name].cost_class
        busy_s[cost_class] = busy_s.get(cost_class, 0.0) + float(seconds)
    total_s = sum(busy_s.values())
    return tuple(sorted((name for name, seconds in busy_s.items() if seconds > LEAST_SHARE * total_s), key=lambda name: (-busy_s[name], name)))


def class_slowdown(experiment: Experiment, cost_class: str) -> Slowdown:
    """Of all that the units of a cost class have to run, each program counted once."""
    return program_slowdown(tuple(experiment.programs.values()), experiment.loaded.device, cost_class)


def slowed(experiment: Experiment, cost_class: str, share: float) -> Experiment:
    """The experiment with all kernels on units of a cost class at a quantile of what they may take."""
    device = experiment.loaded.device
    programs = {name: slowed_program(program, device, cost_class, share) for name, program in experiment.programs.items()}
    return replace(experiment, programs=programs, deployment=replace(experiment.deployment, programs=tuple(programs.values())))


def _trace(experiment: Experiment, seed: int, duration_s: float) -> Trace:
    """A run of ``duration_s`` without the details that intervals do not need. Raises EdgesimError as any run."""
    loaded = experiment.loaded
    scenario = loaded.scenario.model_copy(update={"duration_s": Figure(duration_s), "trace": "requests"})
    return replace(experiment, loaded=replace(loaded, scenario=scenario), power_rows=1).run(seed=seed).trace
