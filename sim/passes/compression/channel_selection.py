"""Choosing channels to remove: groups of layers that are coupled, the importance of their channels, how many of each go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph, Op
from sim.passes.compression.base import chosen, matches, unmatched
from sim.passes.compression.channels import FIXED, Channels
from sim.passes.compression.weights import values_of
from sim.registry import near_names
from sim.scenario.compression import PruneOptions


@dataclass(frozen=True)
class Coupled:
    """Operators whose channels depend on each other, and the roots of those channels that can go, in order."""

    ops: tuple[str, ...]
    roots: tuple[int, ...]


def coupled_groups(channels: Channels) -> list[Coupled]:
    """Groups of operators that make channels; two that share a channel are in one."""
    groups: list[tuple[dict[str, None], dict[int, None]]] = []
    for key, ops in channels.makers.items():
        ours, mine = dict.fromkeys(ops), dict.fromkeys(int(root) for root in channels.roots(channels.stored[key]) if root != FIXED)
        rest = []
        for names, roots in groups:
            if roots.keys() & mine.keys():
                ours, mine = {**names, **ours}, {**roots, **mine}
            else:
                rest.append((names, roots))
        groups = [*rest, (ours, mine)]
    return [Coupled(tuple(names), tuple(roots)) for names, roots in groups]


def unwanted(graph: Graph, channels: Channels, options: PruneOptions) -> set[int]:
    """Roots of the channels to remove. Raises ModelError for names and channels that do not exist or must stay."""
    groups = coupled_groups(channels)
    makers = [op for op in graph.ops if any(op.name in names for names in channels.makers.values())]
    selected = {op.name for op in chosen(makers, options.only, options.skip)}
    lost = unmatched(makers, options.layers, "layers")
    if lost:
        raise ModelError(lost)
    removed = _listed(graph, channels, options)
    scores = None if options.criterion == "random" else importance(channels, options.criterion)
    random = np.random.default_rng(options.seed)
    for group in groups:
        ratio = _ratio(group, {op.name: op for op in makers}, options) if selected.intersection(group.ops) and not _skipped(group, makers, options) else 0.0
        free = [root for root in group.roots if root not in removed]
        keep = -(-(len(group.roots) - round(ratio * len(group.roots))) // options.multiple) * options.multiple
        count = len(group.roots) - max(keep, 1)
        if count <= 0 or not free:
            continue
        order = sorted(free, key=lambda root: scores.get(root, 0.0)) if scores else list(reversed(free))
        if scores is None and options.criterion == "random":
            order = [free[index] for index in random.permutation(len(free))]
        removed.update(order[: min(count, len(free) - 1)])
    return removed


def importance(channels: Channels, criterion: str) -> dict[int, float]:
    """Norm of the trained slices that make each channel, by root, or nothing where no layer has values."""
    found: dict[int, float] = {}
    for (name, axis), _ in channels.makers.items():
        values = values_of(channels.graph.tensors[name])
        if values is None:
            continue
        rows = np.moveaxis(np.asarray(values, dtype=np.float64), axis, 0).reshape(values.shape[axis], -1)
        norms = np.abs(rows).sum(axis=1) if criterion == "l1" else np.square(rows).sum(axis=1)
        for root, norm in zip(channels.roots(channels.stored[name, axis]), norms, strict=True):
            found[int(root)] = found.get(int(root), 0.0) + float(norm)
    return found


def _skipped(group: Coupled, makers: list[Op], options: PruneOptions) -> bool:
    return any(op.name in group.ops and matches(op, pattern) for op in makers for pattern in options.skip)


def _ratio(group: Coupled, ops: dict[str, Op], options: PruneOptions) -> float:
    """Of the first pattern that means one of its operators, else the common one."""
    for pattern, ratio in options.layers.items():
        if any(matches(ops[name], pattern) for name in group.ops):
            return float(ratio)
    return float(options.ratio or 0.0)


def _listed(graph: Graph, channels: Channels, options: PruneOptions) -> set[int]:
    """Roots of the channels that are listed one by one."""
    keys = {name: key for key, names in channels.makers.items() for name in names}
    problems: list[Problem] = []
    removed: set[int] = set()
    for name, indices in options.remove.items():
        if name not in keys:
            known = near_names(name, keys) if keys else "there is none"
            problems.append(Problem(path=f"remove.{name}", what=f"no operator {name!r} makes channels that can be removed; {known[:400]}"))
            continue
        roots = channels.roots(channels.stored[keys[name]])
        beyond = [index for index in indices if index >= roots.size]
        stay = [index for index in indices if index < roots.size and roots[index] == FIXED]
        if beyond:
            problems.append(Problem(path=f"remove.{name}", what=f"has {roots.size} channels, numbered from 0: there is no channel {beyond[0]}"))
        elif stay:
            problems.append(Problem(path=f"remove.{name}", what=f"channel {stay[0]} cannot be removed: other operators need it"))
        elif len(set(indices)) >= roots.size:
            problems.append(Problem(path=f"remove.{name}", what=f"removing all {roots.size} channels would leave nothing of the layer"))
        else:
            removed.update(int(roots[index]) for index in indices)
    if problems:
        raise ModelError(problems)
    return removed
