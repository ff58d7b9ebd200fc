"""Where to cut a model between a device and a server: a minimum cut of its pieces (Hu et al., INFOCOM 2019; Kang et al., ASPLOS 2017).

The device computes a part that needs nothing of the server's, hands over the tensors between, and gets the results that the server
computes. Costs are sums: pieces one after the other, transfers one after the other, a fixed cost once where anything is handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from sim.compiler.pieces import Pieces

_DEVICE, _SERVER = "device", "server"
_STEPS = 10**15  # into which the sum of all costs is divided


@dataclass(frozen=True)
class Price:
    """What a second or a byte costs, in the unit that is minimised: seconds, joules, or a weighted sum of them.

    ``near_s``, ``near_j``: a second and a joule of the device's computing; ``far_s``, ``far_j``: of the server's; ``up_byte``,
    ``down_byte``: handed over; ``fixed``: once, where anything is handed over (round trip, promotion and tail of a radio).
    """

    near_s: float = 1.0
    near_j: float = 0.0
    far_s: float = 1.0
    far_j: float = 0.0
    up_byte: float = 0.0
    down_byte: float = 0.0
    fixed: float = 0.0

    def near(self, pieces: Pieces) -> np.ndarray:
        """Of each piece on the device, ``[pieces]``."""
        return self.near_s * pieces.near_s + self.near_j * pieces.near_j

    def far(self, pieces: Pieces) -> np.ndarray:
        """Of each piece on the server, ``[pieces]``."""
        return self.far_s * pieces.far_s + self.far_j * pieces.far_j


@dataclass(frozen=True)
class Split:
    """``near``: which pieces the device computes, ``[pieces]``; ``cost``: in the unit of the price. ``up``, ``down``: tensors handed over."""

    near: np.ndarray
    cost: float
    up: tuple[str, ...]
    down: tuple[str, ...]
    up_bytes: float
    down_bytes: float

    @property
    def local(self) -> bool:
        """The server computes nothing."""
        return bool(self.near.all())


def priced(pieces: Pieces, near: np.ndarray, price: Price) -> Split:
    """What a division costs. ``near``: which pieces the device computes. Raises ValueError where the device needs what the server computed."""
    up, down = [], []
    for border in pieces.borders:
        made_near = border.maker < 0 or bool(near[border.maker])
        if not made_near and any(near[user] for user in border.users):
            raise ValueError(f"the device would need {border.tensor}, which the server computes")
        if made_near and any(not near[user] for user in border.users):
            up.append(border)
        if not made_near and border.output:
            down.append(border)
    up_bytes, down_bytes = sum(border.bytes for border in up), sum(border.bytes for border in down)
    cost = float(price.near(pieces)[near].sum() + price.far(pieces)[~near].sum() + price.up_byte * up_bytes + price.down_byte * down_bytes)
    if not near.all():
        cost += price.fixed
    return Split(near, cost, tuple(border.tensor for border in up), tuple(border.tensor for border in down), up_bytes, down_bytes)


def best_split(pieces: Pieces, price: Price) -> Split:
    """The division of the least cost; of equal ones the one with everything on the device."""
    best = priced(pieces, np.ones(len(pieces), dtype=bool), price)
    if price.fixed == 0:
        return _better(best, priced(pieces, _minimum_cut(pieces, price, None), price))
    for last in _ends(pieces):  # a cut that leaves at least one of these to the server pays the fixed cost
        best = _better(best, priced(pieces, _minimum_cut(pieces, price, last), price))
    return best


def chain_splits(pieces: Pieces, price: Price) -> Iterator[Split]:
    """Every division after the first n pieces that is possible, n from 0 to all of them: the cuts of a chain."""
    for number in range(len(pieces) + 1):
        near = np.arange(len(pieces)) < number
        try:
            yield priced(pieces, near, price)
        except ValueError:
            continue


def _better(first: Split, second: Split) -> Split:
    return second if second.cost < first.cost * (1 - 1e-12) else first


def _ends(pieces: Pieces) -> list[int]:
    """Pieces that no other piece needs: if the server computes anything, it computes one of these."""
    needed = {border.maker for border in pieces.borders if border.users}
    return [index for index in range(len(pieces)) if index not in needed]


def _minimum_cut(pieces: Pieces, price: Price, on_server: int | None) -> np.ndarray:
    """Which pieces the device computes. ``on_server``: a piece that the server must compute.

    Capacities are whole numbers, since the flow's rounding would blur which edges are full, and with it the cut.
    """
    import networkx

    near, far = price.near(pieces), price.far(pieces)
    unit = max(float(near.sum() + far.sum() + sum(border.bytes for border in pieces.borders) * (price.up_byte + price.down_byte)), 1e-300) / _STEPS
    graph: Any = networkx.DiGraph()
    for index in range(len(pieces)):
        graph.add_edge(_DEVICE, index, capacity=round(far[index] / unit))
        graph.add_edge(index, _SERVER, capacity=round(near[index] / unit))
    if on_server is not None:
        graph.add_edge(on_server, _SERVER, capacity=inf)
    for border in pieces.borders:
        maker, handed = _DEVICE if border.maker < 0 else border.maker, ("up", border.tensor)
        if border.users:
            graph.add_edge(maker, handed, capacity=round(border.bytes * price.up_byte / unit))
        for user in border.users:
            graph.add_edge(handed, user, capacity=inf)
            if border.maker >= 0:
                graph.add_edge(user, maker, capacity=inf)  # what the device computes, it computes from its own
        if border.output and border.maker >= 0:
            graph[_DEVICE][border.maker]["capacity"] += round(border.bytes * price.down_byte / unit)  # what the server makes of the results comes down
    _, (device, _) = networkx.minimum_cut(graph, _DEVICE, _SERVER)
    return np.array([index in device for index in range(len(pieces))])
