"""Run files: the same bytes for the same run, everything comes back, and what is damaged is told."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sim.errors import EdgesimError
from sim.report.run_file.document import FORMAT, RunDocument
from sim.report.run_file.read import read_run
from sim.report.run_file.write import RUN_FILE, run_file_bytes, write_run_file

DATA = {"format": FORMAT, "title": "a run", "result": {"valid": True, "metrics": {}}}


@pytest.fixture
def document() -> RunDocument:
    rng = np.random.default_rng(1)
    columns = {f"column_{number}": rng.normal(size=500) for number in range(4)} | {"whole": rng.integers(-(2**40), 2**40, 300)}
    return RunDocument(DATA, columns)


@pytest.fixture
def file(document: RunDocument, tmp_path: Path) -> Path:
    write_run_file(document, tmp_path / RUN_FILE)
    return tmp_path / RUN_FILE


def test_everything_comes_back(document: RunDocument, file: Path) -> None:
    for place in (file, file.parent):
        read = read_run(place)
        assert read.data == document.data and read.notes == ()
        assert {name: column.tolist() for name, column in read.columns.items()} == {name: column.tolist() for name, column in document.columns.items()}


def test_same_document_same_bytes(document: RunDocument) -> None:
    assert run_file_bytes(document) == run_file_bytes(RunDocument(dict(document.data), dict(reversed(document.columns.items()))))


def test_any_zip_tool_opens_it(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("document.json")) == DATA
        with archive.open("whole.npy") as stream:
            assert np.load(stream).shape == (300,)


def test_cut_anywhere_gives_what_is_left_or_a_message(document: RunDocument, file: Path) -> None:
    whole = file.read_bytes()
    counts = []
    for length in range(0, len(whole), 397):
        file.write_bytes(whole[:length])
        try:
            read = read_run(file)
        except EdgesimError as error:
            assert str(file) in str(error)
            continue
        assert read.data == DATA and "truncated or damaged" in read.notes[0]
        counts.append(len(read.columns))
        for name, column in read.columns.items():
            assert column.tolist() == document.columns[name].tolist()
    assert counts == sorted(counts) and counts[0] < counts[-1] == len(document.columns)


def test_flipped_byte_costs_that_column_only(document: RunDocument, file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[whole.index(b"column_2.npy") + 500] ^= 0xFF
    file.write_bytes(whole)
    read = read_run(file)
    assert set(document.columns) - set(read.columns) == {"column_2"} and "column_2" in read.notes[0]


@pytest.mark.parametrize("found", ["edgesim.run/2", None, 7])
def test_another_version_is_told(tmp_path: Path, found: object) -> None:
    (tmp_path / RUN_FILE).write_bytes(run_file_bytes(RunDocument({"format": found})))
    with pytest.raises(EdgesimError, match=r"this version of edgesim reads 'edgesim.run/1'"):
        read_run(tmp_path / RUN_FILE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "other/1"}', b'{"a": 1}', b"\x00\xff" * 50, b"PK\x03\x04", b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(EdgesimError):
        read_run(tmp_path / "file")


def test_folder_without_a_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(EdgesimError, match="edgesim run SCENARIO --out"):
        read_run(tmp_path)


def test_result_file_gives_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"schema": "edgesim.result/1", "scenario": "s", "metrics": {}}))
    read = read_run(tmp_path)
    assert read.data["title"] == "s" and not read.columns and "no spans" in read.notes[0]


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / RUN_FILE, "w") as archive:
        archive.writestr("document.json", json.dumps(DATA))
        with archive.open("evil.npy", "w") as stream:
            np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    read = read_run(tmp_path / RUN_FILE)
    assert not read.columns and "evil" in read.notes[0]
