"""Accuracies of networks that are trained for real: chains of dense layers on the digits of scikit-learn, judged on images held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from sim.experiment.digits.bench import SCRATCH, Bench
from sim.experiment.digits.data import CLASSES, PIXELS, digits
from sim.experiment.digits.network import graph_of, initial
from sim.exploration.search.accuracy.provider import FLOAT_PRECISIONS, AccuracyEstimate, AccuracyProvider, Candidate

_INTEGERS = {"quantize": {"to": "int8", "granularity": "per_channel"}}


@dataclass(frozen=True)
class TrainedDigits(AccuracyProvider):
    """Each candidate is trained ``seeds`` times, from other weights and on another split each time, and run in ONNX Runtime on the 719 images that
    nothing was trained on; in int8 after quantization where the scenario says int8. The mean is given, and the deviation between the seeds."""

    seeds: int = 1
    epochs: int = SCRATCH.epochs

    def accuracy(self, candidate: Candidate) -> AccuracyEstimate:
        sizes = _sizes(candidate.model)
        if sizes is None:
            return AccuracyEstimate.unknown(f"only chains of dense layers with relu between them are trained, from {PIXELS} pixels to {CLASSES} classes")
        precision = str(candidate.model.get("precision", "as_stored"))
        if candidate.model.get("compress") or precision not in (*FLOAT_PRECISIONS, "int8"):
            return AccuracyEstimate.unknown("networks are trained and judged in float or int8, not compressed")
        numbers = "int8" if precision == "int8" else "float"
        found = [_trained(sizes, numbers == "int8", candidate.seed + number, self.epochs) for number in range(self.seeds)]
        held_out, mean = found[0][1], float(np.mean([share for share, _ in found]))
        error = float(np.std([share for share, _ in found], ddof=1)) if self.seeds > 1 else (mean * (1 - mean) / held_out) ** 0.5
        often = "once" if self.seeds == 1 else f"{self.seeds} times"
        return AccuracyEstimate(mean, error, f"trained {often}, {self.epochs} epochs, judged in {numbers} on {held_out} digits held out")


def _sizes(model: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Widths of a chain from the pixels to the classes; None for another network."""
    layers: Sequence[Mapping[str, Any]] = model.get("layers") or ()
    shape = (model.get("input") or {}).get("shape") or ()
    dense = layers[:-1] if layers and layers[-1].get("op") == "softmax" else layers
    if len(dense) < 1 or not shape or shape[-1] != PIXELS or any(layer.get("op") != "dense" or layer.get("bias") is False for layer in dense):
        return None
    if any(set(layer) - {"op", "out", "activation", "bias", "name"} for layer in dense) or any(layer.get("activation") != "relu" for layer in dense[:-1]):
        return None
    sizes = (PIXELS, *(int(layer["out"]) for layer in dense))
    return sizes if sizes[-1] == CLASSES and dense[-1].get("activation") is None else None


@lru_cache(maxsize=4096)
def _trained(sizes: tuple[int, ...], in_integers: bool, seed: int, epochs: int) -> tuple[float, int]:
    """The share of held-out digits told right, and how many there are."""
    lesson = replace(SCRATCH, epochs=epochs)
    bench = Bench(seed, digits(seed), lesson=lesson)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn, which digits() asks for

    with threadpool_limits(limits=1):  # matrices so small only lose by threads, and workers would fight for the cores
        network = bench.train(initial(sizes, seed), lesson)
    found = bench.judged(bench.compressed(network, [_INTEGERS]) if in_integers else graph_of(network)).accuracy
    return found.value, found.samples_count
