"""The links of a study as a graph: shortest ways from groups of devices to servers, and the rates on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from sim.errors import EdgesimError, Problem
from sim.fleet.network import Link
from sim.fleet.tasks import Move, Path, Roaming
from sim.scenario.fleet.link_trace import read_link_trace
from sim.scenario.fleet.model import Fleet, FleetLink, LinkTrace

if TYPE_CHECKING:
    import networkx

Steps = Iterator[tuple[float, float]]


@dataclass
class Wiring:
    """Links by direction (two for each that is shared), rates that change, and the ways from groups to servers: at the start, and after hand-overs."""

    links: list[Link] = field(default_factory=list)
    replays: list[tuple[int, Steps]] = field(default_factory=list)
    paths: dict[str, dict[str, Path]] = field(default_factory=dict)
    moves: dict[str, tuple[Move, ...]] = field(default_factory=dict)
    roaming: dict[str, Roaming] = field(default_factory=dict)


def link_graph(links: Mapping[str, FleetLink]) -> networkx.MultiGraph[str]:
    """Nodes and links; an edge's weight is the latency, and a little for the hop, so that fewer hops win among equals."""
    import networkx

    graph: networkx.MultiGraph[str] = networkx.MultiGraph()
    for name, link in links.items():
        graph.add_edge(*link.between, key=name, weight=float(link.latency_s) + 1e-9)
    return graph


def wire(fleet: Fleet, directory: FilePath) -> Wiring:
    """The links at work and the way from every group to every server that it can reach. Raises EdgesimError for traces that cannot be read."""
    wiring, directions, problems = Wiring(), dict[tuple[str, bool], int](), list[Problem]()
    for name, link in fleet.links.items():
        if not link.shared:
            continue
        for upward in (True, False):
            trace = _trace_of(link, upward)
            directions[name, upward] = len(wiring.links)
            wiring.links.append(Link(f"{name} {'up' if upward else 'down'}", _rate(link, upward)))
            try:
                steps = _steps(link, upward, trace, directory)
            except EdgesimError as error:
                problems += [Problem(one.file or str(directory), one.line, one.column, one.path, one.what) for one in error.problems]
                continue
            if steps is not None:
                wiring.replays.append((directions[name, upward], steps))
    if problems:
        raise EdgesimError(list(dict.fromkeys(problems)))  # both directions may follow one trace
    for group, entry in fleet.devices.items():
        nodes = entry.roaming.nodes if entry.roaming is not None else tuple(one.to for one in entry.hand_overs)
        by_node = {node: _paths(fleet, directions, group, node) for node in dict.fromkeys((None, *nodes))}
        wiring.paths[group] = by_node[nodes[0] if nodes else None]
        if entry.roaming is not None:
            places = tuple(by_node[node] for node in nodes)
            wiring.roaming[group] = Roaming(places, float(entry.roaming.dwell_s), entry.roaming.kind == "exponential", float(entry.roaming.outage_s))
        wiring.moves[group] = tuple(
            Move(float(one.at_s), by_node[one.to], float(one.outage_s), math.inf if one.every_s is None else float(one.every_s)) for one in entry.hand_overs
        )
    return wiring


def _trace_of(link: FleetLink, upward: bool) -> LinkTrace | None:
    if upward:
        return link.up_trace
    return link.down_trace or (link.up_trace if link.down_bytes_per_s is None else None)


def _rate(link: FleetLink, upward: bool) -> float:
    if _trace_of(link, upward) is not None:
        return 0.0
    chosen = link.up_bytes_per_s if upward or link.down_bytes_per_s is None else link.down_bytes_per_s
    return 0.0 if chosen is None else float(chosen)


def _steps(link: FleetLink, upward: bool, trace: LinkTrace | None, directory: FilePath) -> Steps | None:
    """Changes of a direction's rate: its trace, with nothing while there is an outage."""
    rates = iter([(0.0, _rate(link, upward))]) if trace is None else read_link_trace(trace, directory).from_offset(float(trace.offset_s))
    if not link.outages:
        return None if trace is None else rates
    return _interrupted(rates, _outages(link))


def _outages(link: FleetLink) -> Steps:
    """(begin, end) of all outages, ascending."""
    from heapq import merge

    def repeated(at_s: float, length_s: float, every_s: float | None) -> Steps:
        number = 0
        while True:
            yield at_s + number * (every_s or 0.0), at_s + number * (every_s or 0.0) + length_s
            number += 1
            if every_s is None:
                return

    return merge(*(repeated(float(one.at_s), float(one.length_s), None if one.every_s is None else float(one.every_s)) for one in link.outages))


def _interrupted(rates: Steps, outages: Steps) -> Steps:
    """The rates, 0 inside every outage."""
    rate, following, outage, down_until = 0.0, next(rates, None), next(outages, None), -math.inf
    while following is not None or outage is not None or down_until > -math.inf:
        times = [following[0] if following else math.inf, outage[0] if outage else math.inf, down_until if down_until > -math.inf else math.inf]
        now = min(times)
        if now == math.inf:
            return
        if following is not None and following[0] == now:
            rate, following = following[1], next(rates, None)
        if down_until <= now:
            down_until = -math.inf
        if outage is not None and outage[0] == now:
            down_until, outage = max(down_until, outage[1]), next(outages, None)
        yield now, 0.0 if down_until > now else rate


def _paths(fleet: Fleet, directions: Mapping[tuple[str, bool], int], group: str, node: str | None) -> dict[str, Path]:
    """The way to each server that the group can reach; ``node``: the only neighbour it is connected to, any if None."""
    import networkx

    graph = link_graph(fleet.links)
    graph.remove_nodes_from((set(fleet.devices) - {group}) & set(graph))  # devices do not forward
    if group not in graph:
        return {}
    if node is not None:
        for other in [other for other in graph[group] if other != node]:
            graph.remove_edges_from([(group, other)] * len(graph[group][other]))
    found = {}
    for server in fleet.servers:
        if server in graph and networkx.has_path(graph, group, server):
            found[server] = _path(fleet, graph, directions, networkx.shortest_path(graph, group, server, weight="weight"))
    return found


def _path(fleet: Fleet, graph: networkx.MultiGraph[str], directions: Mapping[tuple[str, bool], int], nodes: list[str]) -> Path:
    up, down, latency_s, jitter_s, kept = list[int](), list[int](), 0.0, 0.0, 1.0
    limits = [math.inf, math.inf]
    for first, second in pairwise(nodes):
        name = _cheapest(graph[first][second])
        link = fleet.links[name]
        forward = link.between == (first, second)
        latency_s, jitter_s, kept = latency_s + float(link.latency_s), jitter_s + float(link.jitter_s), kept * (1 - float(link.loss))
        if link.shared:
            up.append(directions[name, forward])
            down.append(directions[name, not forward])
        else:
            limits = [min(limits[0], _rate(link, forward)), min(limits[1], _rate(link, not forward))]
    return Path(tuple(up), tuple(down), latency_s, jitter_s, 1 - kept, limits[0], limits[1], len(nodes) - 1)


def _cheapest(edges: Mapping[str, Any]) -> str:
    """Of parallel links the one of the least latency; of equal ones the first."""
    return min(edges, key=lambda name: edges[name]["weight"])
