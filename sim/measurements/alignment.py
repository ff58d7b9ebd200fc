"""Measured operators against simulated kernels: by name first, the rest by order and type.

1. Names, without what engines add to them. A name that several kernels have says nothing. A row of several names covers several
   kernels, and a kernel of several fused operators may be several rows: what shares a name is one group.
2. What is left, between those groups, is aligned in order: the pairing of the two sequences that neither crosses itself nor pairs types
   that do not fit and has the greatest sum of scores (dynamic programming, Needleman and Wunsch 1970, without a cost of gaps). Operators
   with arithmetic count most; of equal pairings the one nearest to the diagonal is taken.
3. A row still alone joins the group before it where its kernel contains such an operator, fused; a row that stands for a whole
   partition takes all kernels still alone between its neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from sim.measurements.measurement import OperatorTiming
from sim.measurements.operator_names import names_in, plain_name
from sim.measurements.operator_types import COMPUTE, OPAQUE, likeness, operator_type, type_in_name

_ARITHMETIC, _DIAGONAL = 8.0, 0.05  # weight of operators with arithmetic against others, of nearness to the diagonal


@dataclass(frozen=True)
class SimulatedKernel:
    """One kernel: the names it goes by (operators, fused ones, what they make) and the types of its operators, the head first."""

    names: tuple[str, ...]
    types: tuple[str, ...]


@dataclass
class Group:
    """Measured rows and kernels that are the same work. ``by``: what it was found by."""

    measured: list[int] = field(default_factory=list)
    kernels: list[int] = field(default_factory=list)
    by: str = "name"


@dataclass(frozen=True)
class Alignment:
    """Groups by their first kernel, and what has no partner. ``types``: edgesim's type of each measured row, ``""`` if nobody knows it."""

    groups: tuple[Group, ...]
    types: tuple[str, ...]
    only_measured: tuple[int, ...]
    only_simulated: tuple[int, ...]


def align(measured: Sequence[OperatorTiming], kernels: Sequence[SimulatedKernel]) -> Alignment:
    """Line a profile's rows up with a program's kernels, both in the order they run in."""
    types = tuple(operator_type(row.type) if row.type else type_in_name(row.name) for row in measured)
    groups = _by_name(measured, kernels)
    groups += _by_order(types, kernels, groups)
    _join_fused(types, kernels, groups)
    _join_partitions(types, kernels, groups)
    groups.sort(key=lambda group: (group.kernels[0], group.measured[0]))
    rows = {row for group in groups for row in group.measured}
    used = {kernel for group in groups for kernel in group.kernels}
    return Alignment(
        tuple(groups),
        types,
        tuple(row for row in range(len(measured)) if row not in rows),
        tuple(kernel for kernel in range(len(kernels)) if kernel not in used),
    )


def _by_name(measured: Sequence[OperatorTiming], kernels: Sequence[SimulatedKernel]) -> list[Group]:
    owners: dict[str, set[int]] = {}
    for index, kernel in enumerate(kernels):
        for name in kernel.names:
            owners.setdefault(plain_name(name), set()).add(index)
    one = {name: next(iter(indices)) for name, indices in owners.items() if name and len(indices) == 1}
    group_of: dict[int, Group] = {}  # by kernel
    groups: list[Group] = []
    for row, timing in enumerate(measured):
        found = sorted({one[name] for name in names_in(timing.name) if name in one})
        if not found:
            continue
        joined = list({id(group_of[kernel]): group_of[kernel] for kernel in found if kernel in group_of}.values())
        group = joined[0] if joined else Group()
        for other in joined[1:]:
            group.measured += other.measured
            group.kernels += other.kernels
            groups = [each for each in groups if each is not other]
        if not joined:
            groups.append(group)
        group.measured.append(row)
        group.kernels = sorted({*group.kernels, *found})
        group_of.update(dict.fromkeys(group.kernels, group))
    for group in groups:
        group.measured.sort()
    return groups


def _by_order(types: Sequence[str], kernels: Sequence[SimulatedKernel], named: Sequence[Group]) -> list[Group]:
    """Pairs in every gap between named groups that stand in the same order on both sides."""
    taken_rows = {row for group in named for row in group.measured}
    taken = {kernel for group in named for kernel in group.kernels}
    anchors = [(-1, -1), *_in_order(sorted((group.measured[-1], group.kernels[-1]) for group in named)), (len(types), len(kernels))]
    found = []
    for (row, kernel), (next_row, next_kernel) in pairwise(anchors):
        rows = [index for index in range(row + 1, next_row) if index not in taken_rows and types[index] not in OPAQUE]
        free = [index for index in range(kernel + 1, next_kernel) if index not in taken]
        for left, right in _best_pairs([types[index] for index in rows], [kernels[index].types for index in free]):
            found.append(Group([rows[left]], [free[right]], "order"))
    return found


def _in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs sorted by their first number whose second numbers rise (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        place = bisect_left(tops, second)
        before.append(ends[place - 1] if place else -1)
        tops[place:] = [second] if place == len(tops) else [second, *tops[place + 1 :]]
        ends[place:] = [index] if place == len(ends) else [index, *ends[place + 1 :]]
    chain: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _best_pairs(rows: Sequence[str], kernels: Sequence[tuple[str, ...]]) -> list[tuple[int, int]]:
    """Pairs of the alignment with the greatest sum of scores."""
    if not (rows and kernels):
        return []
    scores = _scores(rows, kernels)
    best = np.zeros((len(rows) + 1, len(kernels) + 1))
    for index in range(len(rows)):
        paired = np.where(scores[index] > 0, best[index, :-1] + scores[index], 0.0)
        best[index + 1, 1:] = np.maximum.accumulate(np.maximum(best[index, 1:], paired))  # gaps cost nothing
    pairs, row, kernel = [], len(rows), len(kernels)
    while row and kernel:
        value = best[row, kernel]
        if value == best[row - 1, kernel]:
            row -= 1
        elif value == best[row, kernel - 1]:
            kernel -= 1
        else:
            row, kernel = row - 1, kernel - 1
            pairs.append((row, kernel))
    return pairs[::-1]


def _scores(rows: Sequence[str], kernels: Sequence[tuple[str, ...]]) -> np.ndarray:
    """``[rows, kernels]``; 0 where they must not be paired."""
    table = {(row, kernel): likeness(row, kernel) * (_ARITHMETIC if kernel[0] in COMPUTE else 1.0) for row in set(rows) for kernel in set(kernels)}
    scores = np.array([[table[row, kernel] for kernel in kernels] for row in rows])
    left = (np.arange(len(rows)) + 0.5) / len(rows)
    right = (np.arange(len(kernels)) + 0.5) / len(kernels)
    near = _DIAGONAL * (1.0 - np.abs(left[:, None] - right[None, :]))
    return np.where(scores > 0, scores + near, 0.0)


def _join_fused(types: Sequence[str], kernels: Sequence[SimulatedKernel], groups: Sequence[Group]) -> None:
    """Rows of operators that the simulated engine fused belong to the kernel that contains them."""
    owner = {row: group for group in groups for row in group.measured}
    for row, kind in enumerate(types):
        group = owner.get(row - 1)
        if row in owner or group is None or not kind:
            continue
        fused = [part for kernel in group.kernels for part in kernels[kernel].types[1:]]
        covered = sum(types[other] == kind for other in group.measured[1:])
        if sum(likeness(kind, (part,)) > 0 for part in fused) > covered:
            group.measured.append(row)
            owner[row] = group


def _join_partitions(types: Sequence[str], kernels: Sequence[SimulatedKernel], groups: list[Group]) -> None:
    """A row for a whole partition covers the kernels alone between its neighbours."""
    owner = {row: group for group in groups for row in group.measured}
    for row, kind in enumerate(types):
        if kind not in OPAQUE or row in owner:
            continue
        used = {kernel for group in groups for kernel in group.kernels}
        before = max((max(group.kernels) for other, group in owner.items() if other < row), default=-1)
        behind = min((min(group.kernels) for other, group in owner.items() if other > row), default=len(kernels))
        free = [kernel for kernel in range(before + 1, behind) if kernel not in used]
        if free:
            owner[row] = Group([row], free, "partition")
            groups.append(owner[row])
