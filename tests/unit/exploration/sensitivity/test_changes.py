"""Parameters of every device of the catalogue: moving them by nothing changes nothing, moving one changes its numbers and no others."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import device_names, load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz, unit_supports
from device_models.provenance import figures
from device_models.spec import DeviceSpec
from device_models.work import DType, Work
from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.find import parameters_of
from sim.exploration.sensitivity.moved import moved_numbers, moved_point
from sim.exploration.sensitivity.parameter import Parameter
from sim.frontends.load import load_model
from sim.graph.work import graph_work
from sim.runtime.climate import cooled
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Places


def base(device: object, **more: object) -> dict[str, Any]:
    workloads = {"one": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": [{"name": "idle", "unit": "UNIT", "work": {"operations": "1 k"}}]}}
    name = device if isinstance(device, str) else device["base"]  # type: ignore[index]
    workloads["one"]["pipeline"][0]["unit"] = next(iter(load_device(name).units))  # type: ignore[index]
    return {"name": "s", "device": device, "duration": "1 s", "workloads": workloads, **more}


def loaded_with(data: dict[str, Any], changes: tuple[tuple[str, Any], ...]) -> LoadedScenario:
    changed = copy.deepcopy(data)
    problems = apply_overrides(changed, Places(), [f"{path}={json.dumps(value)}" for path, value in changes])
    assert not problems
    return load_scenario(changed, known=known_names())


def as_it_runs(loaded: LoadedScenario) -> DeviceSpec:
    return cooled(loaded.device, loaded.scenario)


def numbers_of(loaded: LoadedScenario) -> dict[str, float]:
    numbers = {row.path: row.value for row in figures(as_it_runs(loaded)) if not row.path.startswith("thermal.cooling.")}
    return numbers | ({} if loaded.scenario.ambient_c is None else {"default_ambient": float(loaded.scenario.ambient_c)})


def of_laws(parameter: Parameter) -> bool:
    return parameter.name.endswith(".speed") or ".parameters." in parameter.name


SCENARIOS = [base(name) for name in device_names()] + [
    base("raspberry_pi_4", cooling="armor_case", ambient="31 degC"),
    base("raspberry_pi_5", cooling="active_cooler"),
    base(
        "pixel_6",
        battery={"cell": "lipo_3000mah", "capacity": "2 Ah"},
        radios={"wifi": "wifi_pixel_6", "lte": {"base": "lte_huang2012", "idle_power": "20 mW"}},
    ),
    base(
        {
            "base": "coral_dev_board",
            "domains": {"cpu": {"operating_points": {"table": [["1 GHz", "0.9 V"], ["1.5 GHz", "1 V"]], "source": "x", "kind": "given"}}},
        }
    ),
    base({"base": "jetson_orin_nano", "units": {"gpu": {"macs_per_cycle": {"float32": 100, "float16": 200, "int8": 400}}}}),
]


def name_of(data: dict[str, Any]) -> str:
    device = data["device"]
    return (device if isinstance(device, str) else device["base"] + "_changed") + ("_" + str(data["cooling"]) if "cooling" in data else "")


@pytest.mark.parametrize("data", SCENARIOS, ids=name_of)
def test_all_numbers_written_out_as_they_are_give_the_same_device(data: dict[str, Any]) -> None:
    loaded = load_scenario(data, known=known_names())
    found = parameters_of(loaded)
    cells = {cell.path: cell.value for parameter in found.parameters if not of_laws(parameter) for cell in parameter.cells}
    again = loaded_with(data, ChangedDevice.of(loaded).changes(cells))
    assert numbers_of(again) == pytest.approx(numbers_of(loaded), rel=1e-12)
    assert as_it_runs(again).thermal.links == as_it_runs(loaded).thermal.links
    left, right = (as_it_runs(one).model_dump(mode="json", exclude={"thermal": {"cooling"}}) for one in (again, loaded))
    assert left == right


@pytest.mark.parametrize("data", SCENARIOS, ids=name_of)
def test_a_moved_parameter_changes_its_own_numbers_and_no_others(data: dict[str, Any]) -> None:
    loaded = load_scenario(data, known=known_names())
    device, before = ChangedDevice.of(loaded), numbers_of(loaded)
    parameters = [parameter for parameter in parameters_of(loaded).parameters if not of_laws(parameter)]
    tried = 0
    for parameter in parameters[:: max(len(parameters) // 12, 1)]:
        factor = next(factor for factor in reversed(parameter.factors(0.07)) if factor is not None)
        try:
            after = numbers_of(loaded_with(data, moved_point(0, device, [(parameter, factor)]).changes))
        except EdgesimError:  # not every number may be 7 % larger
            continue
        tried += 1
        assert after == pytest.approx(before | moved_numbers([(parameter, factor)]), rel=1e-12), parameter.name
    assert tried >= 8


@pytest.mark.parametrize("name", device_names())
def test_laws_cost_the_same_with_their_parameters_written_out_and_more_when_the_unit_is_slower(name: str) -> None:
    data = base(name)
    loaded = load_scenario(data, known=known_names())
    device = ChangedDevice.of(loaded)
    _, work = graph_work(load_model("resnet8", directory=loaded.directory, name="resnet8"))
    for unit in loaded.device.units:
        speed = next((parameter for parameter in parameters_of(loaded).parameters if parameter.name == f"units.{unit}.speed"), None)
        if speed is None:
            continue
        same = loaded_with(data, device.changes({cell.path: cell.value for cell in speed.cells})).device
        slow = loaded_with(data, moved_point(0, device, [(speed, 0.5)]).changes).device
        for runtime in loaded.device.runtimes:
            plain, written, slowed = (_seconds(work, one, unit, runtime) for one in (loaded.device, same, slow))
            assert written == pytest.approx(plain, rel=1e-12)
            assert np.all(slowed >= plain)
            if plain.sum() > 0:
                assert slowed.sum() > 1.02 * plain.sum(), (unit, runtime)


def _seconds(work: Work, device: DeviceSpec, unit: str, runtime: str) -> np.ndarray:
    """Of every kernel in a format the unit has."""
    dtype = next(one for one in (DType.F32, DType.F16, DType.I8) if unit_supports(device.units[unit], one))
    code = np.full(len(work), dtype, dtype=work.dtype.dtype)
    return kernel_seconds(kernel_costs(replace(work, dtype=code, weight_dtype=code), device, unit, runtime=runtime), max_frequency_hz(device, unit))
