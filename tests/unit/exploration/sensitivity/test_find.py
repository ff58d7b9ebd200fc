"""Which parameters a device has, where their numbers come from, how far they may be off, and how they are asked for."""

from __future__ import annotations

import math

import pytest

from device_models.catalog.catalog import device_names, load_device, unit_residuals
from device_models.provenance import figures
from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.exploration.sensitivity.find import parameters_of, unused, used_units
from sim.exploration.sensitivity.parameter import Cell, Parameter
from sim.scenario.loading import LoadedScenario, load_scenario


def on(device: str) -> LoadedScenario:
    unit = next(iter(load_device(device).units))
    pipeline = [{"name": "idle", "unit": unit, "work": {"operations": "1 k"}}]
    workloads = {"one": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": pipeline}}
    return load_scenario({"name": "s", "device": device, "duration": "1 s", "workloads": workloads}, known=known_names())


@pytest.mark.parametrize("device", device_names())
def test_every_number_of_a_device_belongs_to_one_parameter_or_is_left_out_with_a_reason(device: str) -> None:
    loaded = on(device)
    found = parameters_of(loaded)
    names = [parameter.name for parameter in found.parameters]
    assert len(set(names)) == len(names)
    assert len({parameter.label for parameter in found.parameters}) == len(names)
    plain = [parameter for parameter in found.parameters if not parameter.name.endswith(".speed")]
    paths = [cell.path for parameter in plain for cell in parameter.cells]
    assert len(set(paths)) == len(paths)
    rows = {row.path: row for row in figures(loaded.device)}
    assert rows.keys() <= {*paths, *found.left_out}
    assert not {*paths} & {*found.left_out}
    for parameter in plain:
        kinds = [rows[cell.path].kind for cell in parameter.cells if cell.path in rows]
        assert parameter.kind == "estimated" or "estimated" not in kinds
        assert parameter.group and parameter.cells


def test_a_groups_kind_is_that_of_its_least_certain_number(loaded: LoadedScenario) -> None:
    by_name = {parameter.name: parameter for parameter in parameters_of(loaded).parameters}
    assert by_name["domains.cpu.frequency"].kind == "datasheet"
    assert by_name["memory.reserved"].kind == "estimated"
    assert by_name["ambient"].kind == "given"
    assert by_name["ambient"].cells[0].value == 20.0


def test_the_speed_of_a_unit_goes_as_far_as_published_measurements_were_off(loaded: LoadedScenario) -> None:
    speed = parameters_of(loaded).chosen(["units.cpu.speed"])[0]
    low, high = unit_residuals(loaded.device.units["cpu"]).interval()
    assert speed.uncertainty is not None
    assert (speed.uncertainty.low, speed.uncertainty.high) == pytest.approx((math.exp(-high), math.exp(-low)))
    assert speed.factors(0.1, by_uncertainty=True) == (speed.uncertainty.low, speed.uncertainty.high)
    assert speed.factors(0.1) == (0.9, 1.1)
    compute, overhead = (next(cell for cell in speed.cells if cell.path.endswith(name)) for name in ("threads_1.compute", "threads_1.overhead"))
    assert compute.at(2.0) == pytest.approx(2.0 * compute.value)
    assert overhead.at(2.0) == pytest.approx(overhead.value / 2.0)


def test_parameters_are_asked_for_by_name_beginning_pattern_path_group_or_kind(loaded: LoadedScenario) -> None:
    found = parameters_of(loaded)

    def names(*wanted: str) -> list[str]:
        return [parameter.name for parameter in found.chosen(wanted)]

    assert names() == [parameter.name for parameter in found.parameters]
    assert names("memory.bandwidth") == names("device.memory.bandwidth") == ["memory.bandwidth"]
    assert names("memory") == ["memory.bandwidth", "memory.capacity", "memory.reserved", "memory.energy", "memory.idle"]
    assert names("domains.cpu.operating_points.4.frequency") == ["domains.cpu.frequency"]
    assert names("cpu.frequency") == ["domains.cpu.frequency"]
    assert names("*.resistance") == ["thermal.links.soc-board.resistance", "thermal.links.board-ambient.resistance"]
    assert set(names("datasheet")) == {parameter.name for parameter in found.parameters if parameter.kind == "datasheet"}
    assert set(names("heat", "ambient")) == {parameter.name for parameter in found.parameters if parameter.group in ("heat", "ambient")}
    assert names("default_ambient") == ["ambient"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("memory.bandwith", "no parameter 'memory.bandwith'; did you mean 'memory.bandwidth'"),
        ("estimate", "did you mean 'estimated'"),
        ("units.cpu.calibration_error", "may not be changed: says how good a number is"),
        ("units.cpu.power.idle", "may not be changed: it is 0"),
        ("*", None),
    ],
)
def test_what_names_nothing_or_may_not_be_changed_is_refused(loaded: LoadedScenario, wanted: str, message: str | None) -> None:
    found = parameters_of(loaded)
    if message is None:
        assert found.chosen([wanted]) == found.parameters
        return
    with pytest.raises(EdgesimError) as error:
        found.chosen([wanted, "base_power"])
    assert message in str(error.value)


def test_counts_move_by_one_at_least_and_never_to_none() -> None:
    def cores(count: float) -> Parameter:
        return Parameter("units.cpu.cores", "compute", (Cell("units.cpu.cores", count, "count"),), "datasheet", "", "", is_count=True)

    assert cores(1).factors(0.1) == (None, 2.0)
    assert cores(2).factors(0.1) == (0.5, 1.5)
    assert cores(4).factors(0.1) == (0.75, 1.25)
    assert cores(100).factors(0.1) == pytest.approx((0.9, 1.1))


def test_only_units_that_run_something_have_their_speed_moved_unless_asked() -> None:
    data = {
        "name": "s",
        "device": "pixel_6",
        "duration": "1 s",
        "models": {"net": {"source": "ds_cnn", "precision": "int8", "runtime": "tflite", "placement": {"prefer": ["cpu"]}}},
        "workloads": {"one": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": [{"name": "spot", "model": "net"}]}},
    }
    loaded = load_scenario(data, known=known_names())
    used = used_units(loaded, prepare(loaded).programs.values())
    assert used == {"cpu_big"}
    parameters = parameters_of(loaded).parameters
    dropped = {parameter.name for parameter in unused(parameters, loaded.device, used)}
    assert {"units.npu.speed", "units.cpu_little.parameters.compute", "units.gpu.on_chip", "domains.npu.voltage"} <= dropped
    assert not any("cpu_big" in name for name in dropped)
    # by these a runtime picks its units, and these are drawn whoever runs
    assert not dropped & {"units.npu.macs_per_cycle", "domains.npu.frequency", "units.gpu.power.leakage", "units.gpu.power.idle"}
