"""The results store: what is added is there, once, with its types; files that are not what they should be are told plainly."""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from exploring import AXES, BASE, Burn, outcome, points
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.store.packing import packed, unpacked
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store
from sim.exploration.store.table import Selection

RECORD = SweepRecord("5" * 64, BASE, "base scenario", AXES, points=12)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A file with 12 points."""
    path = tmp_path / "sweep.db"
    with Store.open(path) as store:
        assert store.begin(RECORD)
        for point in points(12):
            store.add(outcome(point))
    return path


def added(path: Path, *outcomes: Outcome, record: SweepRecord = RECORD) -> None:
    with Store.open(path) as store:
        store.begin(record, resume=True)
        for one in outcomes:
            store.add(one)


def test_rows_are_what_was_added_with_their_types(db: Path) -> None:
    with Store.read(db) as store:
        records = list(store.table().records())
    for record, point in zip(records, points(12), strict=True):
        expected = {"position": point.position, "status": "done", **dict(point.changes), **outcome(point).metrics}
        assert record == expected and {name: type(value) for name, value in record.items()} == {name: type(value) for name, value in expected.items()}


def test_finished_points_are_those_that_ended_and_no_others(db: Path) -> None:
    twelve = list(points(15))
    mistake = replace(outcome(twelve[12]), status="mistake", key="", canonical="", metrics={}, problems=("a", "b"))
    failed = replace(mistake, point=twelve[13], status="failed")
    added(db, mistake, failed)
    with Store.read(db) as store:
        ids = [point.point_id(BASE) for point in twelve]
        assert store.finished(RECORD.sweep_id) == set(ids[:14])
        assert store.finished(RECORD.sweep_id, with_failed=False) == set(ids[:13])
        assert store.finished("another") == set()
        (sweep,) = store.sweeps()
        assert (sweep.done, sweep.mistakes, sweep.failed, sweep.ended, sweep.record) == (12, 1, 1, 14, RECORD)
        assert store.table(Selection(where="status = mistake", columns=("problems",))).rows == [("a\nb",)]


def test_point_that_is_run_once_more_takes_the_place_of_its_row(db: Path) -> None:
    point = next(points(1))
    added(db, replace(outcome(point), status="failed", key="", metrics={}, problems=("why",)))
    added(db, outcome(point))
    with Store.read(db) as store:
        rows = list(store.table().records())
    assert len(rows) == 12 and rows[0]["status"] == "done" and "problems" not in rows[0]


def test_scenario_of_a_point_is_kept_whole(db: Path) -> None:
    with Store.read(db) as store:
        for point in points(12):
            assert store.scenario(point.point_id(BASE)) == outcome(point).canonical
        with pytest.raises(EdgesimError, match="no finished point begins with 'zz'"):
            store.scenario("zz")
        with pytest.raises(EdgesimError, match="several"):
            store.scenario("")


@given(st.text(), st.text())
def test_packed_text_comes_back(text: str, base: str) -> None:
    text, base = (part.encode("utf-8", "replace").decode() for part in (text, base))
    assert unpacked(packed(text, base), base) == text


def test_packing_takes_what_the_base_has_already(db: Path) -> None:
    base = "".join(f'{{"unit_{index}": {index * 7919 % 1000}}}' for index in range(500))
    assert len(packed(base.replace("unit_77", "unit_x"), base)) < 150


def test_sweep_that_is_there_is_only_resumed_when_asked(db: Path) -> None:
    with Store.open(db) as store:
        with pytest.raises(EdgesimError, match="go on with --resume, or name another file"):
            store.begin(RECORD)
        assert store.begin(RECORD, resume=True) is False
        other = replace(RECORD, sweep_id="6" * 64)
        with pytest.raises(EdgesimError, match=r"holds 1 other sweep \(55555555\), but not this one"):
            store.begin(other, resume=True)
        assert store.begin(other)
        assert store.begin(other) is False  # begun, and stopped before any point had ended: nothing to resume
    with Store.read(db) as store:
        assert [sweep.record.sweep_id for sweep in store.sweeps()] == [RECORD.sweep_id, other.sweep_id]


def test_same_scenario_in_two_sweeps_is_one_result_with_the_metrics_of_both(db: Path) -> None:
    other = replace(RECORD, sweep_id="6" * 64)
    point = next(points(1))
    added_metrics = replace(outcome(point), metrics={"accuracy_ratio": 0.71, "size_bytes": 5})
    with Store.open(db) as store:
        store.begin(other)
        store.add(added_metrics)
    with Store.read(db) as store:
        rows = list(store.table(Selection(where="position = 0", columns=("sweep", "energy_j", "size_bytes", "accuracy_ratio"))).records())
    assert [row["sweep"] for row in rows] == [RECORD.sweep_id, other.sweep_id]
    assert {(row["energy_j"], row["size_bytes"], row["accuracy_ratio"]) for row in rows} == {(outcome(point).metrics["energy_j"], 5, 0.71)}
    connection = sqlite3.connect(db)
    assert connection.execute("SELECT count(*) FROM results").fetchone() == (12,)
    connection.close()


HOSTILE = ['quote " in it', "semi; DROP TABLE points; --", "status", "POSITION", "Latency_s", "latency_s", "ключ", "a.b[0]", "key", "(metric)", "\ud800half"]


def test_names_that_clash_or_are_hostile_have_columns_of_their_own(tmp_path: Path) -> None:
    axes = ("seed", "position", 'x"; DROP TABLE sweeps; --')
    point = Point(0, tuple((name, index) for index, name in enumerate(axes)))
    one = replace(outcome(point), metrics={**{name: float(index) for index, name in enumerate(HOSTILE)}, "seed": 99.0})
    added(tmp_path / "h.db", one, record=replace(RECORD, axes=axes))
    with Store.read(tmp_path / "h.db") as store:
        (row,) = store.table().records()
    values = [value for name, value in row.items() if name not in ("position", "status")]
    assert sorted(values) == sorted([0, 1, 2, *map(float, range(len(HOSTILE))), 99.0])


def test_whole_numbers_and_fractions_in_one_column_are_all_fractions(tmp_path: Path) -> None:
    """Whichever comes first: the file's bytes may not depend on who finished first."""
    tables = []
    for order in ((0, 1), (1, 0)):
        path = tmp_path / f"{order}.db"
        some = [replace(outcome(point), metrics={"queue_count": (3, 0.5)[point.position]}) for point in points(2)]
        added(path, *(some[index] for index in order))
        with Store.read(path) as store:
            tables.append(repr(store.table().rows))
    assert tables[0] == tables[1] and "3.0" in tables[0]


def test_odd_values_of_axes_and_metrics(tmp_path: Path) -> None:
    changes = (("a", True), ("b", None), ("c", [1, {"x": "y"}]), ("d", 2**70), ("e", 1e-320), ("f", ""), ("g", "\ud800"))
    one = replace(outcome(Point(0, changes)), metrics={"x_s": math.inf, "y_s": math.nan, "ok": True})
    added(tmp_path / "o.db", one, record=replace(RECORD, axes=tuple(path for path, _ in changes)))
    with Store.read(tmp_path / "o.db") as store:
        (row,) = store.table(Selection(columns=("a", "b", "c", "d", "e", "f", "g", "x_s", "y_s", "ok"))).records()
    assert row == {"a": 1, "b": None, "c": '[1, {"x": "y"}]', "d": str(2**70), "e": 1e-320, "f": "", "g": "\\ud800", "x_s": math.inf, "y_s": None, "ok": 1}


def test_pandas_reads_the_view(db: Path) -> None:
    pandas = pytest.importorskip("pandas")
    connection = sqlite3.connect(db)
    frame = pandas.read_sql("SELECT * FROM points_view", connection)
    connection.close()
    assert len(frame) == 12 and frame["energy_j"].dtype == float and set(frame["models.detector.precision"]) == {"fp16", "int8"}


def _fill(path: str, first: int) -> None:
    """A process that brings metrics of its own."""
    with Store.open(path) as store:
        store.begin(replace(RECORD, sweep_id=f"{first:064d}"), resume=False)
        for point in list(points(80))[first::2]:
            own = {f"metric{first}_{point.position // 8}_s": float(point.position), "shared_s": 1.0}
            store.add(replace(outcome(point), metrics=own))


def test_two_processes_add_points_and_columns_at_once(tmp_path: Path) -> None:
    path = tmp_path / "two.db"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_fill, args=(str(path), first)) for first in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    with Store.read(path) as store:
        rows = list(store.table().records())
        assert len(rows) == 80 and all(row["shared_s"] == 1.0 for row in rows)
        assert all(row[f"metric{row['position'] % 2}_{row['position'] // 8}_s"] == row["position"] for row in rows)


# Files that cannot be used. Each is told in one line with the file's name, for writing and for reading.


def told(path: Path) -> set[str]:
    messages = set()
    for opening in (Store.open, Store.read):
        with pytest.raises(EdgesimError) as caught:
            opening(path).close()
        (problem,) = caught.value.problems
        assert problem.file == str(path)
        messages.add(problem.what)
    return messages


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("position,energy_j\n" * 100)
    assert told(path) == {"this is not a results file of edgesim (not even a database)"}
    assert path.read_text() == "position,energy_j\n" * 100


def test_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert any("not one of edgesim's results" in message for message in told(path))
    assert path.read_bytes() == before


def test_file_of_another_format_or_another_edgesim(db: Path) -> None:
    connection = sqlite3.connect(db)
    connection.execute("UPDATE meta SET value = '0.0.1'")
    connection.commit()
    with pytest.raises(EdgesimError, match=r"results of edgesim 0\.0\.1; this is .*: write to another file"):
        Store.open(db)
    Store.read(db).close()  # what is there may be looked at
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert told(db) == {"results format 7; this edgesim reads and writes format 1: use the version that wrote it"}


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5, 0.9])
def test_truncated_file(db: Path, keep: float) -> None:
    data = db.read_bytes()
    db.write_bytes(data[: int(len(data) * keep)])
    assert all(message.startswith("the file is damaged") for message in told(db))


@pytest.mark.parametrize("page", range(1, 6))
def test_overwritten_page(db: Path, page: int) -> None:
    data = bytearray(db.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = bytes(index * 37 % 256 for index in range(4096))
    db.write_bytes(data)
    assert all("damaged" in message for message in told(db))


@given(st.data())
def test_any_flipped_byte_is_an_error_or_a_table_never_a_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("flip") / "f.db"
    added(path, *(outcome(point) for point in points(3)))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        with Store.read(path) as store:
            store.table()
            store.sweeps()
    except EdgesimError as error:
        assert str(path) in str(error)


def test_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    added(path, outcome(next(points(1))))
    with Store.read(path) as store:
        assert len(store.table().rows) == 1


def test_folder_that_does_not_exist_and_places_that_are_no_files(tmp_path: Path) -> None:
    assert told(tmp_path / "no" / "x.db") == {f"the folder {str(tmp_path / 'no')!r} does not exist; make it first", "there is no such results file"}
    assert any("not a regular file" in message for message in told(tmp_path))
    with pytest.raises(EdgesimError, match="no such results file"):
        Store.read(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_file_without_permission_to_write(db: Path) -> None:
    db.chmod(stat.S_IRUSR)
    with pytest.raises(EdgesimError, match="may not be written"):
        Store.open(db)


def test_reading_never_writes(db: Path) -> None:
    with Store.read(db) as store, pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._connection.execute("DELETE FROM points")


def test_full_disk_stops_the_sweep_keeps_what_was_there_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    some = [replace(outcome(point), canonical=os.urandom(3000).hex()) for point in points(60)]
    store = Store.open(path)
    store.begin(RECORD)
    store._connection.execute("PRAGMA max_page_count = 60")
    kept = 0
    with pytest.raises(EdgesimError, match="the disk is full; all that was written before is kept: make room, then --resume goes on"):
        for one in some:
            store.add(one)
            kept += 1
    store.close()
    assert 5 < kept < 55
    with Store.read(path) as store:
        assert len(store.finished(RECORD.sweep_id)) == kept
    added(path, *some[kept:])
    with Store.read(path) as store:
        assert len(store.table().rows) == 60 and store.scenario(some[-1].point.point_id(BASE)) == some[-1].canonical


_LIMITED = """
import sys
sys.path.insert(0, sys.argv[2])
import os
from dataclasses import replace
from exploring import outcome, points
from sim.errors import EdgesimError
from sim.exploration.store.store import Store
from sim.exploration.store.record import SweepRecord
from exploring import AXES, BASE
try:
    with Store.open(sys.argv[1]) as store:
        store.begin(SweepRecord("5" * 64, BASE, "base scenario", AXES), resume=True)
        for point in points(200):
            store.add(replace(outcome(point), canonical=os.urandom(3000).hex()))
            print(point.position, flush=True)
except EdgesimError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def test_file_that_may_not_grow_stops_the_sweep_too(tmp_path: Path) -> None:
    path = tmp_path / "limited.db"
    tests = str(Path(__file__).resolve().parents[2])
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))  # noqa: E731
    limited = subprocess.run([sys.executable, "-c", _LIMITED, str(path), tests], capture_output=True, text=True, preexec_fn=limit, timeout=60)
    assert limited.returncode == 2 and "--resume goes on" in limited.stderr and "Traceback" not in limited.stderr
    kept = len(limited.stdout.split())
    with Store.read(path) as store:
        assert 5 < kept == len(store.finished("5" * 64)) < 200
    assert subprocess.run([sys.executable, "-c", _LIMITED, str(path), tests], capture_output=True, timeout=60).returncode == 0
    with Store.read(path) as store:
        assert len(store.table().rows) == 200


def test_nothing_can_be_added_before_a_sweep_is_begun(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x.db") as store, pytest.raises(ValueError, match="begin a sweep"):
        store.add(Burn()(next(points(1))))


def test_file_has_room_for_many_metrics_but_not_for_any_number(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    with Store.open(path) as store:
        store.begin(RECORD)
        first, second = points(2)
        store.add(replace(outcome(first), metrics={f"m{index}_s": 1.0 for index in range(1890)}))
        with pytest.raises(EdgesimError, match="write this sweep to another file"):
            store.add(replace(outcome(second), metrics={f"other{index}_s": 1.0 for index in range(50)}))
        store.add(outcome(second))
    with Store.read(path) as store:
        assert len(store.table().rows) == 2
