"""Trace: what happened, as typed append-only columns. Knows neither simpy nor rich.

Tables (one row each, times in simulated seconds):

- ``spans``: a piece of a segment that ran on one unit without change of frequency or bandwidth share. Several pieces make a
  segment's run; kernels inside are resolved from the program's costs only when somebody looks (:mod:`sim.runtime.kernels`).
- ``requests``: one row per request, written when it ends, is dropped, or the run stops.
  ``start_s`` is NaN for one that never ran, ``end_s`` the end of the run for one unfinished, ``deadline_s`` infinite without one.
- ``request_energy``: energy of a request's own activity (switching of the units that ran it, its memory traffic, radios until the
  end of its transfers), J.
  With ``trace: summary`` neither of the two has rows: ``Trace.summaries`` has a :class:`~sim.streaming.request_summary.RequestSummary` of
  each workload instead, and tables of what single requests did stay empty as well.
- ``radio_phases``: a radio in one state (``promotion``, ``send``, ``receive``, ``tail``; idle in between) at a constant power;
  ``request`` and ``stage`` are -1 in a tail.
- ``choices``: what a stage that adapts decided for a request: at which exit it left, which model ran, whether the cache had its result.
  ``row``: of its trace of confidences or keys, -1 without.
- ``generations``: one row per request of a stage that generates, when its answer ends or the run does: tokens of the prompt, of the answer so
  far, of the prompt that were cached already (``reused``) and computed twice (``recomputed``), when the first and the last token came out,
  how often it was preempted, and in how many steps its answer was written beside the first token.
- ``token_gaps``: how long after the tokens before it a step brought more to ``answers`` requests, by stage and time.
- ``batches``: requests that ran together in a stage that batches. ``request``: the first of them; ``padded``: the size it was compiled for.
- ``counters``: the value of a named quantity from ``time_s`` on (frequency_hz of a domain, temperature_c of a node, power_w of a
  component, memory_bytes).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.streaming.query_log import QueryLog
from sim.streaming.request_summary import RequestSummary
from sim.streaming.token_summary import TokenSummary

if TYPE_CHECKING:
    import pandas


class Status(IntEnum):
    """How a request ended."""

    DONE = 0
    LATE = 1  # done after its deadline
    DROPPED = 2  # refused or discarded by its queue
    EXPIRED = 3  # discarded because its deadline had passed
    UNFINISHED = 4  # still waiting or running when the run ended


class Table:
    """Columns of one table. ``append`` takes one value per column, in order; ``columns()`` gives NumPy arrays."""

    def __init__(self, **typecodes: str) -> None:
        self._columns: dict[str, array[Any]] = {name: array(code) for name, code in typecodes.items()}
        self._appenders = tuple(column.append for column in self._columns.values())

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def append(self, *values: float) -> None:
        for append, value in zip(self._appenders, values, strict=True):
            append(value)

    def extend(self, rows: Iterable[tuple[float, ...]]) -> None:
        """Append many rows at once, each a tuple with one value per column."""
        for column, values in zip(self._columns.values(), zip(*rows, strict=True), strict=False):
            column.extend(values)

    def columns(self) -> dict[str, np.ndarray]:
        """Column name -> array ``[rows]`` (copies: the table may still grow)."""
        return {name: np.array(column) for name, column in self._columns.items()}

    def part(self, rows: np.ndarray) -> Table:
        """A table of some of the rows, by their positions."""
        result = Table(**{name: column.typecode for name, column in self._columns.items()})
        for name, column in self._columns.items():
            result._columns[name].frombytes(np.array(column)[rows].tobytes())
        return result

    def tail(self, row: int) -> dict[str, array[Any]]:
        """The columns from a row on."""
        return {name: column[row:] for name, column in self._columns.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self._columns[name])

    def frame(self) -> pandas.DataFrame:
        """The table as a pandas frame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(self.columns())


def _spans() -> Table:
    # first and last: kernel positions within the segment, fractions included (2.25 = a quarter into the third kernel);
    # -1 .. 0 is the segment's entry: dispatch, synchronisation, copies
    return Table(
        unit="h",
        start_s="d",
        end_s="d",
        request="q",
        stage="h",
        repeat="l",
        program="h",
        segment="l",
        first="d",
        last="d",
        frequency_hz="d",
        share="d",
    )


def _requests() -> Table:
    return Table(request="q", workload="h", arrival_s="d", start_s="d", end_s="d", deadline_s="d", status="b")


def _radio_phases() -> Table:
    return Table(radio="h", state="b", start_s="d", end_s="d", power_w="d", request="q", stage="h")


def _choices() -> Table:
    return Table(request="q", stage="h", outcome="h", time_s="d", row="q")


def _generations() -> Table:
    return Table(
        request="q",
        stage="h",
        arrival_s="d",
        prompt="q",
        output="q",
        reused="q",
        recomputed="q",
        first_s="d",
        last_s="d",
        preemptions="q",
        steps="q",
        finished="b",
    )


@dataclass(slots=True)
class ServingTotals:
    """What a language model that serves did in the whole run.

    Bytes are of its cache of keys and values; ``kv_byte_seconds``: their integral over the run. ``member_seconds``: requests computed side by
    side, integrated over ``busy_s``. ``proposed`` and ``accepted``: tokens of the draft.
    """

    model: str
    stages: list[int]
    capacity_bytes: float
    peak_bytes: float = 0.0
    kv_byte_seconds: float = 0.0
    busy_s: float = 0.0
    member_seconds: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    recomputed_tokens: int = 0
    forgotten_tokens: int = 0
    preemptions: int = 0
    swapped_bytes: float = 0.0
    prefix_lookups: int = 0
    prefix_hits: int = 0
    reused_tokens: int = 0
    verify_steps: int = 0
    proposed: int = 0
    accepted: int = 0
    refused: int = 0
    energy_j: float = 0.0


def _batches() -> Table:
    return Table(queue="h", formed_s="d", start_s="d", end_s="d", request="q", stage="h", size="l", padded="l")


@dataclass(slots=True)
class RequestQueue:
    """The queue of a stage that batches or has several units, and what it did with batches that began after the warm-up.

    ``buckets``: sizes it is compiled for; ``sizes``: (requests, padded size) -> batches. ``wait_s``: seconds that requests waited in it,
    all together; ``busy_s``: seconds that its ``replicas`` had a batch, all together. ``refused``: requests that admission sent away.
    """

    name: str
    replicas: int
    buckets: list[int]
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    wait_s: float = 0.0
    longest_wait_s: float = 0.0
    busy_s: float = 0.0
    refused: int = 0


@dataclass(slots=True)
class Decider:
    """A stage that adapts, and how often it decided how, for requests that arrived after the warm-up.

    ``kind``: ``exits`` of a network, ``exit`` of a stage, ``selection`` or ``cache``. ``right``: right answers among those of each outcome;
    None where nobody knows which are. ``facts``: peculiar to the kind.
    """

    stage: int
    kind: str
    outcomes: list[str]
    counts: list[int]
    right: list[float | None]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trace:
    """One run. Small integers in the tables index the name lists here (``unit``, ``workload``, ``stage``, ``program``, ``counter``,
    ``radio``, ``outcome``); ``state`` of a radio indexes :data:`device_models.radio.STATES`.

    ``stage`` in spans indexes ``stages``: those of the scenario and behind them, as ``workload/stage prompt``, the prompts of stages that
    generate; ``program`` indexes ``programs`` (a stage of user code is a one-kernel program);
    ``energy_j`` holds totals by component: every unit by name, ``memory``, ``base``, ``storage`` and ``fan`` where they draw
    power, and every radio as ``radio.NAME``; their sum is the device's energy.
    """

    units: list[str]
    workloads: list[str]
    stages: list[str]
    programs: list[str]
    radios: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    spans: Table = field(default_factory=_spans)
    requests: Table = field(default_factory=_requests)
    summaries: list[RequestSummary] = field(default_factory=list)  # by workload, in place of ``requests`` and ``request_energy``; empty: these are kept
    queries: dict[str, QueryLog] = field(default_factory=dict)  # of workloads that a load generator drives
    radio_phases: Table = field(default_factory=_radio_phases)
    choices: Table = field(default_factory=_choices)
    outcomes: list[str] = field(default_factory=list)
    deciders: list[Decider] = field(default_factory=list)
    batches: Table = field(default_factory=_batches)
    queues: list[RequestQueue] = field(default_factory=list)
    generations: Table = field(default_factory=_generations)
    token_gaps: Table = field(default_factory=lambda: Table(stage="h", time_s="d", gap_s="d", answers="q"))
    servings: list[ServingTotals] = field(default_factory=list)
    token_summaries: dict[int, TokenSummary] = field(default_factory=dict)  # by stage, instead of rows where requests are summarised
    counter_rows: Table = field(default_factory=lambda: Table(counter="h", time_s="d", value="d"))
    request_energy: Table = field(default_factory=lambda: Table(request="q", energy_j="d"))
    energy_j: dict[str, float] = field(default_factory=dict)
    totals: dict[str, Any] = field(default_factory=dict)  # operators executed, events, per-unit busy seconds ..., by the engine
    end_s: float = 0.0

    def counter(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(times_s, values) of one counter; each value holds until the next time."""
        index = self.counters.index(name)
        columns = self.counter_rows.columns()
        rows = columns["counter"] == index
        return columns["time_s"][rows], columns["value"][rows]

    def tables(self) -> Mapping[str, Table]:
        """Those there is something to say in: a device without radios has no phases of them, summaries have no rows of requests."""
        phases = {"radio_phases": self.radio_phases} if self.radios else {}
        choices = {"choices": self.choices} if self.deciders else {}
        choices |= {"batches": self.batches} if self.queues else {}
        tokens = {"generations": self.generations, "token_gaps": self.token_gaps} if self.servings else {}
        if self.summaries:  # neither of single requests nor of what they did
            return {"counters": self.counter_rows}
        return {"spans": self.spans, "requests": self.requests, **phases, **choices, **tokens, "counters": self.counter_rows}
