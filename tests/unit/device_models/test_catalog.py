"""The catalogue: every number has a source, and each published peak follows from cores, width and clock."""

from __future__ import annotations

import pytest

from device_models.catalog.batteries import cell_names
from device_models.catalog.catalog import cost_classes, device_names, device_path, load_device, sources
from device_models.catalog.radios import radio, radio_names
from device_models.compute import LAWS, max_frequency_hz
from device_models.figure import PROVENANCES
from device_models.provenance import figures
from device_models.spec import BatterySpec
from device_models.units import DIMENSIONS

REQUIRED = {
    "raspberry_pi_4",
    "raspberry_pi_5",
    "rk3588_board",
    "jetson_orin_nano",
    "snapdragon_855_phone",
    "snapdragon_8_gen_2_phone",
    "snapdragon_8_gen_3_phone",
    "snapdragon_8_elite_phone",
    "qcs6490_kit",
    "pixel_6",
    "coral_dev_board",
    "sa8775p_automotive",
    "stm32l4r5",
    "stm32h7a3",
    "stm32u575",
    "cortex_m55_ethos_u55",
    "gap9",
    "edge_server",
    "cloud_gpu_server",
}


def test_the_catalogue_has_the_devices_users_expect() -> None:
    assert set(device_names()) >= REQUIRED


@pytest.mark.parametrize("name", device_names())
def test_file_name_is_the_device_name(name: str) -> None:
    assert load_device(name).name == name == device_path(name).stem


def test_an_unknown_device_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load_device("abacus")


@pytest.mark.parametrize("name", device_names())
def test_every_figure_has_a_known_source_and_kind(name: str) -> None:
    known = sources()
    rows = figures(load_device(name))
    assert len(rows) > 20
    for row in rows:
        assert row.source in known, row
        assert row.kind in PROVENANCES and row.kind != "given", row
        assert row.kind != "estimated" or row.note, row
        assert row.kind == "estimated" or row.source != "none", row
        assert row.dimension in DIMENSIONS, row


def test_every_parameter_of_a_cost_class_has_a_known_source() -> None:
    known = sources()
    for name, cost_class in cost_classes().items():
        assert cost_class.form in LAWS, name
        for table in (cost_class.values, *cost_class.tables.values()):
            for key, figure in table.items():
                assert figure.source in known, (name, key)
                assert figure.kind in PROVENANCES and figure.kind != "given", (name, key)
                assert figure.kind != "estimated" or figure.note, (name, key)


def test_every_source_is_used() -> None:
    used = {row.source for name in device_names() for row in figures(load_device(name))}
    used |= {figure.source for cost_class in cost_classes().values() for table in (cost_class.values, *cost_class.tables.values()) for figure in table.values()}
    used |= {row.source for cell in cell_names() for row in figures(BatterySpec.model_validate({"cell": cell}))}
    used |= {row.source for name in radio_names() for row in figures(radio(name))}
    assert used == set(sources())


@pytest.mark.parametrize("name", device_names())
def test_published_peaks_follow_from_cores_width_and_clock(name: str) -> None:
    device = load_device(name)
    for unit, spec in device.units.items():
        if spec.published_peak_ops is None:
            continue
        per_cycle = float(spec.macs_per_cycle[spec.published_peak_precision])  # type: ignore[index]
        peak = 2 * float(spec.cores) * per_cycle * max_frequency_hz(device, unit) * (2 if spec.sparse_peak else 1)
        assert peak == pytest.approx(float(spec.published_peak_ops), rel=0.05), unit


@pytest.mark.parametrize("name", device_names())
def test_every_unit_has_a_cost_class_and_memory_holds_the_system(name: str) -> None:
    device = load_device(name)
    assert {spec.cost_class for spec in device.units.values()} <= set(cost_classes())
    assert float(device.memory.reserved_bytes) < float(device.memory.capacity_bytes)
    assert all(float(spec.cores) == int(spec.cores) for spec in device.units.values())


@pytest.mark.parametrize("name", device_names())
def test_voltages_do_not_fall_with_the_clock(name: str) -> None:
    for domain, spec in load_device(name).domains.items():
        volts = [float(point.voltage_v) for point in spec.operating_points if point.voltage_v is not None]
        assert len(volts) in (0, len(spec.operating_points)), domain
        assert volts == sorted(volts), domain


@pytest.mark.parametrize("name", device_names())
def test_figures_cover_the_whole_device(name: str) -> None:
    device = load_device(name)
    paths = {row.path for row in figures(device)}
    assert {"memory.bandwidth", "memory.energy", "storage.capacity", "base_power", "default_ambient"} <= paths
    for unit in device.units:
        assert {f"units.{unit}.cores", f"units.{unit}.on_chip", f"units.{unit}.power.dynamic_capacitance"} <= paths
    assert len(paths) == len(figures(device))
