"""How much each layer's rounded weights disturb: signal-to-noise ratios of the weights themselves, of the layer's output, or of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph
from sim.passes.compression.base import Means, Rerun, checked_feeds, note
from sim.passes.compression.rounding import signal_to_noise_db
from sim.passes.compression.weights import Weight, needed_values

Measure = Literal["weights", "layers", "answers"]
Round = Callable[[Weight, np.ndarray, int], np.ndarray]  # a weight, its values and a number of bits -> what is left of the values


def signal_ratios(graph: Graph, weights: Sequence[Weight], widths: Sequence[int], round: Round, measure: Measure | None, means: Means) -> list[list[float]]:
    """Signal-to-quantization-noise ratios in dB, ``[weights][widths]``, while only that weight is rounded.

    ``measure``: of the stored values, of the output of the operator that reads them, or of the network's answers, the last two over the
    calibration data. If None: answers where there are data and the model runs, else values. Raises ModelError where data are asked for
    and there are none, where they do not fit, or a weight has no values.
    """
    rerun: Rerun | None = None
    if measure is None and means.calibration is not None and means.rerun is not None:
        checked_feeds(graph, means.calibration)
        try:
            measure, rerun = "answers", _rerun(graph, weights, "answers", means)
        except ModelError as error:
            measure = "weights"
            note(graph, f"sensitivity of layers is measured in their weights: {error}")
    if measure is None or measure == "weights":
        return [[_of_values(weight, bits, round) for bits in widths] for weight in weights]
    rerun = rerun or _rerun(graph, weights, measure, means)
    exact: dict[tuple[str, ...], Mapping[str, np.ndarray]] = {}
    found = []
    for weight in weights:
        wanted = (weight.op.outputs[0],) if measure == "layers" else _answers(graph)
        if wanted not in exact:
            exact = {wanted: rerun({}, wanted)}
        found.append([_of_outputs(weight, bits, round, rerun, exact[wanted]) for bits in widths])
    return found


def _rerun(graph: Graph, weights: Sequence[Weight], measure: Measure, means: Means) -> Rerun:
    if means.calibration is None:
        raise ModelError(Problem(path="sensitivity", what=f"{measure} are measured on calibration data; name a file under calibration, or give weights"))
    if means.rerun is None:
        raise ModelError(Problem(path="sensitivity", what=f"{measure} need a runtime that runs the model, and there is none here; give weights"))
    checked_feeds(graph, means.calibration)
    outputs = [weight.op.outputs[0] for weight in weights] if measure == "layers" else _answers(graph)
    found = means.rerun(graph, means.calibration, [weight.tensor.name for weight in weights], outputs)
    note(graph, f"sensitivity of layers: noise in {'their outputs' if measure == 'layers' else 'the answers'}, measured on calibration data")
    return found


def _answers(graph: Graph) -> tuple[str, ...]:
    """The network's outputs, before a softmax that closes it: shares that are all but certain hide how far the scores moved."""
    made_by = {name: op for op in graph.ops for name in op.outputs}
    ends = [made_by.get(name) for name in graph.outputs]
    before = [op.inputs[0] if op is not None and op.type in ("Softmax", "LogSoftmax") else name for op, name in zip(ends, graph.outputs, strict=True)]
    return tuple(dict.fromkeys(before))


def _of_values(weight: Weight, bits: int, round: Round) -> float:
    values = needed_values(weight.tensor, "sensitivity")
    return signal_to_noise_db(values, round(weight, values, bits))


def _of_outputs(weight: Weight, bits: int, round: Round, rerun: Rerun, exact: Mapping[str, np.ndarray]) -> float:
    values = needed_values(weight.tensor, "sensitivity")
    made = rerun({weight.tensor.name: round(weight, values, bits).astype(np.float32)}, tuple(exact))
    ratios = [signal_to_noise_db(exact[name].astype(np.float64), made[name].astype(np.float64)) for name in exact]
    return min(ratios)  # of several outputs the one that is disturbed most
