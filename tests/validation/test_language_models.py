"""Token rates of language models on CPUs against published ones (../shared/measurements/llm_edge.csv); figures are printed.

The prefill factors were fitted to the prefill rows here, and the shares at which weights stream to a set that holds the decode rows:
these are errors of a fit, not of predictions. Published 4-bit files keep
their output layer in 8 bits, the simulated ones in 4, so that 4-bit decoding comes out faster than measured.
"""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_seconds, max_frequency_hz
from sim.compiler import compile_model
from sim.frontends.zoo import build
from sim.scenario.model import Placement

CASES = [  # device, runtime, model, precision, phase, tokens, published tokens/s, tolerance
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_1b", "float16", "prefill", 64, 60.3, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_3b", "float16", "prefill", 64, 21.2, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_1b", "w4a16", "prefill", 64, 260.5, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_3b", "w4a16", "prefill", 64, 89.7, 0.15),
    ("raspberry_pi_5", "llama_cpp", "qwen2.5_0.5b", "w4a16", "prefill", 512, 289.9, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_1b", "float16", "decode", 1, 19.2, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_3b", "float16", "decode", 1, 7.6, 0.15),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_1b", "w4a16", "decode", 1, 50.2, 0.40),
    ("snapdragon_8_gen_3_phone", "executorch", "llama3.2_3b", "w4a16", "decode", 1, 19.7, 0.40),
    ("raspberry_pi_5", "llama_cpp", "llama3.2_3b", "w4a16", "decode", 1, 4.88, 0.25),
    ("raspberry_pi_5", "llama_cpp", "qwen2.5_0.5b", "w4a16", "decode", 1, 33.84, 0.25),
]


@pytest.mark.parametrize(("device", "runtime", "model", "precision", "phase", "tokens", "published", "tolerance"), CASES)
def test_token_rates(device: str, runtime: str, model: str, precision: str, phase: str, tokens: int, published: float, tolerance: float) -> None:
    spec = load_device(device)
    graph = build(model, phase=phase, sequence=tokens)
    program = compile_model(graph, spec, runtime=runtime, precision=precision, placement=Placement(prefer=("cpu",)))
    seconds = sum(segment.entry_s + kernel_seconds(segment.costs, max_frequency_hz(spec, segment.unit)).sum() for segment in program.segments)
    rate = tokens / seconds
    print(f"{model} {precision} {phase} on {device}: {rate:.1f} tokens/s, published {published} ({rate / published - 1:+.0%})")
    assert abs(rate / published - 1) < tolerance
