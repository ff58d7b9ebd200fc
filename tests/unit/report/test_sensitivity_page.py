"""Tornado charts in characters and as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sim.report.glyphs import ASCII, UNICODE, Glyphs
from sim.report.sensitivity_json import sensitivity_data
from sim.report.sensitivity_rows import Bar, Measure, MorrisBar, Sensitivity, Tornado
from sim.report.sensitivity_table import sensitivity_lines
from sim.report.sheet import StudySheet

LATENCY = Measure("latency_p99_s", "latency p99", "time", 0.01, False)
DIE = Measure("die_peak_c", "die peak", "temperature", 60.0, True)


def bar(label: str, low: float | None, high: float | None, kind: str = "derived", shape: str = "plain", moved: str = "") -> Bar:
    return Bar(f"units.{label}", label, kind, "someone", "as the like", moved, 0.9, 1.1, low, high, -1.0, 0.1, shape)


def page(*tornados: Tornado, **changes: object) -> Sensitivity:
    plain = Sensitivity("doorbell", "A board", 7, "oat", "by 10 %", 3, 7, tornados, ["cpu.idle"], [("memory.reserved", "at 9 times: too much")], ["2 left out"])
    return replace(plain, **changes)  # type: ignore[arg-type]


FULL = page(
    Tornado(
        LATENCY, [bar("cpu.speed", 0.001, -0.0008), bar("npu.power.a_name_that_is_longer_than_most_" + "x" * 40, -0.0004, 0.0005, "estimated", "one side")]
    ),
    Tornado(DIE, [bar("ambient", -3.0, 3.0, "given"), bar("cpu.cores", None, 1.0, "datasheet", moved="-/2")]),
    Tornado(Measure("miss_ratio", "miss", "ratio", 0.0, True), []),
)


def words_of(found: Sensitivity) -> str:
    """Everything the page says, however it is broken into lines."""
    return " ".join(" ".join(text_of(found, 100)).split())


def text_of(found: Sensitivity, width: int = 80, glyphs: Glyphs = UNICODE, top: int = 10) -> list[str]:
    return [line.plain.rstrip() for line in sensitivity_lines(StudySheet(width, glyphs), found, top)]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_no_line_is_longer_than_the_page_and_ascii_stays_ascii(width: int, glyphs: Glyphs) -> None:
    lines = text_of(FULL, width, glyphs)
    assert max(map(len, lines)) <= width
    assert glyphs is UNICODE or all(line.isascii() for line in lines)


def test_bars_go_from_the_middle_to_both_sides_in_proportion() -> None:
    found = page(Tornado(LATENCY, [bar("whole", 0.001, -0.001), bar("half", -0.0005, 0.0005)]))
    lines = text_of(found, 100, ASCII)
    whole, half = (next(line for line in lines if line.startswith(f" {name}")) for name in ("whole", "half"))
    middle = whole.index("|")
    assert half.index("|") == middle
    assert abs(whole.count("#") - 2 * half.count("#")) <= 1
    assert "%" in half[:middle].replace("+5.0%", "").replace("-5.0%", "")  # the parameter down, the metric down
    assert "#" in whole[:middle]  # the parameter up, the metric down
    assert "+10%" in whole and "-10%" in whole


def test_estimated_numbers_that_matter_are_marked_and_their_reasoning_told() -> None:
    lines = text_of(FULL, 100)
    assert sum("est.!" in line for line in lines) == 1
    told = words_of(FULL).partition("estimated numbers that matter")[2]
    assert "latency p99 by 5.0% (as the like)" in told
    trifle = page(Tornado(LATENCY, [bar("cpu.speed", 1e-6, -1e-6, "estimated")]))
    assert not any("est.!" in line or "that matter" in line for line in text_of(trifle))


def test_what_moves_nothing_what_failed_and_what_was_left_out_is_said() -> None:
    text = words_of(FULL)
    for part in (
        "move nothing (1): cpu.idle",
        "memory.reserved: at 9 times: too much",
        "2 left out",
        "nothing moves miss (0 %)",
        "1 answers on one side only",
        "cpu.cores -/2",
    ):
        assert part in text, part


def test_the_top_only_and_how_many_more() -> None:
    lines = text_of(page(Tornado(LATENCY, [bar(f"cpu.p{index}", 0.001, -0.001) for index in range(9)])), top=4)
    assert sum(line.startswith(" cpu.p") for line in lines) == 4
    assert " and 5 more that move it less" in lines


@pytest.mark.parametrize(
    ("measure", "change", "text"),
    [
        (LATENCY, 0.00123, "+12%"),
        (LATENCY, -0.000123, "-1.2%"),
        (LATENCY, 0.000001, "+0.01%"),
        (LATENCY, 1e-9, "0%"),
        (LATENCY, None, "-"),
        (LATENCY, 0.24, "x25"),
        (LATENCY, 1e20, "x1e+22"),
        (DIE, 3e15, "+3e+15 K"),
        (DIE, -40.2, "-40 K"),
        (DIE, -1.84, "-1.8 K"),
        (DIE, 0.001, "0 K"),
        (Measure("miss_ratio", "miss", "ratio", 0.1, True), 0.004, "+0.4 pt"),
        (Measure("drops_count", "drops", "count", 0.0, False), 3.0, "+3"),
    ],
)
def test_changes_are_told_in_the_metrics_own_way(measure: Measure, change: float | None, text: str) -> None:
    assert measure.change_text(change) == text


def test_a_hostile_name_cannot_leave_its_line() -> None:
    lines = text_of(page(Tornado(LATENCY, [bar("evil\x1b[2J\n", 0.001, 0.0)]), scenario="a\nb"))
    assert not any("\x1b" in line or "\n" in line for line in lines)


def test_a_screening_shows_mu_star_its_interval_and_sigma() -> None:
    found = page(
        Tornado(LATENCY, [MorrisBar("units.cpu.speed", "cpu.speed", "estimated", "s", "n", "", -0.002, 0.002, 0.0005, 0.0001, 10)]),
        method="morris",
        trajectories_count=10,
        levels_count=4,
    )
    line = next(line for line in text_of(found, 100, ASCII) if line.startswith(" cpu.speed"))
    assert "20%" in line and "1.0%" in line and "5.0%" in line
    assert line.index("#") < line.index("|")
    data = sensitivity_data(found)
    (row,) = data["metrics"]["latency_p99_s"]["parameters"]
    assert row["mu_star"] == {"value": 0.002, "unit": "s"}
    assert (data["trajectories_count"], row["effects_count"], row["kind"]) == (10, 10, "estimated")


def test_data_has_every_answer_with_its_unit() -> None:
    data = sensitivity_data(FULL)
    latency, die = data["metrics"]["latency_p99_s"], data["metrics"]["die_peak_c"]
    assert latency["base"] == {"value": 0.01, "unit": "s"}
    assert latency["parameters"][0]["change_down"] == {"value": 0.001, "unit": "s"}
    assert die["parameters"][0]["change_up"] == {"value": 3.0, "unit": "K"}
    assert die["parameters"][1]["change_down"] == {"value": None, "unit": "K"}
    assert data["problems"] == [{"parameter": "memory.reserved", "problem": "at 9 times: too much"}]


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_the_picture_is_the_same_for_the_same_answers(ending: str, tmp_path: Path, recwarn: Callable[..., object]) -> None:
    pytest.importorskip("matplotlib")
    from sim.report.sensitivity_plot import draw_tornados

    files = [tmp_path / f"{name}{ending}" for name in "ab"]
    for file in files:
        draw_tornados(FULL, file, 10)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].stat().st_size > 5000
