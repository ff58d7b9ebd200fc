"""Scenarios whose models are trained on the device, and whose weights are paged."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.experiment.result import Result
from sim.experiment.simulate import simulate


def _run(model: dict[str, Any], **more: Any) -> Result:
    workload = {"arrival": {"kind": "closed"}, "count": 3, "pipeline": [{"model": "m"}]}
    return simulate({"name": "training", "device": "raspberry_pi_4", "duration": "60 s", "models": {"m": model}, "workloads": {"w": workload}, **more})


def _program(**training: Any) -> Any:
    options = {"width": 0.5, "resolution": 96, "classes": 10}
    return _run({"source": "mobilenet_v2", "options": options, "training": {"batch": 8, "optimizer": "momentum", **training}}).programs["m"]


def test_checkpointing_trades_time_for_memory_and_packing_trades_less() -> None:
    kept, again, packed = _program(), _program(checkpointing="sqrt"), _program(activation_compression={"bits": 8})
    assert again.plan.arena_bytes < 0.65 * kept.plan.arena_bytes
    assert kept.macs < again.macs <= 4 / 3 * kept.macs * 1.02
    assert packed.plan.arena_bytes < 0.5 * kept.plan.arena_bytes
    assert packed.macs == kept.macs
    assert kept.state_bytes == kept.parameters * 4


def test_a_budget_of_memory_is_kept_by_the_plan() -> None:
    assert _program(checkpointing={"budget": "20 MB"}).plan.lower_bound_bytes <= 20e6


@pytest.mark.parametrize(("training", "place", "message"), [
    ({"checkpointing": {"every": 3, "budget": "1 MB"}}, "training.checkpointing", "exactly one"),
    ({"last": 1, "only": ["a"]}, "training", "either last or only"),
    ({"optimizer": "lion"}, "training.optimizer", "sgd"),
    ({"activation_compression": {"bits": 3}}, "bits", "8"),
    ({"only": ["nothing*"]}, "training", "no layer with weights is named like"),
    ({"checkpointing": {"budget": "1 kB"}}, "training", "needs at least"),
])  # fmt: skip
def test_bad_training_is_refused_where_it_stands(training: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(EdgesimError) as caught:
        _program(**training)
    assert place in str(caught.value)
    assert message in str(caught.value)


def test_training_in_integers_is_refused() -> None:
    with pytest.raises(EdgesimError, match="training computes in float"):
        _run({"source": "mobilenet_v2", "precision": "int8", "training": {}})
    with pytest.raises(EdgesimError, match="quantized network"):
        _run({"source": "mobilenet_v2", "compress": [{"quantize": {"to": "int8"}}], "training": {}})


def test_paged_weights_fit_where_resident_ones_do_not_and_cost_time() -> None:
    device = {"base": "raspberry_pi_4", "memory": {"capacity": "400 MB", "reserved": "200 MB"}}
    model = {"source": "vit_b_16"}
    with pytest.raises(EdgesimError, match="of memory"):
        _run(model, device=device)
    streamed, resident = _run(model, device=device, memory={"weights": "paged"}), _run(model, memory={"weights": "paged"})
    assert resident.programs["m"].page_read_s == 0
    times = [max(part.costs.fixed_s.sum() for part in result.programs["m"].segments) for result in (resident, streamed)]
    assert times[1] > times[0] + 0.5 * streamed.programs["m"].page_read_s
