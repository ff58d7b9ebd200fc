"""The batch of a language model: who is in it, what its next step computes, and what room there is for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass, field

import numpy as np

from sim.policies.serving import BatchView, ServingPolicy, StepKind
from sim.runtime.generation.blocks import KvBlocks
from sim.runtime.generation.sequence import Phase, Sequence
from sim.scenario.generation import Serving

_MOST_ROWS = 4096  # of one step at a time; a bound on memory


@dataclass(slots=True)
class Step:
    """What is computed next, in one or more rows with a border between each two.

    ``chunks[rows]``: tokens of the prompt in each row; ``answers``: requests that go on with their answers in each row;
    ``emitted[rows]``: of each of them, tokens that are out after each row.
    """

    prompt: Sequence | None = None
    chunks: list[int] = field(default_factory=list)
    answers: list[Sequence] = field(default_factory=list)
    emitted: list[np.ndarray] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.chunks) if self.prompt is not None else len(self.emitted[0])

    def cut(self, rows: int) -> None:
        """Only the first rows."""
        self.chunks, self.emitted = self.chunks[:rows], [out[:rows] for out in self.emitted]

    @property
    def members(self) -> list[Sequence]:
        return self.answers if self.prompt is None else [self.prompt, *self.answers]


@dataclass(slots=True)
class Pause:
    """Keys and values of ``tokens`` move between memory and storage; nothing is computed so long."""

    tokens: int


class Batch:
    """Requests that wait and requests that are computed. ``moment``: the present, s."""

    def __init__(self, serving: Serving, policy: ServingPolicy, blocks: KvBlocks, moment: Callable[[], float]) -> None:
        self.serving, self.policy, self.blocks, self._moment = serving, policy, blocks, moment
        self.waiting: deque[Sequence] = deque()
        self.swapped: deque[Sequence] = deque()
        self.active: list[Sequence] = []  # in the order in which they came in
        self.begun = False
        self.preemptions = self.forgotten = 0  # times; tokens
        self.lookups = self.hits = 0  # of prefixes
        self.reserved = 0  # blocks promised to those in the house, where everybody must have all from the start
        self._ahead = 0 if serving.draft is None else serving.draft.tokens  # tokens that a step may write and take back
        self._taken_in = 0
        self._evicts = serving.kv_cache.when_full == "evict_oldest"
        self._sink = blocks.needed(serving.kv_cache.sink)

    def view(self) -> BatchView:
        """What a policy sees."""
        prompts = sum(one.phase is Phase.PREFILL for one in self.active) + (1 if self._next_in() is not None else 0)
        return BatchView(prompts, sum(one.phase is Phase.DECODE for one in self.active), self.begun)

    @property
    def has_work(self) -> bool:
        return bool(self.active or self.waiting or self.swapped)

    def wants_prompt(self) -> bool:
        """Whether the next step would compute a prompt."""
        view = self.view()
        return view.prompts > 0 and self.policy.next_step(view) is not StepKind.DECODE

    def refuses(self, sequence: Sequence) -> bool:
        """Whether there is no room for all tokens of one that has come; else it is kept for it."""
        if self.serving.kv_cache.when_full != "refuse":
            return False
        needed = self.blocks.needed(sequence.prompt + sequence.output + self._ahead)
        if self.reserved + needed > self.blocks.total:
            return True
        sequence.reserved = needed
        self.reserved += needed
        return False

    def next(self, single: bool) -> Step | Pause | None:
        """The next step; ``single``: of one row only, because others wait for the unit. None: nothing can be done now."""
        view = self.view()
        if self.swapped and self._may_return(self.swapped[0]):
            return self._swap_in()
        if not (view.prompts or view.decoding):
            return None
        kind = self.policy.next_step(view)
        if view.prompts and (kind is StepKind.PREFILL or not view.decoding):
            return self._prefill(single)
        if kind is StepKind.MIXED and view.prompts:
            return self._mixed(single)
        if not view.decoding:
            return None
        answers = self._room_for_a_step()
        return answers if isinstance(answers, Pause) else self._decode(answers, 1 if single else _MOST_ROWS)

    def _next_in(self) -> Sequence | None:
        """The first that waits, if there is room for it."""
        if not self.waiting or len(self.active) >= self.serving.max_batch:
            return None
        first = self.waiting[0]
        more = 0 if self._evicts else 1  # where others forget, its answer finds room step by step
        needed = self.blocks.needed(first.todo + more) - self._reusable(first)
        return first if needed + (0 if self._evicts else self._next_blocks(self._answering())) <= self.blocks.available else None

    def _may_return(self, sequence: Sequence) -> bool:
        """Whether there is room for one from storage, and for the next step of all."""
        needed = sequence.blocks + self._next_blocks([*self._answering(), sequence])
        return len(self.active) < self.serving.max_batch and needed <= self.blocks.available

    def _answering(self) -> list[Sequence]:
        return [one for one in self.active if one.phase is Phase.DECODE]

    def _next_blocks(self, answers: Many[Sequence]) -> int:
        """Blocks that their next step takes."""
        return sum(max(self.blocks.needed(one.cached + 1 + self._ahead) - one.blocks - one.shared_blocks, 0) for one in answers)

    def _reusable(self, sequence: Sequence) -> int:
        shared = self.blocks.prefixes.get(sequence.prefix)
        return shared.blocks if shared is not None and shared.users else 0  # those nobody reads are available anyway

    def _take_in(self) -> Sequence | None:
        """The next prompt to compute: one that is begun, or the first that waits and has not been given up."""
        begun = next((one for one in self.active if one.phase is Phase.PREFILL), None)
        if begun is not None:
            return begun
        while (sequence := self._next_in()) is not None:
            self.waiting.popleft()
            if sequence.taken_in or sequence.run.may_be_served():
                break
            self._unreserve(sequence)
        else:
            return None
        if not sequence.taken_in:
            self._taken_in += 1
            sequence.taken_in = self._taken_in
        sequence.phase = Phase.PREFILL
        self._reuse(sequence)
        sequence.blocks = self.blocks.needed(sequence.todo) - sequence.shared_blocks
        self.blocks.take(sequence.blocks)
        self.active.append(sequence)
        self.active.sort(key=lambda one: one.taken_in)
        return sequence

    def _reuse(self, sequence: Sequence) -> None:
        """What of its prefix is in the cache needs not be computed; the last token always is, for it brings the first of the answer."""
        sequence.shared_blocks, sequence.reads_prefix = 0, False
        if sequence.prefix < 0:
            return
        self.lookups += 1
        blocks = self.blocks.read(sequence.prefix, self._moment())
        if blocks:
            self.hits += 1
            sequence.shared_blocks, sequence.reads_prefix = blocks, True
            reused = min(blocks * self.blocks.page, sequence.todo - 1)
            sequence.cached = reused
            sequence.reused = max(sequence.reused, reused)

    def _prefill(self, single: bool) -> Step | Pause | None:
        sequence = self._take_in()
        if sequence is None:
            return None if not any(one.phase is Phase.DECODE for one in self.active) else self.next(single)
        chunks = self._chunks(sequence)
        return Step(sequence, chunks[:1] if single else chunks)

    def _chunks(self, sequence: Sequence) -> list[int]:
        left, chunk = sequence.todo - sequence.cached, self.serving.chunk
        if chunk is None or chunk >= left:
            return [left]
        return [chunk] * (left // chunk) + [left % chunk] * (left % chunk > 0)

    def _mixed(self, single: bool) -> Step | Pause | None:
        answers = self._room_for_a_step()
        if isinstance(answers, Pause):
            return answers
        sequence = self._take_in()
        if sequence is None:
            return self._decode(answers, 1 if single else _MOST_ROWS) if answers else None
        answers = [one for one in answers if one is not sequence]
        if not self._grows(answers, 1):  # the prompt has taken the room
            return Step(sequence, self._chunks(sequence)[:1])
        chunks = self._chunks(sequence)
        equal = sum(chunk == chunks[0] for chunk in chunks)
        decode = self._decode(answers, 1 if single else equal)
        return Step(sequence, chunks[: decode.rows], decode.answers, decode.emitted)

    def _decode(self, answers: list[Sequence], most: int) -> Step:
        """As many rows as no request ends before, and there is room for."""
        emitted = [self._emitted(one, min(one.left, most)) for one in answers]
        rows = min(most, *(int(np.searchsorted(out, one.left)) + 1 for out, one in zip(emitted, answers, strict=True)))
        emitted = [out[:rows] for out in emitted]
        low, high = 1, rows  # the most rows that fit
        while low < high:
            middle = (low + high + 1) // 2
            if self._fits(answers, [int(out[middle - 1]) for out in emitted], [int(out[middle - 2]) for out in emitted]):
                low = middle
            else:
                high = middle - 1
        return Step(answers=answers, emitted=[out[:low] for out in emitted])

    def _emitted(self, sequence: Sequence, rows: int) -> np.ndarray:
        return np.arange(1, rows + 1) if sequence.accepted is None else sequence.emitted(rows)

    def _fits(self, answers: Many[Sequence], emitted: Many[int], before: Many[int]) -> bool:
        """Whether there is room for what is written at the end of a row, and for what is proposed in it."""
        needed = 0
        for one, out, out_before in zip(answers, emitted, before, strict=True):
            tokens = max(one.cached + out, one.cached + out_before + 1 + self._ahead if self._ahead else 0)
            if self._evicts and tokens > self.serving.context:
                return False
            needed += max(self.blocks.needed(tokens) - one.blocks - one.shared_blocks, 0)
        return needed <= self.blocks.available

    def _grows(self, answers: Many[Sequence], rows: int) -> bool:
        return self._fits(answers, [rows] * len(answers), [rows - 1] * len(answers))

    def _room_for_a_step(self) -> list[Sequence] | Pause:
        """Those who answer, with room for one step of each; whoever came last gives way."""
        while True:
            answers = self._answering()
            if self._grows(answers, 1):
                return answers
            if self._evicts and self._forget(answers):
                continue
            victim = self.active[-1]
            self.preemptions += 1
            self.active.pop()
            if self.serving.kv_cache.when_full == "swap":
                return self._swap_out(victim)
            self._release(victim)
            victim.preempted(min(self.serving.context, self.blocks.total * self.blocks.page) - 1)
            self.waiting.appendleft(victim)

    def _forget(self, answers: Many[Sequence]) -> bool:
        """The one with the most of its own to forget loses its oldest block behind the sinks, if anybody has one beside the one it writes."""
        full = [one for one in answers if one.cached + 1 + self._ahead > self.serving.context]
        longest = max(full or answers, key=lambda one: (self._forgettable(one), one.taken_in))
        if self._forgettable(longest) < 1:
            return False
        longest.blocks -= 1
        longest.cached -= self.blocks.page
        self.forgotten += self.blocks.page
        self.blocks.give_back(1)
        return True

    def _forgettable(self, sequence: Sequence) -> int:
        return sequence.cached // self.blocks.page - max(self._sink, sequence.shared_blocks)

    def _swap_out(self, victim: Sequence) -> Pause:
        victim.phase = Phase.SWAPPED if victim.phase is Phase.DECODE else Phase.WAITING
        victim.preemptions += 1
        self.swapped.append(victim)
        self.blocks.give_back(victim.blocks)
        return Pause(victim.blocks * self.blocks.page)

    def _swap_in(self) -> Pause:
        sequence = self.swapped.popleft()
        self.blocks.take(sequence.blocks)
        sequence.phase = Phase.DECODE if sequence.phase is Phase.SWAPPED else Phase.PREFILL
        self.active.append(sequence)
        self.active.sort(key=lambda one: one.taken_in)
        return Pause(sequence.blocks * self.blocks.page)

    def _release(self, sequence: Sequence) -> None:
        """Its blocks are free, and what it reads of others is no more its own."""
        self.blocks.give_back(sequence.blocks)
        sequence.blocks = 0
        if sequence.reads_prefix:
            self.blocks.unread(sequence.prefix, self._moment())
            sequence.reads_prefix, sequence.shared_blocks = False, 0

    def _unreserve(self, sequence: Sequence) -> None:
        self.reserved -= sequence.reserved
        sequence.reserved = 0

    def answered(self, sequence: Sequence, rows: int, tokens: int) -> None:
        """It has gone on by ``rows`` steps, which brought ``tokens``."""
        sequence.cached += tokens
        sequence.written += tokens
        sequence.steps += rows
        if sequence.accepted is not None:
            sequence.speculated += rows
        self.begun = True
        grown = max(self.blocks.needed(sequence.cached) - sequence.blocks - sequence.shared_blocks, 0)
        sequence.blocks += grown
        self.blocks.take(grown)

    def computed(self, sequence: Sequence, tokens: int) -> bool:
        """So many tokens of its prompt are done; whether that was the last of it, and so brought a token."""
        sequence.cached += tokens
        if sequence.cached < sequence.todo:
            return False
        sequence.phase = Phase.DECODE
        sequence.written += 1
        if sequence.prefix >= 0 and not sequence.reads_prefix:
            whole = min(sequence.prefix_tokens, sequence.prompt) // self.blocks.page
            given = self.blocks.share(sequence.prefix, whole, self._moment()) if whole else 0
            if given:
                sequence.blocks -= given
                sequence.shared_blocks, sequence.reads_prefix = given, True
        return True

    def leave(self, sequence: Sequence) -> None:
        """Its answer is finished."""
        sequence.phase = Phase.DONE
        self._release(sequence)
        self._unreserve(sequence)
        self.active.remove(sequence)
        if not self.active and not self.swapped:
            self.begun = False
