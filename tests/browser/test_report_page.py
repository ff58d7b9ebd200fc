"""The report of a run, as a person meets it: what it shows is what was computed, and it answers to mouse, touch and keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browsing import Browser

from sim.report.run_file.document import RunDocument


def test_page_shows_the_result_and_asks_nobody(browser: Browser, page: Path, run_folder: Path) -> None:
    browser.open(page)
    result = json.loads((run_folder / "metrics.json").read_text())
    assert browser.run("return edgesim.data.result") == result
    assert browser.run("return document.querySelector('h1').textContent") == "phone_camera"
    assert browser.run("return document.querySelector('.badge').textContent") == ("✓ VALID" if result["valid"] else "✗ NOT VALID")
    assert len(browser.run("return [...document.querySelectorAll('.budget')].map(e => e.textContent)")) == len(result["budgets"])
    p99 = result["metrics"]["workloads"]["camera"]["latency"]["p99"]["value"]
    cells = browser.run("return [...document.querySelectorAll('#workloads tbody td')].map(e => e.firstChild.textContent)")
    assert cells[1] == f"{p99 * 1e3:.3g} ms"
    assert browser.complaints() == []
    assert browser.requests() == []


def test_columns_come_back_exactly(browser: Browser, page: Path, document: RunDocument) -> None:
    browser.open(page)
    for name, column in document.columns.items():
        assert browser.run("return [...edgesim.columns[arguments[0]]]", name) == pytest.approx(column.tolist(), rel=0, abs=0), name


def test_every_part_is_there_and_drawn(browser: Browser, page: Path) -> None:
    browser.open(page, height=9000)
    parts = browser.run("return [...document.querySelectorAll('section.card')].map(e => e.id)")
    wanted = ["budgets", "numbers", "timeline", "charts", "latency", "roofline", "energy", "buffers", "operators", "sources", "scenario"]
    assert [part for part in parts if part != "findings"] == wanted
    drawn = """return [...document.querySelectorAll('canvas')].map(canvas => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some(value => value > 0);
    })"""
    browser.until(f"return ({drawn.removeprefix('return ')}).every(Boolean)")
    assert browser.run("return [...document.querySelectorAll('canvas')].every(canvas => canvas.getAttribute('aria-label'))")


def test_buttons_and_keys_zoom_and_pan(browser: Browser, page: Path) -> None:
    browser.open(page)
    whole = browser.view()
    browser.run("document.querySelector('[aria-label=\"Zoom in\"]').click()")
    zoomed = browser.view()
    assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) / 2)
    browser.run("document.querySelector('[aria-label=\"Later\"]').click()")
    assert browser.view()[0] > zoomed[0]
    canvas = browser.driver.find_element("id", "timeline-canvas")
    canvas.send_keys("+")
    assert browser.view()[1] - browser.view()[0] == pytest.approx((whole[1] - whole[0]) / 4)
    before = browser.view()
    canvas.send_keys("\ue012")  # the left arrow
    assert browser.view()[0] < before[0]
    canvas.send_keys("0")
    assert browser.view() == whole


def test_wheel_zooms_where_the_pointer_is_and_drag_pans(browser: Browser, page: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.open(page)
    canvas = browser.driver.find_element("id", "timeline-canvas")
    canvas.send_keys("\ue00c")  # it has the focus now, as after a click
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    browser.painted()
    x, y = browser.run("const b = arguments[0].getBoundingClientRect(); return [b.left + 500, b.top + 60]", canvas)
    under = browser.run("return edgesim.view.at(500, edgesim.timeline.picture.width)")
    for kind in ("mouseMoved", "mouseWheel"):
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "deltaX": 0, "deltaY": -600})
        browser.painted()
    browser.until("return edgesim.view.to - edgesim.view.from < 0.7 * edgesim.view.end")
    assert browser.run("return edgesim.view.at(500, edgesim.timeline.picture.width)") == pytest.approx(under)
    before = browser.view()
    ActionChains(browser.driver).move_to_element_with_offset(canvas, 100, 0).click_and_hold().move_by_offset(-150, 0).release().perform()
    after = browser.view()
    assert after[0] > before[0] and after[1] - after[0] == pytest.approx(before[1] - before[0])


def test_pinch_zooms(browser: Browser, page: Path) -> None:
    browser.open(page, width=375, height=800)
    canvas = browser.driver.find_element("id", "timeline-canvas")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    browser.painted()
    x, y = browser.run("const b = arguments[0].getBoundingClientRect(); return [b.left + 200, b.top + 60]", canvas)

    def touch(kind: str, apart: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    whole = browser.view()
    touch("touchStart", 20)
    for apart in (25, 35, 50, 70, 80):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    assert browser.view()[1] - browser.view()[0] < 0.6 * (whole[1] - whole[0])


def test_hover_and_click_tell_of_a_span(browser: Browser, page: Path, document: RunDocument) -> None:
    from selenium.webdriver import ActionChains

    browser.open(page)
    browser.run("document.querySelector('[aria-label*=\"99th percentile\"]').click()")
    row, at = browser.run("""const rows = edgesim.timeline.rows;
        const row = rows.findIndex(r => r.kind === 'unit' && r.starts.some((s, i) => s > edgesim.view.from && r.ends[i] < edgesim.view.to));
        return [row, rows[row].starts.findIndex((s, i) => s > edgesim.view.from)]""")
    canvas = browser.driver.find_element("id", "timeline-canvas")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    browser.until("return Boolean(edgesim.timeline.tops)")
    x, y = browser.run(
        """const t = edgesim.timeline, r = t.rows[arguments[0]], at = arguments[1];
        return [edgesim.view.x((r.starts[at] + r.ends[at]) / 2, t.picture.width) - t.picture.width / 2, t.tops[arguments[0]] + 8 - t.picture.height / 2]""",
        row,
        at,
    )
    ActionChains(browser.driver).move_to_element_with_offset(canvas, round(x), round(y)).perform()
    own = browser.run("return edgesim.timeline.rows[arguments[0]].first + arguments[1]", row, at)
    stage = document.data["timeline"]["stages"][int(document.column("span_stage")[own])]
    assert not browser.run("return document.getElementById('tip').hidden")
    assert browser.run("return document.getElementById('tip').firstChild.textContent") == stage
    ActionChains(browser.driver).click().perform()
    details = browser.run("return document.getElementById('span-details').textContent")
    took_s = (document.column("span_end")[own] - document.column("span_start")[own]) * 1e-9
    shown = [f"{float(f'{took_s * scale:.4g}'):g} {unit}" for scale, unit in ((1e3, "ms"), (1e6, "µs"))]
    assert stage in details and any(text in details for text in shown)
    browser.driver.find_element("id", "timeline-canvas").send_keys(".")
    assert browser.run("return edgesim.timeline.selected.place") == at + 1


def test_search_counts_and_walks(browser: Browser, page: Path, document: RunDocument) -> None:
    browser.open(page)
    field = browser.driver.find_element("id", "span-search")
    field.send_keys("detect")
    stages = [number for number, name in enumerate(document.data["timeline"]["stages"]) if "detect" in name]
    programs = [number for number, name in enumerate(document.data["timeline"]["programs"]) if "detect" in name]
    found = sum((document.column("span_stage") == stage).sum() for stage in stages)
    assert programs and browser.run("return document.querySelector('output[for=span-search]').textContent") == f"{found:,} found"
    field.send_keys("\ue007")
    first = browser.run("const s = edgesim.timeline.selected; return edgesim.timeline.rows[s.row].starts[s.place]")
    field.send_keys("\ue007")
    assert browser.run("const s = edgesim.timeline.selected; return edgesim.timeline.rows[s.row].starts[s.place]") > first


def test_charts_share_the_cursor(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("edgesim.view.point(4)")
    column = browser.run("return edgesim.data.charts[0].series[0].column")
    times, values = (browser.run("return [...edgesim.columns[arguments[0] + arguments[1]]]", column, end) for end in ("_t", "_v"))
    held = [value for time_s, value in zip(times, values, strict=True) if time_s <= 4][-1]
    assert browser.run("return document.querySelector('#chart-temperature .figure').textContent") == f"{held:.1f} °C"


def test_theme_switches(browser: Browser, page: Path) -> None:
    browser.open(page)
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(background)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(background)
    assert dark != light and browser.run("return document.getElementById('theme').textContent") == "Light"
    browser.run("document.getElementById('theme').click()")
    assert browser.run(background) == light
    browser.open(page, dark=True)
    assert browser.run(background) == dark


def test_operators_sort_and_filter(browser: Browser, page: Path, document: RunDocument) -> None:
    browser.open(page)
    operators = next(model for model in document.data["models"]["models"] if not model["is_code"])["operators"]
    shown = "return [...document.querySelectorAll('#operators-table tbody tr')].map(row => row.children[1].textContent)"
    slowest = sorted(operators, key=lambda row: -row["time_s"])[:3]
    assert list(browser.run(shown)[:3]) == [row["name"] for row in slowest]
    browser.run("document.querySelector('[data-sort=index]').click(); document.querySelector('[data-sort=index]').click()")
    assert browser.run(shown)[0] == operators[0]["name"]
    assert browser.run("return document.querySelector('th[aria-sort=ascending]').textContent").startswith("#")


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width, height=800)
    assert browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_no_serious_barrier(browser: Browser, page: Path, axe: str, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    browser.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
    found = browser.driver.execute_async_script("const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations))")
    serious = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    browser.screenshot(f"run_{width}_{'dark' if dark else 'light'}", width)


def test_motion_is_reduced_where_asked(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run("return getComputedStyle(document.documentElement).scrollBehavior") == "smooth"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    assert browser.run("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"
