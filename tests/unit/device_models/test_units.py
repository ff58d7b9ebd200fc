"""Quantities: prefixes and units in, SI out, and text for people back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.units import DIMENSIONS, UnitError, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1.2 GHz", "frequency", 1.2e9),
        ("33ms", "time", 0.033),
        ("5 min", "time", 300.0),
        ("64 MiB", "bytes", 64 * 2**20),
        ("64 MB", "bytes", 64e6),
        ("8 Mbit", "bytes", 1e6),
        ("67.2 GB/s", "bandwidth", 67.2e9),
        ("100 Mbps", "bandwidth", 12.5e6),
        ("26 TOPS", "compute_rate", 26e12),
        ("1 GMAC/s", "compute_rate", 2e9),
        ("3 W", "power", 3.0),
        ("250 mW", "power", 0.25),
        ("1 Wh", "energy", 3600.0),
        ("8 pJ/bit", "energy_per_byte", 64e-12),
        ("32 pJ/B", "energy_per_byte", 32e-12),
        ("5000 mAh", "charge", 18000.0),
        ("25 degC", "temperature", 25.0),
        ("-10 degC", "temperature", -10.0),
        ("2 K", "temperature_difference", 2.0),
        ("8 K/W", "thermal_resistance", 8.0),
        ("80 %", "ratio", 0.8),
        ("0.8", "ratio", 0.8),
        ("1_000", "count", 1000.0),
        ("1e3 Hz", "frequency", 1000.0),
    ],
)
def test_quantities_are_read_as_si(text: str, dimension: str, value: float) -> None:
    assert parse_quantity(text, dimension) == pytest.approx(value, rel=1e-12)


def test_bare_numbers_need_a_dimension_without_units_or_to_be_zero() -> None:
    assert parse_quantity(4, "count") == 4.0 and parse_quantity(0, "time") == 0.0
    with pytest.raises(UnitError, match="has no unit"):
        parse_quantity(5, "time")


@pytest.mark.parametrize(
    ("text", "dimension", "says"),
    [
        ("3 W", "time", r"'W' is not a unit of time; write for example '33 ms'.*unit of power"),
        ("fast", "frequency", r"not a frequency; write for example '1.2 GHz'"),
        ("1e999 s", "time", "too large"),
        ("", "time", "not a time"),
        ("1 2 s", "time", "not a time"),
        (True, "time", "true is not a time"),
        (float("nan"), "count", "not a finite"),
    ],
)
def test_what_cannot_be_read_says_what_would_be_right(text: str, dimension: str, says: str) -> None:
    with pytest.raises(UnitError, match=says):
        parse_quantity(text, dimension)


@pytest.mark.parametrize("dimension", sorted(DIMENSIONS))
def test_the_example_of_every_dimension_is_readable(dimension: str) -> None:
    assert math.isfinite(parse_quantity(DIMENSIONS[dimension].example, dimension))


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (0.0124, "time", "12.4 ms"),
        (2.5e9, "frequency", "2.5 GHz"),
        (64 * 2**20, "bytes", "64 MiB"),
        (0.0, "power", "0 W"),
        (float("nan"), "power", "unknown"),
        (0.041, "ratio", "4.1 %"),
        (600.0, "time", "600 s"),
        (2.0, "temperature_difference", "2 K"),
        (512.0, "bytes", "512 B"),
    ],
)
def test_values_are_written_with_the_prefix_people_use(value: float, dimension: str, text: str) -> None:
    assert format_quantity(value, dimension) == text


@given(st.floats(1e-12, 1e12), st.sampled_from(["time", "frequency", "power", "energy", "bandwidth", "charge", "bytes"]))
def test_what_is_written_reads_back_to_its_digits(value: float, dimension: str) -> None:
    if dimension == "bytes":
        value = max(1.0, round(value))
    if dimension == "time" and value > 3e10:
        return
    assert parse_quantity(format_quantity(value, dimension, digits=6), dimension) == pytest.approx(value, rel=1e-5)


@given(st.text(max_size=20), st.sampled_from(sorted(DIMENSIONS)))
def test_no_text_does_more_than_be_refused(text: str, dimension: str) -> None:
    try:
        assert math.isfinite(parse_quantity(text, dimension))
    except UnitError as error:
        assert str(error)
