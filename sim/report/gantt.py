"""The per-unit timeline: what ran where, in characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim.report.glyphs import Glyphs, color, fill
from sim.report.lanes import lanes
from sim.report.safe_text import printable, shortened
from sim.report.time_axis import TimeAxis
from sim.trace import Status, Trace

if TYPE_CHECKING:
    from rich.text import Text

MAX_LANES = 4  # rows per unit; what runs beside that is not drawn


@dataclass(frozen=True)
class Block:
    """One run of a stage on a unit: pieces of the same request and stage without a visible gap between them. ``size``: requests in its batch."""

    start_s: float
    end_s: float
    stage: int
    size: int = 1


@dataclass(frozen=True)
class Row:
    """A line of the timeline: a unit (or a further lane of it) and its blocks in order of time."""

    unit: str
    first: bool
    blocks: tuple[Block, ...]


def rows(trace: Trace, axis: TimeAxis) -> list[Row]:
    """Blocks within the axis by unit and lane; a unit that did nothing there has one empty row."""
    columns = trace.spans.columns()
    seen = (columns["end_s"] > axis.from_s) & (columns["start_s"] < axis.to_s)
    columns = {name: column[seen] for name, column in columns.items()}
    gap_s = (axis.to_s - axis.from_s) / axis.width / 4
    batches = _batches(trace, axis)
    result = []
    for index, unit in enumerate(trace.units):
        blocks = _blocks({name: column[columns["unit"] == index] for name, column in columns.items()}, gap_s, batches)
        lane_of = lanes(np.array([block.start_s for block in blocks]), np.array([block.end_s for block in blocks]))
        for lane in range(min(int(lane_of.max(initial=0)) + 1, MAX_LANES)):
            mine = tuple(block for block, own in zip(blocks, lane_of, strict=True) if own == lane)
            result.append(Row(unit, lane == 0, mine))
    return result


def stages_shown(timeline: Sequence[Row]) -> list[int]:
    """Stages that occur, in the order of their first block."""
    found = {block.stage: block.start_s for row in timeline for block in sorted(row.blocks, key=lambda block: -block.start_s)}
    return sorted(found, key=lambda stage: (found[stage], stage))


def draw_row(row: Row, axis: TimeAxis, glyphs: Glyphs, order: Sequence[int], titles: Sequence[str]) -> Text:
    """The cells of a row: each block at least one cell wide, its stage's title inside where there is room."""
    from rich.text import Text

    line = Text()
    filled_to = 0
    for block in row.blocks:
        start = max(round(axis.cell(block.start_s)), filled_to, 0)
        stop = min(max(round(axis.cell(block.end_s)), start + 1), axis.width)
        if start >= stop:
            continue
        line.append(" " * (start - filled_to))
        position = order.index(block.stage)
        _append_block(line, stop - start, _title(titles[block.stage], block.size, stop - start, glyphs), fill(glyphs, position), color(position), glyphs)
        filled_to = stop
    line.append(" " * (axis.width - filled_to))
    return line


def draw_requests(trace: Trace, axis: TimeAxis, glyphs: Glyphs) -> Text:
    """Marks where requests arrive, are answered, and are answered late or given up (which hides the former two)."""
    from rich.text import Text

    columns = trace.requests.columns()
    cells = [" "] * axis.width
    finished = np.isin(columns["status"], (Status.DONE,))
    failed = np.isin(columns["status"], (Status.LATE, Status.DROPPED, Status.EXPIRED))
    for times_s, mark in ((columns["end_s"][finished], glyphs.answered), (columns["arrival_s"], glyphs.arrival), (columns["end_s"][failed], glyphs.missed)):
        for time_s in times_s[(times_s >= axis.from_s) & (times_s < axis.to_s)]:
            cells[min(round(axis.cell(float(time_s))), axis.width - 1)] = mark
    line = Text()
    for cell in cells:
        line.append(cell, style="bold red" if cell == glyphs.missed else "dim")
    return line


def legend(order: Sequence[int], titles: Sequence[str], glyphs: Glyphs) -> list[Text]:
    """One entry per stage: its pattern and its title."""
    from rich.text import Text

    return [Text.assemble((fill(glyphs, position) * 2, color(position)), " " + titles[stage]) for position, stage in enumerate(order)]


def stage_titles(trace: Trace) -> list[str]:
    """Names of stages as they are shown; the workload stays where two workloads have a stage of the same name."""
    names = [printable(name, 200) for name in trace.stages]
    short = [name.partition("/")[2] or name for name in names]
    return [shortened(name if short.count(own) > 1 else own, 28) for name, own in zip(names, short, strict=True)]


def _title(stage: str, size: int, cells: int, glyphs: Glyphs) -> str:
    """The stage, and how many requests run together; that alone where there is no room for both."""
    if size == 1:
        return stage
    together = f"{glyphs.times}{size}"
    return f"{stage} {together}" if cells > len(f"{stage} {together}") + 2 else together


def _append_block(line: Text, cells: int, title: str, body: str, style: str, glyphs: Glyphs) -> None:
    """``|### title ###``: an edge, then the body with the title in its middle."""
    line.append(glyphs.left if cells > 1 else body, style=style)
    room = cells - 1
    if room < len(title) + 2:
        line.append(body * room, style=style)
        return
    shown = f" {title} " if room >= len(title) + 4 else title
    before = (room - len(shown)) // 2
    line.append(body * before, style=style)
    line.append(shown, style=f"bold {style}")
    line.append(body * (room - before - len(shown)), style=style)


_Batches = dict[tuple[int, int], list[tuple[float, int]]]  # first request, stage -> when they began, and their sizes


def _batches(trace: Trace, axis: TimeAxis) -> _Batches:
    """Batches of more than one request that ran within the axis."""
    rows, found = trace.batches.columns(), _Batches()
    seen = np.flatnonzero((rows["end_s"] > axis.from_s) & (rows["start_s"] < axis.to_s) & (rows["size"] > 1))
    for request, stage, start_s, size in zip(*(rows[name][seen].tolist() for name in ("request", "stage", "start_s", "size")), strict=True):
        found.setdefault((request, stage), []).append((start_s, size))
    return found


def _size(batches: _Batches, request: int, stage: int, start_s: float) -> int:
    """How many requests ran in what began at this time for one of them."""
    return max((one for one in batches.get((request, stage), ()) if one[0] <= start_s), default=(0.0, 1))[1]


def _blocks(columns: dict[str, np.ndarray], gap_s: float, batches: _Batches) -> list[Block]:
    """Pieces joined per (request, stage, repeat), in order of start."""
    order = np.argsort(columns["start_s"], kind="stable")
    open_blocks: dict[tuple[int, int], int] = {}
    blocks: list[Block] = []
    keys = zip(columns["request"][order].tolist(), columns["stage"][order].tolist(), strict=True)
    for (request, stage), start_s, end_s in zip(keys, columns["start_s"][order].tolist(), columns["end_s"][order].tolist(), strict=True):
        at = open_blocks.get((request, stage))
        if at is not None and start_s - blocks[at].end_s <= gap_s:
            blocks[at] = replace(blocks[at], end_s=max(blocks[at].end_s, end_s))
        else:
            open_blocks[request, stage] = len(blocks)
            blocks.append(Block(start_s, end_s, stage, _size(batches, request, stage, start_s)))
    return blocks
