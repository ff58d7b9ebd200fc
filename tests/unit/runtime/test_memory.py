"""Memory: capacity, loading, eviction, arenas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic

from sim import simulate
from sim.errors import EdgesimError
from sim.trace import Status


def _models(**more: Any) -> list[Any]:
    return [synthetic.simple(name, "cpu", 0.01, weights_bytes=50e6, load_s=0.7, **more) for name in ("a", "b")]


def _turns(**more: Any) -> Any:
    """The models run in turn, every second."""
    workloads = {name: {"arrival": {"kind": "periodic", "rate": "1 Hz", "offset": f"{at} s"}} for name, at in (("a", 0.0), ("b", 0.5))}
    return synthetic.scenario(workloads, 4.0, **more)


def test_error_says_what_needs_how_much_and_what_would_fit() -> None:
    with pytest.raises(EdgesimError) as caught:
        synthetic.engine(_turns(), synthetic.device(["cpu"], capacity_bytes=80e6), _models())
    text = str(caught.value)
    assert "a 47.8 MiB" in text and "b 47.8 MiB" in text and "has 76.3 MiB" in text and "when_full: evict" in text
    assert "paged" not in text  # these have no weights that could be streamed


def test_one_model_alone_too_large_even_with_eviction() -> None:
    for setting in ("evict", "error"):
        with pytest.raises(EdgesimError, match="smaller model") as caught:
            synthetic.engine(_turns(memory={"when_full": setting}), synthetic.device(["cpu"], capacity_bytes=40e6), _models())
        assert "when_full" not in str(caught.value)  # which would not help


def test_unused_models_take_no_memory() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"], capacity_bytes=80e6), _models())
    assert trace.totals["peak_memory_bytes"] == 50.1e6


def test_eviction_reloads_at_storage_speed() -> None:
    trace = synthetic.run(_turns(memory={"when_full": "evict"}), synthetic.device(["cpu"], capacity_bytes=80e6), _models())
    latency = np.round((trace.requests["end_s"] - trace.requests["arrival_s"])[np.argsort(trace.requests["request"])], 9)
    # a is there; b is read and prepared (0.7 s) while a waits for the storage, then each reads 50 MB at 100 MB/s
    assert latency[0] == pytest.approx(0.01)
    assert latency[1] == pytest.approx(0.71)
    assert trace.totals["evictions"] > 3
    assert trace.totals["peak_memory_bytes"] <= 80e6
    assert (latency[2:] >= 0.5).all()


def test_on_demand_load_delays_the_first_request_only() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}}, 3.0, models={"a": {"source": "a", "load": "on_demand"}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), _models(first_inference_s=0.02)[:1])
    assert trace.requests["end_s"] - trace.requests["arrival_s"] == pytest.approx([0.73, 0.01, 0.01])
    times, used = trace.counter("memory_bytes")
    assert (times.tolist(), used.tolist()) == ([0.0], [50.1e6]) or used.tolist() == [0.0, 50.1e6]


def test_each_run_in_progress_has_its_own_arena() -> None:
    """Two requests inside one model of two segments: a second arena, given back to no one, counted in the peak."""
    model = synthetic.program(
        "m", synthetic.segment("cpu", synthetic.costs([0.01])), synthetic.segment("npu", synthetic.costs([0.03]), 1, [0], first=1), arena_bytes=1_000_000
    )
    scenario = synthetic.scenario({"m": {"arrival": {"kind": "periodic", "rate": "50 Hz"}, "count": 4}})
    wide = synthetic.run(scenario, synthetic.device(), [model])
    assert wide.totals["peak_memory_bytes"] == 1e6 + 3e6
    tight = synthetic.run(scenario, synthetic.device(capacity_bytes=2e6), [model])
    assert tight.totals["peak_memory_bytes"] == 2e6
    assert (tight.requests["status"] == Status.DONE).all()
    assert tight.requests["end_s"].max() == pytest.approx(4 * 0.04)


def test_prefill_and_decode_of_one_network_have_their_weights_and_caches_once() -> None:
    """The second phase adds its arena; other cache sizes, precisions or loading on demand share nothing."""

    def peak(second: dict[str, Any]) -> float:
        models, workloads = {}, {}
        for phase, changes in (("prefill", {}), ("decode", second)):
            use = {"source": "smollm2_135m", "runtime": "llama_cpp", "precision": "q4_0", "options": {"phase": phase, "sequence": 16}}
            models[phase] = {**use, **changes, "options": {**use["options"], **changes.get("options", {})}}  # type: ignore[dict-item]
            workloads[phase] = {"arrival": {"kind": "closed"}, "count": 1, "pipeline": [{"model": phase}]}
        scenario = {"name": "chat", "device": "raspberry_pi_5", "duration": "20 s", "models": models, "workloads": workloads}
        result = simulate(scenario)
        arenas = [float(program.plan.arena_bytes) for program in result.programs.values()]
        whole = [program.resident_bytes - arena for program, arena in zip(result.programs.values(), arenas, strict=True)]
        return (float(result.trace.totals["peak_memory_bytes"]) - sum(arenas)) / whole[0]

    assert peak({}) == pytest.approx(1.0, rel=1e-3)
    for apart in ({"precision": "q8_0"}, {"options": {"capacity": 4096}}, {"load": "on_demand"}):
        assert peak(apart) > 1.5
