"""Scenarios whose models are trained on the device, and whose weights are paged."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.perturbed import perturbations
from sim.experiment.result import Result
from sim.experiment.simulate import prepare, simulate
from sim.report.glyphs import UNICODE
from sim.report.metrics import measure
from sim.report.model_section import regime_lines
from sim.report.page import Page
from sim.report.uncertainty import uncertainty
from sim.scenario.loading import load_scenario


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
    with pytest.raises(EdgesimError, match=r"of memory.*\{weights: paged\}"):
        _run(model, device=device)
    with pytest.raises(EdgesimError, match="of memory") as caught:  # activations alone are too large: paging would not help
        _run(model, device={"base": "raspberry_pi_4", "memory": {"capacity": "205 MB", "reserved": "204 MB"}})
    assert "paged" not in str(caught.value)
    streamed, resident = _run(model, device=device, memory={"weights": "paged"}), _run(model, memory={"weights": "paged"})
    assert resident.programs["m"].page_read_s == 0
    times = [max(part.costs.fixed_s.sum() for part in result.programs["m"].segments) for result in (resident, streamed)]
    assert times[1] > times[0] + 0.5 * streamed.programs["m"].page_read_s


def test_paging_reads_storage_at_its_power_as_long_as_all_weights_take() -> None:
    storage = {"read_power": "0.5 W", "idle": "0.125 W"}
    device = {"base": "raspberry_pi_4", "memory": {"capacity": "400 MB", "reserved": "200 MB"}, "storage": storage}
    result = _run({"source": "vit_b_16"}, device=device, memory={"weights": "paged"})
    reading_s = 3 * result.programs["m"].page_read_s
    assert reading_s == pytest.approx(3 * result.programs["m"].weights_bytes / float(result.device.storage.read_bytes_per_s), rel=0.02)
    components_j = measure(result).energy.components_j
    assert components_j["storage"] == pytest.approx(0.5 * reading_s + 0.125 * (result.trace.end_s - reading_s), rel=1e-6)


@pytest.mark.parametrize(("training", "sure"), [(None, True), ({"batch": 4}, False)])
def test_a_run_that_trains_has_no_intervals(training: dict[str, Any] | None, sure: bool) -> None:
    loaded = load_scenario({
        "name": "training", "device": "raspberry_pi_4", "duration": "10 s",
        "models": {"m": {"source": "mobilenet_v2", "options": {"width": 0.5, "resolution": 96}, **({"training": training} if training else {})}},
        "workloads": {"w": {"arrival": {"kind": "closed"}, "count": 2, "pipeline": [{"model": "m"}]}},
    }, known=known_names())  # fmt: skip
    experiment = prepare(loaded)
    result = experiment.run()
    metrics = measure(result)
    known = uncertainty(result, metrics, perturbations(experiment, result))
    assert bool(known.intervals) is bool(known.units) is sure
    page = Page(result, metrics, (), 100, UNICODE, known)
    assert ("laws of inference" in " ".join(line.plain for line in regime_lines(page))) is not sure
