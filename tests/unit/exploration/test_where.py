"""Conditions on results: what they mean, against Python's own; what cannot be followed is told with its place; nothing gets through to SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from exploring import AXES, BASE, outcome, points
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.exploration.store.quantity import quantity
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store
from sim.exploration.store.table import Selection
from sim.exploration.store.where import compiled

COLUMNS = ("position", "status", "frequency", "precision", "latency_s", "energy_j", "charge_ah", "cpu-big.mean_c", "odd name")
ROWS = [
    (0, "done", "600 MHz", "fp16", 0.010, 1.0, 1.0, 40.0, 1),
    (1, "done", "1 GHz", "int8", 0.020, 2.5, 2.0, 45.5, 0),
    (2, "done", "1.2 GHz", "int8", 0.033, None, 3.0, None, None),
    (3, "failed", None, "it's", None, None, None, None, None),
]


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.create_function("quantity", 1, quantity, deterministic=True)
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    connection.execute(f"CREATE TABLE rows ({names})")
    connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
    return connection


def chosen(table: sqlite3.Connection, text: str) -> list[int]:
    condition = compiled(text, lambda name: COLUMNS[COLUMNS.index(name)], set(COLUMNS))
    return [row[0] for row in table.execute(f"SELECT position FROM rows WHERE {condition.sql} ORDER BY position", condition.values)]


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("position < 2", [0, 1]),
        ("latency_s <= 20 ms", [0, 1]),
        ("latency_s<=20ms", [0, 1]),
        ("latency_s > 2e-2", [2]),
        ("frequency >= 900 MHz", [1, 2]),
        ("frequency = 1000 MHz", [1]),
        ("frequency = '1 GHz'", [1]),
        ("frequency in (600 MHz, '1.2 GHz')", [0, 2]),
        ("precision = int8 and latency_s < 30 ms", [1]),
        ("precision = fp16 or position = 2", [0, 2]),
        ("precision = fp16 or precision = int8 and position = 2", [0, 2]),
        ("(precision = fp16 or precision = int8) and position = 2", [2]),
        ("not precision = int8", [0, 3]),
        ("precision != 'int8'", [0, 3]),
        ("precision not in (int8, fp16)", [3]),
        ("precision = 'it''s'", [3]),
        ("precision like 'i%8'", [1, 2]),
        ("precision not like 'i%'", [0]),
        ("energy_j is null", [2, 3]),
        ("energy_j IS NOT NULL", [0, 1]),
        ("energy_j < position", []),
        ("energy_j > position and energy_j > latency_s", [0, 1]),
        ("charge_ah >= 2000 mAh", [1, 2]),
        ("charge_ah >= 2", [1, 2]),
        ("cpu-big.mean_c > 41 degC", [1]),
        ('"odd name" = 1', [0]),
        ('"odd name"', [0]),
        ("not (position = 0 or position = 1)", [2, 3]),
        ("position = 5 or position = 1", [1]),
        ("position = +1", [1]),
        ("precision = 8bits and position = 1", []),
        ("precision = 3x or position = 0", [0]),
        ("position > -1 and not not position < 1", [0]),
        ("status = true", []),
        ('"odd name" = true', [0]),
    ],
)
def test_meaning(table: sqlite3.Connection, text: str, positions: list[int]) -> None:
    assert chosen(table, text) == positions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty condition; for example"),
        ("   ", "an empty condition"),
        ("position <", "character 11 .*: expected a value, found its end"),
        ("position < 2 latency_s", "character 14 .*: expected 'and' or 'or', found 'latency_s'"),
        ("position < 2; DROP TABLE rows", "character 13 .*: expected 'and' or 'or', found ';'"),
        ("(position < 2", "expected '\\)', found its end"),
        ("position in 2", "expected '\\('"),
        ("position not 2", "expected 'in' or 'like', found '2'"),
        ("and", "expected the name of a column, found 'and'"),
        ("5 < position", "expected the name of a column, found '5'"),
        ("position = 5 furlong", "expected 'and' or 'or', found 'furlong'"),
        ("position = 'open", 'cannot be read from "\'open" on'),
        ("latency_s < 5 and", "expected the name of a column, found its end"),
        ("(" * 80 + "position" + ")" * 80, "fewer parentheses"),
        ("not " * 80 + "position", "fewer parentheses"),
        ("x" * 10_001, "at most 10,000"),
    ],
)
def test_mistakes_are_told_with_their_place(table: sqlite3.Connection, text: str, said: str) -> None:
    with pytest.raises(EdgesimError, match=said):
        chosen(table, text)


@given(st.text(alphabet="position energy_j'\"()=<>!,;-*/ 0123456789.eGHzandortu\\\x00%", max_size=60))
def test_any_text_is_an_error_or_a_condition(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("quantity", 1, quantity, deterministic=True)
    connection.execute("CREATE TABLE rows (position, energy_j)")

    def column(name: str) -> str:
        if name not in ("position", "energy_j"):
            raise EdgesimError("unknown column")
        return name

    try:
        condition = compiled(text, column, {"position", "energy_j"})
    except EdgesimError:
        return
    connection.execute(f"SELECT * FROM rows WHERE {condition.sql}", condition.values)


_NUMBERS = st.integers(-5, 5)
_SIGNS: dict[str, Callable[[int, int], bool]] = {
    "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__, "=": int.__eq__, "!=": int.__ne__
}  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Callable[[dict[str, int]], bool]]:
    kind = draw(st.sampled_from(["compare", "and", "or", "not"] if depth else ["compare"]))
    if kind == "compare":
        name, sign, number = draw(st.sampled_from("ab")), draw(st.sampled_from(sorted(_SIGNS))), draw(_NUMBERS)
        return f"{name} {sign} {number}", lambda row: _SIGNS[sign](row[name], number)
    one, holds = draw(conditions(depth=depth - 1))
    if kind == "not":
        return f"not ({one})", lambda row: not holds(row)
    other, too = draw(conditions(depth=depth - 1))
    return f"({one}) {kind} ({other})", lambda row: (holds(row) and too(row)) if kind == "and" else (holds(row) or too(row))


@given(conditions(), st.lists(st.tuples(_NUMBERS, _NUMBERS), max_size=8))
def test_conditions_mean_what_python_means(condition: tuple[str, Callable[[dict[str, int]], bool]], rows: list[tuple[int, int]]) -> None:
    text, holds = condition
    connection = sqlite3.connect(":memory:")
    connection.create_function("quantity", 1, quantity, deterministic=True)
    connection.execute("CREATE TABLE rows (a, b)")
    connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    found = compiled(text, str, {"a", "b"})
    assert connection.execute(f"SELECT a, b FROM rows WHERE {found.sql} ORDER BY rowid", found.values).fetchall() == [
        row for row in rows if holds({"a": row[0], "b": row[1]})
    ]


@pytest.mark.parametrize(
    ("value", "si"),
    [(3, 3), (0.5, 0.5), ("600 MHz", 6e8), ("64 MiB", 2**26), ("33ms", 0.033), ("25 degC", 25.0), ("80 %", 0.8), ("1e3", 1000.0), ("-5", -5.0)],
)
def test_quantities_are_si(value: object, si: float) -> None:
    assert quantity(value) == pytest.approx(si)


@pytest.mark.parametrize("value", [None, "int8", "", "5 furlong", "1.2.3", "9" * 100, b"5", "mobilenet 5"])
def test_other_text_is_no_quantity(value: object) -> None:
    assert quantity(value) is None


# Tables of a store


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "sweep.db"
    with Store.open(path) as store:
        for number in (2, 1):
            store.begin(SweepRecord(f"{number}" * 64, f"{number}" * 64, "base", AXES))
            for point in points(6):
                store.add(replace(outcome(point), key=f"{number}{outcome(point).key}"))
    return path


def shown(path: Path, **wanted: object) -> list[tuple[object, ...]]:
    with Store.read(path) as store:
        return store.table(Selection(**wanted)).rows  # type: ignore[arg-type]


def test_order_is_of_sweep_and_position_whoever_came_first(db: Path) -> None:
    assert shown(db, columns=("sweep", "position")) == [(f"{number}" * 64, position) for number in (1, 2) for position in range(6)]


def test_sorting_knows_units_and_puts_what_is_unknown_last(db: Path) -> None:
    frequencies = [row[0] for row in shown(db, sweep="1", columns=("frequency",), sort="frequency")]
    assert frequencies == ["600 MHz"] * 2 + ["1 GHz"] * 2 + ["1.2 GHz"] * 2
    assert [row[0] for row in shown(db, sweep="1", columns=("frequency",), sort="frequency", descending=True)] == frequencies[::-1]
    accuracies = [row[0] for row in shown(db, sweep="1", columns=("accuracy_ratio",), sort="accuracy_ratio", descending=True)]
    assert None in accuracies and accuracies == sorted(accuracies, key=lambda value: value is None)


def test_limit_and_patterns(db: Path) -> None:
    assert shown(db, sweep="2", columns=("posi*", "precision"), limit=2) == [(0, "fp16"), (1, "fp16")]
    assert shown(db, limit=0) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"columns": ("energyj",)}, "unknown column 'energyj'; did you mean 'energy_j'"),
        ({"columns": ("nothing*",)}, "unknown column"),
        ({"sort": "latency_p98_s"}, "did you mean 'latency_p99_s'"),
        ({"where": "latency_p98_s < 3"}, "did you mean 'latency_p99_s'"),
        ({"sweep": "7"}, "no sweep begins with '7'; in this file: 111111111111, 222222222222"),
        ({"sweep": ""}, "several sweeps begin with ''"),
    ],
)
def test_what_does_not_exist_is_told_with_what_is_near(db: Path, wanted: dict[str, object], said: str) -> None:
    with pytest.raises(EdgesimError, match=said):
        shown(db, **wanted)


def test_last_part_of_a_name_is_enough_where_it_is_clear(tmp_path: Path) -> None:
    with Store.open(tmp_path / "n.db") as store:
        store.begin(SweepRecord("1" * 64, BASE, "base", ("a.frequency", "b.frequency", "b.precision")))
    assert shown(tmp_path / "n.db", columns=("precision",)) == []
    with pytest.raises(EdgesimError, match=r"'a\.frequency', 'b\.frequency' all end like this; write one in full"):
        shown(tmp_path / "n.db", columns=("frequency",))
