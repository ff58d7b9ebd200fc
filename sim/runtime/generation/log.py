"""Writes down what becomes of each request that generates, and what the server did."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sim.runtime.clock import Clock
from sim.runtime.generation.sequence import Sequence
from sim.streaming.token_summary import TokenSummary
from sim.trace import ServingTotals, Trace

_BATCH = 4096


class GenerationLog:
    """Rows of ``Trace.generations`` and ``Trace.token_gaps``; the energy of a batch goes to its requests by the tokens they computed.

    Where the trace has summaries of requests, it gets summaries of their tokens, too.
    """

    def __init__(self, trace: Trace, clock: Clock, totals: ServingTotals, warmup_s: float) -> None:
        self._warmup_s = warmup_s
        self._trace, self._clock, self.totals = trace, clock, totals
        self._gaps: list[tuple[float, ...]] = []
        self._kv_bytes, self._since_s = 0.0, 0.0
        trace.servings.append(totals)

    def cache(self, change_bytes: float) -> None:
        """Keys and values take so many bytes more."""
        now = self._clock._now
        self.totals.kv_byte_seconds += self._kv_bytes * (now - self._since_s)
        self._kv_bytes += change_bytes
        self._since_s = now
        self.totals.peak_bytes = max(self.totals.peak_bytes, self._kv_bytes)

    def first(self, sequence: Sequence, time_s: float) -> None:
        """The token that a prompt brings is out."""
        if sequence.first_s == sequence.first_s:  # not NaN: it goes on after it was preempted
            self._gaps.append((sequence.run.plan.index, time_s, time_s - sequence.last_s, 1))
        else:
            sequence.first_s = time_s
        sequence.last_s = time_s
        self.totals.output_tokens += 1

    def rows(self, answers: list[Sequence], times_s: list[float]) -> None:
        """Each of these requests got tokens at these times. Call it before counting the tokens."""
        stages: dict[int, int] = {}
        for one in answers:
            stage = one.run.plan.index
            stages[stage] = stages.get(stage, 0) + 1
            self._gaps.append((stage, times_s[0], times_s[0] - one.last_s, 1))
            one.last_s = times_s[-1]
        for stage, count in stages.items():
            self._gaps += [(stage, end_s, end_s - before_s, count) for before_s, end_s in pairwise(times_s)]
        if len(self._gaps) >= _BATCH:
            self._flush()

    def ended(self, sequence: Sequence, finished: bool) -> None:
        """Its answer is finished, or the run is over."""
        self.totals.recomputed_tokens += sequence.recomputed
        self.totals.reused_tokens += sequence.reused
        request, stage = sequence.run.request, sequence.run.plan.index
        if self._trace.summaries:
            found = (request.arrival_s, sequence.prompt, sequence.written, sequence.first_s, sequence.last_s, sequence.steps, finished)
            self._summary(stage).add(*found)
            return
        row = (request.number, stage, request.arrival_s, sequence.prompt, sequence.written, sequence.reused, sequence.recomputed)
        self._trace.generations.append(*row, sequence.first_s, sequence.last_s, sequence.preemptions, sequence.steps, finished)

    def energy(self, joules: float, tokens: list[tuple[Sequence, int]]) -> None:
        """What the batch took, in proportion to the tokens of each request."""
        self.totals.energy_j += joules
        total = sum(count for _, count in tokens)
        for sequence, count in tokens:
            sequence.run.request.energy_j += joules * count / total

    def finish(self) -> None:
        """The run is over."""
        self.cache(0.0)
        self._flush()

    def _summary(self, stage: int) -> TokenSummary:
        return self._trace.token_summaries.setdefault(stage, TokenSummary(self._warmup_s))

    def _flush(self) -> None:
        if not self._trace.summaries:
            self._trace.token_gaps.extend(self._gaps)
        elif self._gaps:
            stages, time_s, gap_s, answers = np.array(self._gaps, dtype=float).T
            for stage in np.unique(stages).astype(int).tolist():
                own = stages == stage
                self._summary(stage).add_gaps(time_s[own], gap_s[own], answers[own])
        self._gaps.clear()
