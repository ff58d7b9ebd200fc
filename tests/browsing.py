"""A page in a browser without a window, and what a person does with it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Browser:
    """A page that is open, and what a person does with it."""

    driver: Any

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Browser:
        self.sized(width, height)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # of the page before
        self.driver.get(file.as_uri())
        self.until("return Boolean(window.edgesim && window.edgesim.ready)")
        return self

    def sized(self, width: int, height: int) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, seconds: float = 30.0) -> None:
        ends = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < ends, f"never true: {script}"
            time.sleep(0.02)

    def painted(self) -> None:
        """Two frames have passed: what was scrolled or drawn is where events meet it."""
        self.driver.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))")

    def view(self) -> tuple[float, float]:
        found = self.run("return [edgesim.view.from, edgesim.view.to]")
        return found[0], found[1]

    def requests(self) -> list[str]:
        """Addresses that the page asked for, itself and the pages of the browser apart."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        own = self.driver.current_url.split("#")[0]
        return [url for url in sent if url.split("#")[0] != own and not url.startswith(("data:", "blob:", "chrome:"))]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def screenshot(self, name: str, width: int) -> None:
        """The whole page into the folder of the environment's choice."""
        folder = os.environ.get("EDGESIM_SCREENSHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.sized(width, min(int(self.run("return document.documentElement.scrollHeight")), 12_000))
        time.sleep(0.5)  # every picture is in sight now, and is drawn
        self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))
