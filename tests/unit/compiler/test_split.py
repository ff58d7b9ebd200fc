"""Where a model is cut: minimum cuts against every possible division, on random pieces and on the chains of the zoo."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.compiler.pieces import Border, Pieces, pieces_of
from sim.compiler.split import Price, best_split, chain_splits, priced
from sim.frontends.load import load_model

CHAINS = (
    "alexnet",
    "ds_cnn",
    "fc_autoencoder",
    "gru",
    "lstm",
    "mobilenet_v1",
    "mobilenet_v1_0.25_96",
    "quicksrnet_medium",
    "quicksrnet_small",
    "vgg11",
    "vgg16",
    "vgg19",
    "yamnet",
)
BRANCHING = ("squeezenet1_1", "regnet_y_400mf", "efficientnet_b0", "yolov5n")


@st.composite
def models(draw):
    """Up to seven pieces in a random acyclic graph, with an input and any outputs."""
    number = draw(st.integers(1, 7))
    borders = [Border("input", -1, (0, *draw(st.sets(st.integers(1, number - 1), max_size=2)))[:number] if number > 1 else (0,), draw(st.floats(0, 9)), False)]
    for maker in range(number):
        users = tuple(sorted(draw(st.sets(st.integers(maker + 1, number - 1), max_size=3)))) if maker + 1 < number else ()
        borders.append(Border(f"t{maker}", maker, users, draw(st.floats(0, 9)), not users or draw(st.booleans())))
    costs = [np.array(draw(st.lists(st.floats(0, 5), min_size=number, max_size=number))) for _ in range(4)]
    return Pieces(tuple((f"op{index}",) for index in range(number)), tuple(borders), *costs)


@settings(max_examples=150, deadline=None)
@given(models(), st.sampled_from([0.0, 0.3, 4.0]), st.sampled_from([Price(up_byte=0.5, down_byte=0.2), Price(near_s=0.2, near_j=1.0, far_s=0.1, up_byte=1.0)]))
def test_no_division_is_cheaper(pieces, fixed, price):
    price = Price(price.near_s, price.near_j, price.far_s, price.far_j, price.up_byte, price.down_byte, fixed)
    cheapest = np.inf
    for choice in product((True, False), repeat=len(pieces)):
        try:
            cheapest = min(cheapest, priced(pieces, np.array(choice), price).cost)
        except ValueError:
            continue
    assert best_split(pieces, price).cost == pytest.approx(cheapest, rel=1e-9, abs=1e-9)


def pieces(name: str, **options: float) -> Pieces:
    graph, device, server = load_model(name, directory=Path()), load_device("raspberry_pi_4"), load_device("jetson_orin_nano")
    near = compile_model(graph, device, runtime="tflite", precision="int8")
    far = compile_model(graph, server, runtime="tensorrt", precision="float16")
    return pieces_of(graph, (near, device), (far, server), **options)


@pytest.mark.parametrize("name", CHAINS)
def test_the_best_cut_of_a_chain_is_that_of_brute_force(name):
    whole = pieces(name)
    for megabits in (0.1, 1, 10, 100, 1000, 10_000):
        price = Price(up_byte=8e-6 / megabits, down_byte=8e-6 / megabits, fixed=0.005)
        cuts = list(chain_splits(whole, price))
        assert len(cuts) == len(whole) + 1  # a chain can be cut anywhere
        assert best_split(whole, price).cost == pytest.approx(min(cut.cost for cut in cuts), rel=1e-12)


@pytest.mark.parametrize("name", BRANCHING)
def test_a_network_with_branches_is_cut_at_least_as_well_as_in_order(name):
    whole = pieces(name)
    for megabits in (1, 10, 100, 1000):
        price = Price(up_byte=8e-6 / megabits, down_byte=8e-6 / megabits, fixed=0.01)
        assert best_split(whole, price).cost <= min(cut.cost for cut in chain_splits(whole, price)) * (1 + 1e-12)


def test_every_operator_is_in_one_piece_and_all_time_in_some_piece():
    graph, device = load_model("efficientnet_b0", directory=Path()), load_device("raspberry_pi_4")
    program = compile_model(graph, device, runtime="tflite", precision="int8")
    found = pieces_of(graph, (program, device), (program, device))
    assert sorted(name for names in found.operators for name in names) == sorted(op.name for op in graph.ops)
    from sim.compiler.warm_run import segment_columns

    total_s = sum(float(segment_columns(segment, device)[0].sum()) + segment.entry_s for segment in program.segments)
    assert found.near_s.sum() == pytest.approx(total_s, rel=1e-12)


def test_fewer_bits_and_a_compressed_input_make_less_to_hand_over():
    whole, narrow, sent = pieces("mobilenet_v1"), pieces("mobilenet_v1", bits=4), pieces("mobilenet_v1", input_bytes=1000.0)
    assert all(a.bytes >= b.bytes for a, b in zip(whole.borders, narrow.borders, strict=True))
    assert next(border for border in sent.borders if border.maker < 0).bytes == 1000.0


def test_operators_that_are_fused_stay_together():
    whole = pieces("mobilenet_v1")
    assert any(len(names) > 1 for names in whole.operators)
    with pytest.raises(KeyError):
        whole.piece_of("no_such_operator")
