"""Devices that move from node to node: a group as one, by a plan, or each device by itself, by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.fleet.device import Device
from sim.fleet.tasks import Move, Roaming
from sim.fleet.transfers import Access, Transfers
from sim.runtime.clock import SWITCHES


def plan_move(transfers: Transfers, access: Access, devices: Sequence[Device], move: Move, at_s: float) -> None:
    """A hand-over of a whole group at ``at_s``, and again as the plan says."""

    def happens(_: object) -> None:
        _hand_over(transfers, access, devices, move)
        if move.every_s < math.inf:
            plan_move(transfers, access, devices, move, at_s + move.every_s)

    transfers.clock.at(at_s, SWITCHES, happens)


def roam(transfers: Transfers, device: Device, roaming: Roaming, rng: np.random.Generator) -> None:
    """A device at a place by chance, from which it goes on to any other after every stay. ``rng``: of all devices of the group."""
    place = int(rng.integers(len(roaming.places)))
    device.access.connect(roaming.places[place])
    first_s = rng.exponential(roaming.dwell_s) if roaming.exponential else rng.random() * roaming.dwell_s
    _plan_stay(transfers, device, roaming, rng, place, transfers.clock.now + float(first_s))


def _plan_stay(transfers: Transfers, device: Device, roaming: Roaming, rng: np.random.Generator, place: int, until_s: float) -> None:
    def happens(_: object) -> None:
        following = (place + 1 + int(rng.integers(len(roaming.places) - 1))) % len(roaming.places)
        _hand_over(transfers, device.access, (device,), Move(until_s, roaming.places[following], roaming.outage_s))
        stay_s = float(rng.exponential(roaming.dwell_s)) if roaming.exponential else roaming.dwell_s
        _plan_stay(transfers, device, roaming, rng, following, until_s + stay_s)

    transfers.clock.at(until_s, SWITCHES, happens)


def _hand_over(transfers: Transfers, access: Access, devices: Sequence[Device], move: Move) -> None:
    transfers.move(access, move.paths, move.outage_s)
    for device in devices:
        device.forget_paces()
