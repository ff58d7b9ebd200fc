"""Binary files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sim.errors import EdgesimError


def write_whole(path: Path, content: bytes) -> None:
    """A file that appears complete or not at all. Raises EdgesimError where its place cannot be written."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise EdgesimError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
