"""Models compiled and timed on the devices and servers of a fleet, each combination once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from device_models.spec import DeviceSpec
from sim.compiler import compile_model
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.experiment.fleet.tables import Cost, warm_cost
from sim.experiment.programs import model_graph
from sim.fleet.server import ServedWork
from sim.graph.ir import Graph
from sim.passes.rebatch import rebatched
from sim.scenario.batching import Spread
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse


@dataclass(frozen=True)
class Node:
    """A device or a server with its models: ``loaded`` is a scenario of this device alone. ``key``: equal devices have the same."""

    loaded: LoadedScenario
    device: DeviceSpec
    key: int


@dataclass(frozen=True)
class Run:
    """What a node runs: a model whole, or ``graph``, a part of it that ``part`` names."""

    model: str
    use: ModelUse
    part: str = ""
    graph: Graph | None = None


@dataclass
class TimedModels:
    """Compiles and times what nodes run."""

    _graphs: dict[tuple[int, str], Graph] = field(default_factory=dict)
    _programs: dict[tuple[int, str, str, int, str], Program] = field(default_factory=dict)
    _costs: dict[tuple[int, str, str, int, str], Cost] = field(default_factory=dict)
    _works: dict[tuple[int, str, str, int, str], ServedWork] = field(default_factory=dict)

    def graph(self, node: Node, name: str, use: ModelUse) -> Graph:
        """A model before its runtime lowers it; of one with early exits the network itself."""
        key = (node.key, name)
        if key not in self._graphs:
            self._graphs[key] = model_graph(node.loaded, use, name)
        return self._graphs[key]

    def program(self, node: Node, run: Run, batch: int = 1) -> Program:
        """Compiled for a node. Raises EdgesimError."""
        key = _key(node, run, batch)
        if key not in self._programs:
            use, graph = run.use, run.graph if run.graph is not None else self.graph(node, run.model, run.use)
            name = f"{run.model} {run.part}".strip()
            self._programs[key] = compile_model(
                graph if batch == 1 else _in_batches(graph, batch, run.model),
                node.device,
                runtime=use.runtime,
                precision=use.precision,
                placement=use.placement,
                threads=use.threads,
                name=name,
            )
        return self._programs[key]

    def cost(self, node: Node, run: Run, batch: int = 1) -> Cost:
        """One run on a node that is otherwise idle."""
        key = _key(node, run, batch)
        if key not in self._costs:
            self._costs[key] = warm_cost(self.program(node, run, batch), node.device)
        return self._costs[key]

    def work(self, node: Node, run: Run, most: int, spread: Spread | None) -> ServedWork:
        """Batches of all sizes: 1, 2, 4, ... and the largest are run, those between interpolated. The same work is the same object, which shares batches."""
        key = _key(node, run, most, "" if spread is None else spread.model_dump_json())
        if key not in self._works:
            sizes = sorted({*(2**exponent for exponent in range(int(math.log2(most)) + 1)), most})
            costs = {size: self.cost(node, run, size) for size in sizes}
            columns = [tuple(_between(costs, size, name) for size in range(1, most + 1)) for name in ("seconds", "joules")]
            self._works[key] = ServedWork(columns[0], columns[1], spread)
        return self._works[key]


def _key(node: Node, run: Run, batch: int, more: str = "") -> tuple[int, str, str, int, str]:
    return node.key, run.model, run.part, batch, run.use.model_dump_json() + more


def _in_batches(graph: Graph, batch: int, model: str) -> Graph:
    """Raises EdgesimError that says what to do about a model that runs one at a time."""
    try:
        return rebatched(graph, batch)
    except EdgesimError as error:
        reasons = "; ".join(problem.what for problem in error.problems)
        mend = "let the server's batching have max_size: 1, or give as remote_model one that ends before"
        raise EdgesimError(Problem(what=f"{model} does not run in batches: {reasons}; {mend}")) from None


def _between(costs: dict[int, Cost], size: int, name: str) -> float:
    below = max(known for known in costs if known <= size)
    above = min(known for known in costs if known >= size)
    low, high = getattr(costs[below], name), getattr(costs[above], name)
    return float(low if above == below else low + (high - low) * (size - below) / (above - below))
