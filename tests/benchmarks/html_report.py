"""The HTML report of a run with 100,000 spans or more: its size, its first paint, and frames a second while it is panned and zoomed.

Run it by hand: ``python tests/benchmarks/html_report.py``. Chromium without a window, software rendering. The run is a phone camera with random
arrivals, so that the spans pack as badly as they can.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sim.cli.main import main as edgesim

FRAMES = """
const done = arguments[arguments.length - 1];
const [share, seconds, zooming] = [arguments[0], arguments[1], arguments[2]];
const { view, timeline } = edgesim;
document.getElementById('timeline-canvas').scrollIntoView({block: 'center', behavior: 'instant'});
view.show(view.end * 0.3, view.end * (0.3 + share));
const begin = performance.now();
const frames = [], painting = [];
let way = 1, last = begin;
const paint = timeline.picture;
const step = (now) => {
  frames.push(now - last);
  last = now;
  if (now - begin > seconds * 1000) return done({frames: frames.slice(1), painted: timeline.frames, painting});
  if (zooming) { view.zoom(way > 0 ? 0.97 : 1 / 0.97); if (view.to - view.from < view.end * 1e-5 || view.to - view.from >= view.end) way = -way; }
  else { view.pan(way * (view.to - view.from) / 90); if (view.to >= view.end || view.from <= 0) way = -way; }
  const before = performance.now();
  paint.paintNow();
  painting.push(performance.now() - before);
  requestAnimationFrame(step);
};
timeline.frames = 0;
requestAnimationFrame(step);
"""


def chromium() -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_script_timeout(120)
    return driver


def first_paint_ms(driver: Any, page: Path) -> tuple[float, float]:
    """First contentful paint, and everything unpacked and drawn, from the start of the navigation."""
    driver.get("about:blank")
    driver.get(page.as_uri())
    while not driver.execute_script("return Boolean(window.edgesim && window.edgesim.ready)"):
        time.sleep(0.005)
    ready = driver.execute_script("return performance.now()")
    while True:
        found = driver.execute_script("return performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)[0]")
        if found is not None:
            return float(found), float(ready)
        time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", default="11.7 min", help="of the run; 11.7 min are 100,000 spans")
    parser.add_argument("--seconds", type=float, default=4.0, help="of panning at each zoom")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        arrival = "workloads.camera.arrival={kind: poisson, rate: 30 Hz}"
        edgesim(["report", "phone_camera", "--set", f"duration={args.duration}", "--set", arrival, "-o", str(page)])
        driver = chromium()
        try:
            driver.get(page.as_uri())  # once for the disk
            times = [first_paint_ms(driver, page) for _ in range(5)]
            spans = driver.execute_script("return edgesim.data.timeline.spans")
            print(f"{spans:,} spans: {page.stat().st_size / 1e6:.2f} MB")
            paint_ms, ready_ms = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"first paint {paint_ms:.0f} ms, all drawn {ready_ms:.0f} ms (median of 5)")
            for share, zooming in ((0.9, False), (0.1, False), (0.01, False), (0.001, False), (0.5, True)):
                found = driver.execute_async_script(FRAMES, share, args.seconds, zooming)
                frames, painting = sorted(found["frames"]), sorted(found["painting"])
                worst = frames[int(0.95 * (len(frames) - 1))]
                what = "zooming" if zooming else f"panning {100 * share:g} % of the run"
                print(
                    f"{what}: {1000 * len(frames) / sum(frames):.0f} frames/s, 95 % of frames within {worst:.0f} ms; "
                    f"drawing the timeline {statistics.median(painting):.1f} ms"
                )
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
