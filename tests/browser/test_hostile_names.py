"""Names from files nobody vouches for stay text, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import Browser

from sim.report.html.sweep import sweep_document
from sim.report.run_file.document import RunDocument

HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<!--<script>",
    "]]>\"'`${window.hacked = 1}&lt;b&gt;",
    "\u202egnp.live\u2066",
    "line\u2028separator\u2029and\x00control\x1b[31m",
    "javascript:window.hacked=1",
    "%%SCRIPT%%",
    "x" * 5000,
    "__proto__",
]
_PLAIN = {"format", "kind", "column", "unit", "id", "value_unit", "status", "bound", "dtype"}  # keys whose values are words of the project's own


def _spoiled(data: Any, mark: str, key: str = "") -> Any:
    """Every text that a user could have chosen, with the mark before it."""
    if isinstance(data, dict):
        return {name: _spoiled(value, mark, name) for name, value in data.items()}
    if isinstance(data, list):
        return [_spoiled(value, mark, key) for value in data]
    return mark + data if isinstance(data, str) and key not in _PLAIN | {"statuses"} else data


@pytest.mark.parametrize("mark", HOSTILE, ids=range(len(HOSTILE)))
def test_names_of_a_run_stay_text(browser: Browser, document: RunDocument, written: Callable[[RunDocument], Path], mark: str) -> None:
    hostile = replace(document, data=_spoiled(document.data, mark))
    browser.open(written(hostile))
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert browser.run("return document.scripts.length") == 3
    assert browser.run("return edgesim.data.title") == hostile.data["title"]
    assert browser.run("return document.querySelector('h1').textContent") == hostile.data["title"]
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    browser.run("document.querySelector('[aria-label*=\"99th percentile\"]').click()")
    browser.driver.find_element("id", "timeline-canvas").send_keys(".")
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.documentElement.scrollWidth") <= 1280
    assert browser.complaints() == []
    assert browser.requests() == []


def test_names_of_a_sweep_stay_text(browser: Browser, written: Callable[[RunDocument], Path]) -> None:
    columns = [("position", "own"), *((name, "axis") for name in HOSTILE[:4]), ("latency_p99_s", "metric"), ("energy_j", "metric")]
    rows = [(number, *HOSTILE[number % 4 : number % 4 + 4], 0.1 + number, 5.0 - number) for number in range(4)]
    browser.open(written(sweep_document(HOSTILE[0], columns, rows)))
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.complaints() == []


def test_policy_lets_no_other_script_run(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s)")
    assert browser.run("return window.hacked") is None
    browser.run("const i = new Image(); i.src = 'https://example.invalid/x.png'; document.body.append(i)")
    assert any("Content Security Policy" in message for message in browser.complaints())
