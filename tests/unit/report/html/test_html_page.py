"""The page's text: packed columns, escaped data, a policy that names exactly its own script and style."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.report.html.packing import pack
from sim.report.html.page_text import embedded, page_text
from sim.report.html.sweep import sweep_document


def _unpacked(index: list[dict[str, object]], stream: bytes) -> dict[str, np.ndarray]:
    """As the browser does it, byte by byte."""
    raw, place, found = zlib.decompress(stream), 0, {}
    for one in index:
        rows = int(str(one["rows"]))
        joined = np.frombuffer(raw[place : place + 8 * rows], dtype=np.uint8).reshape(8, rows).T.copy()
        found[str(one["name"])] = joined.view("<i8")[:, 0].cumsum() if one["kind"] == "i" else joined.view("<f8")[:, 0]
        place += 8 * rows
    assert place == len(raw)
    return found


@given(st.lists(st.integers(-(2**53), 2**53), max_size=50), st.lists(st.floats(allow_nan=False), max_size=50))
def test_columns_come_back(whole: list[int], real: list[float]) -> None:
    columns = {"whole": np.array(whole, dtype=np.int64), "real": np.array(real, dtype=float)}
    found = _unpacked(*pack(columns))
    assert found["whole"].tolist() == whole and found["real"].tolist() == real


def test_numbers_no_browser_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond"):
        pack({"whole": np.array([2**60])})


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_never_leave_their_element(data: object) -> None:
    text = embedded(data)
    assert json.loads(text) == data
    assert not set(text) & set("<>&\u2028\u2029") and text.isascii()


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        values = dict(attrs)
        assert not any(name.startswith("on") or name in ("style", "src") for name in values)
        if values.get("http-equiv"):
            self.policy = str(values["content"])


@pytest.mark.parametrize("title", ["plain", "</title><script>1</script>", "%%SCRIPT%%", "\"'&", "\u202e"])
def test_policy_names_the_scripts_that_are_there(title: str) -> None:
    text = page_text({"title": title}, {"a": np.arange(3)})
    elements = _Elements()
    elements.feed(text)
    assert elements.found.count("script") == 3 and elements.found.count("title") == 1
    assert elements.policy.startswith("default-src 'none';")
    for tag, kind in (("script", "script"), ("style", "style")):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content[-1].encode()).digest()).decode()
        assert len(content) == 1 and f"{kind}-src 'sha256-{digest}'" in elements.policy
    assert not re.search(r"(?:https?:)?//[a-z]+\.[a-z]", text), "an address in the page"


def test_sweep_thins_out_and_says_so() -> None:
    made = sweep_document("s", [("position", "own"), ("a", "axis")], [(number, number * 0.5) for number in range(1000)], most=300)
    assert len(made.data["sweep"]["rows"]) == 250 and made.data["sweep"]["left_out"] == 750


def test_sweep_without_points_is_told() -> None:
    with pytest.raises(EdgesimError, match="no points"):
        sweep_document("s", [("a", "axis")], [])


def test_what_is_not_finite_is_unknown() -> None:
    rows = sweep_document("s", [("a", "metric")], [(float("nan"),), (float("inf"),), (1.0,), (True,), ("x\x1b",)]).data["sweep"]["rows"]
    assert rows == [[None], [None], [1.0], [True], ["x\\x1b"]]
