"""Files a scenario names: found relative to the scenario, and near names where one is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sim.registry import near_names

MODEL_SUFFIXES = (".onnx", ".tflite", ".param", ".xml")
_NAMES_SHOWN = 500


def is_model_file(source: str) -> bool:
    """Whether the source of a model is a path; anything else is a name of the built-in zoo."""
    return "/" in source or "\\" in source or source.lower().endswith(MODEL_SUFFIXES)


def is_device_file(choice: str) -> bool:
    """Whether a device is given as a path; anything else is a name of the catalogue."""
    return "/" in choice or "\\" in choice or choice.lower().endswith((".yaml", ".yml"))


def missing_file(path: Path) -> str | None:
    """What is wrong with a file that should be there and readable, or None."""
    try:
        if path.is_file():
            return None
        if path.is_dir():
            return f"{str(path)!r} is a folder, not a file"
        folder = path.parent
        if not folder.is_dir():
            return f"no file {str(path)!r}: there is no folder {str(folder)!r}"
        others = sorted(other.name for other in folder.iterdir() if other.is_file() and other.suffix == path.suffix)[:_NAMES_SHOWN]
    except (OSError, ValueError) as error:
        return f"cannot look for {str(path)!r}: {getattr(error, 'strerror', None) or error}"
    return f"no file {str(path)!r}; " + (near_names(path.name, others) if others else f"its folder has no {path.suffix or 'such'} file")


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
