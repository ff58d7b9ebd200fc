"""``edgesim results``."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.store.record import SweepRecord
from sim.exploration.store.store import Store

AXES = ("device.units.npu.frequency", "models.detector.precision", "seed")
FREQUENCIES = ("600 MHz", "1 GHz", "1.2 GHz")


def outcomes(count: int = 60) -> list[Outcome]:
    made = []
    for position in range(count):
        point = Point(position, ((AXES[0], FREQUENCIES[position % 3]), (AXES[1], ("fp16", "int8")[position % 2]), (AXES[2], position)))
        metrics: dict[str, float | int | str | None] = {
            "latency_p99_s": 0.030 - position * 1e-4,
            "energy_j": 1.5 + position,
            "detector.latency_p50_s": 0.01 + position / 3e5,
            "requests_count": 100 + position,
            "constant_w": 2.5,
            "microphone.latency_p99_s": 0.030 - position * 1e-4,  # of the only workload
            "accuracy_ratio": None,
        }
        status, problems = ("mistake", ("seed: must be even",)) if position == 7 else ("done", ())
        made.append(Outcome(point, f"key{position}", f'{{"seed":{position}}}', metrics if status == "done" else {}, problems, status, 0.1))
    return made


def stored(path: Path, some: list[Outcome], points: int | None = 60) -> Path:
    with Store.open(path) as store:
        store.begin(SweepRecord("ab" * 32, "0" * 64, "base", AXES, points=points), resume=True)
        for one in some:
            store.add(one)
    return path


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return stored(tmp_path / "sweep.db", outcomes())


def test_table_shows_what_differs_with_units_and_says_what_is_left_out(edgesim: Callable[..., Any], db: Path) -> None:
    done = edgesim("results", db, "--limit", 3, "--sort", "energy_j", "--where", "status = done")
    assert done.code == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[0].split() == ["position", "frequency", "precision", "seed", "energy_j", "latency_p99_s", "latency_p50_s", "requests_count"]
    assert lines[1].split() == ["0", "600", "MHz", "fp16", "0", "1.5", "J", "30", "ms", "10", "ms", "100"]
    assert lines[-1] == "3 of 59 chosen points, 60 in all; 1 with a mistake; 3 more columns: --columns '*', --csv FILE"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_table_fits_the_terminal(edgesim: Callable[..., Any], db: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    table = edgesim("results", db).out.split("\n\n")[0].splitlines()
    assert len(table) == 41 and max(map(len, table)) <= columns
    assert max(map(len, table)) > columns - 25  # and fills it


def test_mistakes_show_their_problem(edgesim: Callable[..., Any], db: Path) -> None:
    assert "seed: must be even" in edgesim("results", db, "--where", "status = mistake").out


def test_csv_is_the_same_whoever_finished_first(edgesim: Callable[..., Any], db: Path, tmp_path: Path) -> None:
    shuffled = outcomes()
    random.Random(5).shuffle(shuffled)
    other = stored(tmp_path / "other.db", shuffled)
    texts = [edgesim("results", path, "--csv", "-").out for path in (db, other)]
    assert texts[0] == texts[1]
    rows = list(csv.DictReader(io.StringIO(texts[0])))
    assert [int(row["position"]) for row in rows] == list(range(60))
    assert float(rows[11]["latency_p99_s"]) == outcomes()[11].metrics["latency_p99_s"] and rows[7]["latency_p99_s"] == ""
    assert "accuracy_ratio" not in rows[0]  # nobody knows it of any point


def test_json_and_parquet_hold_the_same_values(edgesim: Callable[..., Any], db: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert edgesim("results", db, "--json", tmp_path / "r.json", "--parquet", tmp_path / "r.parquet", "--csv", tmp_path / "r.csv").code == 0
    rows = json.loads((tmp_path / "r.json").read_text())
    assert rows == parquet.read_table(tmp_path / "r.parquet").to_pylist()
    assert rows[3]["energy_j"] == 4.5 and rows[3]["requests_count"] == 103 and rows[3][AXES[0]] == "600 MHz"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv", "r.json", "r.parquet", "sweep.db"]


def test_columns_limit_and_order_hold_for_files_too(edgesim: Callable[..., Any], db: Path) -> None:
    done = edgesim("results", db, "--csv", "-", "--columns", "position, *latency*", "--sort", "position", "--descending", "--limit", 1)
    assert done.out.splitlines()[0] == "position,detector.latency_p50_s,latency_p99_s,microphone.latency_p99_s" and done.out.splitlines()[1].startswith("59,")


def test_sweeps_of_a_file(edgesim: Callable[..., Any], db: Path) -> None:
    out = edgesim("results", db, "--sweeps").out
    assert "abababababab" in out and "60 of 60" in out and "precision" in out
    assert edgesim("results", db, "--sweep", "aba").out == edgesim("results", db).out


def test_points_of_several_sweeps_name_theirs(edgesim: Callable[..., Any], db: Path) -> None:
    with Store.open(db) as store:
        store.begin(SweepRecord("cd" * 32, "1" * 64, "base", AXES))
        store.add(outcomes(1)[0])
    lines = edgesim("results", db, "--limit", 61).out.splitlines()
    assert [line.split()[0] for line in (lines[0], lines[1], lines[61])] == ["sweep", "abababababab", "cdcdcdcdcdcd"]
    assert "cdcdcdcdcdcd" in edgesim("results", db, "--scenario", 0).err  # which of the two?
    assert edgesim("results", db, "--scenario", 0, "--sweep", "cd").code == 0


def test_unfinished_sweep_says_how_much_is_missing(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    half = stored(tmp_path / "half.db", outcomes()[:30])
    assert edgesim("results", half).out.splitlines()[-1].endswith("30 still to run: --resume")
    none = stored(tmp_path / "none.db", [])
    assert edgesim("results", none).out == "no points yet\n"
    assert edgesim("results", none, "--csv", "-").out == "position,status\n" and edgesim("results", none, "--json", "-").out == "[]\n"
    assert edgesim("results", none, "--parquet", tmp_path / "none.parquet").code == 0


def test_scenario_of_a_point(edgesim: Callable[..., Any], db: Path) -> None:
    assert edgesim("results", db, "--scenario", 12).out == '{"seed":12}\n'
    assert "this point has no result (its status: mistake)" in edgesim("results", db, "--scenario", 7).err
    assert "no point at this position" in edgesim("results", db, "--scenario", 60).err


def test_names_from_files_cannot_write_to_the_terminal(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    one = Outcome(Point(0, (("\x1b[31mred", "\x1b[2J"),)), "k", "{}", {"\x1b]0;x_s": 1.0, "text": "a\x07\u202eb"}, (), "done", 0.0)
    with Store.open(path) as store:
        store.begin(SweepRecord("1" * 64, "0" * 64, "", ("\x1b[31mred",)))
        store.add(one)
    done = edgesim("results", path, "--columns", "*")
    assert done.code == 0 and not set(done.out) & {"\x1b", "\x07", "\u202e"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sort", "enrgy_j"], "error: unknown column 'enrgy_j'; did you mean 'energy_j'"),
        (["--columns", "latency_p98_s"], "did you mean 'latency_p99_s'"),
        (["--where", "latency_p50 < 3 ms"], "did you mean"),
        (["--where", "energy_j <"], "error: --where, character 11 of 'energy_j <': expected a value"),
        (["--where", "1=1; DELETE FROM points"], "expected the name of a column"),
        (["--limit", "-1"], "error: --limit -1: at least 0"),
        (["--sweep", "77"], "no sweep begins with '77'; in this file: abababababab"),
        (["--csv", "-", "--json", "-"], "only one of --csv, --json and --parquet"),
        (["--csv", "no/such/folder.csv"], "cannot write 'no/such/folder.csv'"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    edgesim: Callable[..., Any], db: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(db.parent)
    before = db.read_bytes()
    done = edgesim("results", db, *arguments)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err and done.out == ""
    assert db.read_bytes() == before and [path.name for path in db.parent.iterdir()] == ["sweep.db"]


def test_file_that_is_not_there_or_not_ours(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    assert edgesim("results", tmp_path / "no.db").err == f"{tmp_path / 'no.db'}: there is no such results file\n"
    (tmp_path / "x.yaml").write_text("name: small\n" * 500)
    done = edgesim("results", tmp_path / "x.yaml")
    assert done.code == 2 and done.err == f"{tmp_path / 'x.yaml'}: this is not a results file of edgesim (not even a database)\n"
