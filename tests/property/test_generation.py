"""Whatever comes: every request gets its tokens, the cache never holds more than it may, and nothing is left behind."""

from __future__ import annotations

from typing import Any

import generating
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.trace import Status

SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def servings(draw: st.DrawFn) -> dict[str, Any]:
    page, when_full = draw(st.integers(1, 20)), draw(st.sampled_from(["preempt_recompute", "swap", "refuse", "evict_oldest"]))
    draft = draw(st.none() | st.sampled_from([0.0, 0.5, 1.0]))
    serving: dict[str, Any] = {
        "max_batch": draw(st.integers(1, 6)),
        "context": 120,
        "scheduling": draw(st.sampled_from(["prefill_first", "decode_first", "mixed"])),
        "kv_cache": {"page": page, "when_full": when_full, "budget": f"{draw(st.integers(150, 400)) * generating.KV_BYTES * (1 if draft is None else 2)} B"},
    }
    if draw(st.booleans()):
        serving["chunk"] = draw(st.integers(1, 50))
    if draw(st.booleans()):
        serving["prefix_cache"] = {}
    if draft is not None:
        serving["draft"] = {"model": "draft", "tokens": draw(st.integers(1, 4)), "acceptance": draft}
    return serving


STAGES = st.fixed_dictionaries(
    {
        "prompt": st.tuples(st.integers(8, 30), st.integers(0, 40)).map(lambda span: {"kind": "uniform", "min": span[0], "max": sum(span)}),
        "output": st.tuples(st.integers(1, 5), st.integers(0, 40)).map(lambda span: {"kind": "uniform", "min": span[0], "max": sum(span)}),
    },
    optional={"prefix": st.fixed_dictionaries({"tokens": st.integers(1, 8), "groups": st.integers(1, 5), "zipf": st.floats(0, 2)})},
)


@SETTINGS
@given(servings(), STAGES, st.integers(0, 1000), st.sampled_from(["cpu", "npu"]))
def test_tokens_and_blocks_are_conserved(serving: dict[str, Any], stage: dict[str, Any], seed: int, draft_unit: str) -> None:
    given_scenario = generating.scenario(serving, stage, {"kind": "poisson", "rate": "15 Hz"}, 25.0, workload={"count": 15}, seed=seed)
    engine = generating.engine(given_scenario, draft_unit=draft_unit)
    trace = engine.run()
    rows, totals = trace.generations.columns(), trace.servings[0]
    blocks = next(iter(engine.planner.generation.values())).batch.blocks
    done = (trace.requests["status"] == Status.DONE).sum()
    assert done + totals.refused == 15 and len(rows["request"]) == done and (rows["finished"] > 0).all()
    assert (rows["output"] >= stage["output"]["min"]).all() and (rows["output"] <= stage["output"]["max"]).all()
    assert rows["output"].sum() == totals.output_tokens
    assert len(trace.token_gaps) == 0 or (trace.token_gaps["gap_s"] >= -1e-12).all()
    # nothing is computed twice unless it was preempted or forgotten
    if serving["kv_cache"]["when_full"] in ("swap", "refuse") and "prefix" not in stage:
        assert totals.prompt_tokens == rows["prompt"].sum()
    kept = sum(shared.blocks for shared in blocks.prefixes.values())
    assert blocks.used == kept and blocks.allocated - blocks.freed == kept and blocks.peak <= blocks.total
    assert not any(shared.users for shared in blocks.prefixes.values())
    assert (rows["first_s"] <= rows["last_s"] + 1e-12).all() and (rows["last_s"] <= trace.end_s).all()
    assert totals.peak_bytes <= totals.capacity_bytes
    busy_s = sum(trace.totals["busy_s"].values())
    energy_j = sum(trace.energy_j[unit] for unit in ("cpu", "npu")) - 0.01 * (2 * trace.end_s - busy_s)
    assert trace.request_energy["energy_j"].sum() == pytest.approx(energy_j + trace.totals["memory_traffic_bytes"] * 50e-12, rel=1e-6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(servings(), STAGES, st.integers(0, 1000), st.sampled_from(["cpu", "npu"]), st.booleans(), st.sampled_from(["fifo", "priority", "round_robin", "edf"]))
def test_one_event_per_step_gives_the_same(
    serving: dict[str, Any], stage: dict[str, Any], seed: int, draft_unit: str, preemption: bool, scheduler: str
) -> None:
    camera = {"camera": {"arrival": {"kind": "poisson", "rate": "9 Hz"}, "pipeline": [{"model": "camera"}], "priority": 1}}
    more: dict[str, Any] = {"seed": seed, "preemption": preemption, "scheduler": scheduler}
    scenario = generating.scenario(serving, stage, {"kind": "poisson", "rate": "8 Hz"}, 1.5, others=camera, **more)
    lazy, reference = (generating.run(scenario, reference=reference, draft_unit=draft_unit, exponent=2.0) for reference in (False, True))
    for table in ("requests", "generations", "token_gaps"):
        ours, theirs = getattr(lazy, table).columns(), getattr(reference, table).columns()
        for name, column in ours.items():
            assert np.allclose(column, theirs[name], rtol=0, atol=1e-9, equal_nan=True), (table, name)
    assert lazy.energy_j == pytest.approx(reference.energy_j, rel=1e-6)
