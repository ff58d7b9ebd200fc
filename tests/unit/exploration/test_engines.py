"""Engines by name."""

from __future__ import annotations

import builtins
import os
from concurrent.futures import BrokenExecutor
from importlib import import_module
from typing import Any

import pytest
from exploring import Burn, outcome, points

from sim.errors import EdgesimError
from sim.exploration.engines import ENGINES, open_engine
from sim.exploration.engines.local import LocalEngine, LocalLane, usable_cores
from sim.exploration.outcome import Outcome
from sim.exploration.run_points import run_points


@pytest.mark.parametrize(
    ("text", "workers", "said"),
    [
        ("locl", None, "unknown engine 'locl'; did you mean 'local'"),
        ("", None, "unknown engine ''; known: dask, local, mpi"),
        ("ray:auto", None, "unknown engine 'ray'"),
        ("local", 0, "0 workers: at least one is needed"),
        ("local:4", None, "'local' takes nothing behind it"),
        ("dask", None, "the scheduler's address is missing, for example dask:tcp://"),
        ("dask:127.0.0.1:8786", 4, "leave --workers out"),
        ("mpi:host", None, "'mpi' takes nothing behind it"),
    ],
)
def test_text_that_cannot_be_followed(text: str, workers: int | None, said: str) -> None:
    with pytest.raises(EdgesimError, match=said):
        open_engine(text, workers)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_its_module(name: str) -> None:
    assert callable(getattr(import_module(f"sim.exploration.engines.{name}"), f"open_{name}"))
    assert ENGINES[name][1].split(":")[0] == name


@pytest.mark.parametrize(("text", "package"), [("dask:127.0.0.1:8786", "distributed"), ("mpi", "mpi4py")])
def test_package_that_is_missing_is_named(text: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    engine = import_module(f"sim.exploration.engines.{text.split(':')[0]}")
    if hasattr(engine, "import_module"):
        monkeypatch.setattr(engine, "import_module", without)
    with pytest.raises(EdgesimError, match="pip install"):
        open_engine(text)


def test_local_engine_has_a_worker_for_each_core_unless_told() -> None:
    assert len(LocalEngine().lanes()) == usable_cores() and len(LocalEngine(3).lanes()) == 3


def test_workers_that_cannot_start_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens where there is no memory for a process, or a script starts workers as it is imported."""
    monkeypatch.setattr("sim.exploration.engines.local.end_with_parent", _end)
    with LocalEngine(1) as engine, pytest.raises(EdgesimError, match="ended 3 times before it had begun: is there enough memory"):
        run_points(points(3), Burn(), engine, print)


def _end() -> None:
    os._exit(1)


def test_error_of_something_else_is_no_death() -> None:
    lane = LocalLane()
    assert lane.lost(ValueError()) is None
    assert lane.lost(BrokenExecutor()) == 0  # nothing was up: nobody is to blame


class _MpiPool:
    """What mpi4py.futures offers, in this process: its Executor's interface is the standard library's."""

    num_workers = 2

    def __init__(self, max_workers: int | None = None, main: bool = True) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._threads = ThreadPoolExecutor(2)
        self.submit = self._threads.submit

    def bootup(self) -> None:
        """Nothing to start."""

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)


def test_mpi_engine_by_the_interface_of_its_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    package, futures = ModuleType("mpi4py"), ModuleType("mpi4py.futures")
    futures.MPIPoolExecutor = _MpiPool  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.futures", futures)
    outcomes: list[Outcome] = []
    with open_engine("mpi") as engine:
        assert engine.lanes()[0].width() == 2
        run_points(points(30), Burn(0.001), engine, outcomes.append)
    assert {one.key for one in outcomes} == {outcome(point).key for point in points(30)}
    monkeypatch.setattr(_MpiPool, "num_workers", 0)
    with pytest.raises(EdgesimError, match="no process that could work: mpiexec"):
        open_engine("mpi")
