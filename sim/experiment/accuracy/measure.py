"""The accuracy of a model on data: measured once for each content, whoever asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.experiment.accuracy.dataset import Dataset, load_dataset
from sim.experiment.accuracy.metrics import METRICS, Estimate, estimate
from sim.experiment.accuracy.session import Runner
from sim.experiment.accuracy.spiking_session import SpikingRunner, content, spikes
from sim.graph.ir import Graph
from sim.registry import near_names
from sim.scenario.accuracy import AccuracyUse

_MOST_KEPT = 256
_measured: dict[str, Measured] = {}


@dataclass(frozen=True)
class Measured:
    """A mean over a dataset, with its interval of 95 % confidence. ``is_share``: a share of right answers, of which more is better."""

    metric: str
    value: float
    low: float
    high: float
    samples_count: int
    dataset: str
    is_share: bool
    engine: str = "ONNX Runtime"


def measured_accuracy(graph: Graph, use: AccuracyUse, directory: Path, file: Path | None = None) -> Measured:
    """Run the graph's model on the data a scenario names. ``file``: the model's own file, where it runs as it is.

    Models and data of the same content are run once in a process. Raises EdgesimError with problems at ``accuracy....``.
    """
    data = load_dataset(use, graph.inputs, directory)
    as_spikes = file is None and spikes(graph)
    model = file if file is not None else content(graph) if as_spikes else exported(graph)
    key = _key(model, data, use)
    if key not in _measured:
        while len(_measured) >= _MOST_KEPT:
            del _measured[next(iter(_measured))]
        _measured[key] = measure(SpikingRunner(graph) if as_spikes else Runner(model, graph.name), data, use.metric, use.output)
    return _measured[key]


def measure(runner: Runner | SpikingRunner, data: Dataset, metric: str = "top1", output: str | None = None) -> Measured:
    """Of a model that is loaded. Raises EdgesimError with problems at ``accuracy....``."""
    if output is not None and output not in runner.outputs:
        raise EdgesimError(Problem(path="accuracy.output", what=f"the model has no output {output!r}; {near_names(output, runner.outputs)}"))
    runner.check(data.feeds, "accuracy.inputs")
    chosen = output or runner.outputs[0]
    found = score(metric, runner.run(data.feeds, [chosen])[chosen], data.labels)
    kind = METRICS[metric]
    return Measured(kind.title, found.value, found.low, found.high, found.samples_count, data.name, kind.is_share, runner.engine)


def score(metric: str, answers: np.ndarray, labels: np.ndarray) -> Estimate:
    """Answers ``[samples, ...]`` judged by right ones. Raises EdgesimError with the problem at ``accuracy.labels``."""
    if len(answers) != len(labels):
        raise EdgesimError(Problem(path="accuracy.output", what=f"{len(answers)} answers to {len(labels)} samples; name the output that is judged"))
    if not np.issubdtype(labels.dtype, np.number) or not np.isfinite(labels).all():
        raise EdgesimError(Problem(path="accuracy.labels", what=f"right answers have to be finite numbers, these are {labels.dtype}"))
    try:
        return estimate(METRICS[metric], METRICS[metric].score(answers, labels))
    except EdgesimError as error:
        raise EdgesimError([Problem(path=problem.path or "accuracy.labels", what=problem.what) for problem in error.problems]) from None


def exported(graph: Graph) -> bytes:
    """The graph as an ONNX file. Raises ModelError where values are missing, EdgesimError where the onnx package is."""
    from sim.frontends.onnx.export import export_onnx

    return bytes(export_onnx(graph).SerializeToString())


def _key(model: bytes | Path, data: Dataset, use: AccuracyUse) -> str:
    own = model if isinstance(model, bytes) else model.read_bytes()
    parts: Mapping[str, object] = {"data": data.digest, "use": use.model_dump_json()}
    return hashlib.sha256(hashlib.sha256(own).digest() + repr(parts).encode()).hexdigest()
