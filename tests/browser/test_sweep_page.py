"""The report of a sweep: points, the front, and lines that can be narrowed down."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from browsing import Browser


def test_front_is_what_no_point_beats(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    for up in itertools.product([False, True], repeat=2):
        for seed in range(6):
            points = np.random.default_rng(seed).integers(0, 12, (60, 2)).tolist()
            signs = [-1 if more else 1 for more in up]
            found = browser.run("return edgesim.tools.paretoFront(arguments[0].map(([x, y]) => ({x, y})), arguments[1])", points, list(up))
            costs = [tuple(sign * value for sign, value in zip(signs, point, strict=True)) for point in points]
            beaten = [any(all(a <= b for a, b in zip(other, cost, strict=True)) and other != cost for other in costs) for cost in costs]
            assert sorted(found) == [number for number, is_beaten in enumerate(beaten) if not is_beaten]


def test_points_choose_axes_and_lose_none(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    assert browser.run("return [edgesim.scatter.x, edgesim.scatter.y]") == ["latency_p99_s", "energy_j"]
    assert browser.run("return edgesim.scatter.points.length") == 60  # the mistake has no numbers
    browser.run("const s = document.querySelectorAll('#scatter select')[0]; s.value = 'device.clock_hz'; s.dispatchEvent(new Event('change'))")
    assert browser.run("return edgesim.scatter.x") == "device.clock_hz"
    assert browser.complaints() == [] and browser.requests() == []


def test_points_tell_their_axes(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page)
    browser.until("return edgesim.scatter.drawn.length > 0")
    browser.driver.find_element("id", "scatter-canvas").send_keys("\ue014")
    text = browser.run("return document.getElementById('point-details').textContent")
    assert "clock_hz = 1 GHz" in text and "precision = int8" in text


def test_ranges_keep_the_lines_that_pass(browser: Browser, sweep_page: Path) -> None:
    browser.open(sweep_page, height=2000)
    browser.until("return edgesim.parallel.kept === 61")
    browser.run("edgesim.parallel.ranges = {energy_j: [0, 0.5]}; document.getElementById('theme').click()")
    rows = json.loads(json.dumps(browser.run("return edgesim.data.sweep.rows")))
    energies = [row[5] for row in rows if row[5] is not None]
    middle = (min(energies) + max(energies)) / 2
    browser.until(f"return edgesim.parallel.kept === {sum(value <= middle for value in energies)}")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_no_serious_barrier(browser: Browser, sweep_page: Path, axe: str, width: int, dark: bool) -> None:
    browser.open(sweep_page, width=width, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
    found = browser.driver.execute_async_script("const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations))")
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    browser.screenshot(f"sweep_{width}_{'dark' if dark else 'light'}", width)
