"""Language models that serve, against the steps of graphs compiled for just those steps, and against the same model as two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_seconds, max_frequency_hz
from sim.compiler import compile_model
from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.frontends.zoo import build
from sim.trace import Status

DEVICE, RUNTIME, MODEL = "jetson_orin_nano", "mlc_llm", "smollm2_135m"
PROMPT, OUTPUT = 200, 60
CLOSED = {"kind": "closed"}
STAGE = {"name": "answer", "generate": "chat", "prompt": PROMPT, "output": OUTPUT}


def served(stage: dict[str, Any] = STAGE, arrival: dict[str, Any] = CLOSED, duration_s: float = 5.0, **serving: Any) -> Result:
    chat = {"source": MODEL, "precision": "w4a16", "serving": {"context": 1024, **serving}}
    scenario = {
        "name": "chat", "device": DEVICE, "runtime": RUNTIME, "duration": f"{duration_s} s", "governors": {"gpu": "performance"},
        "models": {"chat": chat}, "workloads": {"chat": {"arrival": arrival, "pipeline": [stage]}},
    }  # fmt: skip
    return simulate(scenario)


def latencies_s(result: Result) -> np.ndarray:
    rows = result.trace.requests.columns()
    return (rows["end_s"] - rows["arrival_s"])[rows["status"] == Status.DONE]


def compiled_s(**options: Any) -> float:
    """A run of the graph alone, at the highest clocks."""
    device = load_device(DEVICE)
    program = compile_model(build(MODEL, capacity=1024, **options), device, runtime=RUNTIME, precision="w4a16")
    return sum(part.entry_s + float(kernel_seconds(part.costs, max_frequency_hz(device, part.unit)).sum()) for part in program.segments)


def test_an_answer_takes_the_sum_of_its_compiled_steps() -> None:
    """Every tenth step compiled apart, the trapezoid between: a prompt, then 59 steps with a context that grows."""
    contexts = np.linspace(PROMPT, PROMPT + OUTPUT - 2, 7).astype(int)
    steps_s = np.interp(np.arange(PROMPT, PROMPT + OUTPUT - 1), contexts, [compiled_s(phase="decode", context=int(context)) for context in contexts])
    expected_s = compiled_s(phase="prefill", sequence=PROMPT) + steps_s.sum()
    assert latencies_s(served())[1:] == pytest.approx(expected_s, rel=2e-3), "the first also has what a first inference adds"


def test_a_batch_of_equal_requests_takes_the_steps_of_a_compiled_batch() -> None:
    result = served(arrival={"kind": "closed", "clients": 4}, max_batch=4, scheduling="decode_first")
    contexts = np.linspace(PROMPT, PROMPT + OUTPUT - 2, 5).astype(int)
    steps_s = np.interp(np.arange(PROMPT, PROMPT + OUTPUT - 1), contexts, [compiled_s(phase="decode", batch=4, context=int(context)) for context in contexts])
    expected_s = 4 * compiled_s(phase="prefill", sequence=PROMPT) + steps_s.sum()
    assert latencies_s(result)[4:] == pytest.approx(expected_s, rel=3e-3)


def test_it_is_near_the_same_model_as_two_with_the_mean_context() -> None:
    """A prompt and a stage that repeats one step with the mean context: what grows and what does not have the same sum."""
    models = {
        "prompt": {"source": MODEL, "precision": "w4a16", "options": {"phase": "prefill", "sequence": PROMPT, "capacity": 1024}},
        "answer": {"source": MODEL, "precision": "w4a16", "options": {"phase": "decode", "context": PROMPT + OUTPUT // 2, "capacity": 1024}},
    }
    pipeline = [{"model": "prompt"}, {"model": "answer", "repeat": OUTPUT - 1}]
    two = simulate(
        {
            "name": "two", "device": DEVICE, "runtime": RUNTIME, "duration": "5 s", "governors": {"gpu": "performance"}, "models": models,
            "workloads": {"chat": {"arrival": {"kind": "closed"}, "pipeline": pipeline}},
        }
    )  # fmt: skip
    one = served()
    assert np.median(latencies_s(one)) == pytest.approx(float(np.median(latencies_s(two))), rel=5e-3)
    assert one.energy_j == pytest.approx(two.energy_j, rel=0.01)


def test_keys_and_values_of_a_run_take_the_formula() -> None:
    """2 x 30 layers x 3 heads x 64 x 2 bytes for each token that is cached, in whole blocks of one."""
    result = served(kv_cache={"format": "float16", "page": 1})
    assert result.trace.servings[0].peak_bytes == 2 * 30 * 3 * 64 * 2 * (PROMPT + OUTPUT - 1)


def test_batching_answers_more_and_costs_less_energy_for_each() -> None:
    alone, together = (served(arrival={"kind": "closed", "clients": 8}, max_batch=batch, duration_s=10.0) for batch in (1, 8))
    tokens = [result.trace.servings[0].output_tokens for result in (alone, together)]
    assert tokens[1] > 1.5 * tokens[0]
    assert together.energy_j / tokens[1] < alone.energy_j / tokens[0]


def test_chunks_bound_the_pause_of_others() -> None:
    """Long prompts come while others are answered: with chunks among the answers no pause is as long as a prompt."""
    stage = {**STAGE, "prompt": 900, "output": 60}
    arrival = {"kind": "poisson", "rate": "2 Hz"}
    whole, mixed = (served(stage, arrival, 8.0, max_batch=3, **more) for more in ({}, {"chunk": 90, "scheduling": "mixed"}))
    prompt_s = compiled_s(phase="prefill", sequence=900)
    assert whole.trace.token_gaps["gap_s"].max() > prompt_s
    assert mixed.trace.token_gaps["gap_s"].max() < 0.5 * prompt_s
