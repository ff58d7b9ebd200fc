"""What this machine says of itself, and the speed of its memory: the parts of a host device that no fit gives."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
CPU_INFO = Path("/proc/cpuinfo")
ASSUMED_HZ, ASSUMED_NEAR_BYTES, ASSUMED_LAST_BYTES = 3e9, 1 << 20, 16 << 20
STREAM_BYTES = 256 << 20


@dataclass(frozen=True)
class Machine:
    """The CPU of this machine. ``assumed``: names of the fields that it does not tell and that are taken as usual values."""

    title: str
    cores: int
    hz: float
    near_bytes: float
    last_bytes: float
    memory_bytes: float
    memory_bytes_per_s: float
    float32_macs_per_cycle: float
    int8_macs_per_cycle: float
    assumed: tuple[str, ...]


def this_machine() -> Machine:
    """Asks the operating system, and measures the rate of a large copy (about a second)."""
    found = {"hz": _clock_hz(), "near_bytes": _cache_bytes(2), "last_bytes": _cache_bytes(3) or _cache_bytes(2), "memory_bytes": _memory_bytes()}
    usual = {"hz": ASSUMED_HZ, "near_bytes": ASSUMED_NEAR_BYTES, "last_bytes": ASSUMED_LAST_BYTES, "memory_bytes": 8e9}
    values = {name: float(value or usual[name]) for name, value in found.items()}
    lanes, dot = _lanes()
    return Machine(
        title=_title(),
        cores=_cores(),
        memory_bytes_per_s=copy_rate_bytes_per_s(),
        float32_macs_per_cycle=lanes,
        int8_macs_per_cycle=lanes * (4 if dot else 2),
        assumed=tuple(name for name, value in found.items() if not value),
        **values,
    )


def copy_rate_bytes_per_s() -> float:
    """Bytes read and written a second by the best of a few copies far larger than any cache."""
    source, target = np.ones(STREAM_BYTES // 8), np.empty(STREAM_BYTES // 8)
    best_s = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        np.copyto(target, source)
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * STREAM_BYTES / best_s


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _title() -> str:
    match = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", _cpu_info(), re.MULTILINE)
    name = match[1] if match else platform.processor() or platform.machine()
    return " ".join(name.split()) or "this machine"


def _clock_hz() -> float:
    if FREQUENCY.is_file():
        return float(FREQUENCY.read_text()) * 1e3
    clocks = [float(match) for match in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", _cpu_info(), re.MULTILINE)]
    return max(clocks) * 1e6 if clocks else _sysctl("hw.cpufrequency_max")


def _cache_bytes(level: int) -> float:
    for folder in sorted(CACHES.glob("index*")):
        if (folder / "level").read_text().strip() == str(level) and (folder / "type").read_text().strip() != "Instruction":
            size = (folder / "size").read_text().strip()
            return float(size.rstrip("KMG")) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(size[-1], 1)
    return _sysctl(f"hw.l{level}cachesize")


def _memory_bytes() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 0.0


def _lanes() -> tuple[float, bool]:
    """float32 multiply-accumulates a cycle of one core (two pipes), and whether there are 8-bit dot products."""
    flags = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", _cpu_info(), re.MULTILINE))))
    if "avx512f" in flags:
        return 32.0, "avx512_vnni" in flags
    if "avx2" in flags:
        return 16.0, "avx_vnni" in flags
    return 8.0, "asimddp" in flags or platform.machine() == "arm64"


def _cpu_info() -> str:
    return CPU_INFO.read_text(encoding="utf-8", errors="replace") if CPU_INFO.is_file() else ""


def _sysctl(name: str) -> float:
    """A number macOS knows; 0 elsewhere."""
    if platform.system() != "Darwin":
        return 0.0
    answer = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()
    return float(answer) if answer.isdigit() else 0.0
