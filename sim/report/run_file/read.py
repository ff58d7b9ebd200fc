"""Read a run file, or what is left of one."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.report.metrics_json import SCHEMA
from sim.report.run_file.document import FORMAT, RunDocument
from sim.report.run_file.salvage import salvaged
from sim.report.run_file.write import DOCUMENT, RUN_FILE

RESULT_FILE = "metrics.json"
MOST_BYTES = 1 << 31  # of an entry unpacked: a file that claims more is not one of ours
_SUFFIX = ".npy"


def read_run(path: Path) -> RunDocument:
    """A run file, the folder of one, or a result file (``--json``), which has numbers but no spans.

    What is damaged is left out and named in ``notes``. Raises EdgesimError where there is nothing to make a report from.
    """
    if path.is_dir():
        return _read_folder(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EdgesimError(Problem(file=str(path), what=f"cannot be read: {error.strerror or error}")) from None
    if data[:2] == b"PK":
        return _read_archive(data, path)
    return _read_result(data, path)


def _read_folder(folder: Path) -> RunDocument:
    if (folder / RUN_FILE).is_file():
        return read_run(folder / RUN_FILE)
    if (folder / RESULT_FILE).is_file():
        return read_run(folder / RESULT_FILE)
    raise EdgesimError(Problem(file=str(folder), what=f"holds neither {RUN_FILE} nor {RESULT_FILE}; make them with: edgesim run SCENARIO --out {folder}"))


def _read_archive(data: bytes, path: Path) -> RunDocument:
    entries, notes = _entries(data)
    if DOCUMENT not in entries:
        raise EdgesimError(Problem(file=str(path), what="is no run file, or so little of it is left that there is nothing to report; run the scenario again"))
    document = _document(entries.pop(DOCUMENT), path)
    columns = {}
    for name, content in entries.items():
        if not name.endswith(_SUFFIX):
            continue
        try:
            array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError, SyntaxError):
            notes.append(f"the column {name.removesuffix(_SUFFIX)!r} is damaged")
            continue
        if array.ndim == 1 and array.dtype.kind in "iuf":
            columns[name.removesuffix(_SUFFIX)] = array
    return RunDocument(document, columns, tuple(notes))


def _entries(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    """The archive's entries by name, and what is wrong with it."""
    notes: list[str] = []
    try:
        entries = {}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.file_size > MOST_BYTES:
                    notes.append(f"{entry.filename!r} claims {entry.file_size:,} bytes and is left out")
                    continue
                try:
                    entries[entry.filename] = archive.read(entry)
                except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError):
                    notes.append(f"{entry.filename!r} is damaged")
                except Exception as error:  # zlib.error has no other base
                    notes.append(f"{entry.filename!r} is damaged: {error}")
        return entries, notes
    except (zipfile.BadZipFile, OSError, ValueError):
        found = salvaged(data, MOST_BYTES)
        return found, [f"the run file is truncated or damaged: {len(found)} of its parts could be read; run the scenario again for the rest"]


def _document(content: bytes, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise EdgesimError(Problem(file=str(path), what=f"{DOCUMENT} in it is not JSON: the file is damaged; run the scenario again")) from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        what = f"is of the format {str(found)[:40]!r}, and this version of edgesim reads {FORMAT!r}; run the scenario again with this version"
        raise EdgesimError(Problem(file=str(path), what=what))
    return dict(document)


def _read_result(data: bytes, path: Path) -> RunDocument:
    """A result file: verdicts and numbers."""
    try:
        result = json.loads(data)
    except (ValueError, RecursionError):
        raise EdgesimError(Problem(file=str(path), what="is neither a run file, a result file nor a results database of edgesim")) from None
    schema = result.get("schema") if isinstance(result, dict) else None
    if not (isinstance(schema, str) and schema.startswith("edgesim.") and isinstance(result.get("metrics"), dict)):
        raise EdgesimError(Problem(file=str(path), what=f"is JSON, but no result of edgesim (its schema is {str(schema)[:40]!r}, not {SCHEMA!r})"))
    document = {"format": FORMAT, "title": str(result.get("scenario", path.stem)), "result": result}
    more = f"; edgesim run --out writes {RUN_FILE}, which holds them all" if schema == SCHEMA else ""
    return RunDocument(document, {}, (f"{path.name} holds the numbers of a run but no spans{more}",))
