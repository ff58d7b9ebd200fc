"""Transformers against closed forms, and the meaning of prefill, decode and the cache."""

from __future__ import annotations

from math import prod

import pytest

from sim.frontends.zoo import build
from sim.frontends.zoo.llama import CONFIGS, Decoder
from sim.graph.ir import Graph
from sim.graph.work import op_work, total_macs


def linear_macs_per_token(model: Decoder) -> int:
    attention = model.hidden * model.head_width * (2 * model.heads + 2 * model.kv_heads)
    return model.layers * (attention + (3 if model.gated else 2) * model.hidden * model.feed_forward)


def attention_macs(model: Decoder, tokens: int, length: int) -> int:
    return model.layers * 2 * tokens * length * model.heads * model.head_width


@pytest.mark.parametrize("name", CONFIGS)
def test_decode_is_the_linear_layers_the_cached_attention_and_the_output_matrix(name: str) -> None:
    model = CONFIGS[name]
    expected = linear_macs_per_token(model) + attention_macs(model, 1, 301) + model.hidden * model.vocabulary
    assert total_macs(build(name, phase="decode", context=300)) == expected


@pytest.mark.parametrize("name", CONFIGS)
def test_prefill_runs_the_output_matrix_for_the_last_position_only(name: str) -> None:
    model = CONFIGS[name]
    expected = 77 * linear_macs_per_token(model) + attention_macs(model, 77, 77) + model.hidden * model.vocabulary
    graph = build(name, phase="prefill", sequence=77)
    assert total_macs(graph) == expected
    assert graph.tensors[graph.outputs[0]].shape == (1, 1, model.vocabulary)


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_the_closed_form_with_tied_embeddings_once(name: str) -> None:
    model = CONFIGS[name]
    biases = model.layers * model.head_width * (model.heads + 2 * model.kv_heads) if model.qkv_bias else 0
    norms = ((4 if model.post_norms else 2) * model.layers + 1) * model.hidden + (2 * model.layers * model.head_width if model.qk_norm else 0)
    if not model.gated:  # one layer norm a block and the last, each with shift and scale; biases of every product
        norms = (2 * model.layers + 2) * model.hidden
        biases += model.layers * (model.hidden + model.feed_forward + model.hidden) + model.vocabulary
    embeddings = model.hidden * model.vocabulary * (1 if model.tied else 2)
    assert build(name).parameters() == linear_macs_per_token(model) + biases + norms + embeddings


def caches(graph: Graph) -> int:
    return sum(tensor.elements for tensor in graph.tensors.values() if tensor.role == "state")


def test_caches_are_state_of_the_stated_capacity_in_both_phases() -> None:
    model = CONFIGS["llama3.2_1b"]
    expected = 2 * model.layers * model.kv_heads * 1000 * model.head_width
    assert caches(build("llama3.2_1b", phase="decode", capacity=1000)) == expected == caches(build("llama3.2_1b", phase="prefill", capacity=1000))


def test_decode_without_a_context_follows_the_prompt() -> None:
    assert total_macs(build("tinyllama_1.1b", sequence=200)) == total_macs(build("tinyllama_1.1b", context=200))


def test_a_prompt_in_two_halves_costs_less_attention_and_the_output_matrix_twice() -> None:
    model = CONFIGS["tinyllama_1.1b"]
    whole = total_macs(build("tinyllama_1.1b", phase="prefill", sequence=64))
    halves = [total_macs(build("tinyllama_1.1b", phase="prefill", sequence=32, context=context)) for context in (0, 32)]
    saved = attention_macs(model, 32, 32)
    assert sum(halves) == whole - saved + model.hidden * model.vocabulary


def test_a_decode_step_reads_every_weight_once_but_one_row_of_the_embedding() -> None:
    graph = build("llama3_8b", context=10)
    read = sum(op_work(graph, op).weight_elements for op in graph.ops)
    tables = sum(tensor.elements for tensor in graph.tensors.values() if tensor.role == "constant")
    model = CONFIGS["llama3_8b"]
    assert read == graph.parameters() - model.vocabulary * model.hidden + model.hidden + 2 * model.layers * tables


def bert_macs(layers: int, hidden: int, tokens: int) -> int:
    return layers * (12 * hidden**2 * tokens + 2 * hidden * tokens**2)


@pytest.mark.parametrize("tokens", [16, 128, 384])
def test_bert_and_distilbert(tokens: int) -> None:
    assert total_macs(build("bert_base", sequence=tokens)) == bert_macs(12, 768, tokens) + 768**2
    assert total_macs(build("distilbert", sequence=tokens)) == bert_macs(6, 768, tokens)


def test_mobilebert() -> None:
    """Two bottlenecks in, one out, query, key, output of 128, value from 512, four feed-forward pairs; trigrams of three 128-wide words."""
    tokens = 128
    layer = 3 * 512 * 128 + 3 * 128**2 + 512 * 128 + 4 * 2 * 128 * 512
    expected = tokens * (24 * layer + 3 * 128 * 512) + 24 * 2 * 128 * tokens**2
    assert total_macs(build("mobilebert", sequence=tokens)) == expected


@pytest.mark.parametrize(("size", "layers", "hidden"), [("tiny", 4, 384), ("base", 6, 512), ("small", 12, 768)])
def test_whisper(size: str, layers: int, hidden: int) -> None:
    rows, vocabulary = 1500, 51865
    stem = 3 * 80 * hidden * 3000 + 3 * hidden**2 * rows
    assert total_macs(build(f"whisper_{size}_encoder")) == stem + bert_macs(layers, hidden, rows)
    step = layers * (14 * hidden**2 + 2 * hidden * (21 + rows)) + hidden * vocabulary
    assert total_macs(build(f"whisper_{size}_decoder", context=20)) == step
    prefill = build(f"whisper_{size}_decoder", phase="prefill", sequence=4)
    keys_and_values = layers * 2 * hidden**2 * rows
    assert total_macs(prefill) == layers * (4 * 14 * hidden**2 + 4 * 2 * hidden * (4 + rows)) + keys_and_values + hidden * vocabulary


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3)])
@pytest.mark.parametrize("layers", [1, 3])
def test_recurrent_keyword_spotters(cell: str, gates: int, layers: int) -> None:
    hidden, frames, features = 96, 30, 20
    graph = build(cell, hidden=hidden, frames=frames, coefficients=features, layers=layers)
    widths = [features] + [hidden] * (layers - 1)
    matrices = sum(gates * hidden * (width + hidden) for width in widths)
    assert total_macs(graph) == frames * matrices + 12 * hidden
    assert graph.parameters() == matrices + layers * gates * hidden + 12 * hidden + 12
    assert prod(graph.tensors[graph.outputs[0]].shape) == 12
