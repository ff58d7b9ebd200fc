"""What the types cannot say: names that must exist elsewhere, pipelines without cycles, times that fit together, files that exist.

The checks read the plain data, so that they all run although parts of a scenario are malformed. Names of things in layers above
(zoo models, runtimes, policies) come from the caller as :class:`Known`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path as FilePath

from device_models.catalog.batteries import cell_names
from device_models.catalog.radios import radio_names
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.scenario.adaptive_checks import adaptive_findings
from sim.scenario.arrival_trace import read_arrival_trace, round_s
from sim.scenario.batching_checks import batching_findings
from sim.scenario.climate_checks import climate_findings
from sim.scenario.files import is_model_file, missing_file
from sim.scenario.generation_checks import generation_findings
from sim.scenario.known import Finding, Known, near, unknown_name
from sim.scenario.loadgen_checks import loadgen_findings
from sim.scenario.model import TraceArrivals
from sim.scenario.optimize_checks import optimize_findings
from sim.scenario.part import LONGEST_S
from sim.scenario.positions import Path, Places
from sim.scenario.raw import Raw
from sim.scenario.schema_problems import MAX_PROBLEMS
from sim.scenario.search_checks import search_findings
from sim.scenario.stages import default_name, stage_names
from sim.scenario.sweep_checks import sweep_findings

__all__ = ["Finding", "Known", "check_scenario"]

MAX_REQUESTS = 1e8  # a request leaves some hundred bytes of trace
_TRACE_COLUMN = str(TraceArrivals.model_fields["column"].default)
_NOT_PER_WORKLOAD = ("power", "skin_temperature", "die_temperature", "memory", "storage", "battery_life", "per")


@dataclass(frozen=True)
class _Context:
    root: Raw
    device: DeviceSpec | None
    known: Known
    directory: FilePath


def check_scenario(data: object, places: Places, device: DeviceSpec | None, known: Known, directory: FilePath) -> list[Problem]:
    """All problems between the parts of a scenario. ``device`` None: it is wrong itself, and what refers to it is not checked."""
    context = _Context(Raw(data), device, known, directory)
    found = islice(chain.from_iterable(check(context) for check in _CHECKS), MAX_PROBLEMS)
    return [one if isinstance(one, Problem) else places.problem(one.path, one.what, at_key=one.at_key) for one in found]


def _models(context: _Context) -> Iterator[Finding]:
    for _, model in context.root.get("models").items():
        source = model.get("source")
        if text := source.text():
            yield from _source(context, source, text)
            yield from _options(context, text, model.get("options"))
        yield from _dataset(context, model.get("accuracy").get("dataset"))
        yield from _runtime(context, model.get("runtime"))
        yield from _placement(context, model.get("placement"))


def _source(context: _Context, source: Raw, text: str) -> Iterator[Finding]:
    path = context.directory / text
    if is_model_file(text):
        if problem := missing_file(path):
            yield Finding(source.path, problem)
        return
    if context.known.models is not None and text not in context.known.models and missing_file(path) is not None:
        what = f"unknown model {text!r}, neither in the zoo nor a file beside the scenario; {near(text, context.known.models)}"
        yield Finding(source.path, what)


def _dataset(context: _Context, dataset: Raw) -> Iterator[Finding]:
    if (text := dataset.text()) and (problem := missing_file(context.directory / text)):
        yield Finding(dataset.path, problem)


def _options(context: _Context, source: str, options: Raw) -> Iterator[Finding]:
    if is_model_file(source):
        for key, option in list(options.items())[:1]:
            yield Finding(option.path, f"option {key!r}: only models of the zoo have options, {source!r} is a file", at_key=True)
    elif context.known.option_problem is not None and source in (context.known.models or ()):
        for key, option in options.items():
            if problem := context.known.option_problem(source, key, option.value):
                yield Finding(option.path, problem)


def _runtime(context: _Context, runtime: Raw) -> Iterator[Finding]:
    unknown = list(unknown_name(runtime, "runtime", context.known.runtimes))
    yield from unknown
    if not unknown and context.device and (name := runtime.text()) and name not in context.device.runtimes:
        yield Finding(runtime.path, f"runtime {name!r} does not exist for {context.device.name}; it has {', '.join(context.device.runtimes)}")


def _default_runtime(context: _Context) -> Iterator[Finding]:
    yield from _runtime(context, context.root.get("runtime"))


def _placement(context: _Context, placement: Raw) -> Iterator[Finding]:
    for preferred in placement.get("prefer").entries():
        yield from _unit(context, preferred)
    for _, unit in placement.get("fixed").items():
        yield from _unit(context, unit)


def _unit(context: _Context, unit: Raw) -> Iterator[Finding]:
    device, name = context.device, unit.text()
    if device is None or name is None:
        return
    kinds = {spec.kind for spec in device.units.values()}
    if name not in kinds and name not in device.units:
        yield Finding(unit.path, f"{device.name} has no unit {name!r}; {near(name, {*kinds, *device.units})}")


def _pipelines(context: _Context) -> Iterator[Finding]:
    models = set(context.root.get("models").keys())
    for _, workload in context.root.get("workloads").items():
        stages = workload.get("pipeline").entries()
        for stage in stages:
            yield from unknown_name(stage.get("model"), "model", models)
            yield from _radio(context, stage.get("radio"))
            if stage.get("unit").value is not None:
                yield from _unit(context, stage.get("unit"))
            elif stage.get("work").value is not None:
                yield from (Finding(stage.path, f"{finding.what}; say where this stage runs with unit") for finding in _unit(context, Raw("cpu")))
        yield from _stage_order(stages)


def _radio(context: _Context, radio: Raw) -> Iterator[Finding]:
    device, name = context.device, radio.text()
    if device is None or name is None:
        return
    known = {*context.root.get("radios").keys(), *device.radios}
    if name not in known:
        mend = near(name, known) if known else f"give the scenario one of the catalogue, for example radios: {{{name}: {radio_names()[-1]}}}"
        yield Finding(radio.path, f"neither the scenario nor {device.name} has a radio {name!r}; {mend}")


def _stage_order(stages: list[Raw]) -> Iterator[Finding]:
    own = [stage.get("name").text() for stage in stages]
    names = stage_names(own, [default_name(stage.value) for stage in stages])
    seen: set[str] = set()
    repeated = False
    for stage, name in zip(stages, own, strict=True):
        if name is not None and name in seen:
            repeated = True
            yield Finding((*stage.path, "name"), f"two stages are named {name!r}; names of stages are unique in a pipeline")
        seen.add(name or "")
    if repeated:
        return
    waits: dict[str, list[str]] = {}
    known = dict.fromkeys(names)
    for position, (stage, name) in enumerate(zip(stages, names, strict=True)):
        after = stage.get("after")
        if after.value is None:
            waits[name] = [names[position - 1]] if position else []
            continue
        for entry in after.entries():
            yield from unknown_name(entry, "stage", known)
        waits[name] = [text for entry in after.entries() if (text := entry.text()) in known and text is not None]
    if cycle := _cycle(waits):
        stage = stages[names.index(cycle[0])]
        yield Finding((*stage.path, "after"), f"the stages wait for each other in a circle: {' -> '.join([*cycle, cycle[0]])}")


def _cycle(waits: dict[str, list[str]]) -> list[str] | None:
    """One circle of names that wait for each other, or None; iterative, pipelines may be long."""
    done: set[str] = set()
    for start in waits:
        trail: dict[str, None] = {}  # in order of entering
        pending: list[tuple[str, bool]] = [(start, True)]
        while pending:
            name, entering = pending.pop()
            if not entering:
                done.add(trail.popitem()[0])
            elif name in trail:
                entered = list(trail)
                return entered[entered.index(name) :]
            elif name not in done:
                trail[name] = None
                pending.append((name, False))
                pending += [(other, True) for other in waits[name]]
    return None


def _arrivals(context: _Context) -> Iterator[Finding | Problem]:
    duration = _duration(context)
    read: set[tuple[FilePath, str]] = set()
    for _, workload in context.root.get("workloads").items():
        arrival = workload.get("arrival")
        rate, count = arrival.get("rate").quantity("frequency"), workload.get("count").whole()
        if duration and rate and min(rate * duration, count or float("inf")) > MAX_REQUESTS:
            yield Finding((*arrival.path, "rate"), f"{rate * duration:.3g} requests in {duration:g} s; a run can have at most {MAX_REQUESTS:.0g}")
        for raw in (workload.get("start"), arrival.get("offset")):
            if duration and (begin := raw.quantity("time")) and begin >= duration:
                yield Finding(raw.path, f"{begin:g} s is not before the end of the run ({duration:g} s), no request would arrive")
        if arrival.get("kind").text() == "trace" and (file := arrival.get("file").text()):
            yield from _trace(context.directory / file, arrival, duration, read)


def _duration(context: _Context) -> float | None:
    duration = context.root.get("duration").quantity("time")
    return duration if duration is not None and 0 < duration <= LONGEST_S else None


def _trace(path: FilePath, arrival: Raw, duration: float | None, read: set[tuple[FilePath, str]]) -> Iterator[Finding | Problem]:
    column = arrival.get("column").text() or _TRACE_COLUMN
    if problem := missing_file(path):
        yield Finding((*arrival.path, "file"), problem)
        return
    if (path, column) in read:
        return
    read.add((path, column))
    try:
        times = read_arrival_trace(path, column)
    except EdgesimError as error:
        yield from error.problems
        return
    if arrival.get("loop").value is not True:
        return
    if (period := round_s(times)) == 0:
        yield Finding((*arrival.path, "loop"), f"all times in {str(path)!r} are 0; a trace that repeats needs a length")
    elif duration is not None and (requests := len(times) * duration / period) > MAX_REQUESTS:
        yield Finding((*arrival.path, "loop"), f"{requests:.3g} requests in {duration:g} s; a run can have at most {MAX_REQUESTS:.0g}")


def _times(context: _Context) -> Iterator[Finding]:
    duration, warmup = _duration(context), context.root.get("warmup").quantity("time")
    if duration and warmup and warmup >= duration:
        yield Finding(("warmup",), f"{warmup:g} s must be shorter than the duration ({duration:g} s), else nothing is measured")


def _policies(context: _Context) -> Iterator[Finding]:
    scheduler = context.root.get("scheduler")
    yield from unknown_name(scheduler, "scheduling policy", context.known.schedulers)
    for unit, policy in scheduler.items():
        yield from unknown_name(policy, "scheduling policy", context.known.schedulers)
        if unit != "default":
            yield from _key_of(context, policy.path, unit)


def _climate(context: _Context) -> Iterator[Finding]:
    yield from climate_findings(context.root, context.device, context.known)


def _battery(context: _Context) -> Iterator[Finding]:
    yield from unknown_name(context.root.get("battery").get("cell"), "cell", cell_names())


def _batching(context: _Context) -> Iterator[Finding]:
    yield from batching_findings(context.root, context.device, context.known)


def _adaptive(context: _Context) -> Iterator[Finding | Problem]:
    yield from adaptive_findings(context.root, context.device, context.known, context.directory)


def _generation(context: _Context) -> Iterator[Finding]:
    yield from generation_findings(context.root, context.known, context.directory)


def _loadgen(context: _Context) -> Iterator[Finding]:
    yield from loadgen_findings(context.root)


def _optimize(context: _Context) -> Iterator[Finding]:
    yield from optimize_findings(context.root, context.device, context.known, context.directory)


def _sweep(context: _Context) -> Iterator[Finding]:
    yield from sweep_findings(context.root)


def _search(context: _Context) -> Iterator[Finding]:
    yield from search_findings(context.root)


def _key_of(context: _Context, path: Path, unit: str) -> Iterator[Finding]:
    for finding in _unit(context, Raw(unit, path)):
        yield Finding(path, finding.what, at_key=True)


def _budgets(context: _Context) -> Iterator[Finding]:
    workloads = context.root.get("workloads").keys()
    for name, budget in context.root.get("budgets").get("per").items():
        if name not in workloads:
            yield Finding(budget.path, f"unknown workload {name!r}; {near(name, workloads)}", at_key=True)
        for key, limit in budget.items():
            if key in _NOT_PER_WORKLOAD:
                yield Finding(limit.path, f"{key} is a budget of the whole run, not of one workload; move it up to budgets", at_key=True)


_CHECKS: tuple[Callable[[_Context], Iterator[Finding | Problem]], ...] = (
    _models,
    _default_runtime,
    _pipelines,
    _arrivals,
    _loadgen,
    _times,
    _policies,
    _climate,
    _battery,
    _adaptive,
    _batching,
    _generation,
    _optimize,
    _sweep,
    _search,
    _budgets,
)
