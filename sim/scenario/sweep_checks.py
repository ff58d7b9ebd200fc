"""Checks of what a sweep varies that need no run: axes that can be followed, groups and conditions that name them."""

from __future__ import annotations

from collections.abc import Iterator

from sim.scenario.known import Finding
from sim.scenario.raw import Raw
from sim.scenario.sweep import SETTINGS, read_sweep

NOT_VARIED = ("sweep", "search", "optimize", "name", "description")


def sweep_findings(root: Raw) -> Iterator[Finding]:
    """Everything wrong with ``sweep`` by itself; each value of each axis is tried when a sweep begins."""
    section = root.get("sweep")
    if section.value is None or not isinstance(section.value, dict):
        return
    for path in section.value:
        if path not in SETTINGS and str(path).split(".")[0] in NOT_VARIED:
            yield Finding((*section.path, path), f"{str(path).split('.')[0]} has no part in a run: it cannot be varied", at_key=True)
    _, wrong = read_sweep(section.value)
    for below, what in wrong:
        yield Finding((*section.path, *below), what)
