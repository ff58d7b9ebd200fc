"""ncnn's benchncnn: a header of settings, then a line a network; several runs in one file."""

from __future__ import annotations

import re

from sim.measurements.measurement import Measurement, Readings, seconds_of
from sim.measurements.source import Source

_SETTING = re.compile(r"^\W*(loop_count|num_threads|powersave|gpu_device|cooling_down)\s*=\s*(-?\d{1,6})\s*$")
_RESULT = re.compile(r"^\W*([\w.+-]+)\s+min\s*=\s*(\S+)\s+max\s*=\s*(\S+)\s+avg\s*=\s*(\S+)\s*$")
_POWERSAVE = {0: "cpu", 1: "little", 2: "big"}
_INT8 = "_int8"


def recognises(source: Source) -> bool:
    """A line of settings, or one of results."""
    return any(_SETTING.match(line) or _RESULT.match(line) for line in source.lines)


def read(source: Source) -> Readings:
    """The shortest of each network's loops: what the board can do, free of what else it did."""
    found, settings = Readings(), dict[str, int]()
    for number, line in enumerate(source.lines, 1):
        if match := _SETTING.match(line):
            settings[match[1]] = int(match[2])
        elif match := _RESULT.match(line):
            _measured(source, number, match, settings, found)
        elif "min =" in line and "avg" in line:
            found.problems.append(source.problem("a line of results that is cut off or of another version", number, 1))
    return found


def _measured(source: Source, number: int, match: re.Match[str], settings: dict[str, int], found: Readings) -> None:
    seconds = seconds_of(match[2], 1e-3)
    if isinstance(seconds, str):
        found.problems.append(source.problem(f"{match[1]}: min: {seconds}", number, match.start(2) + 1))
        return
    on_gpu = settings.get("gpu_device", -1) >= 0
    found.measurements.append(
        Measurement(
            model=match[1].removesuffix(_INT8),
            seconds=seconds,
            precision="int8" if match[1].endswith(_INT8) else "",
            threads=None if on_gpu or "num_threads" not in settings else max(settings["num_threads"], 1),
            unit="gpu" if on_gpu else _POWERSAVE.get(settings.get("powersave", 0), "cpu"),
            runtime="ncnn",
            file=source.file,
            line=number,
            column=match.start(2) + 1,
            naming="ncnn",
        )
    )
