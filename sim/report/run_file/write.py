"""Write a run file; the same run gives the same bytes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from sim.errors import EdgesimError
from sim.report.run_file.document import RunDocument

RUN_FILE = "run.edgesim"
DOCUMENT = "document.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP archive can name: nothing of the clock gets into the file


def run_file_bytes(document: RunDocument) -> bytes:
    """The archive: the document first, then the columns by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        text = json.dumps(document.data, allow_nan=False, separators=(",", ":"))
        archive.writestr(_entry(DOCUMENT), text.encode())
        for name in sorted(document.columns):
            column = io.BytesIO()
            np.lib.format.write_array(column, np.ascontiguousarray(document.columns[name]), allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), column.getvalue())
    return stream.getvalue()


def write_run_file(document: RunDocument, path: Path) -> None:
    """Write the file, whole or not at all. Raises EdgesimError where that cannot be done."""
    data = run_file_bytes(document)
    temporary = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:80]}.", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(data)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise EdgesimError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
