"""The pictures of README.md, made by edgesim itself: ``python -m tests.pictures.make`` makes them all anew.

A photograph of a page (PNG) takes a browser, whose fonts are its own; it carries the digest of the page it shows, by which it is known to be current.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from sim.cli.main import main

FOLDER = Path(__file__).resolve().parent
COLUMNS = "100"
# file -> the command that makes it, FILE standing for its place
PICTURES = {
    "phone_camera.svg": ("run", "phone_camera", "--quiet", "--svg", "FILE"),
    "raspberry_pi_cooling.svg": ("run", "raspberry_pi_cooling", "--quiet", "--svg", "FILE"),
}

# file -> the command that makes the page, and the size of the window it is photographed in
PHOTOGRAPHS = {"report.png": (("report", "driver_assistance", "-o", "FILE"), (1180, 1750))}
_DIGEST = b"edgesim page\0"  # keyword of the PNG's text chunk


def make(name: str, folder: Path) -> Path:
    """One picture, into a folder. Raises RuntimeError where the command fails."""
    return _written(PICTURES[name], folder / name)


def page_of(name: str, folder: Path) -> Path:
    """The page that a photograph shows, into a folder."""
    return _written(PHOTOGRAPHS[name][0], folder / f"{name}.html")


def photograph(name: str, folder: Path) -> bytes:
    """A page as a browser shows it, with the page's digest. Raises CalledProcessError, FileNotFoundError where there is no Chromium."""
    page, shot, (width, height) = page_of(name, folder), folder / "shot.png", PHOTOGRAPHS[name][1]
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000", f"--window-size={width},{height}"]
    subprocess.run(["chromium", *options, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    picture = shot.read_bytes()
    text = _DIGEST + digest(page).encode()
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    return picture[:_HEAD] + chunk + picture[_HEAD:]


_HEAD = 8 + 25  # a PNG's signature and its first chunk


def digest(page: Path) -> str:
    """Of a page's bytes."""
    return hashlib.sha256(page.read_bytes()).hexdigest()


def shown_digest(picture: Path) -> str:
    """The digest of the page that a photograph shows."""
    head, _, rest = picture.read_bytes().partition(b"tEXt" + _DIGEST)
    return rest[:64].decode() if head and rest else ""


def _written(command: Sequence[str], file: Path) -> Path:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        code = main([str(file) if part == "FILE" else part for part in command])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    if code not in (0, 1):  # a budget that is not held is worth a picture, too
        raise RuntimeError(f"edgesim {' '.join(command)} ended with {code}")
    return file


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in PICTURES:
            (FOLDER / name).write_bytes(make(name, Path(folder)).read_bytes())
            print(FOLDER / name, file=sys.stderr)
        for name in PHOTOGRAPHS:
            (FOLDER / name).write_bytes(photograph(name, Path(folder)))
            print(FOLDER / name, file=sys.stderr)
