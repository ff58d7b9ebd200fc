"""Device files: what they accept, how one source stands for a table, and what they refuse."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from device_models.catalog.catalog import device_path, load_device, read_device
from device_models.figure import Figure
from device_models.spec import DvfsDomain, ThermalSpec, spread_provenance


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(device_path("raspberry_pi_4").read_text(encoding="utf-8")))


def test_figures_carry_source_kind_and_note() -> None:
    bandwidth = load_device("raspberry_pi_4").memory.bandwidth_bytes_per_s
    assert (float(bandwidth), bandwidth.kind, bandwidth.source, bool(bandwidth.note)) == (12.8e9, "derived", "rpi_dram", True)


def test_figures_compute_like_floats_and_survive_pickling() -> None:
    figure = Figure(2.0, "somewhere", "measured", "note")
    again = pickle.loads(pickle.dumps(figure))
    assert figure * 2 == 4.0 and (float(again), again.source, again.kind, again.note) == (2.0, "somewhere", "measured", "note")


def test_one_source_stands_for_a_table_of_operating_points() -> None:
    table = {
        "source": "dt",
        "kind": "datasheet",
        "voltage_source": "lab",
        "voltage_kind": "measured",
        "voltage_note": "n",
        "table": [["1 GHz", "0.7 V"], ["2 GHz", "0.9 V"]],
    }
    low, high = DvfsDomain.model_validate({"operating_points": table}).operating_points
    assert (float(low.frequency_hz), float(high.frequency_hz)) == (1e9, 2e9)
    assert high.voltage_v is not None
    assert (high.frequency_hz.source, high.voltage_v.source, high.voltage_v.kind, high.voltage_v.note) == ("dt", "lab", "measured", "n")


def test_operating_points_may_still_be_written_one_by_one() -> None:
    points = [{"frequency": "1 GHz", "voltage": "0.8 V"}, {"frequency": "2 GHz", "voltage": "0.9 V"}]
    assert len(DvfsDomain.model_validate({"operating_points": points}).operating_points) == 2


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ({"table": [["2 GHz"], ["1 GHz"]]}, "ascending"),
        ({"table": [["1 GHz"], ["1 GHz"]]}, "ascending"),
        ({"table": [["1 GHz", "1 V", "3"]]}, r"rows \[frequency\]"),
        ({"table": "fast"}, r"rows \[frequency\]"),
        ({"table": [["1 GHz"]], "colour": "red"}, "colour"),
        ({"table": [["1 V"]]}, "not a unit of frequency"),
        ([], "at least 1"),
        ({"table": [["1 GHz"], ["2 GHz", "0.9 V"]]}, "no voltage at 1000 MHz; give the voltage of every point, or of none"),
    ],
)
def test_wrong_operating_points_are_explained(points: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DvfsDomain.model_validate({"operating_points": points})


def test_a_sourced_table_spreads_its_source_and_keeps_exceptions() -> None:
    spread = spread_provenance({"source": "s", "kind": "derived", "values": {"a": 1, "b": {"value": 2, "source": "t", "kind": "measured"}}})
    assert spread == {"a": {"value": 1, "source": "s", "kind": "derived"}, "b": {"value": 2, "source": "t", "kind": "measured"}}
    assert spread_provenance({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="colour"):
        spread_provenance({"values": {}, "colour": "red"})


def test_an_unknown_key_is_refused(raw: dict[str, Any]) -> None:
    raw["memory"]["bandwith"] = "1 GB/s"
    with pytest.raises(ValidationError, match="bandwith"):
        read_device(raw)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("memory", "bandwidth"), "12.8 Gb", "not a unit of bandwidth"),
        (("memory", "bandwidth"), "0 GB/s", "more than 0"),
        (("base_power",), "-1 W", "at least 0"),
        (("base_power",), {"value": "1 W", "kind": "guessed"}, "must be one of"),
        (("base_power",), {"amount": "1 W"}, "keys value, source, kind, note"),
        (("units", "cpu", "cores"), "0", "more than 0"),
        (("units", "cpu", "domain"), "turbo", "no domain 'turbo'"),
        (("name",), "Raspberry Pi", "pattern"),
        (("units",), {}, "at least 1"),
    ],
)
def test_wrong_values_are_explained(raw: dict[str, Any], path: tuple[str, ...], value: Any, says: str) -> None:
    part = raw
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValidationError, match=says):
        read_device(raw)


def thermal(**changes: Any) -> dict[str, Any]:
    return {
        "nodes": {"a": {"heat_capacity": "1 J/K"}, "b": {"heat_capacity": "1 J/K"}},
        "links": [{"between": ["a", "b"], "resistance": "1 K/W"}, {"between": ["b", "ambient"], "resistance": "1 K/W"}],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"links": [{"between": ["a", "ambient"], "resistance": "1 K/W"}]}, "no path of thermal links from b to ambient"),
        ({"links": [{"between": ["a", "c"], "resistance": "1 K/W"}]}, "no node 'c'"),
        ({"trips": [{"node": "z", "temperature": "90 degC", "domains": []}]}, "node 'z', which does not exist"),
    ],
)
def test_a_thermal_network_must_hang_together(changes: dict[str, Any], says: str) -> None:
    assert ThermalSpec.model_validate(thermal())
    with pytest.raises(ValidationError, match=says):
        ThermalSpec.model_validate(thermal(**changes))


def test_specifications_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_device("raspberry_pi_4").memory.type = "none"  # type: ignore[misc]


def test_units_are_found_by_kind() -> None:
    phone = load_device("snapdragon_8_gen_2_phone")
    assert (phone.unit_of_kind("npu"), phone.unit_of_kind("cpu"), phone.unit_of_kind("mcu")) == ("npu", "cpu_prime", None)
