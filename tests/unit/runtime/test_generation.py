"""Stages that generate: steps of a decoder against closed forms, continuous batching, the cache of keys and values, preemption."""

from __future__ import annotations

from typing import Any

import generating
import numpy as np
import pytest
import synthetic
from generating import KV_BYTES, SMALL, step_s

from sim.errors import EdgesimError
from sim.trace import Status, Trace

CLOSED = {"kind": "closed"}
FIXED = {"prompt": 64, "output": 20}
WIDE = {"prompt": {"kind": "uniform", "min": 5, "max": 90}, "output": {"kind": "uniform", "min": 1, "max": 40}}
POISSON = {"kind": "poisson", "rate": "6 Hz"}


def alone_s(prompt: int, output: int) -> float:
    return step_s(1, prompt, 0) + sum(step_s(1, 1, prompt + written) for written in range(output - 1))


def latencies(trace: Trace) -> np.ndarray:
    done = trace.requests["status"] == Status.DONE
    return (trace.requests["end_s"] - trace.requests["arrival_s"])[done]


def test_a_request_alone_takes_the_sum_of_its_steps() -> None:
    trace = generating.run(generating.scenario({"max_batch": 1, "context": 256}, FIXED, CLOSED))
    assert latencies(trace) == pytest.approx(alone_s(64, 20), rel=1e-9)
    rows = trace.generations.columns()
    arrival_s = trace.requests["arrival_s"][np.searchsorted(trace.requests["request"], rows["request"])]
    assert (rows["first_s"] - arrival_s)[rows["finished"] > 0] == pytest.approx(step_s(1, 64, 0), rel=1e-9)
    gaps = trace.token_gaps["gap_s"][:19]
    assert gaps == pytest.approx([step_s(1, 1, 64 + written) for written in range(19)], rel=1e-9)
    assert trace.totals["busy_s"]["cpu"] == pytest.approx(10.0, rel=1e-9)


def test_prompts_and_answers_are_told_apart() -> None:
    trace = generating.run(generating.scenario({"context": 256}, FIXED, CLOSED, 1.0))
    spans = trace.spans.columns()
    seconds = {trace.stages[stage]: float((spans["end_s"] - spans["start_s"])[spans["stage"] == stage].sum()) for stage in (0, 1)}
    assert trace.stages == ["chat/answer", "chat/answer prompt"]
    first = trace.generations["finished"] > 0
    assert seconds["chat/answer prompt"] >= first.sum() * step_s(1, 64, 0) - 1e-9
    assert sum(seconds.values()) == pytest.approx(1.0, rel=1e-9)


def test_an_answer_of_one_token_is_the_prompt_alone() -> None:
    trace = generating.run(generating.scenario({"context": 256}, {"prompt": 1, "output": 1}, CLOSED, 1.0))
    assert latencies(trace) == pytest.approx(step_s(1, 1, 1), rel=1e-9)
    assert not len(trace.token_gaps)


def test_equal_requests_are_one_static_batch() -> None:
    """Four that come together: their prompts one after the other, then steps of four."""
    given = generating.scenario({"max_batch": 4, "context": 256}, FIXED, {"kind": "closed", "clients": 4}, 0.9, workload={"count": 4})
    trace = generating.run(given)
    end_s = 4 * step_s(1, 64, 0) + sum(step_s(4, 1, 64 + written) for written in range(19))
    assert trace.requests["end_s"] == pytest.approx([end_s] * 4, rel=1e-9)
    assert np.sort(trace.generations["first_s"]) == pytest.approx([step_s(1, 64, 0) * n for n in (1, 2, 3, 4)], rel=1e-9)


def test_decode_first_finishes_a_batch_before_it_reads_the_next_prompt() -> None:
    given = generating.scenario(
        {"max_batch": 2, "context": 256, "scheduling": "decode_first"}, FIXED, {"kind": "closed", "clients": 3}, 1.5, workload={"count": 3}
    )
    trace = generating.run(given)
    batch_s = 2 * step_s(1, 64, 0) + sum(step_s(2, 1, 64 + written) for written in range(19))
    assert np.sort(trace.requests["end_s"]) == pytest.approx([batch_s, batch_s, batch_s + alone_s(64, 20)], rel=1e-9)
    assert trace.token_gaps["gap_s"].max() < 2 * step_s(1, 64, 0), "the second answer waits for one prompt only: it was of the first batch"


def test_chunks_of_a_prompt_do_the_same_attention_and_read_the_weights_again() -> None:
    whole = generating.run(generating.scenario({"context": 256}, {"prompt": 96, "output": 1}, CLOSED, 2.0))
    chunked = generating.run(generating.scenario({"context": 256, "chunk": 40}, {"prompt": 96, "output": 1}, CLOSED, 2.0))
    chunks = [step_s(1, 40, 0), step_s(1, 40, 40), step_s(1, 16, 80)]
    assert latencies(chunked) == pytest.approx(sum(chunks), rel=1e-6)
    more_s = 2 * (generating.WEIGHTS_S + generating.HEAD_S)
    assert latencies(chunked).mean() - latencies(whole).mean() == pytest.approx(more_s, rel=1e-6)


def test_a_mixed_step_costs_the_layers_of_all_tokens_and_both_attentions() -> None:
    """A second request comes in the midst of the first one's answer; its chunks ride along."""
    given = generating.scenario(
        {"max_batch": 2, "context": 256, "chunk": 8, "scheduling": "mixed"}, {"prompt": 16, "output": 30}, {"kind": "periodic", "rate": "20 Hz"}, 0.35,
        workload={"count": 2},
    )  # fmt: skip
    trace = generating.run(given)
    gaps = trace.token_gaps.columns()
    first_s = step_s(1, 8, 0) + step_s(1, 8, 8)
    began = int(np.searchsorted(np.cumsum([first_s] + [step_s(1, 1, 16 + n) for n in range(29)]), 0.05))  # tokens out at 50 ms
    for chunk in range(2):
        context = 16 + began + chunk  # the second is begun at the border behind 50 ms
        both_s = step_s(1, 8, 8 * chunk) + generating.TOKEN_S + generating.CONTEXT_S * (context + 1) + generating.HEAD_S
        assert np.isclose(gaps["gap_s"], both_s, rtol=1e-6, atol=0).any(), (chunk, both_s)


def test_what_comes_meanwhile_begins_at_the_next_token() -> None:
    given = generating.scenario(
        {"max_batch": 2, "context": 256}, {"prompt": 64, "output": 40}, {"kind": "periodic", "rate": "5 Hz"}, 1.5, workload={"count": 2}
    )
    trace = generating.run(given)
    ends_s = np.cumsum([step_s(1, 64, 0)] + [step_s(1, 1, 64 + n) for n in range(39)])
    border_s = ends_s[np.searchsorted(ends_s, 0.2)]
    assert trace.requests["start_s"].max() == pytest.approx(border_s, rel=1e-9)


def check_equal(lazy: Trace, reference: Trace) -> None:
    for table in ("requests", "generations", "token_gaps"):
        ours, theirs = getattr(lazy, table).columns(), getattr(reference, table).columns()
        for name, column in ours.items():
            assert np.allclose(column, theirs[name], rtol=0, atol=1e-9, equal_nan=True), (table, name)
    assert lazy.energy_j == pytest.approx(reference.energy_j, rel=1e-6)
    assert np.allclose(np.sort(lazy.request_energy["energy_j"]), np.sort(reference.request_energy["energy_j"]), rtol=1e-6)


SERVINGS: dict[str, dict[str, Any]] = {
    "plain": {"max_batch": 4},
    "chunks": {"max_batch": 4, "chunk": 16},
    "mixed": {"max_batch": 4, "chunk": 16, "scheduling": "mixed"},
    "decode_first": {"max_batch": 4, "scheduling": "decode_first"},
    "recompute": {"max_batch": 4, "kv_cache": {"budget": "200 kB", "page": 4}},
    "swap": {"max_batch": 4, "kv_cache": {"budget": "200 kB", "page": 4, "when_full": "swap"}},
    "refuse": {"max_batch": 4, "kv_cache": {"budget": "200 kB", "page": 4, "when_full": "refuse"}},
    "evict": {"max_batch": 4, "context": 100, "kv_cache": {"budget": "200 kB", "page": 4, "when_full": "evict_oldest"}},
    "draft": {"max_batch": 4, "draft": {"model": "draft", "tokens": 3, "acceptance": 0.6}},
    "draft_mixed": {"max_batch": 4, "chunk": 16, "scheduling": "mixed", "draft": {"model": "draft", "tokens": 3, "acceptance": [0.1, 0.2, 0.3, 0.4]}},
}


@pytest.mark.parametrize("name, draft_unit", [*((name, "cpu") for name in SERVINGS), ("draft", "npu"), ("draft_mixed", "npu")])
def test_one_event_per_step_gives_the_same(name: str, draft_unit: str) -> None:
    camera = {"camera": {"arrival": {"kind": "periodic", "rate": "7 Hz"}, "pipeline": [{"model": "camera"}]}}
    given = generating.scenario({"context": 160, **SERVINGS[name]}, WIDE, POISSON, 4.0, others=camera, seed=3)
    on = synthetic.device(governor="ondemand", latency_s=3e-4, leakage_w=0.0)
    lazy, reference = (generating.run(given, on, reference=reference, draft_unit=draft_unit, exponent=3.0) for reference in (False, True))
    check_equal(lazy, reference)
    assert (lazy.generations["finished"] > 0).sum() > 3


@pytest.mark.parametrize("name", SERVINGS)
def test_energy_of_the_batch_is_divided_among_its_requests(name: str) -> None:
    """Switching and traffic of all requests, and nothing else, is what units and memory took above idling."""
    given = generating.scenario({"context": 160, **SERVINGS[name]}, WIDE, POISSON, 4.0, seed=5)
    trace = generating.run(given)
    idle_w, busy_s = 0.01, trace.totals["busy_s"]["cpu"]
    switching_j = trace.energy_j["cpu"] - idle_w * (trace.end_s - busy_s)
    memory_j = trace.totals["memory_traffic_bytes"] * 50e-12
    assert trace.request_energy["energy_j"].sum() == pytest.approx(switching_j + memory_j, rel=1e-6)
    assert trace.servings[0].energy_j == pytest.approx(switching_j + memory_j, rel=1e-6)


def test_steps_give_way_to_other_work_at_every_token() -> None:
    """A camera on the same unit waits for one token at most, as it would if each token were submitted alone."""
    camera = {"camera": {"arrival": {"kind": "periodic", "rate": "4 Hz"}, "pipeline": [{"model": "camera"}]}}
    trace = generating.run(generating.scenario({"context": 400}, {"prompt": 4, "output": 300}, CLOSED, 3.0, others=camera))
    cameras = trace.requests["workload"] == 1
    assert (trace.requests["start_s"] - trace.requests["arrival_s"])[cameras].max() <= step_s(1, 1, 304) + 1e-9


def test_keys_and_values_take_blocks_as_tokens_grow() -> None:
    given = generating.scenario({"context": 256, "kv_cache": {"page": 16}}, {"prompt": 30, "output": 40}, CLOSED, 3.0, workload={"count": 1})
    trace = generating.run(given)
    held = trace.servings[0]
    assert held.peak_bytes == -(-(30 + 39) // 16) * 16 * KV_BYTES, "the last token's keys and values are never needed"
    assert trace.totals["peak_memory_bytes"] == 1e6 + 1e5 + held.peak_bytes, "weights, arena, blocks"


def test_blocks_are_given_back() -> None:
    for name, serving in SERVINGS.items():
        engine = generating.engine(generating.scenario({"context": 160, **serving}, WIDE, POISSON, 6.0, workload={"count": 12}, seed=1))
        engine.run()
        blocks = next(iter(engine.planner.generation.values())).batch.blocks
        assert blocks.used == 0 and blocks.allocated == blocks.freed > 0, name
        assert blocks.peak <= blocks.total, name
        assert (engine.trace.generations["finished"] > 0).all(), name


def test_the_youngest_gives_way_when_the_cache_is_full() -> None:
    """Two of 20 + 20 tokens in 60: the second is computed again from its prompt and what it had written."""
    given = generating.scenario(
        {"max_batch": 2, "context": 60, "kv_cache": {"page": 1, "budget": "60 kB"}}, {"prompt": 20, "output": 20}, {"kind": "closed", "clients": 2}, 2.0,
        workload={"count": 2},
    )  # fmt: skip
    trace = generating.run(given)
    rows = trace.generations.columns()
    assert rows["preemptions"].tolist() == [0, 1] and rows["output"].tolist() == [20, 20]
    written = 11  # 20 + 10 tokens of each are cached when the next would be the 61st
    assert rows["recomputed"].tolist() == [0, 30]
    first_s = 2 * step_s(1, 20, 0) + sum(step_s(2, 1, 20 + n) for n in range(10)) + sum(step_s(1, 1, 30 + n) for n in range(9))
    second_s = step_s(1, 20 + written, 0) + sum(step_s(1, 1, 20 + written + n) for n in range(20 - written - 1))
    assert np.sort(trace.requests["end_s"]) == pytest.approx([first_s, first_s + second_s], rel=1e-3), "prompts of 31 are between two compiled lengths"


def test_swapping_moves_blocks_to_storage_and_back() -> None:
    given = generating.scenario(
        {"max_batch": 2, "context": 60, "kv_cache": {"page": 1, "budget": "60 kB", "when_full": "swap"}}, {"prompt": 20, "output": 20},
        {"kind": "closed", "clients": 2}, 2.0, workload={"count": 2},
    )  # fmt: skip
    trace = generating.run(given)
    assert trace.servings[0].swapped_bytes == 2 * 30 * KV_BYTES and trace.servings[0].recomputed_tokens == 0
    move_s = 30 * KV_BYTES / 100e6
    first_s = 2 * step_s(1, 20, 0) + sum(step_s(2, 1, 20 + n) for n in range(10)) + move_s + sum(step_s(1, 1, 30 + n) for n in range(9))
    second_s = move_s + sum(step_s(1, 1, 30 + n) for n in range(9))
    assert np.sort(trace.requests["end_s"]) == pytest.approx([first_s, first_s + second_s], rel=1e-9)


def test_a_full_cache_refuses() -> None:
    given = generating.scenario(
        {"max_batch": 4, "context": 60, "kv_cache": {"page": 1, "budget": "100 kB", "when_full": "refuse"}}, {"prompt": 20, "output": 20},
        {"kind": "closed", "clients": 3, "think": "1 s"}, 0.9,
    )  # fmt: skip
    trace = generating.run(given)
    assert trace.requests["status"].tolist() == [Status.DROPPED, Status.DONE, Status.DONE]
    assert trace.servings[0].refused == 1 and trace.servings[0].preemptions == 0


def test_a_cache_that_forgets_keeps_its_sinks() -> None:
    """An answer of 200 tokens in a context of 64: the cache never holds more, and its oldest blocks behind the first go."""
    given = generating.scenario(
        {"context": 64, "kv_cache": {"page": 4, "when_full": "evict_oldest", "sink": 4}}, {"prompt": 10, "output": 200}, CLOSED, 5.0, workload={"count": 1}
    )
    trace = generating.run(given)
    assert trace.generations["output"].tolist() == [200]
    assert trace.servings[0].peak_bytes <= 64 * KV_BYTES
    assert trace.servings[0].forgotten_tokens == pytest.approx(10 + 199 - 64, abs=4)
    assert trace.token_gaps["gap_s"].max() <= step_s(1, 1, 64)


def test_shared_prefixes_are_computed_once() -> None:
    stage = {"prompt": 100, "output": 5, "prefix": {"tokens": 70}}
    given = generating.scenario({"context": 256, "prefix_cache": {}}, stage, CLOSED, 3.0, workload={"count": 5})
    trace = generating.run(given)
    assert trace.generations["reused"].tolist() == [0, 64, 64, 64, 64], "whole blocks only"
    assert (trace.servings[0].prefix_lookups, trace.servings[0].prefix_hits) == (5, 4)
    found = latencies(trace)
    answer_s = sum(step_s(1, 1, 100 + n) for n in range(4))
    assert found[0] == pytest.approx(step_s(1, 100, 0) + answer_s, rel=2e-3) and found[1:] == pytest.approx(step_s(1, 36, 64) + answer_s, rel=2e-3)
    without = generating.run(generating.scenario({"context": 256}, stage, CLOSED, 3.0, workload={"count": 5}))
    assert without.generations["reused"].tolist() == [0] * 5


def test_idle_prefixes_make_room() -> None:
    """Room for two prefixes beside one request: the least recently used of three goes."""
    stage = {"prompt": 40, "output": 4, "prefix": {"tokens": 32, "groups": 30}}
    given = generating.scenario({"context": 64, "prefix_cache": {}, "kv_cache": {"budget": "112 kB"}}, stage, CLOSED, 6.0, workload={"count": 40})
    engine = generating.engine(given)
    trace = engine.run()
    blocks = next(iter(engine.planner.generation.values())).batch.blocks
    assert (trace.generations["finished"] > 0).all() and blocks.peak <= 7
    assert blocks.used == sum(shared.blocks for shared in blocks.prefixes.values()) and not any(shared.users for shared in blocks.prefixes.values())


@pytest.mark.parametrize("draft_unit", ["cpu", "npu"])
def test_a_draft_that_is_always_right(draft_unit: str) -> None:
    """Three proposals and one token of the target in each step, wherever the draft runs."""
    serving = {"context": 256, "draft": {"model": "draft", "tokens": 3, "acceptance": 1}}
    trace = generating.run(generating.scenario(serving, {"prompt": 64, "output": 13}, CLOSED, 2.0, workload={"count": 2}), draft_unit=draft_unit)
    proposals = [sum(step_s(1, 1, 64 + 4 * n + ahead) for ahead in range(3)) for n in range(3)]
    verified = [step_s(1, 4, 64 + 4 * n, heads=4) for n in range(3)]
    expected_s = (1 + SMALL) * step_s(1, 64, 0) + SMALL * sum(proposals) + sum(verified)
    assert latencies(trace) == pytest.approx(expected_s, rel=1e-9)
    assert trace.generations["steps"].tolist() == [3, 3] and trace.servings[0].accepted == trace.servings[0].proposed == 18


def test_a_draft_that_is_always_wrong_brings_one_token_a_step() -> None:
    serving = {"context": 256, "draft": {"model": "draft", "tokens": 3, "acceptance": 0}}
    trace = generating.run(generating.scenario(serving, {"prompt": 64, "output": 13}, CLOSED, 2.0, workload={"count": 2}))
    assert trace.generations["steps"].tolist() == [12, 12] and trace.servings[0].accepted == 0


@pytest.mark.parametrize(
    "acceptance, expected", [(0.7, (1 - 0.7**5) / (1 - 0.7)), (0.3, (1 - 0.3**5) / (1 - 0.3)), ([0.5, 0, 0, 0, 0.5], 3.0)]
)  # fmt: skip
def test_tokens_of_a_speculative_step(acceptance: Any, expected: float) -> None:
    """(1 - a^(g+1)) / (1 - a) on average (Leviathan et al. 2023), within 99 % of a normal distribution."""
    serving = {"context": 60_000, "draft": {"model": "draft", "tokens": 4, "acceptance": acceptance}}
    trace = generating.run(generating.scenario(serving, {"prompt": 8, "output": 5000}, CLOSED, 2000.0, workload={"count": 2}))
    totals = trace.servings[0]
    steps = totals.verify_steps
    assert steps > 2000
    half = 2.58 * 2.0 / np.sqrt(steps)  # a count from 0 to 4 deviates by 2 at most
    assert abs(totals.accepted / steps + 1 - expected) < half


def test_a_cache_for_less_than_one_request_is_an_error() -> None:
    with pytest.raises(EdgesimError) as found:
        generating.engine(generating.scenario({"context": 256, "kv_cache": {"budget": "50 kB"}}, FIXED, CLOSED))
    assert "room for 48 tokens" in str(found.value) and "takes up to 84" in str(found.value)
    assert found.value.problems[0].path == "llm.serving.kv_cache"


def test_a_cache_beyond_the_memory_is_an_error() -> None:
    with pytest.raises(EdgesimError, match=r"budget of 1\.86 GiB, but the device has 953 MiB"):
        generating.engine(generating.scenario({"context": 256, "kv_cache": {"budget": "2 GB"}}, FIXED, CLOSED))


def test_requests_too_late_to_begin_are_given_up() -> None:
    given = generating.scenario({"context": 256}, FIXED, {"kind": "closed", "clients": 3}, 0.5, workload={"deadline": "100 ms", "drop_late": True, "count": 3})
    trace = generating.run(given)
    assert sorted(trace.requests["status"].tolist()) == sorted([Status.LATE, Status.EXPIRED, Status.EXPIRED])


def test_the_first_step_is_cold() -> None:
    given = generating.scenario({"context": 256}, FIXED, CLOSED, 2.0, workload={"count": 2})
    trace = generating.run(given, first_inference_s=0.05)
    assert latencies(trace) == pytest.approx([alone_s(64, 20) + 0.05, alone_s(64, 20)], rel=1e-9)
