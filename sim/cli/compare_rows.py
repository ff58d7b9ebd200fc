"""Part of ``edgesim compare``: numbers of several results by path, and how they are written."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

LETTERS = string.ascii_uppercase
_LONG_S = 7200.0  # from then on people count in hours and days
Row = tuple[str, list[float | None], str]  # path, value of each result, unit
_MAIN = re.compile(
    r"inferences_per_j|throughput|workloads\..*\.(latency\.(p50|p90|p99|max)|throughput|miss|drop)|units\..*\.(utilisation|energy)|models\..*\.(storage|alone|macs|resident|accuracy\.value)"
    r"|generation\.answers\..*\.(first_token\.(p50|p99)|between_tokens\.(p50|p99)|token_rate|request_token_rate|tokens_per_step)"
    r"|generation\.servings\..*\.(tokens_per_j|batch|kv_peak|kv_mean|preemptions|prefix_hit|acceptance)"
    r"|loadgen\..*\.(percentile|estimate|rate|over_latency)|energy\.total|power\..*|heat\.(skin_peak|die_peak|throttled|first_throttle)|heat\.domains\..*\.throttled_share|drift\..*|memory\.(peak|storage)"
)
_MAIN_OF_STUDIES = re.compile(
    r"simulated|tasks\..*\.(latency\.(p50|p90|p99)|throughput|miss|fell_back|refused)|tasks\..*\.ways\..*\.share"
    r"|groups\..*\.(power|utilisation|battery_life)|servers\..*\.(utilisation|wait_mean|hourly_cost)|links\..*\.busy"
    r"|energy_per_task|device_power|hourly_cost"
    r"|learning\.(final|best|time_to_budget)|learning\.targets\..*\.(time|energy|sent)"
    r"|rounds\.(done|failed|p50|p90|staleness_mean)|clients\.(answered|dropout)|lost_time|energy_per_client|server\.(sent|received)"
    r"|time_to_\d+|updated|taken_back|update|traffic|wasted|server_(peak|mean)|cost|all_devices|device_mean"
    r"|troubled|corrupt|failed_installs|cut_off|gave_up"
)


def paired(results: Sequence[dict[str, Any]], every: bool) -> list[Row]:
    """Numbers of all results by path, the main ones or all; those that nobody knows are left out."""
    from sim.report.quantities import flattened

    numbers = [{path: (value, unit) for path, value, unit in flattened(data["metrics"])} for data in results]
    rows: list[Row] = []
    main = _MAIN_OF_STUDIES if all("study" in data for data in results) else _MAIN
    for path in dict.fromkeys(path for side in numbers for path in side):
        found = [side.get(path, (None, "")) for side in numbers]
        values = [value for value, _ in found]
        if (every or main.fullmatch(path)) and any(value is not None for value in values):
            rows.append((path, values, next((unit for _, unit in found if unit), "")))
    return rows


def print_heads(results: Sequence[dict[str, Any]]) -> None:
    """A line for each result: its letter and what it is."""
    from sim.report.safe_text import printable

    for letter, data in zip(LETTERS, results, strict=False):
        change = f", {data['change']}" if data.get("change") else ""
        what = data["study"] if "study" in data else f"{data['scenario']} on {data['device']['title']}"
        print(printable(f"{letter}  {what}{change}, seed {data['seed']}: {'VALID' if data['valid'] else 'INVALID'}"))
    print()


def written(value: float | None, unit: str, of_study: bool = False) -> str:
    """A value for people. ``of_study``: see :func:`_sure`."""
    from device_models.units import format_quantity
    from sim.report.numbers import count, seconds, traffic

    if value is None:
        return "-"
    if of_study and unit == "s" and value >= _LONG_S:
        return seconds(value)
    if of_study and unit in ("B", "B/s"):
        return traffic(value) + unit[1:]
    if unit.startswith("currency"):  # whichever it is
        return f"{value:.4g}"
    dimension = {"s": "time", "J": "energy", "W": "power", "B": "bytes", "Hz": "frequency", "degC": "temperature"}.get(unit)
    if dimension is None:
        return count(value) if isinstance(value, int) or value >= 1000 else f"{value:.4g}" + ("" if unit == "1" else f" {unit}")
    return format_quantity(value, dimension, 4)


def change_text(a: float | None, b: float | None, unit: str) -> str:
    if a is None or b is None:
        return ""
    if a == b:
        return "="
    if unit == "degC":  # a zero that means nothing: no ratio
        return f"{b - a:+.2f} K"
    return f"{100 * (b - a) / abs(a):+.1f} %" if a else "was 0"
