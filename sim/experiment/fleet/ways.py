"""The ways that a kind of task can take: on the device, on a server, or divided at a cut or behind an early exit; each run once alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from sim.compiler.pieces import Border, Pieces, pieces_of
from sim.compiler.split import Price, best_split
from sim.errors import EdgesimError, Problem
from sim.experiment.exit_parts import exit_parts
from sim.experiment.fleet.timed import Node, Run, TimedModels
from sim.fleet.tasks import Exit, Near, Path, Way
from sim.graph.ir import Graph
from sim.passes.cut import extract, leaving
from sim.registry import near_names
from sim.runtime.decisions import SureByTrace
from sim.scenario.adaptive import exit_names
from sim.scenario.fleet.model import Cuts, FleetTask
from sim.scenario.model import ModelUse

_RATES_BYTES_PER_S = tuple(10.0**exponent / 8 for exponent in (4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 9.5))  # 10 kbit/s to 3 Gbit/s


@dataclass(frozen=True)
class Far:
    """A server that a task may go to: its node, the largest batch, and the path there."""

    node: Node
    most: int
    path: Path


@dataclass(frozen=True)
class WayMaker:
    """The ways of one kind of task of a group. ``near``: a device of the group."""

    timed: TimedModels
    task: FleetTask
    near: Node
    models: Mapping[str, ModelUse]

    def ways(self, servers: Mapping[str, Far]) -> tuple[Way, ...]:
        """The device alone first. Raises EdgesimError with paths below the task."""
        task, use = self.task, self.models[self.task.model]
        exits = self._exits(use) if use.exits else ()
        near = self._near(Run(task.model, use)) if not exits else exits[-1].near
        found = [Way("", "", near, exits=exits[:-1])]
        for name, far in servers.items():
            remote = task.model if task.remote_model is None else task.remote_model
            run = Run(remote, for_server(use) if task.remote_model is None else self.models[remote])
            work = self.timed.work(far.node, run, far.most, task.spread)
            found.append(Way(name, "", Near(), float(task.input_bytes), float(task.output_bytes), work))
            if exits:
                found += self._unsure(name, far, use, exits)
            elif isinstance(task.cuts, Cuts):
                found += self._divided(name, far, task.cuts)
        return tuple(found)

    def _near(self, *runs: Run) -> Near:
        """On the device, one after the other."""
        costs = [self.timed.cost(self.near, run) for run in runs]
        programs = tuple(self.timed.program(self.near, run) for run in runs)
        return Near(sum(cost.seconds for cost in costs), sum(cost.joules for cost in costs), programs)

    def _parts(self, use: ModelUse) -> list[Run]:
        graphs = exit_parts(self.timed.graph(self.near, self.task.model, use), use.exits)
        return [Run(self.task.model, use, f"@{name}", graph) for name, graph in zip(exit_names(use.exits), graphs, strict=True)]

    def _exits(self, use: ModelUse) -> tuple[Exit, ...]:
        """The exits of a model, and its end as the last."""
        runs, shares = self._parts(use), self._shares(use)
        return tuple(
            Exit(name, until, self._near(*runs[: index + 1])) for index, (name, until) in enumerate(zip(exit_names(use.exits), (*shares, 1.0), strict=True))
        )

    def _shares(self, use: ModelUse) -> tuple[float, ...]:
        """Share of tasks that have left at each exit or before: as stated, or as in the rows of the recorded confidences."""
        rules = [one.confidence for one in use.exits if one.confidence is not None]
        if not rules:
            return tuple(min(share, 1.0) for share in accumulate(float(one.probability or 0.0) for one in use.exits))
        left, shares = None, []
        for rule in rules:
            sure = SureByTrace(rule, self.near.loaded.directory).sure
            left = sure if left is None else left | sure
            shares.append(float(left.mean()))
        return tuple(shares)

    def _unsure(self, server: str, far: Far, use: ModelUse, exits: tuple[Exit, ...]) -> Iterator[Way]:
        """Up to an exit on the device; the server does the rest for those that did not leave."""
        task, graph, done = self.task, self.timed.graph(self.near, self.task.model, use), set[str]()
        bits = task.cuts.bits if isinstance(task.cuts, Cuts) else None
        if isinstance(task.cuts, Cuts) and task.cuts.at is not None:
            raise EdgesimError(Problem(path="cuts.at", what="a model with exits is divided behind its exits; take at out"))
        of_network = {op.name for op in graph.ops}
        runs = self._parts(use)
        for index, exit in enumerate(exits[:-1]):
            part = runs[index].graph
            assert part is not None
            done |= of_network & {op.name for op in part.ops}
            tensors = leaving(graph, done)
            lowered = self.timed.program(self.near, runs[index]).graph
            sizes = lowered.tensors if lowered is not None else {}
            up_bytes = sum(sizes.get(name, graph.tensors[name]).bytes if bits is None else graph.tensors[name].elements * float(bits) / 8 for name in tensors)
            rest = Run(task.model, for_server(use), f"from {exit.name}", extract(graph, tensors, ()))
            work = self.timed.work(far.node, rest, far.most, task.spread)
            yield Way(server, exit.name, exit.near, float(up_bytes), float(task.output_bytes), work, exits[: index + 1])

    def _divided(self, server: str, far: Far, cuts: Cuts) -> Iterator[Way]:
        task, use = self.task, self.models[self.task.model]
        if task.remote_model not in (None, task.model):
            raise EdgesimError(Problem(path="cuts", what="a model can only be divided with itself; take out remote_model or cuts"))
        graph, far_use = self.timed.graph(self.near, task.model, use), for_server(use)
        pieces = pieces_of(
            graph,
            (self.timed.program(self.near, Run(task.model, use)), self.near.device),
            (self.timed.program(far.node, Run(task.model, far_use)), far.node.device),
            None if cuts.bits is None else float(cuts.bits),
            float(task.input_bytes),
        )
        for here, after in _chosen(pieces, graph, cuts, far.path):
            tensors = [border.tensor for border in pieces.borders if border.maker in here and set(border.users) - here]
            between = ",".join(sorted(tensors))
            head = Run(task.model, use, f"until {between}", extract(graph, (), tensors))
            tail = Run(task.model, far_use, f"from {between}", extract(graph, tensors, ()))
            work = self.timed.work(far.node, tail, far.most, task.spread)
            up_bytes = sum(border.bytes for border in pieces.borders if _crosses(border, here))
            yield Way(server, after, self._near(head), up_bytes, float(task.output_bytes), work)


def _crosses(border: Border, here: frozenset[int]) -> bool:
    """The server needs it of the device."""
    return bool(set(border.users) - here) and (border.maker in here or border.maker < 0)


def for_server(use: ModelUse) -> ModelUse:
    """A device's model on a server: the runtime, the units and the exits it names are the device's own."""
    return use.model_copy(update={"runtime": None, "placement": type(use.placement)(), "threads": None, "exits": (), "last": type(use.last)()})


def _chosen(pieces: Pieces, graph: Graph, cuts: Cuts, path: Path) -> list[tuple[frozenset[int], str]]:
    """Sets of pieces for the device, each with the operator it ends with: those asked for, or the best ones at any rate of the link."""
    if cuts.at is not None:
        return [_after(pieces, graph, name, index) for index, name in enumerate(cuts.at)]
    found: dict[frozenset[int], str] = {}
    for rate in _RATES_BYTES_PER_S:
        split = best_split(pieces, Price(up_byte=1 / rate, down_byte=1 / rate, fixed=2 * path.latency_s))
        near = frozenset(int(index) for index in split.near.nonzero()[0])
        if near and not split.local:
            found.setdefault(near, pieces.operators[max(near)][-1])
    return list(found.items())


def _after(pieces: Pieces, graph: Graph, name: str, index: int) -> tuple[frozenset[int], str]:
    """The pieces up to an operator and what they need. Raises EdgesimError for one that is unknown or inside a fused kernel."""
    at = f"cuts.at.{index}"
    try:
        last = pieces.piece_of(name)
    except KeyError:
        raise EdgesimError(Problem(path=at, what=f"{graph.name} has no operator {name!r}; {near_names(name, [op.name for op in graph.ops])}")) from None
    if pieces.operators[last][-1] != name:
        what = f"{name!r} is inside a fused operator ({', '.join(pieces.operators[last][-4:])}); cut after {pieces.operators[last][-1]!r}"
        raise EdgesimError(Problem(path=at, what=what))
    needed, pending = {last}, [last]
    while pending:
        user = pending.pop()
        for border in pieces.borders:
            if border.maker >= 0 and user in border.users and border.maker not in needed:
                needed.add(border.maker)
                pending.append(border.maker)
    if len(needed) == len(pieces):
        raise EdgesimError(Problem(path=at, what=f"nothing is left for the server behind {name!r}; take it out"))
    return frozenset(needed), name
