"""Quantization: formats, scales from values, sizes, run-time scales, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.work import DType
from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.graph.text import from_text, to_text
from sim.graph.work import total_macs
from sim.passes import make_pass
from sim.passes.compression import Means, compress
from sim.passes.compression.rounding import Rule, grid_of, signal_to_noise_db


def test_int8_weights_are_within_half_a_step(residual):
    made = compress(residual, [{"quantize": {"to": "int8"}}]).graph
    weight = made.tensors["head.weight"]
    assert weight.dtype == DType.I8 and weight.quantization.axis == 0 and len(weight.quantization.scale) == 10
    restored = weight.load() * np.array(weight.quantization.scale)[:, None]
    assert np.abs(restored - residual.tensors["head.weight"].load()).max() <= max(weight.quantization.scale) / 2 + 1e-7
    assert not any(op.type == "BatchNorm" for op in made.ops)
    assert to_text(from_text(to_text(made))) == to_text(made)


@pytest.mark.parametrize("name", ["mobilenet_v2", "distilbert"])
def test_the_structure_is_that_of_the_runtimes_own_conversion(name):
    graph = build(name)
    ours = compress(graph, [{"quantize": {"to": "int8"}}]).graph
    theirs = make_pass("precision", {"to": "int8", "keep_float": ["DetectionOutput", "NonMaxSuppression", "Erf", "TopK"]})(make_pass("fold_batch_norm")(graph))
    assert {n: t.dtype for n, t in ours.tensors.items() if t.is_stored} == {n: t.dtype for n, t in theirs.tensors.items() if t.is_stored}
    assert total_macs(ours) == total_macs(graph)


def test_scales_are_counted_in_the_size():
    graph = build("ds_cnn")
    one, many = (compress(graph, [{"quantize": {"to": "int8", "granularity": how}}]).changes[0].after.size_bytes for how in ("per_tensor", "per_channel"))
    layers = [t for t in compress(graph, [{"quantize": {"to": "int8"}}]).graph.tensors.values() if t.dtype == DType.I8 and t.is_stored]
    assert many - one == pytest.approx(4 * sum(t.shape[0] - 1 for t in layers))


def test_groups_have_scales_of_their_own(residual):
    made = compress(residual, [{"quantize": {"weights": "int4", "activations": "none", "granularity": "per_group", "group_size": 4}}]).graph
    head = next(op for op in made.ops if op.name == "head")
    stored, scales = made.tensors[head.inputs[1]].load(), made.tensors[head.inputs[3]].load()
    assert scales.shape == (10, 2) and np.abs(stored).max() <= 7
    restored = stored.reshape(10, 2, 4) * scales[..., None]
    assert np.abs(restored.reshape(10, 8) - residual.tensors["head.weight"].load()).max() <= scales.max() / 2 + 1e-6


def test_run_time_scales_are_kernels_shared_by_readers(residual):
    made = compress(residual, [{"quantize": {"mode": "dynamic"}}]).graph
    found = [op for op in made.ops if op.type == "DynamicQuantize"]
    assert len(found) == 3 and len({op.inputs[0] for op in found}) == 3
    assert all(made.tensors[op.outputs[0]].dtype == DType.F32 for op in made.ops if op.type in ("Conv", "Dense"))


def test_only_and_skip_choose_operators_by_name_and_type(residual):
    made = compress(residual, [{"quantize": {"to": "int8", "skip": ["head"]}}]).graph
    assert made.tensors["head.weight"].dtype == DType.F32 and made.tensors["inner.weight"].dtype == DType.I8
    made = compress(residual, [{"quantize": {"to": "int4", "only": ["Dense"]}}]).graph
    assert made.tensors["head.weight"].dtype == DType.I4 and made.tensors["inner.weight"].dtype == DType.F32


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([{"quantize": {"to": "int8"}}, {"quantize": {"to": "int4"}}], "compress.1.quantize: .*quantized already"),
        ([{"quantize": {"only": ["Cnov"]}}], "compress.0.quantize.only: 'Cnov' matches no operator.*'Conv'"),
        ([{"quantize": {"too": "int8"}}], "compress.0.quantize.too: unknown key 'too'; did you mean 'to'"),
        ([{"prune": {"sparsity": "100 %"}}], "100 % would leave nothing"),
        ([{"low_rank": {"rank": 4000}}], "compress.0.low_rank.rank: 4000 is above the full rank"),
        ([{"quantize": {}, "prune": {"sparsity": 0.5}}], "exactly one technique"),
        ([{"mixed_precision": {"average_bits": 3}}], "average_bits: 3 cannot be held"),
        ([{"mixed_precision": {"latency": "1 ms"}}], "needs a device"),
        ([{"prune": {"structured": "channels", "remove": {"inner": [99]}}}], "there is no channel 99"),
        ([{"prune": {"structured": "channels", "remove": {"head": [1]}}}], "cannot be removed"),
    ],
)
def test_mistakes_are_named_with_their_step(residual, steps, what):
    before = to_text(residual)
    with pytest.raises(EdgesimError, match=what):
        compress(residual, steps)
    assert to_text(residual) == before


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"image": np.zeros((4, 3, 9, 8), np.float32)}, r"takes \[samples, 3, 8, 8\], the data have shape \[4, 3, 9, 8\]"),
        ({"img": np.zeros((4, 3, 8, 8), np.float32)}, "no input 'img'"),
        ({"image": np.full((4, 3, 8, 8), np.nan, np.float32)}, "not all finite"),
        ({"image": np.array("x")}, "the data have shape"),
    ],
)
def test_calibration_data_that_do_not_fit(residual, data, what):
    with pytest.raises(EdgesimError, match=what):
        compress(residual, [{"quantize": {"to": "int8"}}], means=Means(calibration=data, observe=lambda graph, feeds: {}))


@pytest.mark.parametrize("scales", ["min_max", "percentile", "mse"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_rules_for_scales(scales, symmetric):
    rows = np.random.default_rng(0).standard_t(4, size=(5, 300)) + 0.3
    grid = grid_of(rows, 4, Rule(scales, 0.98, symmetric))
    noise = {rule: signal_to_noise_db(rows, (g := grid_of(rows, 4, Rule(rule, 0.98, symmetric))).restored(g.stored(rows))) for rule in ("min_max", "mse")}
    assert grid.stored(rows).min() >= grid.low and grid.stored(rows).max() <= grid.high
    assert noise["mse"] >= noise["min_max"]
