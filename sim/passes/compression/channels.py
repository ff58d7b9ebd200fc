"""Which channels of a network depend on each other: those that must go together, and those that cannot go.

Every slice of a trained tensor that makes a channel is an *atom*. Through the graph each activation carries an array of atoms: of its own
rank, with extent 1 along axes that have none (``[1, C, 1, 1]`` behind a convolution). Additions unite atoms, concatenations join arrays,
reshapes and transpositions move them as they move elements, so a channel shuffle needs no rule of its own. What unites with :data:`FIXED`
stays: outputs of the network, and whatever an operator without a rule reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim.graph.ir import Graph

FIXED = 0
Atoms = np.ndarray


class Channels:
    """Atoms of a graph's tensors and their union. ``stored``: (stored tensor, axis) -> an atom for each slice; ``why``: what fixes which operator."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._parent = np.array([FIXED], dtype=np.int64)
        self.of: dict[str, Atoms] = {}  # activations
        self.stored: dict[tuple[str, int], Atoms] = {}
        self.makers: dict[tuple[str, int], list[str]] = {}  # stored slices that make channels -> the operators that use them so
        self.why: dict[str, str] = {}

    # ------------------------------------------------------------------ union
    def roots(self, atoms: Atoms) -> Atoms:
        """The atom that stands for all that go with each of these."""
        found = np.asarray(self._parent[atoms])
        while True:
            above = self._parent[found]
            if np.array_equal(above, found):
                return found
            self._parent[atoms] = found = above

    def unite(self, a: Atoms, b: Atoms) -> None:
        """Atoms at the same place (after broadcasting) go together."""
        first, second = np.broadcast_arrays(self.roots(a), self.roots(b))
        pairs = np.stack([first.ravel(), second.ravel()], axis=1)
        pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
        if not pairs.size:
            return
        if len(np.unique(pairs)) == 2 * len(pairs):  # every root stands in one pair alone
            self._parent[pairs.max(axis=1)] = pairs.min(axis=1)  # FIXED is 0 and wins
            return
        for one, other in pairs:
            low, high = sorted((self._root(int(one)), self._root(int(other))))
            self._parent[high] = low

    def _root(self, atom: int) -> int:
        while self._parent[atom] != atom:
            atom = int(self._parent[atom])
        return atom

    def fix(self, atoms: Atoms, why: str) -> None:
        """These stay; ``why`` is said of the operator that needs them."""
        if atoms.size > 1 or (atoms.size and int(atoms.ravel()[0]) != FIXED):
            self.unite(atoms, np.array(FIXED))
            self.why.setdefault(why, why)

    def collapse(self, atoms: Atoms, keep: int) -> Atoms:
        """Atoms that differ along axis ``keep`` alone: those beside each other along other axes go together."""
        moved = np.moveaxis(atoms, keep, 0).reshape(atoms.shape[keep], -1)
        self.unite(moved, moved[:, :1])
        shape = [1] * atoms.ndim
        shape[keep] = atoms.shape[keep]
        return moved[:, 0].reshape(shape)

    # ------------------------------------------------------------------ tensors
    def none(self, name: str) -> Atoms:
        """No atoms along any axis."""
        return np.zeros((1,) * len(self.graph.tensors[name].shape), dtype=np.int64)

    def atoms(self, name: str) -> Atoms:
        """Of an activation."""
        return self.of[name] if name in self.of else self.none(name)

    def put(self, name: str, atoms: Atoms) -> None:
        """State the atoms of an activation; what would empty it stays."""
        if atoms.size == 1:
            self.fix(atoms, f"{name} has a single channel")
        self.of[name] = atoms

    def along(self, name: str, axis: int) -> Atoms | None:
        """The atoms of one axis ``[extent]``, or None; of a tensor with atoms along others too, those united."""
        atoms = self.atoms(name)
        if atoms.shape[axis] == 1:
            return None
        if len(axes_of(atoms)) > 1:
            atoms = self.of[name] = self.collapse(atoms, axis)
        return atoms.reshape(-1)

    def stored_axis(self, name: str, axis: int, atoms: Atoms | None = None, maker: str = "") -> Atoms:
        """The atoms of a stored tensor's axis: ``atoms``, or fresh ones; a tensor used twice has the same ones both times."""
        key = (name, axis)
        if key not in self.stored:
            self.stored[key] = self._fresh(self.graph.tensors[name].shape[axis]) if atoms is None else atoms.reshape(-1)
        elif atoms is not None:
            self.unite(self.stored[key], atoms.reshape(-1))
        if maker:
            self.makers.setdefault(key, []).append(maker)
        return self.stored[key]

    def _fresh(self, count: int) -> Atoms:
        start = len(self._parent)
        self._parent = np.concatenate([self._parent, np.arange(start, start + count)])
        return np.arange(start, start + count, dtype=np.int64)

    def fix_all(self, names: Iterable[str], why: str) -> None:
        """Every atom of these activations stays."""
        for name in names:
            if name in self.of:
                self.fix(self.of[name], why)


def axes_of(atoms: Atoms) -> list[int]:
    """Axes along which an array has atoms."""
    return [axis for axis, extent in enumerate(atoms.shape) if extent > 1]


def placed(atoms: Atoms, rank: int, axis: int) -> Atoms:
    """``[extent]`` atoms along one axis of a tensor of that rank."""
    shape = [1] * rank
    shape[axis] = atoms.size
    return atoms.reshape(shape)


def reshaped(atoms: Atoms, old: tuple[int, ...], new: tuple[int, ...]) -> Atoms:
    """Atoms of a tensor viewed in another shape: extents are matched from the left in the smallest parts of equal size."""
    made_shape: list[int] = []
    for outs, ins in _parts(old, new):
        carries = any(atoms.shape[axis] > 1 for axis in ins)
        made_shape += [new[axis] if carries else 1 for axis in outs]
    full = np.broadcast_to(atoms, [old[axis] if any(atoms.shape[i] > 1 for i in part) else 1 for part in (ins for _, ins in _parts(old, new)) for axis in part])
    made = full.reshape(made_shape)
    for axis in axes_of(made):  # what is alike along an axis has no atoms there
        first = np.take(made, [0], axis=axis)
        if np.array_equal(np.broadcast_to(first, made.shape), made):
            made = first
    return np.ascontiguousarray(made)


def _parts(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """(axes of the new shape, axes of the old) of equal products, in order."""
    parts: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        ins: list[int] = []
        outs: list[int] = []
        a = b = 1
        while True:
            if i < len(old) and (a < b or not ins or (a == b and not outs)):
                a, i = a * old[i], i + 1
                ins.append(i - 1)
            elif j < len(new) and (b < a or not outs):
                b, j = b * new[j], j + 1
                outs.append(j - 1)
            else:
                break
        if i == len(old):  # trailing extents of 1
            while j < len(new) and new[j] == 1:
                outs.append(j)
                j += 1
        if j == len(new):
            while i < len(old) and old[i] == 1:
                ins.append(i)
                i += 1
        parts.append((outs, ins))
    return parts
