"""Models written as a list of layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.work import DType
from sim.errors import EdgesimError
from sim.frontends.layer_kinds import KINDS
from sim.frontends.layers import import_layers
from sim.graph.ir import Graph
from sim.graph.work import total_macs

IMAGE, SERIES, VECTOR = {"shape": [1, 8, 12, 10]}, {"shape": [2, 7, 6]}, {"shape": [3, 24]}


def build(*layers: dict[str, Any], input: Any = IMAGE) -> Graph:
    return import_layers("net", input, list(layers))


def out(graph: Graph) -> tuple[int, ...]:
    return graph.tensors[graph.outputs[-1]].shape


def problems(*layers: Any, input: Any = IMAGE) -> list[str]:
    with pytest.raises(EdgesimError) as caught:
        import_layers("net", input, list(layers))
    return [str(problem) for problem in caught.value.problems]


# layer, input, shape, MACs, parameters
CASES: list[tuple[dict[str, Any], Any, tuple[int, ...], int, int]] = [
    ({"op": "conv", "out": 16}, IMAGE, (1, 16, 12, 10), 16 * 120 * 72, 16 * 72 + 16),
    ({"op": "conv", "out": 16, "kernel": [3, 1], "stride": [2, 1], "padding": "valid", "bias": False}, IMAGE, (1, 16, 5, 10), 16 * 50 * 24, 16 * 24),
    ({"op": "conv", "out": 16, "kernel": 5, "padding": 2, "dilation": 1, "groups": 4}, IMAGE, (1, 16, 12, 10), 16 * 120 * 50, 16 * 50 + 16),
    ({"op": "conv", "out": 4, "kernel": 3}, SERIES, (2, 4, 6), 2 * 4 * 6 * 21, 4 * 21 + 4),
    ({"op": "conv", "out": 2}, {"shape": [1, 3, 4, 5, 6]}, (1, 2, 4, 5, 6), 2 * 120 * 81, 164),
    ({"op": "depthwise", "stride": 2}, IMAGE, (1, 8, 6, 5), 8 * 30 * 9, 80),
    ({"op": "depthwise", "multiplier": 2, "bias": False}, IMAGE, (1, 16, 12, 10), 16 * 120 * 9, 144),
    ({"op": "conv_transpose", "out": 4}, IMAGE, (1, 4, 24, 20), 8 * 120 * 16, 8 * 16 + 4),
    ({"op": "dense", "out": 5}, VECTOR, (3, 5), 3 * 120, 125),
    ({"op": "dense", "out": 5}, SERIES, (2, 7, 5), 14 * 30, 35),
    ({"op": "maxpool"}, IMAGE, (1, 8, 6, 5), 0, 0),
    ({"op": "avgpool", "kernel": 3, "stride": 2, "padding": "same"}, IMAGE, (1, 8, 6, 5), 0, 0),
    ({"op": "global_average_pool"}, IMAGE, (1, 8), 0, 0),
    ({"op": "flatten"}, IMAGE, (1, 960), 0, 0),
    ({"op": "reshape", "shape": [-1, 10]}, IMAGE, (1, 96, 10), 0, 0),
    ({"op": "transpose", "axes": [0, 2, 3, 1]}, IMAGE, (1, 12, 10, 8), 0, 0),
    ({"op": "batch_norm", "activation": "relu6"}, IMAGE, (1, 8, 12, 10), 0, 16),
    ({"op": "layer_norm"}, SERIES, (2, 7, 6), 0, 12),
    ({"op": "group_norm", "groups": 4}, IMAGE, (1, 8, 12, 10), 0, 16),
    ({"op": "softmax"}, VECTOR, (3, 24), 0, 0),
    ({"op": "lstm", "units": 5}, SERIES, (2, 5), 14 * 20 * 11, 20 * 11 + 40),
    ({"op": "lstm", "units": 5, "bidirectional": True, "sequences": True}, SERIES, (2, 7, 10), 2 * 14 * 20 * 11, 2 * (20 * 11 + 40)),
    ({"op": "gru", "units": 5}, SERIES, (2, 5), 14 * 15 * 11, 15 * 11 + 30),
    ({"op": "attention", "heads": 2}, SERIES, (2, 7, 6), 2 * (4 * 7 * 36 + 2 * 49 * 6), 4 * 42),
    ({"op": "squeeze_excite"}, IMAGE, (1, 8, 12, 10), 32, 32),
    ({"op": "upsample"}, IMAGE, (1, 8, 24, 20), 0, 0),
    ({"op": "pixel_shuffle"}, IMAGE, (1, 2, 24, 20), 0, 0),
    ({"op": "embedding", "rows": 100, "size": 16}, {"shape": [1, 9], "dtype": "int32"}, (1, 9, 16), 0, 1600),
    ({"op": "gelu"}, IMAGE, (1, 8, 12, 10), 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "input", "shape", "macs", "parameters"), CASES, ids=[f"{case[0]['op']} {i}" for i, case in enumerate(CASES)])
def test_layer(layer: dict[str, Any], input: Any, shape: tuple[int, ...], macs: int, parameters: int) -> None:
    graph = build(layer, input=input)
    assert (out(graph), total_macs(graph), graph.parameters()) == (shape, macs, parameters)


def test_every_kind_can_be_built_from_some_input() -> None:
    required = {"out": 8, "units": 8, "rows": 9, "size": 4, "shape": [-1], "axes": [0, 2, 1]}
    for name, kind in KINDS.items():
        options = {key: required[key] for key, option in kind.options.items() if option.required}
        more = {"heads": 2} if name == "attention" else {}
        joins = {"from": ["input", "input"]} if kind.several else {}
        fitting = []
        for input in (IMAGE, {"shape": [1, 8, 8]}, VECTOR):
            try:
                fitting.append(build({"op": name, **options, **more, **joins}, {"op": "relu"}, input=input))
            except EdgesimError:
                continue
        assert fitting, name


def test_branches_join_by_name() -> None:
    graph = build(
        {"op": "conv", "out": 8, "name": "stem", "activation": "relu"},
        {"op": "conv", "out": 8, "activation": "relu"},
        {"op": "conv", "out": 8},
        {"op": "residual", "from": "stem", "activation": "relu"},
        {"op": "concat", "from": ["input", "stem"], "name": "both"},
        {"op": "dropout", "rate": 0.2},
        {"op": "conv", "out": 4, "kernel": 1},
    )
    assert [op.type for op in graph.ops] == ["Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Relu", "Concat", "Conv"]
    assert out(graph) == (1, 4, 12, 10) and len(graph.outputs) == 2  # nobody reads the residual: it is an output too


def test_the_mlperf_tiny_image_classifier() -> None:
    """ResNet8 of MLPerf Tiny: 12 501 632 MACs and 77 706 parameters with batch norms folded."""
    layers: list[dict[str, Any]] = [{"op": "conv", "out": 16, "activation": "relu", "name": "block0"}]
    for i, (out_channels, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        layers.append({"op": "conv", "out": out_channels, "stride": stride, "activation": "relu", "from": f"block{i}"})
        layers.append({"op": "conv", "out": out_channels, "name": f"inner{i}"})
        skip = f"block{i}"
        if stride > 1:
            skip = f"skip{i}"
            layers.append({"op": "conv", "out": out_channels, "kernel": 1, "stride": stride, "from": f"block{i}", "name": skip})
        layers.append({"op": "add", "from": [f"inner{i}", skip], "activation": "relu", "name": f"block{i + 1}"})
    layers += [{"op": "global_average_pool"}, {"op": "dense", "out": 10}, {"op": "softmax"}]
    graph = build(*layers, input={"shape": [1, 3, 32, 32]})
    assert (total_macs(graph), graph.parameters()) == (12_501_632, 77_706)


def test_an_int8_input_makes_int8_weights() -> None:
    graph = build({"op": "conv", "out": 4}, input={"shape": [1, 3, 8, 8], "dtype": "int8"})
    assert {graph.tensors[name].dtype for name in graph.ops[0].inputs} == {DType.I8}


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(
        {"op": "convv", "out": 3},
        {"op": "conv", "out": 0, "kernle": 3},
        {"op": "dense"},
        {"op": "add"},
        {"op": "add", "from": "stemm", "name": "input"},
        {"op": "maxpool", "kernel": True, "padding": "full"},
        3,
        {"op": "relu", "from": ["input", "input"], "name": 4},
        input={"shape": [1, 3, "a"], "dtype": "float33", "size": 3},
    )
    assert found == [
        "input.size: unknown key; known: dtype, shape",
        "input.shape: must be a list of whole numbers from 1, the batch first, got [1, 3, 'a']",
        "input.dtype: unknown number format 'float33'; did you mean 'float32' or 'float16' or 'bfloat16'?",
        "layers.0.op: unknown layer 'convv'; did you mean 'conv'?",
        "layers.1.kernle: conv has no such option; did you mean 'kernel'?",
        "layers.1.out: expected a whole number from 1, got 0",
        "layers.2: dense needs 'out'",
        "layers.3: add needs 'from': the name of a layer to join the one before, or a list of names",
        "layers.4.from: no layer before it is named 'stemm'; known: input",
        "layers.4.name: 'input' is the name of an earlier layer",
        "layers.5.kernel: expected a whole number from 1, got True",
        "layers.5.padding: expected same, valid, or numbers of elements, got 'full'",
        "layers.6: a layer is written {op: ..., options}, such as {op: conv, out: 32, kernel: 3}",
        "layers.7.from: relu reads one layer",
        "layers.7.name: must be letters, digits and . _ - only, got 4",
    ]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"op": "conv", "out": 8, "groups": 3}, "layers.0.groups: conv: 8 input and 8 output channels do not divide into 3 groups"),
        ({"op": "conv", "out": 8, "kernel": [3, 3, 3]}, "layers.0.kernel: conv: has 3 numbers, the input [1, 8, 12, 10] has 2 spatial dimensions"),
        ({"op": "conv", "out": 8, "kernel": 99, "padding": "valid"}, "layers.0: conv_0: Conv has a window [99, 99] larger than its input [12, 10]"),
        (
            {"op": "dense", "out": 8},
            "layers.0: dense: works on the last axis; put a flatten or global_average_pool before it (its input has shape [1, 8, 12, 10])",
        ),
        ({"op": "lstm", "units": 8}, "layers.0: lstm: needs an input [batch, steps, features], it has shape [1, 8, 12, 10]"),
        ({"op": "reshape", "shape": [7, 7]}, "layers.0: reshape_0: Reshape cannot view [1, 8, 12, 10] as [1, 7, 7]"),
    ],
)
def test_what_does_not_fit_is_told_once(layer: dict[str, Any], message: str) -> None:
    assert problems(layer, {"op": "relu"}) == [message]  # the layer after it is not blamed


def test_no_layers_and_no_input() -> None:
    assert problems() == ["layers: must be a list of 1 to 10000 layers"]
    assert problems({"op": "relu"}, input=None) == ["input: a model of layers needs an input such as {shape: [1, 3, 32, 32]}"]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
_LAYERS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from([*KINDS, "convv"])},
        optional=dict.fromkeys(
            ("out", "kernel", "stride", "padding", "groups", "units", "shape", "axes", "axis", "heads", "from", "name", "rows", "size", "oops"), _VALUES
        ),
    )
    | _VALUES,
    max_size=5,
)
_INPUTS = st.sampled_from([IMAGE, SERIES, VECTOR, {"shape": []}, {"shape": 3}, None]) | st.dictionaries(st.sampled_from(["shape", "dtype", "x"]), _VALUES)


@settings(max_examples=300, deadline=None)
@given(_LAYERS, _INPUTS)
def test_whatever_is_written_gives_a_graph_or_one_error(layers: Any, input: Any) -> None:
    try:
        assert import_layers("net", input, layers).outputs
    except EdgesimError as error:
        assert all(problem.path for problem in error.problems)


def test_absurd_sizes_are_refused() -> None:
    assert "cannot be right" in problems({"op": "upsample", "scale": 2**30}, {"op": "upsample", "scale": 2**30})[0]
