"""The page of a search, from rows made by hand: marks, letters of budgets, changes, and reasons in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sim.report.budgets import Verdict
from sim.report.glyphs import ASCII, UNICODE
from sim.report.metrics_json import result_text
from sim.report.optimization_json import SCHEMA, optimization_data
from sim.report.optimization_metrics import QUANTITIES, ModelAccuracy, RunMeasures, trade
from sim.report.optimization_rows import Optimization, Row, is_idle, reason, trades_of
from sim.report.optimization_table import optimization_lines, winner_lines
from sim.report.sheet import StudySheet

BASE: dict[str, float | None] = {
    "latency_p50": 0.030, "latency_p90": 0.031, "latency_p99": 0.040, "latency_max": 0.041, "energy": 0.100, "power": 3.0, "memory": 2.0**25, "storage": 8e6,
    "accuracy": 0.72, "throughput": 30.0, "miss_rate": 0.02, "skin_temperature": 38.0, "die_temperature": 60.0, "battery_life": None,
}  # fmt: skip


def measures(accuracy: float | None = 0.72, note: str = "", **changed: float | None) -> RunMeasures:
    values = {**BASE, "accuracy": accuracy, **changed}
    limits = (("latency_p99_s", "latency p99", "time", values["latency_p99"], 0.033, False), ("power_w", "power average", "power", values["power"], 2.8, False))
    budgets = [
        Verdict(name, title, "", dimension, value, limit, least, value is not None and (value >= limit if least else value <= limit), "")
        for name, title, dimension, value, limit, least in (*limits, ("accuracy", "accuracy", "accuracy", accuracy, 0.70, True))
    ]
    return RunMeasures(values, tuple(budgets), {"net": ModelAccuracy(accuracy, True, "top-1", "published", "a paper", note)})


ROWS = (
    Row(0, "baseline", "baseline", measures()),
    Row(1, "prune channels, 30 %", "accuracy unknown", measures(None, "published only for float32", energy=0.06, latency_p99=0.02)),
    Row(2, "precision int8", "beaten", measures(0.715, energy=0.05, latency_p99=0.034), better=3),
    Row(3, "precision w8a16", "kept", measures(0.719, energy=0.04, latency_p99=0.030, power=1.5, storage=2e6, memory=2.0**26), is_winner=True),
    Row(4, "cluster bits 4", "rejected", measures(0.719, energy=0.04, latency_p99=0.030, power=1.5, storage=2e6, memory=2.0**26), base=3),
    Row(5, "1 thread", "rejected", measures(0.719, energy=0.0398, latency_p99=0.030, power=1.49, storage=2e6, memory=2.0**26), base=3),
    Row(6, "runtime b", "rejected", measures(0.719, energy=0.05, latency_p99=0.050, power=1.5, storage=2e6, memory=2.0**26), base=3),
    Row(7, "quantize int4", "accuracy falls", measures(0.61, energy=0.01, latency_p99=0.030), base=3),
    Row(8, "runtime c", "skipped", None, base=3, problems=("models.net.runtime: runtime 'c' does not exist for this device",)),
)  # fmt: skip


def optimization(**more: Any) -> Optimization:
    given = {
        "scenario": "made", "device": "A device", "seed": 0, "models": ("net",), "untouched": {"other": "no stage runs it"}, "search": "ladder",
        "objective": "energy",
        "least_gain": 0.01, "accuracy_drop": 0.01, "rows": ROWS, "winner": 3, "techniques": ("precision w8a16",), "recomputes": ("net",), "rounds_count": 1,
        "runs_count": 9,
    }  # fmt: skip
    return Optimization(**{**given, **more})


def page(width: int = 100, found: Optimization | None = None, ascii_only: bool = False) -> str:
    sheet = StudySheet(width, ASCII if ascii_only else UNICODE)
    return "\n".join(line.plain.rstrip() for line in optimization_lines(sheet, found or optimization()))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (1, "not accepted, its accuracy is unknown (holds latency p99, energy/answer -40 %); published only for float32"),
        (2, "not kept, row 3 is better still (energy/answer -50 %)"),
        (3, "kept: holds latency p99, power average, energy/answer -60 %"),
        (4, "not kept: changes nothing: as row 3 in all of this"),
        (5, "not kept: energy/answer -0.5 %, and less than 1 % is not worth a step"),
        (6, "not kept: breaks latency p99, energy/answer +25 %"),
        (7, "not accepted, accuracy falls by 11 pt, more than 1 pt"),
        (8, "not possible: models.net.runtime: runtime 'c' does not exist for this device"),
    ],
)
def test_reasons(row: int, told: str) -> None:
    assert reason(optimization(), ROWS[row]).startswith(told)


def test_a_step_that_pays_with_something_says_with_what() -> None:
    better, worse = trades_of(optimization(), ROWS[3])
    assert {"latency_p99", "energy", "power", "storage"} <= {column.name for column in better}
    assert [column.name for column in worse] == ["memory", "accuracy"]
    assert "at the expense of: memory peak +100 %, accuracy -0.1 pt" in reason(optimization(), ROWS[3])
    assert trades_of(optimization(), ROWS[5]) == ([], []) and trades_of(optimization(), ROWS[0]) == ([], [])


def test_small_differences_are_none() -> None:
    assert trade(measures(energy=0.1004, skin_temperature=38.04, miss_rate=0.0204), measures()) == ([], [])
    better, worse = trade(measures(energy=0.1006, throughput=31.0), measures())
    assert [column.name for column in worse] == ["energy"] and [column.name for column in better] == ["throughput"]
    assert trade(measures(skin_temperature=None), measures()) == ([], [])


def test_a_row_that_loses_its_budget_is_not_idle() -> None:
    assert is_idle(optimization(), ROWS[4]) and not is_idle(optimization(), ROWS[6]) and not is_idle(optimization(), ROWS[2])
    lost = replace(ROWS[4], measures=measures(None, energy=0.04, latency_p99=0.030, power=1.5, storage=2e6, memory=2.0**26))
    assert not is_idle(optimization(), lost)


@pytest.mark.parametrize(
    ("name", "new", "old", "text"),
    [
        ("energy", 0.9, 1.0, "-10 %"), ("energy", 0.99, 1.0, "-1.0 %"), ("energy", 1.0, 1.0, "="), ("energy", 20.0, 1.0, "x20"), ("energy", None, 1.0, ""),
        ("accuracy", 0.70, 0.72, "-2.0 pt"), ("accuracy", 0.7196, 0.72, "-0.04 pt"), ("miss_rate", 1.0, 0.0, "+100 pt"),
        ("skin_temperature", 40.0, 38.5, "+1.5 K"),
        ("throughput", 0.0, 30.0, "-100 %"),
    ],
)  # fmt: skip
def test_changes_in_words(name: str, new: float | None, old: float | None, text: str) -> None:
    assert QUANTITIES[name].change_text(new, old) == text


def test_the_table_has_a_block_for_each_row() -> None:
    text = page(80)
    assert "a latency p99 ≤ 33 ms" in text and "c accuracy ≥ 70 %" in text and "left as it is (no stage runs it): other" in text
    first, prune, int8, kept = (
        next(line for line in text.splitlines() if label in line) for label in ("baseline  ", "prune channels", "precision int8", "w8a16  ")
    )
    assert first.endswith("--c") and prune.endswith("a-?") and int8.endswith("--c") and kept.endswith("abc")
    assert kept.startswith("  3 +*") and prune.startswith("  1 !") and int8.startswith("  2 x")
    lines = text.splitlines()
    values, changes = lines[lines.index(kept) + 1].split(), lines[lines.index(kept) + 2].split()
    assert values == ["30", "30", "40", "1.5", "64", "1.91", "71.9", "30", "2", "38"]
    assert changes == ["=", "-25%", "-60%", "-50%", "+100%", "-75%", "-0.1pt", "=", "=", "="]
    assert "  4 x  cluster bits 4\n       not kept: changes nothing" in text and "  8 -  runtime c\n" in text


def test_where_there_is_room_a_row_begins_on_one_line() -> None:
    line = next(line for line in page(140).splitlines() if "precision w8a16 " in line and "+*" in line)
    assert line.split()[-11:] == ["30", "30", "40", "1.5", "64", "1.91", "71.9", "30", "2", "38", "abc"]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_line_is_longer_than_the_page(width: int) -> None:
    long = optimization(scenario="x" * 200, techniques=("y" * 300,), rows=(*ROWS[:8], replace(ROWS[8], label="z" * 300, problems=("w " * 400,))))
    for ascii_only in (True, False):
        text = page(width, long, ascii_only)
        assert max(map(len, text.splitlines())) <= width
        assert text.isascii() or not ascii_only


def test_columns_of_which_nobody_knows_anything_are_left_out() -> None:
    none = tuple(replace(row, measures=None if row.measures is None else measures(None, skin_temperature=None, miss_rate=None)) for row in ROWS)
    text = page(100, optimization(rows=none))
    assert "skin" not in text and "misses" not in text and "unknown" in text


def test_the_winner_against_the_baseline() -> None:
    text = "\n".join(line.plain for line in winner_lines(StudySheet(100, UNICODE), optimization()))
    assert "VALID   3 of 3 budgets held, baseline 1 of 3" in text and "energy/answer 100 mJ to 40 mJ (-60 %)" in text
    assert "accuracy of net: 72 % to 71.9 % (a paper)" in text
    nothing = "\n".join(line.plain for line in winner_lines(StudySheet(100, UNICODE), optimization(winner=0, techniques=())))
    assert "nothing that was tried is better" in nothing and "INVALID" in nothing


def test_an_accuracy_that_nobody_knows_is_said_aloud() -> None:
    lost = replace(ROWS[3], measures=measures(None, "published only for float32"))
    (line,) = [line for line in winner_lines(StudySheet(120, UNICODE), optimization(rows=(*ROWS[:3], lost))) if "accuracy of net" in line.plain]
    assert "72 % to unknown (published only for float32)" in line.plain and any("red" in str(span.style) for span in [*line.spans, line])
    assert "ACCURACY UNKNOWN: published only for float32" in reason(optimization(), replace(lost, fate="kept"))
    never = tuple(replace(row, measures=measures(None, "nobody published it")) for row in ROWS[:4])
    text = "\n".join(line.plain for line in winner_lines(StudySheet(120, UNICODE), optimization(rows=never)))
    assert "what was done to it may have cost any amount" in text


def test_without_budgets_there_are_no_letters() -> None:
    bare = tuple(replace(row, measures=None if row.measures is None else replace(row.measures, budgets=())) for row in ROWS)
    text = page(100, optimization(rows=bare))
    assert "no budgets to judge by" in text and "a letter is held" not in text


def test_data_have_units_and_every_row() -> None:
    data = optimization_data(optimization())
    assert json.loads(result_text(data)) == data and data["schema"] == SCHEMA
    assert [row["row"] for row in data["rows"]] == list(range(9))
    kept = data["rows"][3]
    assert kept["metrics"]["energy"] == {"value": 0.04, "unit": "J"} and kept["metrics"]["battery_life"] == {"value": None, "unit": "s"}
    assert kept["at_the_expense_of"] == ["memory", "accuracy"] and kept["valid"] and data["rows"][1]["accuracies"]["net"]["kind"] == "unknown"
    assert "metrics" not in data["rows"][8] and data["winner"] == {"row": 3, "techniques": ["precision w8a16"], "valid": True}
