"""The widths found are the best of all choices, under every kind of budget; sensitivities are those of independent arithmetic."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.work import DType
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.errors import EdgesimError
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.storage import stored_file_bytes
from sim.passes.compression import Cost, Means, compress
from sim.passes.compression.quantize import round_weights
from sim.passes.compression.rounding import Rule, container, grid_of, signal_to_noise_db
from sim.scenario.compression import MixedPrecisionOptions

WIDTHS = (8, 6, 5, 4, 3, 2)
NAMES = [f"int{bits}" for bits in WIDTHS]
LAYERS = ("a", "b", "c")


@pytest.fixture
def chain() -> Graph:
    """Three dense layers of unequal size, with values of unequal spread."""
    random = np.random.default_rng(3)
    builder = GraphBuilder("chain")
    value = builder.input("x", (1, 96))
    for name, (out, wide), tail in zip(LAYERS, ((64, 96), (24, 64), (10, 24)), (3, 30, 6), strict=True):
        held = random.standard_t(tail, size=(out, wide)).astype(np.float32) / wide**0.5
        value = builder.add("Dense", [value, builder.tensor(f"{name}.weight", (out, wide), role="weight", load=lambda held=held: held)], name=name)
        value = value if name == "c" else builder.add("Relu", [value], name=f"{name}.relu")
    return builder.finish(builder.add("Softmax", [value], {"axis": -1}, name="shares"))


@pytest.fixture
def samples() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(4).normal(size=(40, 96)).astype(np.float32)}


def _mixed(graph: Graph, means: Means | None = None, **options) -> Graph:
    return compress(graph, [{"mixed_precision": {"formats": NAMES, "activations": "none", **options}}], means=means).graph


def _bits(graph: Graph) -> tuple[int, ...]:
    return tuple(int(graph.notes["quantization"]["weights"][name].removeprefix("int")) for name in LAYERS)


def _weight(graph: Graph, name: str) -> np.ndarray:
    return np.asarray(graph.tensors[f"{name}.weight"].load())


def _noise(graph: Graph) -> dict[tuple[str, int], float]:
    """Of each layer's values at each width, one scale a row."""
    found = {}
    for name, bits in product(LAYERS, WIDTHS):
        values = _weight(graph, name).astype(np.float64)
        grid = grid_of(values, bits, Rule())
        found[name, bits] = float(np.square(grid.restored(grid.stored(values)) - values).sum() / np.square(values).sum())
    return found


def _best(graph: Graph, price, limit: float) -> float:
    """The least summed noise of all choices within the budget, by trying each of them."""
    noise = _noise(graph)
    fitting = [widths for widths in product(WIDTHS, repeat=3) if price(widths) <= limit]
    return min(sum(noise[name, bits] for name, bits in zip(LAYERS, widths, strict=True)) for widths in fitting)


def _lost(graph: Graph, widths: tuple[int, ...]) -> float:
    noise = _noise(graph)
    return sum(noise[name, bits] for name, bits in zip(LAYERS, widths, strict=True))


def _fixed(graph: Graph, widths: tuple[int, ...], **options) -> Graph:
    """Each layer in its own width."""
    made = graph.copy()
    settings = MixedPrecisionOptions.model_validate({"average_bits": 8, "activations": "none", **options})
    named = {op.name: 8 for op in made.ops} | dict(zip(LAYERS, widths, strict=True))
    round_weights(made, settings, Means(), named, settings.activations)
    return made


@pytest.mark.parametrize("average", [2, 2.4, 3, 3.7, 4.5, 6, 8])
def test_average_bits_are_held_by_the_best_of_all_choices(chain, average):
    sizes = [64 * 96, 24 * 64, 10 * 24]
    found = _bits(_mixed(chain, average_bits=average))
    mean = lambda widths: float(np.dot(widths, sizes) / sum(sizes))  # noqa: E731
    assert mean(found) <= average
    assert _lost(chain, found) == pytest.approx(_best(chain, mean, average + 1e-9))


@pytest.mark.parametrize("share", [0.35, 0.5, 0.62, 0.8])
def test_a_size_is_held_by_the_best_of_all_choices(chain, share):
    sizes = {widths: stored_file_bytes(_fixed(chain, widths)) for widths in product(WIDTHS, repeat=3)}
    limit = min(sizes.values()) + share * (max(sizes.values()) - min(sizes.values()))
    made = _mixed(chain, size=f"{limit} B")
    assert stored_file_bytes(made) == pytest.approx(sizes[_bits(made)])
    assert stored_file_bytes(made) <= limit
    assert _lost(chain, _bits(made)) == pytest.approx(_best(chain, sizes.__getitem__, limit))


@pytest.mark.parametrize(("path", "unit"), [("latency", "s"), ("energy", "J")])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_what_a_device_takes_is_held_by_the_best_of_all_choices(chain, path, unit, share):
    device = load_device("cortex_m55_ethos_u55")
    options = {"activations": "int8"}

    def cost(graph: Graph) -> Cost:
        return Cost(*run_cost(compile_model(graph, device, runtime="ethos_u", precision="as_stored"), device))

    def price(graph: Graph) -> float:
        return cost(graph).latency_s if path == "latency" else cost(graph).energy_j

    prices = {widths: price(_fixed(chain, widths, **options)) for widths in product((8, 4, 2), repeat=3)}
    low, high = min(prices.values()), max(prices.values())
    assert high > 1.05 * low  # narrower weights are read sooner
    limit = low + share * (high - low)
    made = compress(chain, [{"mixed_precision": {"formats": ["int8", "int4", "int2"], **options, path: f"{limit!r} {unit}"}}], means=Means(cost=cost)).graph
    assert price(made) <= limit * (1 + 1e-9)
    noise = _noise(chain)
    fitting = [widths for widths, price in prices.items() if price <= limit]
    assert _lost(chain, _bits(made)) == pytest.approx(min(sum(noise[key] for key in zip(LAYERS, widths, strict=True)) for widths in fitting))


def test_a_device_that_nothing_satisfies_is_an_error(chain):
    with pytest.raises(EdgesimError, match=r"latency: .* cannot be held: with the best formats found it takes 1 s"):
        _mixed(chain, Means(cost=lambda graph: Cost(1.0, 1.0)), latency="1 ms")


@pytest.mark.parametrize(
    ("bits", "held", "values"),
    [(2, DType.I2, 0), (3, DType.I4, 7), (4, DType.I4, 0), (5, DType.I8, 31), (6, DType.I8, 63), (7, DType.I8, 127), (8, DType.I8, 0)],
)
def test_odd_widths_are_held_in_wider_integers_that_take_fewer_values(chain, bits, held, values):
    made = compress(chain, [{"mixed_precision": {"formats": [f"int{bits}"], "average_bits": bits, "activations": "none"}}]).graph
    tensor = made.tensors["a.weight"]
    assert tensor.dtype == held == container(bits) and tensor.clusters == values
    stored = _weight(made, "a")
    assert len(np.unique(stored)) <= 2**bits and np.abs(stored).max() <= 2 ** (bits - 1)


@pytest.mark.parametrize("measure", ["layers", "answers", None])
def test_noise_on_calibration_data_is_that_of_independent_arithmetic(chain, samples, measure):
    pytest.importorskip("onnxruntime")
    from sim.frontends.onnx.observe import observed_ranges
    from sim.frontends.onnx.rerun import rerunner

    made = _mixed(chain, Means(samples, observed_ranges, rerun=rerunner), average_bits=3, **({} if measure is None else {"sensitivity": measure}))
    weights = {name: _weight(chain, name).astype(np.float64) for name in LAYERS}

    def outputs(used: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        value, found = samples["x"].astype(np.float64), {}
        for name in LAYERS:
            value = found[name] = value @ used[name].T
            value = np.maximum(value, 0)
        return found

    exact = outputs(weights)
    for name, bits in zip(LAYERS, _bits(made), strict=True):
        grid = grid_of(weights[name], bits, Rule())
        changed = outputs({**weights, name: grid.restored(grid.stored(weights[name]))})
        seen = name if measure == "layers" else "c"  # the answers, before the softmax
        told = -made.notes["quantization"]["noise_to_signal_db"][name]
        assert told == pytest.approx(signal_to_noise_db(exact[seen], changed[seen]), abs=0.02)


def test_without_data_the_weights_themselves_are_measured(chain):
    made = _mixed(chain, average_bits=3)
    noise = _noise(chain)
    for name, bits in zip(LAYERS, _bits(made), strict=True):
        assert made.notes["quantization"]["noise_to_signal_db"][name] == pytest.approx(10 * np.log10(noise[name, bits]))


def test_data_decide_otherwise_than_weights_where_a_layers_noise_is_cut_off_behind_it(samples):
    """A layer whose outputs hardly reach the answers may be rounded coarsely, however spread its weights are."""
    pytest.importorskip("onnxruntime")
    from sim.frontends.onnx.observe import observed_ranges
    from sim.frontends.onnx.rerun import rerunner

    random = np.random.default_rng(0)
    builder = GraphBuilder("two_ways")
    x = builder.input("x", (1, 96))
    ways = []
    for name, scale in (("loud", 1.0), ("faint", 1e-3)):
        held = random.normal(size=(32, 96)).astype(np.float32)
        made = builder.add("Dense", [x, builder.tensor(f"{name}.weight", held.shape, role="weight", load=lambda held=held: held)], name=name)
        factor = builder.tensor(f"{name}.factor", (1,), role="constant", load=lambda scale=scale: np.array([scale], np.float32))
        ways.append(builder.add("Mul", [made, factor], name=f"{name}.scaled"))
    graph = builder.finish(builder.add("Add", ways, name="sum"))
    widths = _mixed(graph, Means(samples, observed_ranges, rerun=rerunner), average_bits=5).notes["quantization"]["weights"]
    assert widths == {"loud": "int8", "faint": "int2"}
    assert _mixed(graph, average_bits=5).notes["quantization"]["weights"] == {"loud": "int5", "faint": "int5"}


@pytest.mark.parametrize(
    ("options", "means", "what"),
    [
        ({"sensitivity": "layers"}, Means(), "sensitivity: layers are measured on calibration data"),
        ({"sensitivity": "answers"}, Means({"x": np.zeros((2, 96))}), "sensitivity: answers need a runtime"),
        ({"sensitivity": "guess"}, Means(), "sensitivity: 'guess' is not one of weights, layers, answers"),
        ({"formats": ["int9"]}, Means(), "int9"),
        ({}, Means({"x": np.zeros((2, 95), np.float32)}, rerun=lambda *_: pytest.fail("not to be run")), r"takes \[samples, 96\]"),
    ],
)
def test_what_does_not_fit_is_said(chain, options, means, what):
    with pytest.raises(EdgesimError, match=what):
        _mixed(chain, means, **{"average_bits": 4, **options})
