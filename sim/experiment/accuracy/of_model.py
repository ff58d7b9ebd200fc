"""The accuracy of a scenario's model, measured before it is lowered for its runtime."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sim.experiment.accuracy.measure import measured_accuracy
from sim.graph.ir import Graph
from sim.scenario.model import ModelUse

NOTE = "measured_accuracy"  # key of the graph's notes


def with_accuracy(graph: Graph, use: ModelUse, directory: Path) -> Graph:
    """The graph, with what was measured of it in its notes where the scenario asks for that.

    An ONNX file that nothing compresses runs as it is, any other model as its graph is written. Raises EdgesimError with problems at
    ``accuracy....``, ModelError where the model has no weights or ONNX Runtime does not run it.
    """
    if use.accuracy is None:
        return graph
    own = use.source is not None and use.source.lower().endswith(".onnx") and not use.compress
    found = measured_accuracy(graph, use.accuracy, directory, directory / use.source if own and use.source else None)
    result = graph.copy()
    result.notes[NOTE] = asdict(found)
    return result
