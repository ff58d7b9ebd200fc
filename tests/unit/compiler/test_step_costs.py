"""Costs of a decoder's steps against graphs compiled for just those steps, and the bytes of its cache against the published formula."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from device_models.work import DType
from sim.compiler import compile_model
from sim.compiler.program import Program
from sim.compiler.step_costs import StepCosts, Steps, StepShape, bracket
from sim.compiler.step_pieces import StepPart, step_pieces
from sim.frontends.zoo import MODELS, build
from sim.frontends.zoo.llama import CONFIGS, _feed_forward, _norm, append_to_cache, merge_heads, split_heads
from sim.frontends.zoo.net import Net
from sim.graph.ir import Graph

MODEL = "smollm2_135m"
PLACES = [("snapdragon_8_gen_3_phone", "llama_cpp", "w4a16"), ("jetson_orin_nano", "mlc_llm", "w4a16")]


def compiled(device: DeviceSpec, runtime: str, precision: str, shape: StepShape) -> Program:
    phase = {"phase": "decode"} if shape.tokens == 1 else {"phase": "prefill", "sequence": shape.tokens}
    graph = build(MODEL, **phase, batch=shape.batch, context=shape.context, capacity=8192)
    return compile_model(graph, device, runtime=runtime, precision=precision)


def steps_on(device: DeviceSpec, runtime: str, precision: str) -> StepCosts:
    highest = {unit: max_frequency_hz(device, unit) for unit in device.units}
    return StepCosts(lambda shape: compiled(device, runtime, precision, shape), float(device.memory.bandwidth_bytes_per_s), highest)


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def place(request: pytest.FixtureRequest) -> tuple[DeviceSpec, str, str, StepCosts]:
    name, runtime, precision = request.param
    device = load_device(name)
    return device, runtime, precision, steps_on(device, runtime, precision)


def seconds(steps: Steps, clocks: dict[str, float], share: float) -> np.ndarray:
    """Of each row, on all units."""
    return np.asarray(sum(term.at_rows([piece.seconds(clocks[unit], share)[0] for piece in term.pieces]) for unit, terms in steps.items() for term in terms))


def program_s(device: DeviceSpec, program: Program, clocks: dict[str, float], share: float, without: tuple[str, ...] = ()) -> float:
    """A whole run, with entries, whose copies share the bandwidth, and without kernels of some labels."""
    found = 0.0
    for segment in program.segments:
        found += segment.entry_s + segment.entry_bytes / float(device.memory.bandwidth_bytes_per_s) * (1.0 / share - 1.0)
        kept = np.array([label not in without for label in program.kernels.labels[segment.first : segment.stop]])
        found += float(kernel_seconds(segment.costs, clocks[segment.unit], share)[kept].sum())
    return found


def all_clocks(device: DeviceSpec) -> list[dict[str, float]]:
    """Every unit at its highest, and at its lowest operating point."""
    points = {unit: [float(point.frequency_hz) for point in device.domains[spec.domain].operating_points] for unit, spec in device.units.items()}
    return [{unit: max(known) for unit, known in points.items()}, {unit: min(known) for unit, known in points.items()}]


@pytest.mark.parametrize("batch, context", [(1, 77), (1, 901), (3, 2500), (9, 300)])
def test_steps_of_answers_are_within_one_percent_of_compiled_ones(place: tuple[DeviceSpec, str, str, StepCosts], batch: int, context: int) -> None:
    device, runtime, precision, steps = place
    exact = compiled(device, runtime, precision, StepShape(batch, 1, context))
    found = steps.decode(batch, np.array([float(context)]))
    for clocks in all_clocks(device):
        for share in (1.0, 0.3):
            assert seconds(found, clocks, share)[0] == pytest.approx(program_s(device, exact, clocks, share), rel=0.01)


@pytest.mark.parametrize("tokens, context", [(1, 40), (7, 130), (85, 0), (119, 60), (333, 700), (640, 0), (1300, 0)])
def test_prompts_are_within_one_percent_of_compiled_ones(place: tuple[DeviceSpec, str, str, StepCosts], tokens: int, context: int) -> None:
    device, runtime, precision, steps = place
    exact = compiled(device, runtime, precision, StepShape(1, tokens, context))
    found = steps.prefill(tokens, np.array([float(context)]), np.ones(1))
    for clocks in all_clocks(device):
        for share in (1.0, 0.3):
            assert seconds(found, clocks, share)[0] == pytest.approx(program_s(device, exact, clocks, share), rel=0.01)


def test_only_attention_depends_on_the_context(place: tuple[DeviceSpec, str, str, StepCosts]) -> None:
    device, runtime, precision, _ = place
    near, far = (step_pieces(compiled(device, runtime, precision, StepShape(2, 4, context)), 1e9) for context in (100, 1100))
    clocks = all_clocks(device)[0]
    for unit, pieces in near.items():
        for part in (StepPart.BODY, StepPart.HEAD):
            assert pieces[part].seconds(clocks[unit], 1.0)[0] == pytest.approx(far[unit][part].seconds(clocks[unit], 1.0)[0], rel=1e-9)
        assert sum(pieces[part].seconds(clocks[unit], 1.0)[0] for part in list(StepPart)[:3]) == pytest.approx(
            pieces[StepPart.WHOLE].seconds(clocks[unit], 1.0)[0], rel=1e-9
        )


def mixture(tokens: int, prompt: int, batch: int, context: int) -> Graph:
    """A step of ``tokens`` of a prompt after ``prompt``, and one token of each of ``batch`` requests after ``context``, as one graph."""
    model, net = CONFIGS[MODEL], Net("mixture")
    embedding = net.weight("embedding.weight", (model.vocabulary, model.hidden))
    x = net.add("Gather", [embedding, net.input("tokens", (1, tokens + batch), DType.I32)], {"axis": 0})
    rotary = {rows: tuple(net.constant(f"{name}{rows}", (rows, model.head_width)) for name in ("cos", "sin")) for rows in {tokens, 1}}

    def cached(part: str, name: str, length: int) -> str:
        return append_to_cache(net, part, name, length, 4096)

    def cut(y: str, low: int, high: int) -> str:
        return net.add("Slice", [y], {"starts": (low,), "ends": (high,), "axes": (1,)})

    for index in range(model.layers):
        with net.scope(f"layer{index}"):
            y = _norm(net, x, "attention_norm")
            wide = [net.dense(y, heads * model.head_width, bias=False) for heads in (model.heads, model.kv_heads, model.kv_heads)]
            counts = (model.heads, model.kv_heads, model.kv_heads)
            ours = [split_heads(net, cut(part, 0, tokens), heads) for part, heads in zip(wide, counts, strict=True)]
            theirs = [net.reshape(cut(part, tokens, tokens + batch), batch, heads, 1, model.head_width) for part, heads in zip(wide, counts, strict=True)]
            sides = []
            for (q, k, v), rows, length, side in ((ours, tokens, prompt + tokens, "prompt"), (theirs, 1, context + 1, "answers")):
                q, k = (net.add("RotaryEmbedding", [part, *rotary[rows]]) for part in (q, k))
                k, v = cached(k, f"{side}_key", length), cached(v, f"{side}_value", length)
                sides.append(net.add("Attention", [q, k, v], {"causal": True, "scale": model.head_width**-0.5}))
            merged = [merge_heads(net, sides[0]), net.reshape(sides[1], 1, batch, model.heads * model.head_width)]
            y = net.dense(net.add("Concat", merged, {"axis": 1}), model.hidden, bias=False)
            x = net.add("Add", [x, y])
            x = net.add("Add", [x, _feed_forward(net, _norm(net, x, "feed_forward_norm"), model)])
    x = net.add("Slice", [_norm(net, x, "norm")], {"starts": (tokens - 1,), "ends": (tokens + batch,), "axes": (1,)})
    return net.finish(net.add("Dense", [x, embedding], name="logits"))


@pytest.mark.parametrize("tokens, prompt, batch, context", [(64, 128, 4, 400), (32, 400, 2, 200)])
def test_a_mixed_step_is_near_a_compiled_graph_of_the_mixture(
    place: tuple[DeviceSpec, str, str, StepCosts], tokens: int, prompt: int, batch: int, context: int
) -> None:
    """Within 4 % without the copies that cut and join the two sides of the graph, which runtimes that batch unequal requests do without."""
    device, runtime, precision, steps = place
    clocks = all_clocks(device)[0]
    one = np.ones(1)
    found_s = seconds(steps.mixed(tokens, prompt * one, batch, context * one), clocks, 1.0)[0]
    exact = compile_model(mixture(tokens, prompt, batch, context), device, runtime=runtime, precision=precision)
    assert found_s == pytest.approx(program_s(device, exact, clocks, 1.0, ("Slice", "Concat")), rel=0.04)
    prompt_s = seconds(steps.prefill(tokens, prompt * one, one), clocks, 1.0)[0]
    assert prompt_s < found_s < prompt_s + seconds(steps.decode(batch, context * one), clocks, 1.0)[0]


def test_verifying_asks_for_the_logits_of_every_token(place: tuple[DeviceSpec, str, str, StepCosts]) -> None:
    device, _, _, steps = place
    clocks, one = all_clocks(device)[0], np.ones(1)
    verify_s = seconds(steps.verify(1, 5, 200 * one), clocks, 1.0)[0]
    assert seconds(steps.prefill(5, 200 * one, one), clocks, 1.0)[0] <= verify_s * (1 + 1e-9)
    assert verify_s < 5 * seconds(steps.decode(1, 204 * one), clocks, 1.0)[0], "five tokens at once are cheaper than one after the other"


def test_few_graphs_are_compiled() -> None:
    device = load_device("jetson_orin_nano")
    steps = steps_on(device, "mlc_llm", "w4a16")
    steps.decode(1, np.arange(100.0, 400.0))
    assert steps.compiled_steps <= 5
    steps.decode(1, np.arange(50.0, 500.0))
    assert steps.compiled_steps <= 5


def test_slower_units_share_what_is_compiled(place: tuple[DeviceSpec, str, str, StepCosts]) -> None:
    device, _, _, steps = place
    clocks, contexts = all_clocks(device)[0], np.array([100.0, 300.0])
    before, known = seconds(steps.decode(1, contexts), clocks, 1.0), steps.compiled_steps
    slower = steps.slowed(dict.fromkeys(device.units, 1.5))
    assert seconds(slower.decode(1, contexts), clocks, 1.0) == pytest.approx(1.5 * before, rel=1e-12)
    assert slower.compiled_steps == known


@pytest.mark.parametrize("count", [*range(1, 40), 63, 100, 513, 1000])
def test_counts_lie_between_those_that_are_compiled(count: int) -> None:
    found = bracket(count)
    assert sum(share for _, share in found) == pytest.approx(1.0)
    assert sum(near * share for near, share in found) == pytest.approx(count)
    assert all(share > 0 for _, share in found) and max(near for near, _ in found) <= count * 1.5


# layers, key-value heads, width of a head: the models' published config.json
PUBLISHED = {
    "llama2_7b": (32, 32, 128),
    "phi2": (32, 32, 80),
    "llama3_8b": (32, 8, 128),
    "qwen2.5_1.5b": (28, 2, 128),
    "mistral_7b": (32, 8, 128),
    "gemma_2b": (18, 1, 256),
    "gemma3_1b": (26, 1, 256),
}
DECODERS = [name for name, entry in MODELS.items() if entry.family == "llama:decoder"]


@pytest.mark.parametrize("name, kv_cache, size", [*((name, "float16", 2.0) for name in DECODERS), ("qwen2.5_0.5b", "int8", 1.0), ("gemma_2b", "int4", 0.5)])
def test_keys_and_values_take_what_the_formula_says(name: str, kv_cache: str, size: float) -> None:
    """2 x layers x key-value heads x width of a head x bytes x tokens: for all heads, groups of them, and one (MHA, GQA, MQA)."""
    config = CONFIGS[name]
    layers, heads, width = PUBLISHED.get(name, (config.layers, config.kv_heads, config.head_width))
    graph = build(name, phase="decode", context=100, capacity=640, batch=1, kv_cache=kv_cache)
    held = sum(tensor.bytes for tensor in graph.tensors.values() if tensor.role == "state")
    assert held == 2 * layers * heads * width * size * 640
