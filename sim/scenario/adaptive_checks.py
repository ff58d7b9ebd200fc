"""Checks of cascades, early exits, models chosen at run time and caches of results: what must exist elsewhere, and what must fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.scenario.files import missing_file
from sim.scenario.known import Finding, Known, near, unknown_name
from sim.scenario.raw import Raw
from sim.scenario.recorded_rows import read_keys, read_right, read_scores, read_sizes
from sim.scenario.stages import default_name, stage_names

Found = Iterator[Finding | Problem]
_SELECT = ("policy", "among")  # keys of select that are not options of a policy


@dataclass(frozen=True)
class Pipeline:
    """A workload's stages with their names, and which each follows, directly or not."""

    workload: Raw
    stages: list[Raw]
    names: tuple[str, ...]
    before: tuple[frozenset[str], ...]


def adaptive_findings(root: Raw, device: DeviceSpec | None, known: Known, directory: FilePath) -> Found:
    """Everything wrong with ``exits``, ``exit``, ``unless``, ``select`` and ``cache``."""
    models, reader = root.get("models"), _Reader(directory)
    for _, model in models.items():
        yield from _exits(model, reader)
    for _, workload in root.get("workloads").items():
        pipeline = _pipeline(workload)
        requests = _requests(workload, root.get("duration").quantity("time"))
        for position, stage in enumerate(pipeline.stages):
            yield from _through_exits(stage, models)
            yield from _stage_exit(pipeline, position, reader, requests)
            yield from _unless(pipeline, position)
            yield from _select(stage.get("select"), workload, models, device, known)
            yield from _cache(pipeline, position, known, reader, requests)
            yield from _exits_trace_length(stage, models, reader, requests)


class _Reader:
    """Reads columns of files that exist, each once."""

    def __init__(self, directory: FilePath) -> None:
        self._directory = directory
        self._seen: dict[tuple[str, str], int | None] = {}

    def rows(self, file: Raw, column: str, kind: str = "scores") -> Iterator[Finding | Problem]:
        """What is wrong with a column; how long it is: :meth:`length`."""
        text = file.text()
        if text is None or (text, column) in self._seen:
            return
        self._seen[text, column] = None
        if problem := missing_file(self._directory / text):
            yield Finding(file.path, problem)
            return
        read: dict[str, Callable[[FilePath, str], object]] = {"scores": read_scores, "right": read_right, "keys": read_keys, "sizes": read_sizes}
        try:
            self._seen[text, column] = len(read[kind](self._directory / text, column))  # type: ignore[arg-type]  # arrays
        except EdgesimError as error:
            yield from error.problems

    def length(self, file: Raw, column: str) -> int | None:
        """Rows of a column that was read; None if it could not be."""
        return self._seen.get((file.text() or "", column))


def _pipeline(workload: Raw) -> Pipeline:
    stages = workload.get("pipeline").entries()
    names = stage_names([stage.get("name").text() for stage in stages], [default_name(stage.value) for stage in stages])
    direct: dict[str, list[str]] = {}
    for position, (stage, name) in enumerate(zip(stages, names, strict=True)):
        after = stage.get("after")
        before = [names[position - 1]] if position else []
        direct[name] = before if after.value is None else [text for entry in after.entries() if (text := entry.text()) is not None]
    return Pipeline(workload, stages, names, tuple(_reached(name, direct) for name in names))


def _reached(name: str, direct: dict[str, list[str]]) -> frozenset[str]:
    """All that a stage waits for, also in a pipeline that is mistaken and goes round in a circle."""
    found, pending = set[str](), list(direct.get(name, ()))
    while pending:
        other = pending.pop()
        if other not in found:
            found.add(other)
            pending += direct.get(other, ())
    return frozenset(found)


def _requests(workload: Raw, duration_s: float | None) -> float | None:
    """How many requests are to be expected, where the rate says so."""
    rate_hz, count = workload.get("arrival").get("rate").quantity("frequency"), workload.get("count").whole()
    start_s = workload.get("start").quantity("time") or 0.0
    expected = None if rate_hz is None or duration_s is None else rate_hz * max(duration_s - start_s, 0.0)
    return expected if count is None else min(count, expected) if expected is not None else None


def _confidence(use: Raw, reader: _Reader) -> Found:
    yield from reader.rows(use.get("trace"), use.get("column").text() or "confidence")


def _too_short(use: Raw, reader: _Reader, column: str, requests: float | None) -> Found:
    rows = reader.length(use.get("trace"), column)
    if rows is None or requests is None or requests <= rows or use.get("loop").value is True or use.get("order").text() == "random":
        return
    what = f"{use.get('trace').text()!r} has {rows} rows for some {requests:.0f} requests; give it more rows, or loop: true, or order: random"
    yield Finding(use.get("trace").path, what)


def _exits(model: Raw, reader: _Reader) -> Found:
    exits = model.get("exits").entries()
    trace = Raw(None)
    for one in exits:
        confidence = one.get("confidence")
        yield from _confidence(confidence, reader)
        if trace.value is None:
            trace = confidence.get("trace")
        if (column := one.get("correct").text()) is not None:
            yield from reader.rows(confidence.get("trace"), column, "right")
    if (column := model.get("last").get("correct").text()) is not None:
        yield from reader.rows(trace, column, "right")


def _exits_trace_length(stage: Raw, models: Raw, reader: _Reader, requests: float | None) -> Found:
    for name in [stage.get("model").text(), *(entry.text() for entry in stage.get("select").get("among").entries())]:
        for one in models.get(name or "").get("exits").entries()[:1]:
            use = one.get("confidence")
            yield from _too_short(use, reader, use.get("column").text() or "confidence", requests)


def _through_exits(stage: Raw, models: Raw) -> Found:
    """Stages that run a network with exits run it once, and a request at a time."""
    generating = stage.get("generate")
    if (name := generating.text()) is not None and any(models.get(name).get(key).value for key in ("exits", "part")):
        yield Finding(generating.path, f"{name} is not a whole model, and only a whole one generates; leave out its exits or part")
    for name in [stage.get("model").text(), *(entry.text() for entry in stage.get("select").get("among").entries())]:
        if not models.get(name or "").get("exits").entries():
            continue
        if (stage.get("repeat").whole() or 1) > 1:
            yield Finding(stage.get("repeat").path, f"{name} has early exits: a request goes through it once; give the stage several times instead")
        for key in ("batching", "units"):
            if stage.get(key).value:
                what = f"{name} has early exits, where the requests of a batch would part; {key} goes with whole models, also as the stages of a cascade"
                yield Finding(stage.get(key).path, what, at_key=True)


def _stage_exit(pipeline: Pipeline, position: int, reader: _Reader, requests: float | None) -> Found:
    use, name = pipeline.stages[position].get("exit"), pipeline.names[position]
    if not isinstance(use.value, dict):
        return
    if not any(name in before for before in pipeline.before):
        yield Finding(use.path, f"nothing follows {name!r} that a sure answer could spare; give exit to the stage before the larger model", at_key=True)
    if use.get("trace").text() is None:
        return
    column = use.get("column").text() or "confidence"
    yield from _confidence(use, reader)
    yield from _too_short(use, reader, column, requests)
    final = []
    for stage, right in use.get("correct").items():
        if stage not in pipeline.names:
            yield Finding(right.path, f"unknown stage {stage!r}; {near(stage, pipeline.names)}", at_key=True)
            continue
        if pipeline.stages[pipeline.names.index(stage)].get("exit").value is None:
            final.append(stage)
        if (text := right.text()) is not None:
            yield from reader.rows(use.get("trace"), text, "right")
    if len(final) > 1:
        what = f"{' and '.join(final)} have no exit: the answer of one of them stands when no exit was sure; name the column of that one alone"
        yield Finding(use.get("correct").path, what)


def _unless(pipeline: Pipeline, position: int) -> Found:
    stage = pipeline.stages[position]
    for entry in stage.get("unless").entries():
        name = entry.text()
        if name is None:
            continue
        if name not in pipeline.names:
            yield Finding(entry.path, f"unknown stage {name!r}; {near(name, pipeline.names)}")
            continue
        other = pipeline.stages[pipeline.names.index(name)]
        if all(other.get(key).value is None for key in ("exit", "cache", "unless")):
            yield Finding(entry.path, f"{name!r} has neither exit nor cache: it is never sure; give it exit: {{rate: 70 %}} for example")
        elif name not in pipeline.before[position]:
            yield Finding(entry.path, f"{pipeline.names[position]!r} does not come after {name!r}, so it cannot wait for its answer; add it to after")


def _select(use: Raw, workload: Raw, models: Raw, device: DeviceSpec | None, known: Known) -> Found:
    for entry in use.get("among").entries():
        yield from unknown_name(entry, "model", set(models.keys()))
    policy = use.get("policy")
    unknown = list(unknown_name(policy, "selection policy", known.selection_policies))
    yield from unknown
    if unknown or known.selection_problems is None or (name := policy.text()) is None:
        return
    written = {key: value.value for key, value in use.items() if key not in _SELECT}
    try:
        for path, what in known.selection_problems(name, written, len(use.get("among").entries())):
            yield Finding((*use.path, *path), f"{name}: {what}", at_key=what.startswith("the policy"))
    except (TypeError, AttributeError, ValueError):
        return  # not of the form that the schema asks for
    yield from _seen_by(name, policy, use, workload, device, known)


def _seen_by(name: str, policy: Raw, use: Raw, workload: Raw, device: DeviceSpec | None, known: Known) -> Found:
    sees = known.selection_sees(name) if known.selection_sees is not None else frozenset()
    if "deadline" in sees and workload.get("deadline").value is None:
        yield Finding(policy.path, f"{name} looks at the deadline, but the workload has none; give it deadline, such as deadline: 50 ms")
    if device is None:
        return
    if "battery" in sees and device.battery is None:
        yield Finding(
            policy.path, f"{name} looks at the state of charge, but {device.name} has no battery; give the scenario one, such as battery: {{cell: cr2032}}"
        )
    node = use.get("node").text()
    if node is not None and node not in device.thermal.nodes:
        yield Finding(use.get("node").path, f"{device.name} has no thermal node {node!r}; {near(node, device.thermal.nodes)}")


def _cache(pipeline: Pipeline, position: int, known: Known, reader: _Reader, requests: float | None) -> Found:
    use, name = pipeline.stages[position].get("cache"), pipeline.names[position]
    if not isinstance(use.value, dict):
        return
    yield from unknown_name(use.get("policy"), "cache policy", known.cache_policies)
    if not any(name in before for before in pipeline.before):
        yield Finding(use.path, f"nothing follows {name!r} that a hit could spare; put the cache before the stages whose results it keeps", at_key=True)
    key = use.get("key")
    if key.get("trace").text() is None:
        return
    column = key.get("column").text() or "key"
    yield from reader.rows(key.get("trace"), column, "keys")
    if (sizes := key.get("bytes_column").text()) is not None:
        yield from reader.rows(key.get("trace"), sizes, "sizes")
    yield from _too_short(key, reader, column, requests)
