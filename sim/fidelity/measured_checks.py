"""Measurements that cannot be right, or hardly: repeats that contradict each other, times in another unit than stated, rows off the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import Problem
from sim.measurements import Measurement

if TYPE_CHECKING:
    from sim.fidelity.measured_cases import Measured

CONTRADICTION = 0.25  # by which repeated measurements may differ
_THOUSAND = 0.45  # decades around 10^3 and 10^6: no prediction is off by 350
_FAR = math.log(8.0)  # from what the other measurements say
_SMALLER = {"s": "ms", "ms": "us", "us": "ns"}
_LARGER = {small: large for large, small in _SMALLER.items()}


def contradiction(rows: Sequence[Measurement]) -> list[Problem]:
    """What to say of repeated measurements of one configuration, at the first of the two that differ most."""
    low, high = (pick(rows, key=lambda row: row.seconds) for pick in (min, max))
    if high.seconds <= low.seconds * (1 + CONTRADICTION):
        return []
    first, second = sorted((low, high), key=lambda row: (row.file, row.line))
    other = f"line {second.line}" if second.file == first.file else f"{second.file}:{second.line}"
    times = f"{1e3 * first.seconds:.4g} ms here and {1e3 * second.seconds:.4g} ms at {other}"
    what = f"{first.model}: {times} contradict each other; the median of {len(rows)} is used"
    return [first.problem(what)]


def wrong_units(measured: Sequence[Measured]) -> list[Problem]:
    """Times that are a thousand or a million times the prediction are in another unit than stated: files first, then single rows."""
    problems: list[Problem] = []
    by_file: dict[str, list[Measured]] = {}
    for item in measured:
        by_file.setdefault(item.measurement.file, []).append(item)
    middles = {file: float(np.median([_decades(item) for item in items])) for file, items in by_file.items()}
    for file, items in by_file.items():
        if power := _thousands(middles[file]):
            problems.append(items[0].measurement.problem(_unit_advice(items[0].measurement, power, middles[file], len(items))))
            continue
        for item in items:
            if len(items) > 2 and (power := _thousands(_decades(item) - middles[file])):
                problems.append(item.measurement.problem(_unit_advice(item.measurement, power, _decades(item), 1)))
    return problems


def _decades(item: Measured) -> float:
    return math.log10(item.case.measured / item.before_s)


def _thousands(decades: float) -> int:
    """3, 6, -3 or -6 where a ratio is close to that power of ten, else 0."""
    return next((power for power in (3, 6, -3, -6) if abs(decades - power) < _THOUSAND), 0)


def _unit_advice(row: Measurement, power: int, decades: float, rows: int) -> str:
    table = _SMALLER if power > 0 else _LARGER
    unit = row.stated
    for _ in range(abs(power) // 3):
        unit = table.get(unit, "")
    size = f"{10 ** abs(decades):,.0f} times {'longer' if power > 0 else 'shorter'} than predicted"
    what = f"{1e3 * row.seconds:.4g} ms for {row.model} is {size}" if rows == 1 else f"the times are {size} (median of {rows})"
    verb = "it is" if rows == 1 else "they are"
    advice = f": {verb} stated in {row.stated} and look{'s' if rows == 1 else ''} like {unit}" if unit else ": are they in the unit they are read in?"
    rename = f"; name the column latency_{unit}" if unit and rows > 1 else ""
    return what + advice + rename


def doubtful(measured: Sequence[Measured]) -> list[Problem]:
    """Rows far from what the others of their unit say, and units far from what is known of them."""
    found = []
    for unit in dict.fromkeys(item.case.unit for item in measured):
        items = [item for item in measured if item.case.unit == unit]
        logs = np.array([math.log(item.case.measured / item.before_s) for item in items])
        middle = float(np.median(logs))
        if abs(middle) > _FAR:
            slower = "slower" if middle > 0 else "faster"
            what = f"{unit} measures {math.exp(abs(middle)):.3g} times {slower} than predicted: are device, runtime, precision and clocks the measured ones?"
            found.append(items[0].measurement.problem(what))
        for item, log in zip(items, logs, strict=True):
            if len(items) > 2 and abs(log - middle) > _FAR:
                what = f"{item.model}: {math.exp(abs(log - middle)):.3g} times off what the other measurements say; is it the network that was measured?"
                found.append(item.measurement.problem(what))
    return found
