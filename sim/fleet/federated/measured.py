"""Published measurements of clients: how training times spread, link rates, and when devices are there."""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_BYTES_PER_KBIT = 125.0


@lru_cache(maxsize=8)
def _columns(name: str) -> dict[str, list[str]]:
    text = resources.files("sim.fleet.federated").joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    return {key: [row[key] for row in rows] for key in rows[0]}


def measured_factors() -> Values:
    """Latencies of a training step of ResNet on phone models, by their median."""
    latencies = np.array(_columns("training_latency")["resnet_ms"], dtype=float)
    factors: Values = latencies / np.median(latencies)
    return factors


def measured_rates(data: str, up_share: float) -> tuple[Values, Values]:
    """Down and up, bytes per second, of ``flash``, ``mobiperf_wifi`` or ``mobiperf_cellular``."""
    if data == "flash":
        table = _columns("flash_rates")
        return np.array(table["down_kbps"], dtype=float) * _BYTES_PER_KBIT, np.array(table["up_kbps"], dtype=float) * _BYTES_PER_KBIT
    table = _columns("mobiperf_rates")
    wanted = "wifi" if data == "mobiperf_wifi" else "cellular"
    down = np.array([float(rate) for kind, rate in zip(table["network"], table["down_kbps"], strict=True) if kind == wanted]) * _BYTES_PER_KBIT
    return down, up_share * down


def measured_sessions() -> tuple[Values, Values]:
    """Mean period and mean session of each recorded device, s; one that was never there has sessions of 0 s."""
    table = _columns("availability")
    length_s, sessions, there_s = (np.array(table[key], dtype=float) for key in ("trace_s", "sessions", "there_s"))
    return length_s / sessions, there_s / sessions
