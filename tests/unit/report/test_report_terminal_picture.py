"""A terminal as SVG: what it says is what the lines say, hostile names stay text, equal lines give equal bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.report.terminal_picture import terminal_svg, write_terminal_svg

text = pytest.importorskip("rich.text")
HOSTILE = "</text></svg><script>alert(1)</script>&{x}{unique_id}]]>\x1b[31m"


def content(svg: str) -> str:
    return "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")


def test_it_says_what_the_lines_say_and_nothing_else() -> None:
    svg = terminal_svg([text.Text("one  two"), text.Text("▁▂█ 12 ms", style="red")], 40, "a run")
    assert "one  two" in content(svg)
    assert "▁▂█ 12 ms" in content(svg)
    assert "a run" in content(svg)
    assert svg == terminal_svg([text.Text("one  two"), text.Text("▁▂█ 12 ms", style="red")], 40, "a run")


def test_names_cannot_break_out_of_the_text() -> None:
    svg = terminal_svg([text.Text(HOSTILE.replace("\x1b", ""))], 120, HOSTILE)
    assert not ElementTree.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}script")
    assert "<script" not in svg
    assert "{unique_id}" in content(svg)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(EdgesimError, match="cannot write"):
        write_terminal_svg([text.Text("x")], 40, "t", tmp_path / "none" / "a.svg")
