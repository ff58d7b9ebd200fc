"""Weights streamed from storage: closed forms of the double buffer, memory, and energy of reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.compiler.paging import paged, paged_to_fit, stalls_s
from sim.frontends.load import load_model

SECONDS = st.floats(0.0, 10.0)


@pytest.mark.parametrize(("read", "run"), [(3.0, 1.0), (1.0, 3.0), (2.0, 2.0)])
def test_a_stage_lasts_as_long_as_the_longer_of_reading_and_running(read: float, run: float) -> None:
    stages = 50
    total = stalls_s(np.full(stages, read), np.full(stages, run)).sum() + stages * run
    assert total == pytest.approx(read + (stages - 1) * max(read, run) + run)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=30))
def test_streaming_is_bounded_by_all_reading_and_all_running(rows: list[tuple[float, float]]) -> None:
    read, run = (np.array(column) for column in zip(*rows, strict=True))
    waits = stalls_s(read, run)
    total = waits.sum() + run.sum()
    assert (waits >= 0).all()
    assert max(read.sum(), run.sum()) - 1e-9 <= total <= read.sum() + run.sum() + 1e-9
    assert (waits[read == 0] == 0).all()


def test_paging_takes_the_two_largest_neighbours_and_reads_every_weight_once() -> None:
    device = load_device("raspberry_pi_4")
    program = compile_model(load_model("resnet50", directory=Path()), device, runtime="tflite")
    streamed = paged(program, device)
    assert 2048 * 1000 * 4 < streamed.page_buffer_bytes < 0.25 * program.weights_bytes
    rate = float(device.storage.read_bytes_per_s)
    assert streamed.page_read_s == pytest.approx(program.weights_bytes / rate, rel=0.02)
    assert streamed.resident_bytes == pytest.approx(program.resident_bytes - program.weights_bytes + streamed.page_buffer_bytes)


def test_only_what_does_not_fit_is_paged() -> None:
    device = load_device("raspberry_pi_4")
    programs = {name: compile_model(load_model(name, directory=Path()), device, runtime="tflite") for name in ("mobilenet_v2", "resnet50")}
    total = sum(program.resident_bytes for program in programs.values())
    assert paged_to_fit(programs, device, total) == programs
    made = paged_to_fit(programs, device, total - 1)
    assert made["mobilenet_v2"] is programs["mobilenet_v2"]
    assert made["resnet50"].page_buffer_bytes > 0


def test_weights_read_where_they_are_stored_are_not_paged() -> None:
    device = load_device("stm32h7a3")
    program = compile_model(load_model("mobilenet_v1", directory=Path(), options={"width": 0.25, "resolution": 96}), device, runtime="tflite_micro")
    assert paged(program, device) is program
