"""Elementwise kernels write over their inputs, and what that saves is told."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.compiler.in_place import buffers_at_peak, bytes_without_in_place
from sim.frontends.zoo.net import Net


def test_a_chain_of_elementwise_kernels_takes_one_buffer_instead_of_two() -> None:
    net = Net("chain")
    x = net.dense(net.input("x", (16, 4)), 1024, bias=False)
    for _ in range(4):
        x = net.add("Gelu", [x])
    program = compile_model(net.finish(net.dense(x, 4, bias=False)), load_device("raspberry_pi_4"), runtime="tflite")
    row = 16 * 1024 * 4
    assert bytes_without_in_place(program) == 2 * row
    assert program.plan.arena_bytes == pytest.approx(row, abs=2048)
    assert buffers_at_peak(program)[0].size_bytes == row
    assert sum(buffer.size_bytes for buffer in buffers_at_peak(program)) == program.plan.lower_bound_bytes
