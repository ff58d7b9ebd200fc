"""Published token rates: what is carried, what each regime may know, and that a fit finds what a law was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes
from device_models.compute import max_frequency_hz
from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.fidelity.bare_devices import alone, rows, specification
from sim.fidelity.datasets import llm_decode, llm_memory
from sim.fidelity.llm_catalog import figures
from sim.fidelity.llm_fit import Fit, fit_class, line_of, parameters_of
from sim.fidelity.predict import predict
from sim.frontends.zoo import build

CASES = llm_decode.DATASET.cases()
FILES = [  # network, engine, precision, size of the published file in MiB (sources as in llm_tokens.csv)
    ("llama3.2_1b", "executorch", "float16", 2358),
    ("llama3.2_3b", "executorch", "float16", 6129),
    ("llama3.2_1b", "executorch", "w4g32", 1083),
    ("llama3.2_3b", "executorch", "w4g32", 2435),
    ("llama2_7b", "llama_cpp", "float16", 12851),
    ("llama2_7b", "llama_cpp", "q8_0", 6830),
    ("llama2_7b", "llama_cpp", "q4_0", 3645),
    ("mistral_7b", "llama_cpp", "q4_0", 3922),
    ("phi2", "llama_cpp", "q4_0", 1526),
    ("tinyllama_1.1b", "llama_cpp", "q4_0", 604),
    ("llama3.2_1b", "llama_cpp", "q4_0", 729.75),
]


@pytest.mark.parametrize(("model", "runtime", "precision", "mib"), FILES)
def test_weights_take_what_published_files_take(model: str, runtime: str, precision: str, mib: float) -> None:
    lowered = lower_model(build(model), resolve_runtime(runtime), precision)
    assert lowered.flow.graph.stored_bytes() / 2**20 == pytest.approx(mib, rel=0.005)


def test_every_row_is_a_case_once_with_its_source() -> None:
    assert len(CASES) == len(rows("llm_tokens.csv")) == 155
    assert len({(case.device, case.unit, case.use["runtime"], case.model, case.metric, case.measured) for case in CASES}) == len(CASES)
    assert all(case.measured > 0 and case.source and case.family for case in CASES)
    assert {case.metric for case in CASES} == {"decode_tokens_per_s", "prefill_tokens_per_s"}
    assert len({case.device for case in CASES}) >= 18 and len({case.family for case in CASES}) >= 12


def test_no_regime_but_in_sample_learns_from_what_it_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[int, ...]] = []
    monkeypatch.setattr(llm_decode, "fitted", lambda lines, elsewhere=(): used.append((*lines, *elsewhere)) or Fit())
    by_line = {case.line: case for case in CASES}
    for regime in ("leave-family-out", "zero-shot", "k-shot"):
        for case in CASES:
            used.clear()
            llm_decode.DATASET.devices([case], regime, shots=2)  # type: ignore[arg-type]
            learnt = [by_line[line] for line in used[0]] if used else []
            here = [other for other in learnt if other.device == case.device and line_of(other) == line_of(case)]
            assert case not in learnt
            if regime == "leave-family-out":
                assert all(other.family != case.family for other in learnt)
            if regime == "zero-shot":
                assert not [other for other in learnt if other.device == case.device]
            if regime == "k-shot":
                assert len(here) <= 2 and all(other.family != case.family for other in here)


def test_a_fit_finds_the_parameters_its_measurements_were_made_with() -> None:
    """Rates of a made-up law, linear in two parameters, with a factor of its own on one of three devices."""
    of_class = [case for case in CASES if case.use["runtime"] == "qnn" and case.metric == "decode_tokens_per_s" and case.use["precision"] == "w4a16"]

    def price(case, device):
        structure = device.units[case.unit].structure
        return 1.0 / (1.0 / float(structure["stream"]["qnn.integer"]) + case.line * float(structure["launch"]["qnn.integer"]))

    faster = "snapdragon_x_elite"
    made = []
    for case in of_class:
        stream = 30.0 * (1.3 if case.device == faster else 1.0)
        made.append(replace(case, measured=1.0 / (1.0 / stream + case.line * 2e-4)))
    found = fit_class(made, price)
    ratios = [price(case, found.device(case)) / case.measured for case in made]
    assert np.abs(np.log(ratios)).max() < 0.03
    factors = {line.device: factor for (line, _), factor in found.of_device.items()}
    assert factors[faster] == max(factors.values()) and factors[faster] / np.median(list(factors.values())) == pytest.approx(1.3, rel=0.08)


def test_a_device_that_was_not_measured_gets_the_class_alone() -> None:
    case = CASES[0]
    parameter = parameters_of(case)[0]
    fit = Fit()
    device = fit.device(case)
    assert float(device.units[case.unit].structure[parameter.table][parameter.row]) == parameter.start


@pytest.mark.parametrize("line", [2, 3, 45, 110, 111])
def test_the_law_a_fit_prices_is_what_the_simulator_predicts(line: int) -> None:
    case = CASES[line - llm_decode.FIRST_LINE]
    device = Fit().device(case)
    assert llm_decode.price(case, device) == pytest.approx(predict(case, device), rel=0.01)


def test_bare_devices_have_no_fitted_parameter() -> None:
    for name in {case.device for case in CASES}:
        for unit in specification(name).units.values():
            assert not unit.parameters and not unit.structure


def test_a_unit_alone_keeps_its_clock_and_the_memory() -> None:
    whole, part = specification("snapdragon_8_gen_3_phone"), alone("snapdragon_8_gen_3_phone", "npu")
    assert set(part.units) == {"npu"} and part.memory == whole.memory
    assert max_frequency_hz(part, "npu") == max_frequency_hz(whole, "npu")


def test_resident_memory_is_weights_caches_and_arena_and_the_process_beside_them() -> None:
    cases = llm_memory.DATASET.cases()
    bare = [predict(case, case.spec) for case in cases]
    assert len(cases) == 6
    assert all(mine < case.measured for mine, case in zip(bare, cases, strict=True))  # a process has more than its network
    for case, alone_bytes, device in zip(cases, bare, llm_memory.DATASET.devices(cases, "leave-family-out"), strict=True):
        assert device is not None
        beside = predict(case, device) - alone_bytes
        others = [other.measured - mine for other, mine in zip(cases, bare, strict=True) if other.family != case.family]
        assert beside == pytest.approx(np.median(others))


def test_the_catalogue_carries_what_a_fit_to_all_measurements_gives() -> None:
    """Streams and launches; `python -m sim.fidelity.llm_catalog` prints them anew."""
    fitted = {(row.owner, row.table, row.row): row.value for row in figures(("cpu", "gpu_apple"))}
    checked = 0
    for owner, name in (("cpu", "cpu_armv82_outoforder"), ("gpu_apple", "gpu_apple")):
        for row, value in cost_classes()[name].table("stream").items():
            if (owner, "stream", row) in fitted:
                assert float(value) == pytest.approx(fitted[owner, "stream", row], rel=0.25), row
                checked += 1
    assert checked == 3
