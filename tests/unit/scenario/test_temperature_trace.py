"""Temperature traces in CSV: columns by many names, units by name, and nothing but messages for whatever else a file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.scenario.temperature_trace import TemperatureTrace, read_temperature_trace

ROWS = [(2.0 * index, 40.0 + index) for index in range(20)]


def read(tmp_path: Path, text: str, **options: object) -> TemperatureTrace:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    return read_temperature_trace(path, **options)  # type: ignore[arg-type]


def rows(head: str, *columns: list[float]) -> str:
    return "\n".join([head, *(",".join(f"{value!r}" for value in row) for row in zip(*columns, strict=True))])


@pytest.mark.parametrize(
    "head",
    ["t,temp", "time_s,soc_temp_C", "Time [s],SoC temperature [degC]", "elapsed,CPU Temp", "timestamp,temperature", "seconds,die_c", "\ufefft_s,temp_degC"],
)
def test_columns_are_found_by_name(tmp_path: Path, head: str) -> None:
    trace = read(tmp_path, rows(head, [time for time, _ in ROWS], [value for _, value in ROWS]))
    assert trace.time_s[-1] == 38.0 and trace.temperature_c[0] == 40.0 and trace.power_w is None and trace.phase is None


@pytest.mark.parametrize(
    ("head", "factor", "offset"), [("temp_K", 1, 273.15), ("temp_F", 1.8, 32), ("temp_mdegC", 1000, 0), ("temperature [kelvin]", 1, 273.15)]
)
def test_a_unit_in_the_name_is_believed(tmp_path: Path, head: str, factor: float, offset: float) -> None:
    trace = read(tmp_path, rows(f"t,{head}", [time for time, _ in ROWS], [value * factor + offset for _, value in ROWS]))
    assert trace.temperature_c == pytest.approx([value for _, value in ROWS])


def test_a_unit_may_be_said(tmp_path: Path) -> None:
    text = rows("t,temp", [time for time, _ in ROWS], [value + 273.15 for _, value in ROWS])
    assert read(tmp_path, text, temperature_unit="K").temperature_c[0] == pytest.approx(40.0)
    with pytest.raises(EdgesimError, match="looks like kelvin"):
        read(tmp_path, text)


def test_time_power_and_clock_have_units_too(tmp_path: Path) -> None:
    text = rows("t_ms,temp,power_mW,cpu_MHz", [1000 * time for time, _ in ROWS], [value for _, value in ROWS], [2500.0] * 20, [1500.0] * 20)
    trace = read(tmp_path, text)
    assert trace.power_w is not None and trace.clock_hz is not None
    assert trace.time_s[-1] == pytest.approx(38.0) and trace.power_w[0] == pytest.approx(2.5) and trace.clock_hz[0] == pytest.approx(1.5e9)


def test_a_named_column_wins_over_a_guessed_one(tmp_path: Path) -> None:
    text = rows("t,gpu_temp,soc_temp", [time for time, _ in ROWS], [30.0] * 20, [value for _, value in ROWS])
    assert read(tmp_path, text).columns["temperature"] == "soc_temp"
    with pytest.raises(EdgesimError, match="changes by 0 K only"):
        read(tmp_path, text, choice={"temperature": "gpu_temp"})


def test_every_wrong_cell_is_named_at_once(tmp_path: Path) -> None:
    lines = rows("t,temp", [time for time, _ in ROWS], [value for _, value in ROWS]).splitlines()
    lines[4], lines[9] = "8.0,x", "inf,44"
    with pytest.raises(EdgesimError) as caught:
        read(tmp_path, "\n".join(lines))
    assert [problem.line for problem in caught.value.problems] == [10, 5]


_WORDS = ["t", "temp", "power", "phase", "nan", "", '"', ","]
_CELL = st.one_of(st.text(max_size=8), st.floats().map(repr), st.integers(-5, 5).map(str), st.sampled_from(_WORDS))


@given(table=st.lists(st.lists(_CELL, max_size=5), max_size=30))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_trace_or_a_message(tmp_path: Path, table: list[list[str]]) -> None:
    path = tmp_path / "any.csv"
    path.write_text("\n".join(",".join(row) for row in table), encoding="utf-8", errors="replace")
    try:
        trace = read_temperature_trace(path)
    except EdgesimError as error:
        assert str(error)
    else:
        assert np.isfinite(trace.temperature_c).all() and (np.diff(trace.time_s) > 0).all()


@given(cells=st.lists(st.tuples(_CELL, _CELL, _CELL), min_size=10, max_size=20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells_below_a_good_head(tmp_path: Path, cells: list[tuple[str, str, str]]) -> None:
    path = tmp_path / "any.csv"
    path.write_text("t,temp,power\n" + "\n".join(",".join(row) for row in cells), encoding="utf-8", errors="replace")
    try:
        read_temperature_trace(path)
    except EdgesimError as error:
        assert str(error)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(b"t,temp\n\xff\xfe\x00,1\n")
    with pytest.raises(EdgesimError, match="not UTF-8"):
        read_temperature_trace(path)
