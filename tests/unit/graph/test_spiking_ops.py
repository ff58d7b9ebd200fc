"""Spiking operators: connections counted one by one, events, and what a unit that multiplies pays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import ModelError
from sim.graph.builder import GraphBuilder
from sim.graph.ops.spiking import connections
from sim.graph.text import from_text, to_text
from sim.graph.work import op_work

STEPS: dict[str, Any] = {"timesteps": 7, "neurons": "fire", "rate": 0.1, "rates": (0.25,)}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2),
    st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]), st.booleans(),
)  # fmt: skip
def test_connections_of_a_convolution_are_those_of_loops(
    height: int, width: int, groups: int, per_group: int, kernel: int, stride: int, pad: int, dilation: int, auto: str, last: bool
) -> None:
    channels = groups * per_group
    builder = GraphBuilder("g")
    x = builder.input("x", (1, height, width, channels) if last else (1, channels, height, width))
    w = builder.weight("w", (2 * groups, per_group, kernel, kernel))
    attributes = {"strides": (stride, stride), "pads": (pad,) * 4 if auto == "NOTSET" else (0,) * 4, "dilations": (dilation, dilation), "group": groups}
    attributes |= {"auto_pad": auto, "layout": "NHWC" if last else "NCHW"}
    try:
        y = builder.add("SpikingConv", [x, w], {**attributes, **STEPS})
    except ModelError:
        return  # the window is larger than the image
    graph = builder.graph
    out = graph.tensors[y].shape
    rows, columns = (out[1], out[2]) if last else (out[2], out[3])
    before = []
    for extent, places in ((height, rows), (width, columns)):
        missing = max((places - 1) * stride + dilation * (kernel - 1) + 1 - extent, 0)
        before.append({"NOTSET": pad, "VALID": 0, "SAME_UPPER": missing // 2, "SAME_LOWER": missing - missing // 2}[auto])
    counted = sum(
        0 <= i * stride - before[0] + a * dilation < height and 0 <= j * stride - before[1] + b * dilation < width
        for i in range(rows)
        for j in range(columns)
        for a in range(kernel)
        for b in range(kernel)
    )
    assert connections(graph.ops[0], [graph.tensors[x], graph.tensors[w]], graph.tensors[y]) == (counted * per_group * 2 * groups,)


def dense_graph() -> Any:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 30))
    y = builder.add("SpikingDense", [x, builder.weight("w", (20, 30)), builder.weight("b", (20,))], STEPS)
    return builder.finish(y)


def test_events_of_a_dense_layer() -> None:
    row = op_work(graph := dense_graph(), graph.ops[0])
    assert (row.neurons, row.synapses, row.steps) == (20, 600, 7)
    assert row.synaptic_operations == pytest.approx(0.25 * 600 * 7)
    assert row.in_spikes == pytest.approx(0.25 * 30 * 7) and row.out_spikes == pytest.approx(0.1 * 20 * 7)


def test_a_unit_that_multiplies_pays_every_step_in_full() -> None:
    row = op_work(graph := dense_graph(), graph.ops[0])
    assert row.macs == 7 * 600 and row.in_bytes == 7 * 30 * 4 and row.out_bytes == 7 * 20 * 4


def test_inputs_of_other_neurons_have_none_of_their_own() -> None:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 30))
    y = builder.add("SpikingDense", [x, builder.weight("w", (20, 30))], {**STEPS, "neurons": "none"})
    row = op_work(graph := builder.finish(y), graph.ops[0])
    assert row.neurons == row.out_spikes == 0 and row.synaptic_operations > 0


def test_as_text_and_back() -> None:
    text = to_text(dense_graph())
    assert to_text(from_text(text)) == text


@pytest.mark.parametrize(("wrong", "says"), [({"timesteps": 0}, "timesteps"), ({"rate": 1.5}, "between 0 and 1"), ({"rates": (-0.1,)}, "between 0 and 1")])
def test_steps_and_rates_are_checked(wrong: dict[str, Any], says: str) -> None:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 30))
    with pytest.raises(ModelError, match=says):
        builder.add("SpikingDense", [x, builder.weight("w", (20, 30))], {**STEPS, **wrong})
