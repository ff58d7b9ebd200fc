"""The pictures in README.md are those that edgesim makes today (``python -m tests.pictures.make`` makes them anew)."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_SPEC = importlib.util.spec_from_file_location("make_pictures", ROOT / "tests" / "pictures" / "make.py")
assert _SPEC is not None
assert _SPEC.loader is not None
pictures = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pictures)


@pytest.mark.parametrize("name", sorted(pictures.PICTURES))
def test_a_picture_is_current(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.make(name, tmp_path).read_bytes() == (pictures.FOLDER / name).read_bytes(), "run: python -m tests.pictures.make"


@pytest.mark.parametrize("name", sorted(pictures.PHOTOGRAPHS))
def test_a_photograph_shows_todays_page(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.digest(pictures.page_of(name, tmp_path)) == pictures.shown_digest(pictures.FOLDER / name), "run: python -m tests.pictures.make"


def test_readme_shows_the_pictures_there_are() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(tests/pictures/([^)]+)\)", README))
    assert shown == {*pictures.PICTURES, *pictures.PHOTOGRAPHS} == {file.name for file in pictures.FOLDER.iterdir() if file.suffix in (".svg", ".png")}


@pytest.mark.parametrize("name", sorted(name for name in pictures.PICTURES if name.endswith(".svg")))
def test_a_picture_is_whole_and_fetches_nothing(name: str) -> None:
    text = (pictures.FOLDER / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
