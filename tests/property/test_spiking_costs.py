"""Spiking networks of any shape: more spikes, steps or neurons never cost less; energy is the sum of its events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz, spiking_events
from sim.frontends.layers import import_layers
from sim.graph.work import graph_work
from sim.passes.compression import compress

LOIHI = load_device("loihi")
HERTZ = max_frequency_hz(LOIHI, "neuromorphic")
CONVOLUTIONS = st.lists(st.fixed_dictionaries({"out": st.integers(1, 12), "kernel": st.integers(1, 3), "stride": st.integers(1, 2)}), min_size=1, max_size=3)


def costs_of(convolutions: list[dict[str, int]], size: int, steps: int, rate: float) -> tuple[float, float, float]:
    """Seconds, joules, and the sum of the events' joules."""
    layers: list[dict[str, Any]] = [{"op": "conv", "activation": "relu", "padding": "same", **given} for given in convolutions]
    graph = import_layers("net", {"shape": [1, 2, size, size]}, [*layers, {"op": "flatten"}, {"op": "dense", "out": 5}])
    _, work = graph_work(compress(graph, [{"to_spiking": {"timesteps": steps, "rate": rate}}]).graph)
    made = kernel_costs(work, LOIHI, "neuromorphic", runtime="nxsdk")
    _, by_event = spiking_events(work, LOIHI, "neuromorphic")
    assert all(np.isfinite(column).all() and (column >= 0).all() for column in (made.compute_cycles, made.overhead_cycles, made.events_j))
    return float(kernel_seconds(made, HERTZ).sum()), float(made.events_j.sum()), sum(by_event.values())


@settings(max_examples=40, deadline=None)
@given(CONVOLUTIONS, st.integers(4, 12), st.integers(1, 64), st.floats(0, 1), st.floats(0, 1), st.integers(0, 64))
def test_more_costs_more(convolutions: list[dict[str, int]], size: int, steps: int, rate: float, other: float, further: int) -> None:
    low, high = sorted((rate, other))
    less, more, longer = (costs_of(convolutions, size, *given) for given in ((steps, low), (steps, high), (steps + further, low)))
    tolerance = 1 + 1e-9
    assert less[0] <= more[0] * tolerance and less[1] <= more[1] * tolerance
    assert longer[0] == pytest.approx(less[0] * (steps + further) / steps) and longer[1] == pytest.approx(less[1] * (steps + further) / steps)
    assert less[1] == pytest.approx(less[2], rel=1e-9, abs=1e-30)
