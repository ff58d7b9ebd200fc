"""All predictions of chosen datasets in chosen regimes, beside what was measured; over several processes where there are many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

from device_models.catalog.catalog import cost_classes
from device_models.residuals import FLOAT, numbers_of
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError
from sim.fidelity.case import REGIMES, Case, Regime
from sim.fidelity.datasets import DATASETS, load_dataset
from sim.fidelity.predict import lowered_of, predict
from sim.registry import near_names
from sim.report.fidelity_scores import Point

UNSEEN: tuple[Regime, ...] = ("leave-family-out", "zero-shot", "k-shot")
FEW = 300  # predictions that are sooner made than a second process is started
_FITS = 0.5  # of the time, roughly: fits before the first prediction
_CHUNK = 40  # predictions that a process is given at once
Progress = Callable[[float], None]
_Map = Callable[..., Iterable[Any]]  # as the built-in one
Answer = tuple[float, str] | str  # prediction and kind of numbers, or why there is none


@dataclass(frozen=True)
class Selection:
    """What to evaluate; empty tuples mean all, of regimes all but ``in-sample``, which shows errors of a fit and not of predictions.

    ``shots``: measurements of a device in the regime ``k-shot``.
    """

    datasets: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    regimes: tuple[Regime, ...] = ()
    shots: int = 3


@dataclass(frozen=True)
class Failure:
    """A measurement that could not be predicted, and why."""

    case: Case
    regime: Regime
    why: str


@dataclass(frozen=True)
class Evaluation:
    """Points in the order of the datasets' cases, regime by regime; ``titles`` of the datasets by name."""

    points: tuple[Point, ...]
    failures: tuple[Failure, ...]
    titles: dict[str, str]


@dataclass(frozen=True)
class _Task:
    """One dataset in one regime, with the devices its cases are predicted with."""

    dataset: str
    regime: Regime
    cases: tuple[Case, ...]
    devices: tuple[DeviceSpec | None, ...]


def evaluate(selection: Selection, workers: int | None = None, progress: Progress | None = None) -> Evaluation:
    """Predict every selected measurement. ``workers``: processes, as many as there are cores if None; the result does not depend on it.

    Raises EdgesimError for unknown names, and where nothing is left of the selection.
    """
    names, regimes = chosen_datasets(selection.datasets), chosen_regimes(selection.regimes) or UNSEEN
    wanted = chosen_devices(names, selection.devices)
    pairs = [(name, regime) for name in names for regime in load_dataset(name).regimes if regime in regimes]
    processes = max(1, workers if workers is not None else cores())
    with _pool(processes if _count(pairs) > FEW else 1) as mapped:
        tasks: list[_Task] = []
        for task in mapped(partial(_task, selection.shots, wanted), pairs):
            tasks.append(task)
            if progress is not None:
                progress(_FITS * len(tasks) / len(pairs))
        jobs = [(position, row) for position, task in enumerate(tasks) for row, device in enumerate(task.devices) if device is not None]
        if not jobs:
            raise EdgesimError("no published measurement is left of this selection: " + _offer(names))
        answers = _answers(tasks, jobs, mapped, progress)
    titles = {name: load_dataset(name).title for name in names}
    return _evaluation(tasks, jobs, answers, titles)


def chosen_datasets(names: Sequence[str]) -> tuple[str, ...]:
    """The named datasets in the table's order, all if none is named. Raises EdgesimError for those that do not exist."""
    _refuse_unknown("dataset", names, DATASETS)
    return tuple(name for name in DATASETS if not names or name in names)


def chosen_regimes(names: Sequence[str]) -> tuple[Regime, ...]:
    """The named regimes. Raises EdgesimError for those that do not exist."""
    _refuse_unknown("regime", names, REGIMES)
    return tuple(regime for regime in REGIMES if regime in names)


def chosen_devices(datasets: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """The named measured devices, none for all. Raises EdgesimError for those that no chosen dataset has."""
    if names:
        _refuse_unknown("measured device", names, {case.device for dataset in datasets for case in cases_of(dataset)})
    return frozenset(names)


@cache
def cases_of(dataset: str) -> tuple[Case, ...]:
    """All measurements of a dataset."""
    return tuple(load_dataset(dataset).cases())


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _refuse_unknown(what: str, names: Sequence[str], known: Iterable[str]) -> None:
    known = sorted(known)
    if unknown := [name for name in names if name not in known]:
        raise EdgesimError([EdgesimError(f"unknown {what} {name!r}; {near_names(name, known)}").problems[0] for name in unknown])


def _offer(names: Sequence[str]) -> str:
    return "; ".join(f"{name} has {', '.join(load_dataset(name).regimes)}" for name in names)


def _count(pairs: Sequence[tuple[str, Regime]]) -> int:
    return sum(len(cases_of(name)) for name, _ in pairs)


def _task(shots: int, wanted: frozenset[str], pair: tuple[str, Regime]) -> _Task:
    """The devices of a dataset in a regime: fits are made with all measurements, whatever devices are asked for."""
    name, regime = pair
    dataset = load_dataset(name)
    cases = list(cases_of(name))
    try:
        devices = dataset.devices(cases, regime, shots)
    except ImportError as error:
        raise EdgesimError(f"{name}, {regime}: fitting needs {error.name}; install it with: pip install 'edgesim[calibrate]'") from None
    rows = [row for row, case in enumerate(cases) if not wanted or case.device in wanted]
    return _Task(name, regime, tuple(cases[row] for row in rows), tuple(devices[row] for row in rows))


def _answers(tasks: Sequence[_Task], jobs: Sequence[tuple[int, int]], mapped: _Map, progress: Progress | None) -> dict[tuple[int, int], Answer]:
    """Predictions by job. Cases of one network come one after the other, so that each process lowers few of them."""
    order = sorted(jobs, key=lambda job: (_network(tasks[job[0]].cases[job[1]]), job))
    chunks = [order[low : low + _CHUNK] for low in range(0, len(order), _CHUNK)]
    asked = ([_asked(tasks, job) for job in chunk] for chunk in chunks)
    found: dict[tuple[int, int], Answer] = {}
    for chunk, answers in zip(chunks, mapped(_predicted, asked), strict=True):
        found.update(zip(chunk, answers, strict=True))
        if progress is not None:
            progress(_FITS + (1.0 - _FITS) * len(found) / len(jobs))
    return found


def _network(case: Case) -> str:
    """What is lowered once: cases of which it is the same belong together."""
    return str([case.use.get(name) for name in ("source", "options", "shapes", "runtime", "precision")])


def _asked(tasks: Sequence[_Task], job: tuple[int, int]) -> tuple[Case, DeviceSpec]:
    task, row = tasks[job[0]], job[1]
    device = task.devices[row]
    assert device is not None  # jobs are of cases with a device
    return task.cases[row], device


def _predicted(asked: Sequence[tuple[Case, DeviceSpec]]) -> list[Answer]:
    """A prediction for each pair, or why there is none."""
    answers: list[Answer] = []
    for case, device in asked:
        try:
            answers.append((predict(case, device), _numbers(case)))
        except EdgesimError as error:
            answers.append(str(error.problems[0]))
    return answers


def _numbers(case: Case) -> str:
    """The kind of numbers a case computes with; plain code, whose power is measured at an operating point, counts as float."""
    return FLOAT if case.metric == "power_w" else numbers_of(lowered_of(case).work)


def _evaluation(tasks: Sequence[_Task], jobs: Sequence[tuple[int, int]], answers: dict[tuple[int, int], Answer], titles: dict[str, str]) -> Evaluation:
    points: list[Point] = []
    failures: list[Failure] = []
    for job in jobs:
        task, answer = tasks[job[0]], answers[job]
        case = task.cases[job[1]]
        if isinstance(answer, str):
            failures.append(Failure(case, task.regime, answer))
        else:
            points.append(_point(case, task.regime, *answer))
    return Evaluation(tuple(points), tuple(failures), titles)


def _point(case: Case, regime: Regime, predicted: float, numbers: str) -> Point:
    cost_class = case.spec.units[case.unit].cost_class
    return Point(
        dataset=case.dataset,
        group=case.group,
        regime=regime,
        device=case.device,
        unit=case.unit,
        model=case.model,
        family=case.family,
        kind=case.kind,
        metric=case.metric,
        measured=case.measured,
        predicted=predicted,
        source=case.source,
        line=case.line,
        cost_class=cost_class,
        form=cost_classes()[cost_class].form,
        numbers=numbers,
        latency_known=case.latency_s is not None,
    )


@contextmanager
def _pool(processes: int) -> Iterator[_Map]:
    """``map`` over processes, or in this one. They are started afresh, not forked: safe whatever threads the caller has."""
    if processes == 1:
        yield map
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread each: many on small matrices only stand in each other's way
    executor = ProcessPoolExecutor(processes, get_context("spawn"))
    try:
        yield executor.map
    except BrokenProcessPool:
        raise EdgesimError("a process that predicts ended before its time (out of memory?); try --workers 1") from None
    finally:
        executor.shutdown(cancel_futures=True)
