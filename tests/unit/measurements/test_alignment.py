"""Measured rows against kernels: names as engines change them, then order and type."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.measurements.alignment import SimulatedKernel, _best_pairs, _in_order, _scores, align
from sim.measurements.measurement import OperatorTiming
from sim.measurements.operator_names import names_in, plain_name
from sim.measurements.operator_types import operator_type, type_in_name


def rows(*pairs: tuple[str, str]) -> list[OperatorTiming]:
    return [OperatorTiming(name, kind, 1e-3) for name, kind in pairs]


def kernels(*pairs: tuple[str, str]) -> list[SimulatedKernel]:
    return [SimulatedKernel((name,), tuple(label.split("+"))) for name, label in pairs]


@pytest.mark.parametrize(
    "text", ["/conv1/Conv_token_12", "conv1/Conv:0", "conv1/Conv_nchwc", "fused conv1/Conv", "/conv1/Conv_nchwc_token_3_kernel_time", "[conv1/Conv]"]
)
def test_names_lose_what_engines_add(text: str) -> None:
    assert plain_name(text) == "conv1/conv"


def test_fused_names_come_apart() -> None:
    assert set(names_in("conv1 + relu1")) >= {"conv1", "relu1"}
    assert set(names_in("[model/conv/Relu;model/conv/BiasAdd]:3")) >= {"model/conv/relu", "model/conv/biasadd"}
    assert set(names_in("PWN(sigmoid, mul)")) >= {"sigmoid", "mul"}
    assert names_in("12") == ()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Delegate/Convolution (NHWC, F32) IGEMM", "Conv"), ("CONV_2D", "Conv"), ("DEPTHWISE_CONV_2D", "Conv"), ("FusedConv", "Conv"), ("QLinearConv", "Conv"),
        ("Gemm", "Dense"), ("FULLY_CONNECTED", "Dense"), ("FusedMatMul", "MatMul"), ("ReorderInput", "Relayout"), ("TfLiteXNNPackDelegate", "Partition"),
        ("EPContext", "Partition"), ("SoftMax", "Softmax"), ("PoolMax2d", "MaxPool"), ("ElementWiseAdd", "Add"), ("Hardswish", "HardSwish"),
        ("QuickGelu", "QuickGelu"), ("HARD_SWISH", "HardSwish"), ("LSTM", "LSTM"), ("", ""),
    ],
)  # fmt: skip
def test_types_of_engines(word: str, kind: str) -> None:
    assert operator_type(word) == kind


def test_types_in_names_of_layers() -> None:
    assert type_in_name("/layer1/layer1.0/conv1/Conv + /layer1/layer1.0/relu/Relu") == "Conv"
    assert type_in_name("fc") == "Dense" and type_in_name("node_of_linear_7") == "Dense" and type_in_name("xyz") == ""


def test_names_win_over_order() -> None:
    found = align(rows(("b", "Conv"), ("a", "Conv")), kernels(("a", "Conv"), ("b", "Conv")))
    assert {(tuple(group.measured), tuple(group.kernels)) for group in found.groups} == {((0,), (1,)), ((1,), (0,))}


def test_one_row_for_several_kernels_and_several_rows_for_one() -> None:
    found = align(
        rows(("a + b", "Conv"), ("c", "Conv"), ("d", "Relu")), [*kernels(("a", "Conv"), ("b", "Relu")), SimulatedKernel(("c", "d"), ("Conv", "Relu"))]
    )
    assert [(group.measured, group.kernels) for group in found.groups] == [([0], [0, 1]), ([1, 2], [2])]
    assert not found.only_measured and not found.only_simulated


def test_a_name_that_several_kernels_have_says_nothing() -> None:
    found = align(rows(("x", "Softmax")), kernels(("x", "Conv"), ("x", "Softmax")))
    assert [(group.kernels, group.by) for group in found.groups] == [([1], "order")]


def test_order_and_type_without_names() -> None:
    measured = rows(("", "ReorderInput"), ("", "Conv"), ("", "Conv"), ("", "MaxPool"), ("", "Gemm"))
    found = align(measured, kernels(("a", "Conv+Relu"), ("p", "MaxPool"), ("c", "Conv"), ("f", "Dense")))
    pairs = {(group.measured[0], group.kernels[0]) for group in found.groups}
    assert (4, 3) in pairs and {kernel for _, kernel in pairs} >= {0, 2, 3}  # two convolutions count more than one pooling
    assert 0 in found.only_measured


def test_rows_of_fused_operators_join_their_kernel() -> None:
    found = align(rows(("a", "Conv"), ("", "Relu"), ("", "Relu")), kernels(("a", "Conv+Relu")))
    assert [(group.measured, group.kernels) for group in found.groups] == [([0, 1], [0])] and found.only_measured == (2,)


def test_a_partition_takes_what_is_between_its_neighbours() -> None:
    found = align(
        rows(("head", "Quantize"), ("", "TfLiteXNNPackDelegate"), ("tail", "Dequantize")),
        kernels(("head", "Quantize"), ("a", "Conv"), ("b", "Add"), ("tail", "Dequantize")),
    )
    assert [(group.by, group.kernels) for group in found.groups] == [("name", [0]), ("partition", [1, 2]), ("name", [3])]


def test_rows_of_another_kind_stay_alone() -> None:
    found = align(rows(("q", "Softmax")), kernels(("c", "Conv")))
    assert not found.groups and found.only_measured == (0,) and found.only_simulated == (0,)


KINDS = st.sampled_from(["Conv", "Add", "Relu", "Dense", "Softmax", ""])


@given(st.lists(KINDS, max_size=5), st.lists(KINDS.filter(bool), max_size=5))
def test_alignment_is_the_best_there_is(measured: list[str], simulated: list[str]) -> None:
    """Against all pairings that do not cross."""
    types = [(kind,) for kind in simulated]
    pairs = _best_pairs(measured, types)
    assert all(left < right for left, right in pairwise(pairs)) and len({b for _, b in pairs}) == len(pairs)
    if not (measured and simulated):
        assert pairs == []
        return
    scores = _scores(measured, types)
    best = 0.0
    for size in range(1, min(len(measured), len(simulated)) + 1):
        for left in combinations(range(len(measured)), size):
            for right in combinations(range(len(simulated)), size):
                each = [scores[a, b] for a, b in zip(left, right, strict=True)]
                best = max(best, sum(each)) if min(each) > 0 else best
    assert sum(scores[pair] for pair in pairs) == pytest.approx(best)


@given(st.permutations(range(7)))
def test_longest_rising_part(order: list[int]) -> None:
    found = _in_order(list(enumerate(order)))
    longest = max(len(each) for size in range(1, 8) for each in combinations(order, size) if list(each) == sorted(each))
    assert len(found) == longest and found == sorted(found) and [b for _, b in found] == sorted(b for _, b in found)
