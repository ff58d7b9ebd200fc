"""Steps of decoders compiled with three layers against the same steps compiled whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import max_frequency_hz
from sim.compiler import compile_model
from sim.compiler.program import Program
from sim.compiler.repeated_layers import ShortenedProgram, layers_of, shortened
from sim.compiler.shortened_steps import ShortenedSteps
from sim.compiler.step_costs import StepShape
from sim.compiler.step_pieces import StepPart, step_pieces
from sim.frontends.zoo import build
from sim.frontends.zoo.llama import CONFIGS
from sim.graph.ir import Graph
from sim.graph.verify import verify

BANDWIDTH = 5e10
PLACES = [
    ("smollm2_135m", "snapdragon_8_gen_3_phone", "llama_cpp", "w4a16"),
    ("qwen2.5_0.5b", "jetson_orin_nano", "mlc_llm", "w4a16"),
    ("llama3.2_1b", "snapdragon_8_gen_3_phone", "qnn", "w4a16"),
    ("gemma2_2b", "snapdragon_8_gen_3_phone", "llama_cpp", "w4a16"),
    ("phi2", "jetson_orin_nano", "mlc_llm", "w4a16"),
    ("tinyllama_1.1b", "raspberry_pi_5", "onnxruntime", "int8"),
]
FIRST = [StepShape(1, 1, 100), StepShape(8, 1, 100), StepShape(1, 64, 0)]  # these are compiled whole, one of each kind
LATER = [StepShape(1, 1, 3000), StepShape(3, 1, 700), StepShape(1, 192, 512)]


def graph_of(model: str, shape: StepShape) -> Graph:
    phase = {"phase": "decode"} if shape.tokens == 1 else {"phase": "prefill", "sequence": shape.tokens}
    return build(model, **phase, batch=shape.batch, context=shape.context, capacity=4096)


def figures(program: Program, clocks: Mapping[str, float]) -> list[float]:
    found: list[float] = []
    for unit, pieces in step_pieces(program, BANDWIDTH).items():
        for part in StepPart:
            piece = pieces[part]
            times = [value for factor in (1.0, 0.4) for share in (1.0, 0.25) for value in piece.seconds(clocks[unit] * factor, share)]
            found += [*times, piece.dram_bytes, piece.events_j, *piece.macs, piece.cores]
    return found


@pytest.mark.parametrize("model, place, runtime, precision", PLACES, ids=lambda value: str(value))
def test_a_shortened_decoder_gives_the_pieces_of_the_whole_one(model: str, place: str, runtime: str, precision: str) -> None:
    device = load_device(place)
    clocks = {unit: max_frequency_hz(device, unit) for unit in device.units}

    def compile_graph(graph: Graph, weights_elsewhere: Mapping[str, float] | None = None) -> Program:
        return compile_model(graph, device, runtime=runtime, precision=precision, weights_elsewhere=weights_elsewhere)

    steps = ShortenedSteps(lambda shape: graph_of(model, shape), compile_graph, BANDWIDTH, clocks)
    for shape in FIRST:
        assert not isinstance(steps(shape), ShortenedProgram)
    for shape in LATER:
        short = steps(shape)
        assert isinstance(short, ShortenedProgram)
        assert figures(short, clocks) == pytest.approx(figures(compile_graph(graph_of(model, shape)), clocks), rel=1e-9)


@pytest.mark.parametrize("model", ["qwen2.5_0.5b", "gemma2_2b", "phi2"])
def test_a_shortened_graph_is_sound_and_leaves_the_whole_one_alone(model: str) -> None:
    graph = graph_of(model, StepShape(1, 1, 10))
    tensors, operators = dict(graph.tensors), list(graph.ops)
    short = verify(shortened(graph))
    assert layers_of(graph) == CONFIGS[model].layers
    assert {op.name.split("/")[0] for op in short.ops if op.name.startswith("layer") and "/" in op.name} == {"layer0", "layer1", f"layer{layers_of(graph) - 1}"}
    assert (graph.tensors, graph.ops) == (tensors, operators)


def test_layers_that_are_not_alike_are_compiled_whole() -> None:
    device = load_device("jetson_orin_nano")
    clocks = {unit: max_frequency_hz(device, unit) for unit in device.units}

    def uneven(shape: StepShape) -> Graph:
        """One matrix of the eleventh layer takes more bytes than those of the others."""
        graph = graph_of("smollm2_135m", shape)
        weight = graph.tensors["layer10/gate.weight"]
        graph.tensors[weight.name] = replace(weight, group_bits=8.0)
        return graph

    def compile_graph(graph: Graph, weights_elsewhere: Mapping[str, float] | None = None) -> Program:
        return compile_model(graph, device, runtime="mlc_llm", weights_elsewhere=weights_elsewhere)

    steps = ShortenedSteps(uneven, compile_graph, BANDWIDTH, clocks)
    for shape in (StepShape(1, 1, 100), StepShape(1, 1, 200)):
        assert not isinstance(steps(shape), ShortenedProgram)
