"""A charger: a constant power while it is plugged in. How the current tapers is the battery's own doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from device_models.figure import Figure
from sim.scenario.charging.source import ChargingSource, LaterTime, SupplyPower, SupplyTime


class Usb(ChargingSource):
    """Constant power from ``plugged`` to ``unplugged``; the battery limits it to its full voltage and its charge current."""

    kind: Literal["usb"] = "usb"
    power_w: SupplyPower = Field(alias="power", description="what the charger can give, such as 10 W")
    plugged_s: SupplyTime = Field(default=Figure(0.0), alias="plugged", description="when it is plugged in")
    unplugged_s: LaterTime | None = Field(default=None, alias="unplugged", description="when it is unplugged; never if absent")

    def steps(self, directory: Path) -> Iterator[tuple[float, float]]:
        if self.plugged_s > 0:
            yield 0.0, 0.0
        yield float(self.plugged_s), float(self.power_w)
        if self.unplugged_s is not None:
            yield float(self.unplugged_s), 0.0

    def problem(self) -> tuple[str, str] | None:
        if self.unplugged_s is not None and self.unplugged_s <= self.plugged_s:
            return "unplugged", f"{float(self.unplugged_s):g} s is not after the charger is plugged in ({float(self.plugged_s):g} s)"
        return None
