"""Caches of results in front of stages: a hit leaves out what the cache stands for, a miss fills it when that is through."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Protocol

from sim.policies.cache import CACHES, ResultCache
from sim.runtime.cascade import settle, was_settled
from sim.runtime.clock import ENDS, Clock
from sim.runtime.decisions import NO_ROW, Decisions, TraceRows
from sim.runtime.plans import PlanAt, Planner, stage_plan
from sim.runtime.request import Request, StagePlan, StageRun
from sim.scenario.adaptive import CacheUse, TraceKeys, ZipfKeys
from sim.scenario.recorded_rows import read_keys, read_sizes
from sim.scenario.stages import CacheStage
from sim.workload.popularity import ZipfRanks
from sim.workload.streams import stream
from sim.workload.turns import DrawsByTurn

HIT, MISS = 0, 1
_DRAWS = 1024
_SWEEP = 10_000  # requests under way before those that ended are looked for


@stage_plan.register
def _cache(stage: CacheStage, at: PlanAt, planner: Planner) -> StagePlan:
    if at.main is not None:
        plan = planner.program_plan(at.main, at)
    else:
        lookup_s = float(stage.lookup_s or 0.0)
        plan = StagePlan(at.index, (), (), None, 1, lookup_s, server=Pause(planner.board.clock, lookup_s))
    server = CacheServer(stage.cache, at, planner)
    planner.servers.append(server)
    plan.done = server.looked_up
    planner.caches[at.index] = server
    return plan


class Pause:
    """Takes each stage at once, for a time that keeps no unit busy."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def submit(self, run: StageRun) -> None:
        if not run.may_be_served():
            return
        if self._seconds > 0:
            self._clock.at(self._clock._now + self._seconds, ENDS, lambda _: run.run_done())
        else:
            run.run_done()


class CacheServer:
    """One stage's cache. What each request asks for is drawn, or recorded; a result is kept when the stages it stands for are through."""

    def __init__(self, use: CacheUse, at: PlanAt, planner: Planner) -> None:
        self._use, self._clock, self._position = use, planner.board.clock, at.position
        self._name = f"cache/{at.workload}/{at.position}"
        self._decisions = Decisions(planner.board.recorder, planner.warmup_s, at.index, "cache", ("hit", "miss"))
        self._keys: Keys = (
            RecordedKeys(use.key, at.workload, at.position, planner.directory) if isinstance(use.key, TraceKeys) else ZipfKeysByTurn(use.key, self._name)
        )
        self._waiting: dict[int, tuple[Request, int]] = {}  # those that missed: how many stages the cache stands for are not through
        self._swept = _SWEEP
        self._stands_for: frozenset[int] = frozenset()
        self._of_route: dict[int, int] = {}  # route -> how many of them it has
        self._draw: Callable[[], float] = lambda: 0.0
        self.cache = ResultCache(CACHES[use.policy](lambda: self._draw()), entries(use), math.inf if use.ttl_s is None else float(use.ttl_s))
        planner.residency.claim(f"cache of {at.workload}", entries(use) * entry_bytes(use))

    def start(self, seed: int) -> None:
        self._keys.start(seed)
        self._draw = _draws(seed, self._name)

    def finish(self) -> None:
        cache, use = self.cache, self._use
        each = entry_bytes(use)
        self._decisions.decider.facts = {
            "policy": use.policy,
            "entries": len(cache),
            "bytes": cache.used * each,
            "peak_bytes": cache.peak * each,
            "capacity_bytes": cache.capacity * each,
            "evictions": cache.evictions,
            "expirations": cache.expirations,
        }

    def stand_for(self, positions: frozenset[int]) -> None:
        """The stages that a hit leaves out."""
        self._stands_for = positions

    def looked_up(self, request: Request) -> None:
        """The lookup of a request is through."""
        if was_settled(request, self._position):  # left out itself
            return
        turn = request.turn
        if self.cache.get(self._keys.at(turn), self._clock._now):
            settle(request, self._position)
            self._decisions.made(request, HIT, self._keys.row(turn))
            return
        self._decisions.made(request, MISS, self._keys.row(turn))
        if stages := self._stages(request):
            self._waiting[request.number] = (request, stages)
            if len(self._waiting) > self._swept:
                self._forget_ended()

    def _stages(self, request: Request) -> int:
        """How many of the stages it stands for the request goes through: chance may have skipped some."""
        route = request.route
        if id(route) not in self._of_route:  # routes live as long as their source
            self._of_route[id(route)] = len(self._stands_for & {*route.starts, *chain.from_iterable(route.feeds)})
        return self._of_route[id(route)]

    def _forget_ended(self) -> None:
        """Requests that were refused on their way never come through."""
        self._waiting = {number: kept for number, kept in self._waiting.items() if not kept[0].ended}
        self._swept = 2 * len(self._waiting) + _SWEEP

    def through(self, request: Request) -> None:
        """A stage it stands for is through with a request."""
        _, left = self._waiting.pop(request.number, (request, 0))
        if left > 1:
            self._waiting[request.number] = (request, left - 1)
        elif left == 1:
            self.cache.put(self._keys.at(request.turn), self._clock._now, self._keys.size(request.turn))


class Keys(Protocol):
    """What each request asks for."""

    def start(self, seed: int) -> None: ...

    def at(self, turn: int) -> int:
        """The key of the request of a turn."""

    def row(self, turn: int) -> int:
        """Its row in the trace; -1 without."""

    def size(self, turn: int) -> float:
        """What its result takes of the cache's capacity."""


class ZipfKeysByTurn:
    """Independent draws by popularity, the most popular key first."""

    def __init__(self, use: ZipfKeys, name: str, size: float = 1.0) -> None:
        self._name, self._size = f"{name}/keys", size
        self._ranks = ZipfRanks(use.items, use.zipf)
        self._draws = DrawsByTurn(0, self._name)

    def start(self, seed: int) -> None:
        self._draws = DrawsByTurn(seed, self._name)

    def at(self, turn: int) -> int:
        return self._ranks.item(self._draws.at(turn))

    def row(self, turn: int) -> int:
        return NO_ROW

    def size(self, turn: int) -> float:
        return self._size


class RecordedKeys:
    """Keys of a file, and maybe the bytes of their results."""

    def __init__(self, use: TraceKeys, workload: str, position: int, directory: Path) -> None:
        self._keys = read_keys(directory / use.trace, use.column)
        self._sizes = None if use.bytes_column is None else read_sizes(directory / use.trace, use.bytes_column)
        self._rows = TraceRows(use, len(self._keys), workload, f"workloads.{workload}.pipeline.{position}.cache.key.trace")

    def start(self, seed: int) -> None:
        self._rows.start(seed)

    def at(self, turn: int) -> int:
        return int(self._keys[self._rows.at(turn)])

    def row(self, turn: int) -> int:
        return self._rows.at(turn)

    def size(self, turn: int) -> float:
        return 1.0 if self._sizes is None else float(self._sizes[self._rows.at(turn)])


def entries(use: CacheUse) -> float:
    """How many results it holds; with sizes of their own, how many bytes."""
    if use.size is not None:
        return float(use.size)
    assert use.bytes is not None
    return float(use.bytes) if use.entry_bytes is None else float(int(use.bytes / use.entry_bytes))


def entry_bytes(use: CacheUse) -> float:
    """Of one unit of its capacity."""
    return 1.0 if use.entry_bytes is None else float(use.entry_bytes)


def _draws(seed: int, name: str) -> Callable[[], float]:
    """Random numbers 0..1 one after the other."""
    rng, block = stream(seed, f"{name}/policy"), list[float]()

    def draw() -> float:
        if not block:
            block.extend(rng.random(_DRAWS).tolist())
        return block.pop()

    return draw
