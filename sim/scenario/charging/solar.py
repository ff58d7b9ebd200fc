"""A solar panel under a clear sky, day after day."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from device_models.figure import Figure
from sim.scenario.charging.source import ChargingSource, LaterTime, SupplyPower, SupplyTime

DAY_S = 86400.0
_STEPS = 96  # from sunrise to sunset


class Solar(ChargingSource):
    """Half a sine from sunrise to sunset, in 96 steps that each hold the mean of the sine over them: the day's energy is exact."""

    kind: Literal["solar"] = "solar"
    peak_w: SupplyPower = Field(alias="peak", description="at noon, after the charging circuit's losses")
    sunrise_s: SupplyTime = Field(default=Figure(6 * 3600.0), alias="sunrise", description="time of day, such as 6 h")
    sunset_s: LaterTime = Field(default=Figure(18 * 3600.0), alias="sunset", description="time of day, such as 18 h")
    start_s: SupplyTime = Field(default=Figure(0.0), alias="start", description="the time of day at which the run begins; midnight if absent")

    def steps(self, directory: Path) -> Iterator[tuple[float, float]]:
        began, before_w = False, 0.0
        for time_s, power_w in self._steps_from_midnight():
            after_s = time_s - float(self.start_s)
            if after_s > 0 and not began:
                yield 0.0, before_w
            if after_s >= 0:
                began = True
                yield after_s, power_w
            before_w = power_w

    def _steps_from_midnight(self) -> Iterator[tuple[float, float]]:
        rise_s, light_s = float(self.sunrise_s), float(self.sunset_s - self.sunrise_s)
        width = math.pi / _STEPS
        means_w = [float(self.peak_w) * (math.cos(step * width) - math.cos((step + 1) * width)) / width for step in range(_STEPS)]
        if rise_s > 0:
            yield 0.0, 0.0
        for day in itertools.count():
            for step, mean_w in enumerate(means_w):
                yield day * DAY_S + rise_s + step * light_s / _STEPS, mean_w
            if light_s < DAY_S:
                yield day * DAY_S + rise_s + light_s, 0.0

    def problem(self) -> tuple[str, str] | None:
        if self.sunset_s <= self.sunrise_s:
            return "sunset", f"{float(self.sunset_s) / 3600:g} h is not after sunrise ({float(self.sunrise_s) / 3600:g} h)"
        for key, value in (("sunset", self.sunset_s), ("start", self.start_s)):
            if value > DAY_S:
                return key, f"{float(value) / 3600:g} h is not a time of day; a day has 24 h"
        return None
