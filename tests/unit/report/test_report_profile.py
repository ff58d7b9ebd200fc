"""A program operator by operator: closed forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.report.model_metrics import program_metrics
from sim.report.operator_profile import operator_profile


def test_rows_add_up(run: Any) -> None:
    program = run.programs["detector"]
    profile = operator_profile(program, run.device)
    assert [row.bound for row in profile.operators] == ["compute", "memory", "overhead"]
    assert [row.time_s for row in profile.operators] == pytest.approx([0.01] * 3)
    assert [row.share_ratio for row in profile.operators] == pytest.approx([1 / 3] * 3)
    assert profile.total_s == profile.makespan_s == pytest.approx(0.03)
    # 1e9 MACs in 10 ms on a unit of 1024 MACs a cycle at 1 GHz; no rate is published for float32, the format of these kernels
    assert profile.operators[0].utilisation_ratio is None


def test_segments_side_by_side(run: Any) -> None:
    """Two segments on two units, the third waits for both."""
    program = run.programs["detector"]
    (segment,) = program.segments
    base = {"after": (), "entry_s": 0.001}
    segments = (
        replace(segment, **base),
        replace(segment, index=1, unit="cpu", **base),
        replace(segment, index=2, after=(0, 1), entry_s=0.0),
    )
    profile = operator_profile(replace(program, segments=segments), run.device)
    on_cpu_s = 0.001 + 1e7 / 2e9 + 0.01 + 0.01
    assert profile.total_s == pytest.approx(0.031 + on_cpu_s + 0.03)
    assert profile.makespan_s == pytest.approx(0.031 + 0.03)


def test_reasons_of_fallbacks_are_counted(run: Any) -> None:
    program = run.programs["detector"]
    (segment,) = program.segments
    fallen = replace(segment, why="fallback: Softmax is not supported; too small")
    metrics = program_metrics(replace(program, segments=(segment, fallen)), run.device)
    assert metrics.fallbacks_count == {"Softmax is not supported": 3} and metrics.fallback_kernels_count == 3
    assert metrics.units_kernels_count == {"npu": 6} and metrics.alone_s == pytest.approx(0.06)


def test_accuracy_is_published_for_float_only(run: Any) -> None:
    from sim.graph.ir import Graph

    published = {"value": 71.878, "metric": "ImageNet top-1 %", "source": "somebody"}
    program = replace(run.programs["detector"], graph=Graph("g", notes={"accuracy": published}))
    unknown = program_metrics(program, run.device).accuracy
    assert unknown.value_ratio is None and "71.9 %" in unknown.note and "int8" in unknown.note
    known = program_metrics(replace(program, precision="float32"), run.device).accuracy
    assert known.value_ratio == pytest.approx(0.71878) and known.metric == "ImageNet top-1" and known.source == "somebody"


def test_accuracy_that_is_no_share_is_not_compared(run: Any) -> None:
    from sim.graph.ir import Graph

    published = {"value": 9.5, "metric": "perplexity", "source": "somebody"}
    program = replace(run.programs["detector"], precision="float32", graph=Graph("g", notes={"accuracy": published}))
    accuracy = program_metrics(program, run.device).accuracy
    assert accuracy.value_ratio is None and "perplexity 9.5" in accuracy.note
