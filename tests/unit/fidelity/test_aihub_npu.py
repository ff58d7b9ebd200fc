"""The dataset of Hexagon NPUs: what it holds, what each regime may know, and what the catalogue carries of its fits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import max_frequency_hz
from sim.fidelity.aihub_chips import UNIT, chips, specification, unit_figures
from sim.fidelity.case import Case, Regime
from sim.fidelity.datasets.aihub_npu import DATASET, ENOUGH, LINES, WHOLE, Line, chosen, family_of, fits, fitting, left_out_of, rows
from sim.fidelity.npu_fit import STRUCTURE, Group, Measured, Network, fit_chip, fit_group
from sim.fidelity.npu_shots import ChipPrior, telling

PEAK_FORMATS = {"float": "float16", "int8": "int8", "int16": "int16"}


def case_of(model: str, chip: str, line: Line = LINES[0]) -> Case:
    return next(case for case in DATASET.cases() if (case.model, case.device, case.group) == (model, chip, line.title))


def test_every_median_of_enough_runs_is_a_case() -> None:
    cases = DATASET.cases()
    assert Counter(case.group for case in cases) == Counter(row.group.title for row in rows() if row.repeats >= ENOUGH)
    assert len(cases) == 718 and len({case.device for case in cases}) == 8 and len({case.model for case in cases}) == 33
    assert all("52c080d2" in case.source and case.kind and case.measured > 0 and case.line >= 2 for case in cases)


def test_cases_are_what_the_data_file_says() -> None:
    case = case_of("resnet18", "snapdragon-8gen3")
    assert case.measured == pytest.approx(0.889e-3)
    assert case.use["source"] == "resnet18" and case.use["options"] == {"normalise": True}
    assert (case.family, case.kind) == ("resnet", "image classification")


def test_devices_are_specifications_without_fitted_parameters() -> None:
    for name in chips():
        unit = specification(name).units[UNIT]
        assert not unit.parameters and not unit.structure


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_fit_knows_nothing_of_what_it_leaves_out(line: Line) -> None:
    whole = fitting(line)
    for left_out in left_out_of(line):
        used = {(chip, whole.models[network]) for chip, measured in whole.without(left_out).items() for network in measured.networks}
        assert not any(family_of(model) == left_out or f"chip:{chip}" == left_out for chip, model in used)
        carried = fits()[line.name, left_out]
        assert set(carried.chips) == {chip for chip, _ in used}
        assert set(carried.structure) == set(STRUCTURE)


@pytest.mark.parametrize("regime", ["in-sample", "leave-family-out", "k-shot", "zero-shot"])
def test_each_regime_has_figures_of_its_own(regime: Regime) -> None:
    choice = chosen(case_of("resnet18", "snapdragon-8gen3"), regime)
    assert choice is not None and np.all(np.isfinite(choice.figures) & (choice.figures > 0))
    assert choice.left_out == {"in-sample": "", "leave-family-out": "resnet"}.get(regime, "chip:snapdragon-8gen3")


def test_shots_are_of_other_families(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.fidelity.datasets import aihub_npu

    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(aihub_npu, "_measured", lambda group, chip, networks: seen.append(networks))
    for model in ("resnet18", "mobilenet_v2", "unet_segmentation"):
        aihub_npu._few_shots.__wrapped__(LINES[0], "qcs8550", family_of(model), 3)
        told = [fitting(LINES[0]).models[index] for index in seen[-1]]
        assert len(set(told)) == 3 and family_of(model) not in map(family_of, told)


def test_the_catalogue_carries_the_whole_fits() -> None:
    tables = cost_classes()["npu_hexagon"].tables
    for line in LINES:
        fit = fits()[line.name, WHOLE]
        key = line.key if line.runtime == "qnn" else line.name
        assert {name: float(tables[key][name]) for name in STRUCTURE} == pytest.approx(fit.structure, rel=1e-3)
        for chip in chips().values():
            if not chip.device or chip.name not in fit.chips:
                continue
            device = load_device(chip.device)
            unit, hz = device.units["npu"], max_frequency_hz(device, "npu")
            if PEAK_FORMATS[line.key] not in unit.macs_per_cycle:
                continue
            peak = float(unit.cores) * float(unit.macs_per_cycle[PEAK_FORMATS[line.key]]) * hz  # type: ignore[index]
            figures = unit_figures(line.key, fit.chips[chip.name], peak, float(device.memory.bandwidth_bytes_per_s), hz)
            assert {name: float(value) for name, value in unit.parameters[key].items()} == pytest.approx(figures, rel=1e-3)
            assert unit.calibration.startswith("fitted on")


def small_group() -> Group:
    whole = fitting(LINES[1])
    names = [name for name in whole.models if name in ("resnet18", "shufflenet_v2", "yamnet", "midas")]
    from sim.fidelity.datasets.aihub_npu import network

    networks: list[Network] = [network(name, LINES[1]) for name in names]
    return Group("int8", networks)


def test_a_chip_comes_back_from_its_own_latencies() -> None:
    group, fit = small_group(), fits()["int8.qnn", WHOLE]
    loads, true = group.loads(fit.structure, 8 * 2.0**20), fit.chips["snapdragon-8gen3"]
    measured = Measured(np.arange(len(group)), loads.seconds(true), np.ones(len(group)), 8 * 2.0**20)
    found = fit_chip(loads, measured, true * 1.3)
    assert loads.seconds(found) == pytest.approx(measured.seconds, rel=0.04)


def test_nothing_measured_leaves_the_prior() -> None:
    group, fit = small_group(), fits()["int8.qnn", WHOLE]
    loads, centre = group.loads(fit.structure, 8 * 2.0**20), fit.chips["snapdragon-8gen3"]
    none = Measured(np.zeros(0, int), np.zeros(0), np.zeros(0), 8 * 2.0**20)
    assert fit_chip(loads, none, centre) == pytest.approx(centre)
    with pytest.raises(ValueError, match="needs measurements"):
        fit_group(group, {"chip": none})


def test_unlike_networks_tell_most() -> None:
    """A second network of the same build says little more than the first: one that stresses something else is asked for."""
    fit = fits()["float.qnn", WHOLE]
    whole = fitting(LINES[0])
    prior = ChipPrior.of(chips()["qcs8550"].features, [chips()[name].features for name in fit.chips], list(fit.chips.values()))
    loads = whole.group.loads(fit.structure, 8 * 2.0**20)
    candidates = np.array([whole.models.index(name) for name in ("resnext50", "resnext101", "quicksrnetsmall", "vit")])
    told = {whole.models[index] for index in telling(loads, prior, candidates, 3)}
    assert len(told) == 3 and not {"resnext50", "resnext101"} <= told


def test_a_prior_is_a_line_through_the_other_chips() -> None:
    features = [np.array([1.0, x, 0.0, 0.0]) for x in (-1.0, 0.0, 1.0)]
    figures = [np.full(6, np.exp(0.3 * x)) for x in (-1.0, 0.0, 1.0)]
    prior = ChipPrior.of(np.array([1.0, 0.5, 0.0, 0.0]), features, figures)
    assert 1.0 < prior.figures[0] < np.exp(0.15)
    assert np.all(prior.deviations > 0) and prior.covariance == pytest.approx(prior.covariance.T)
