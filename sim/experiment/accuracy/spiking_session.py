"""Runs of a spiking network on samples: integrate and fire, step by step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from sim.errors import EdgesimError, ModelError, Problem
from sim.graph.ir import Graph
from sim.graph.ops.spiking import is_spiking
from sim.graph.text import to_text
from sim.passes.spiking.layers import Layers
from sim.passes.spiking.run import run_spikes
from sim.registry import near_names

_BATCH = 64


def spikes(graph: Graph) -> bool:
    """Whether a graph is to be run as spikes."""
    return any(is_spiking(op) for op in graph.ops)


def content(graph: Graph) -> bytes:
    """What tells spiking networks apart: their text and weights. Raises ModelError where these have no values."""
    layers = Layers(graph)
    held = [layers.value(name).tobytes() for name, tensor in graph.tensors.items() if tensor.is_stored]
    return hashlib.sha256(to_text(graph).encode() + b"".join(held)).digest()


class SpikingRunner:
    """A spiking network with measured thresholds, as :class:`~sim.experiment.accuracy.session.Runner` is a model in ONNX Runtime."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.outputs = graph, list(graph.outputs)
        self.engine = f"an integrate-and-fire run of {graph.notes['spiking']['timesteps']} steps"

    def check(self, feeds: Mapping[str, np.ndarray], path: str = "") -> None:
        """Raise EdgesimError with everything about the samples (input -> ``[samples, ...]``) that the network does not take."""
        found = [f"there is no input {name!r}; {near_names(name, self.graph.inputs)}" for name in feeds if name not in self.graph.inputs]
        for name in self.graph.inputs:
            shape = self.graph.tensors[name].shape[1:]
            if name not in feeds:
                found.append(f"no data for input {name!r}")
            elif tuple(feeds[name].shape[1:]) != shape or not len(feeds[name]):
                shown = ", ".join(["samples", *map(str, shape)])
                found.append(f"input {name!r} takes [{shown}], the data have shape {list(feeds[name].shape)}")
            elif not (np.issubdtype(feeds[name].dtype, np.number) and np.isfinite(feeds[name]).all()):
                found.append(f"the data of input {name!r} are not all finite numbers")
        if found:
            raise EdgesimError(Problem(path=path, what=what) for what in found)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
        """Answers to samples: output -> ``[samples, ...]``."""
        self.check(feeds)
        wanted, count = outputs or self.outputs, len(next(iter(feeds.values())))
        if any(len(values) != count for values in feeds.values()):
            raise ModelError(f"{self.graph.name}: inputs have different numbers of samples")
        parts = [run_spikes(self.graph, {name: values[start : start + _BATCH] for name, values in feeds.items()}).values for start in range(0, count, _BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in wanted}
