"""Rueckauer et al. 2021 (NxTF, arXiv 2101.04261): a MobileNet of 28 layers and 4 million parameters on inputs of 128 x 128 uses 80 % of 16 chips."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import spiking_events
from sim.frontends.zoo import build
from sim.graph.work import graph_work
from sim.passes.compression import compress

PUBLISHED_CORES = 0.80 * 16 * 128


@pytest.mark.parametrize("input", ["rate", "analog"])
def test_cores_of_mobilenet_are_those_published(input: str) -> None:
    graph = build("mobilenet_v1", resolution=128)
    assert graph.parameters() == pytest.approx(4.2e6, rel=0.03)
    _, work = graph_work(compress(graph, [{"to_spiking": {"timesteps": 16, "rate": 0.1, "input": input}}]).graph)
    events, _ = spiking_events(work, load_device("loihi"), "neuromorphic")
    assert events.cores.sum() == pytest.approx(PUBLISHED_CORES, rel=0.1)
