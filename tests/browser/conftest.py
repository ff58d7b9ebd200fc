"""Pages of reports in a real browser: Chromium without a window, driven by selenium. Skipped where either is missing.

``EDGESIM_SCREENSHOTS`` names a folder that keeps the screenshots; ``EDGESIM_AXE`` the file ``axe.min.js`` of axe-core.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browsing import Browser

from sim.cli.main import main
from sim.report.html.page_text import page_text
from sim.report.html.sweep import sweep_document
from sim.report.run_file.document import RunDocument
from sim.report.run_file.read import read_run


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver_file = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not (chromium and driver_file):
        pytest.skip("no chromium with its chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_file))
    except Exception as error:  # whatever the machine lacks
        pytest.skip(f"chromium does not start here: {str(error).splitlines()[0]}")
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``edgesim run --out`` of a camera with four stages on three units."""
    folder = tmp_path_factory.mktemp("run") / "out"
    assert main(["run", "phone_camera", "--set", "duration=8 s", "--out", str(folder), "--quiet"]) in (0, 1)
    return folder


@pytest.fixture(scope="session")
def document(run_folder: Path) -> RunDocument:
    return read_run(run_folder)


@pytest.fixture(scope="session")
def page(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["report", str(run_folder), "-o", str(file)]) == 0
    return file


@pytest.fixture(scope="session")
def sweep_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = [("position", "own"), ("status", "own"), ("device.clock_hz", "axis"), ("precision", "axis"), ("latency_p99_s", "metric"), ("energy_j", "metric")]
    rows = [
        (number, "done", 1e9 + 1e8 * (number % 7), ("int8", "float16")[number % 2], 0.01 * (1 + (number * 37 % 23)), 2.0 + (number * 53 % 29))
        for number in range(60)
    ]
    rows.append((60, "mistake", 1e9, "int4", None, None))
    made = sweep_document("sweep of <b>clocks</b>", columns, rows)
    file = tmp_path_factory.mktemp("sweep") / "sweep.html"
    file.write_text(page_text(made.data, made.columns), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def axe() -> str:
    places = [os.environ.get("EDGESIM_AXE", ""), "node_modules/axe-core/axe.min.js"]
    found = next((Path(place) for place in places if place and Path(place).is_file()), None)
    if found is None:
        pytest.skip("no axe-core: set EDGESIM_AXE to its axe.min.js, or npm install axe-core")
    return found.read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path: Path) -> Callable[[RunDocument], Path]:
    """A document as a page."""

    def write(made: RunDocument) -> Path:
        file = tmp_path / "page.html"
        file.write_text(page_text({**made.data, "notes": list(made.notes)}, made.columns), encoding="utf-8")
        return file

    return write
