"""The pictures of README.md, made by edgesim itself: ``python -m tests.pictures.make`` makes them all anew."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from sim.cli.main import main

FOLDER = Path(__file__).resolve().parent
COLUMNS = "100"
# file -> the command that makes it, FILE standing for its place
PICTURES = {
    "phone_camera.svg": ("run", "phone_camera", "--quiet", "--svg", "FILE"),
    "raspberry_pi_cooling.svg": ("run", "raspberry_pi_cooling", "--quiet", "--svg", "FILE"),
}


def make(name: str, folder: Path) -> Path:
    """One picture, into a folder. Raises RuntimeError where the command fails."""
    file = folder / name
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        code = main([str(file) if part == "FILE" else part for part in PICTURES[name]])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    if code not in (0, 1):  # a budget that is not held is worth a picture, too
        raise RuntimeError(f"{name}: edgesim {' '.join(PICTURES[name])} ended with {code}")
    return file


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in PICTURES:
            (FOLDER / name).write_bytes(make(name, Path(folder)).read_bytes())
            print(FOLDER / name, file=sys.stderr)
