"""The parameters that measurements may change: each named one is used by its law, and is the value the law uses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import calibration_priors, cost_classes, device_names, load_device, sources
from device_models.compute import LAWS, invocation_costs, kernel_costs, kernel_seconds, max_frequency_hz
from device_models.figure import Figure
from device_models.spec import DeviceSpec
from device_models.unit_parameters import SENSES, law_priors, numbers_of, parameter_table, unit_parameters, with_parameters
from device_models.work import DType, Kind, Work
from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.frontends.zoo import build

UNITS = [(name, unit, spec) for name in device_names() for unit, spec in load_device(name).units.items() if spec.kind != "neuromorphic"]
FORMS = {form: next((name, unit) for name, unit, spec in UNITS if cost_classes()[spec.cost_class].form == form) for form in calibration_priors()}


@pytest.fixture(scope="module")
def work() -> Work:
    """Kernels of many kinds in float and int8."""
    graphs = [build(name) for name in ("resnet18", "mobilenet_v2")]
    parts = [lower_model(graph, resolve_runtime("ncnn"), precision).work for graph in graphs for precision in ("as_stored", "int8")]
    return Work(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].__dataclass_fields__})


def total_s(work: Work, device: DeviceSpec, unit: str, threads: int, numbers: str) -> float:
    kind = device.units[unit].kind
    rows = work.take(np.isin(work.dtype, (DType.I8,)) == (numbers == "int8")) if kind != "cpu" else work
    costs = kernel_costs(rows, device, unit, threads=threads)
    entry = invocation_costs(device, unit, precision="int8" if numbers == "int8" else "as_stored").seconds(1e5, 1e3)
    return entry + float(kernel_seconds(costs, max_frequency_hz(device, unit)).sum())


@pytest.mark.parametrize("form", FORMS)
def test_every_law_has_priors_with_known_sources(form: str) -> None:
    priors = law_priors(form)
    assert priors is not None
    figures = [priors.scale, priors.kept, priors.unseen, *(parameter.sd for parameter in priors.parameters.values())]
    assert all(figure.source in sources() and figure.kind in ("derived", "estimated") for figure in figures)
    assert form in LAWS


@pytest.mark.parametrize("form", FORMS)
def test_every_adjustable_parameter_acts_as_its_sense_says(form: str, work: Work) -> None:
    name, unit = FORMS[form]
    device = load_device(name)
    priors = law_priors(form)
    assert priors is not None
    numbers = numbers_of(device.units[unit], "as_stored", np.array([]))
    table = parameter_table(device.units[unit], 1, numbers, "")
    now = unit_parameters(device, unit, (table,))
    before_s = total_s(work, device, unit, 1, numbers)
    for parameter, adjustable in priors.parameters.items():
        values = {key: value * (1.3 if key[1] == parameter else 1.0) for key, value in now.values.items()}
        after_s = total_s(work, with_parameters(device, unit, values), unit, 1, numbers)
        assert (after_s < before_s) if SENSES[adjustable.sense] < 0 else (after_s > before_s), parameter


@pytest.mark.parametrize(("name", "unit"), [(name, unit) for name, unit, _ in UNITS])
def test_the_present_values_are_those_the_law_uses(name: str, unit: str, work: Work) -> None:
    device = load_device(name)
    spec = device.units[unit]
    numbers = numbers_of(spec, "as_stored", np.array([]))
    for threads in sorted({1, min(2, int(spec.cores)), int(spec.cores)}) if spec.kind == "cpu" else (1,):
        now = unit_parameters(device, unit, (parameter_table(spec, threads, numbers, ""),))
        assert all(math.isfinite(value) and value > 0 for value in now.values.values())
        same = with_parameters(device, unit, now.values)
        assert total_s(work, same, unit, threads, numbers) == pytest.approx(total_s(work, device, unit, threads, numbers), rel=1e-9)


def test_tables_of_a_runtime_are_taken_where_the_unit_has_them() -> None:
    npu = load_device("snapdragon_8_gen_2_phone").units["npu"]
    assert parameter_table(npu, 1, "float", "tflite") == "float.tflite"
    assert parameter_table(npu, 1, "float", "qnn") == "float"
    assert parameter_table(npu, 1, "int8", "qnn") == "int8"


def test_how_programs_count() -> None:
    cpu, npu = load_device("raspberry_pi_4").units["cpu"], load_device("snapdragon_8_gen_2_phone").units["npu"]
    assert numbers_of(npu, "int8", np.array([])) == "int8" and numbers_of(npu, "float16", np.array([DType.I8])) == "float"
    assert numbers_of(cpu, "as_stored", np.array([DType.I8, DType.I8, DType.F32])) == "int8" and numbers_of(cpu, "as_stored", np.array([DType.F32])) == "float"
    assert numbers_of(npu, "w8a16", np.array([])) == "int16" and numbers_of(cpu, "w8a16", np.array([])) == "int8"


def test_changed_figures_say_where_they_come_from() -> None:
    device = with_parameters(load_device("raspberry_pi_4"), "cpu", {("threads_2", "compute"): 0.5}, "rows.csv", "a fit")
    figure = device.units["cpu"].parameters["threads_2"]["compute"]
    assert isinstance(figure, Figure) and (float(figure), figure.source, figure.kind, figure.note) == (0.5, "rows.csv", "derived", "a fit")
    assert "threads_1" in device.units["cpu"].parameters and load_device("raspberry_pi_4").units["cpu"].parameters.keys() == {"threads_1", "threads_4"}


def test_kinds_of_kernels_in_the_sample(work: Work) -> None:
    assert {Kind.C3, Kind.PW, Kind.DW, Kind.FC} <= {Kind(kind) for kind in work.kind}
