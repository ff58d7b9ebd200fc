"""Where a search knows accuracies from: published points, a function of the user's, or networks trained in the trial.

To add one: its provider in a file here, its options in :mod:`sim.scenario.search_accuracy`, and its line below.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.errors import EdgesimError, Problem
from sim.exploration.search.accuracy.evaluated import WithAccuracy
from sim.exploration.search.accuracy.provider import AccuracyEstimate, AccuracyProvider, Candidate
from sim.registry import Registry
from sim.scenario.search_accuracy import AccuracySource, DigitsSource, FunctionSource, PublishedSource

__all__ = ["PROVIDERS", "AccuracyEstimate", "AccuracyProvider", "Candidate", "WithAccuracy", "accuracy_provider"]

PROVIDERS: Registry[Callable[[AccuracySource, Path], AccuracyProvider]] = Registry("source of accuracies")


def accuracy_provider(source: AccuracySource, directory: Path) -> AccuracyProvider:
    """What ``search: accuracy:`` asks for; ``directory``: the scenario's folder.

    Raises EdgesimError, placed at ``search.accuracy``, for tables, files and functions that are not there.
    """
    try:
        return PROVIDERS[source.provider](source, directory)
    except EdgesimError as error:
        raise EdgesimError(Problem(path="search.accuracy", what=problem.what) for problem in error.problems) from error


@PROVIDERS.register("published")
def _published(source: AccuracySource, directory: Path) -> AccuracyProvider:
    from sim.exploration.search.accuracy.published import Published

    assert isinstance(source, PublishedSource)
    provider = Published(source.table, source.target, source.of_float, directory)
    provider.check()
    return provider


@PROVIDERS.register("callable")
def _function(source: AccuracySource, directory: Path) -> AccuracyProvider:
    from sim.exploration.search.accuracy.callable import Function

    assert isinstance(source, FunctionSource)
    provider = Function(source.function, directory)
    provider.check()
    return provider


@PROVIDERS.register("digits")
def _digits(source: AccuracySource, directory: Path) -> AccuracyProvider:
    from sim.exploration.search.accuracy.trained_digits import TrainedDigits

    assert isinstance(source, DigitsSource)
    return TrainedDigits(source.seeds, source.epochs)
