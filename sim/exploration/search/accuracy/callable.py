"""Accuracies from a function of the user's: ``package.module:function`` or ``file.py:function``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sim.errors import EdgesimError
from sim.exploration.search.accuracy.provider import AccuracyEstimate, AccuracyProvider, Candidate


@dataclass(frozen=True)
class Function(AccuracyProvider):
    """``reference``: the part before the last colon is a module, or a file relative to ``directory`` if it ends in ``.py``.

    The function gets one mapping of plain values: ``model`` (source, options, layers, precision, ... of the candidate), ``changes`` (what the trial
    chose, dotted path to value) and ``seed``. It returns a share of right answers between 0 and 1, or a pair of it and its error, or None: unknown.
    """

    reference: str
    directory: Path = Path()

    def accuracy(self, candidate: Candidate) -> AccuracyEstimate:
        function = _function(self.reference, self.directory)
        try:
            answer = function({"model": dict(candidate.model), "changes": dict(candidate.changes), "seed": candidate.seed})
        except Exception as error:  # whatever a user's function may raise is told, and the search goes on
            return AccuracyEstimate.unknown(f"{self.reference} raised {type(error).__name__}: {error}")
        value, error_ratio = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        if value is None:
            return AccuracyEstimate.unknown(f"{self.reference} does not know it")
        if not _is_number(value, 1.0) or not (error_ratio is None or _is_number(error_ratio, math.inf)):
            return AccuracyEstimate.unknown(f"{self.reference} returned {answer!r}; expected a number from 0 to 1, or a pair of it and its error")
        return AccuracyEstimate(float(value), None if error_ratio is None else float(error_ratio), self.reference)

    def check(self) -> None:
        """Raises EdgesimError where there is no such function."""
        _function(self.reference, self.directory)


def _is_number(value: Any, most: float) -> bool:
    try:
        return not isinstance(value, bool | str) and 0 <= float(value) <= most and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


@lru_cache(maxsize=16)
def _function(reference: str, directory: Path) -> Callable[[dict[str, Any]], Any]:
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise EdgesimError(f"{reference!r} names no function; give module:function or file.py:function")
    try:
        module = _of_file(directory / place) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:  # importing runs the user's code
        raise EdgesimError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise EdgesimError(f"{place} has no function {name!r}")
    return function  # type: ignore[no-any-return]  # what it takes and gives is the user's word


def _of_file(path: Path) -> Any:
    """Under a name of its own, so that equally named files of two scenarios do not meet."""
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    name = f"accuracy_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module
