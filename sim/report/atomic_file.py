"""Files that appear complete or not at all: written beside their place, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sim.errors import EdgesimError


@contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """A text stream (UTF-8, ``\\n``) whose content takes the place of ``path`` when the block ends without an exception.

    On any exception, an interrupt included, nothing is left behind and an older file stays as it was. Raises EdgesimError where
    the place cannot be written.
    """
    if path.exists() and not path.is_file():
        raise EdgesimError(f"{str(path)!r} is not a regular file; name another output file")
    path = path.resolve() if path.is_symlink() else path
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise EdgesimError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """What a newly created file would get, or the mode of the file that is replaced."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
