"""Engines: what runs the points of a sweep or the trials of a search. An engine is one file with ``open_NAME(place, workers)`` and a line here."""

from __future__ import annotations

from importlib import import_module

from sim.errors import EdgesimError
from sim.exploration.engines.engine import Engine
from sim.registry import near_names

# name -> (what it is, how its text is written); the module of this name has open_NAME(place, workers) -> Engine
ENGINES = {
    "local": ("processes on this machine", "local"),
    "dask": ("a Dask distributed cluster that is running", "dask:ADDRESS"),
    "mpi": ("the processes of an MPI job, through mpi4py", "mpi"),
}


def open_engine(text: str, workers: int | None = None) -> Engine:
    """The engine that ``text`` names, such as ``local`` or ``dask:tcp://10.0.0.5:8786``. ``workers``: how many processes (None: as many as there
    are cores, or as the cluster has). Raises EdgesimError for text nobody can follow and for a cluster that does not answer."""
    name, _, place = text.strip().partition(":")
    if name not in ENGINES:
        raise EdgesimError(f"unknown engine {name!r}; {near_names(name, ENGINES)}")
    if workers is not None and workers < 1:
        raise EdgesimError(f"{workers} workers: at least one is needed")
    opened: Engine = getattr(import_module(f"sim.exploration.engines.{name}"), f"open_{name}")(place.strip(), workers)
    return opened
