"""The radios' rows of the timeline: a block per state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_models.radio import STATES
from device_models.spec import RADIO
from sim.report.gantt import Block, Row
from sim.report.time_axis import TimeAxis
from sim.trace import Trace


def radio_label(trace: Trace, name: str) -> str:
    """A radio beside units: its own name, unless a unit has it too."""
    return RADIO + name if name in trace.units else name


def radio_rows(trace: Trace, axis: TimeAxis) -> Iterator[Row]:
    """A row per radio; the ``stage`` of a block is a state, counted on from the trace's stages. Neighbours in one state are one block."""
    columns = trace.radio_phases.columns()
    seen = (columns["end_s"] > axis.from_s) & (columns["start_s"] < axis.to_s)
    for index, name in enumerate(trace.radios):
        mine = np.flatnonzero(seen & (columns["radio"] == index))
        starts, ends, states = (columns[key][mine] for key in ("start_s", "end_s", "state"))
        heads = np.append(True, (starts[1:] != ends[:-1]) | (states[1:] != states[:-1])) if len(mine) else np.zeros(0, dtype=bool)
        last = np.append(np.flatnonzero(heads)[1:], len(mine)) - 1
        rows = zip(starts[heads].tolist(), ends[last].tolist() if len(mine) else [], states[heads].tolist(), strict=True)
        yield Row(radio_label(trace, name), True, tuple(Block(start, end, len(trace.stages) + state) for start, end, state in rows))


def state_titles() -> list[str]:
    """Titles of the states, in the order of their numbers."""
    return list(STATES)
