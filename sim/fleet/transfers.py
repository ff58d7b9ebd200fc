"""Transfers between devices and servers: radios that wake up, packets that are lost, hand-overs, and the shares of the links.

A device with a rate of its own (a radio, a link it shares with nobody) sends one thing after the other, and receives likewise; without
one all its transfers are under way at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.fleet.network import Flow, FlowClass, Network
from sim.fleet.tasks import Group, Path
from sim.runtime.clock import SWITCHES, Alarm, Clock

if TYPE_CHECKING:
    from sim.fleet.device import Device

PACKET_BYTES = 1500
Arrived = Callable[[float], None]


Flows = tuple[dict[str, FlowClass], dict[str, FlowClass]]


class Access:
    """Where devices of a group are connected now: their ways to the servers, and the flows on them. While ``held`` is a list, nothing passes.

    ``known``: flows by the identity of their paths, which the group keeps alive; devices that move each by itself share it.
    """

    def __init__(self, group: Group, network: Network, known: dict[int, Flows] | None = None) -> None:
        self.group, self._network = group, network
        self.under_way: dict[Transfer, None] | None = {} if group.moves or group.roaming is not None else None
        self.held: list[Transfer] | None = None
        self.moved = 0
        self._known: dict[int, Flows] = {} if known is None else known
        self.connect(group.paths)

    def connect(self, paths: Mapping[str, Path]) -> None:
        """From now on by these paths."""
        if id(paths) not in self._known:
            group, kind = self.group, self._network.flow_class
            ups = {name: kind(path.up, min(group.up_bytes_per_s, path.up_bytes_per_s)) for name, path in paths.items()}
            downs = {name: kind(path.down, min(group.down_bytes_per_s, path.down_bytes_per_s)) for name, path in paths.items()}
            self._known[id(paths)] = ups, downs
        self.paths = paths
        self.up, self.down = self._known[id(paths)]


class Transfer:
    """Bytes on their way. ``arrived`` is called with the delay that follows the last byte."""

    __slots__ = ("_of", "arrived", "bytes", "delay_s", "device", "flow", "given_up", "kind", "sending", "server")

    def __init__(self, of: Transfers, device: Device, server: str, size_bytes: float, sending: bool, arrived: Arrived) -> None:
        self._of, self.device, self.server, self.bytes, self.sending, self.arrived = of, device, server, size_bytes, sending, arrived
        self.delay_s = 0.0
        self.kind: FlowClass | None = None
        self.flow: Flow | None = None
        self.given_up = False

    def passed(self) -> None:
        """Its last byte has passed."""
        self._of.off_air(self, 0.0)
        self.arrived(self.delay_s)


class Transfers:
    """All transfers of a fleet. ``rng``: of jitter and losses."""

    def __init__(self, clock: Clock, network: Network, rng: np.random.Generator) -> None:
        self.clock, self.network, self._rng = clock, network, rng

    def begin(self, device: Device, server: str, size_bytes: float, sending: bool, arrived: Arrived) -> Transfer:
        """``size_bytes`` from a device to a server (``sending``) or back."""
        transfer = Transfer(self, device, server, size_bytes, sending, arrived)
        kind = device.access.up[server] if sending else device.access.down[server]
        if kind.limit_bytes_per_s < math.inf:
            lane = device.lane(sending)
            lane.append(transfer)
            if len(lane) > 1:
                return transfer
        self._wake(transfer)
        return transfer

    def give_up(self, transfer: Transfer) -> float:
        """Nobody waits for it any more: what has not passed will not. Returns these bytes."""
        transfer.given_up = True
        held, left_bytes = transfer.device.access.held, transfer.bytes
        if held is not None and transfer in held:
            held.remove(transfer)
            self.off_air(transfer, left_bytes)
        elif transfer.flow is not None and transfer.kind is not None:
            left_bytes = self.network.take_off(transfer.kind, transfer.flow)
            self.off_air(transfer, left_bytes)
        return left_bytes

    def _wake(self, transfer: Transfer) -> None:
        """The radio becomes ready."""
        radio = transfer.device.radio
        if radio is not None and (delay_s := radio.promotion_s(self.clock._now)):
            Alarm(self.clock, self.clock._now + delay_s, SWITCHES, lambda _: self._start(transfer))
        else:
            self._start(transfer)

    def _start(self, transfer: Transfer) -> None:
        if transfer.given_up:
            self._next(transfer)
            return
        device = transfer.device
        path = device.access.paths[transfer.server]
        transfer.delay_s = path.latency_s
        if path.jitter_s:
            transfer.delay_s += path.jitter_s * self._rng.random()
        if path.loss:
            transfer.bytes, rounds = self._resent(transfer.bytes, path.loss)
            transfer.delay_s += 2 * path.latency_s * rounds
        if device.radio is not None:
            device.radio.begin(self.clock._now, transfer.sending)
        access = device.access
        if access.under_way is not None:
            access.under_way[transfer] = None
            self._flow(transfer)
        else:  # of a group that never moves
            kind = transfer.kind = (access.up if transfer.sending else access.down)[transfer.server]
            transfer.flow = self.network.send(kind, transfer.bytes, transfer.passed)

    def _flow(self, transfer: Transfer) -> None:
        access = transfer.device.access
        if access.held is not None:
            access.held.append(transfer)
            return
        transfer.kind = (access.up if transfer.sending else access.down)[transfer.server]
        transfer.flow = self.network.send(transfer.kind, transfer.bytes, transfer.passed)

    def _resent(self, size_bytes: float, loss: float) -> tuple[float, int]:
        """Bytes that pass until all packets have arrived, and how many more rounds that takes."""
        packets = math.ceil(size_bytes / PACKET_BYTES)
        passed_bytes, rounds = size_bytes, 0
        lost = int(self._rng.binomial(packets, loss))
        while lost:
            passed_bytes += lost * min(PACKET_BYTES, size_bytes)
            rounds += 1
            lost = int(self._rng.binomial(lost, loss))
        return passed_bytes, rounds

    def off_air(self, transfer: Transfer, left_bytes: float) -> None:
        """It is over, all but these bytes of it."""
        device, transfer.flow = transfer.device, None
        if device.radio is not None:
            device.radio.end(self.clock._now, transfer.sending, transfer.bytes - left_bytes)
        if device.access.under_way is not None:
            device.access.under_way.pop(transfer, None)
        self._next(transfer)

    def _next(self, transfer: Transfer) -> None:
        """What waits behind it on the device begins."""
        lane = transfer.device.waiting(transfer.sending)
        if not lane or lane[0] is not transfer:
            return
        lane.popleft()
        while lane and lane[0].given_up:
            lane.popleft()
        if lane:
            self._wake(lane[0])

    def move(self, access: Access, paths: Mapping[str, Path], outage_s: float) -> None:
        """A hand-over: what is under way pauses for the outage and goes on by the new paths. One that begins in another's outage replaces it."""
        if access.held is None:
            access.held = []
        for transfer in list(access.under_way or ()):
            if transfer.flow is not None and transfer.kind is not None:
                left_bytes = self.network.take_off(transfer.kind, transfer.flow)
                if transfer.device.radio is not None:
                    transfer.device.radio.moved(transfer.sending, transfer.bytes - left_bytes)
                transfer.bytes, transfer.flow = left_bytes, None
                access.held.append(transfer)
        access.connect(paths)
        access.moved += 1
        if outage_s:
            self.clock.at(self.clock._now + outage_s, SWITCHES, partial(self._reconnected, access, access.moved))
        else:
            self._reconnected(access, access.moved)

    def _reconnected(self, access: Access, number: int, _: object = None) -> None:
        if number != access.moved or access.held is None:
            return
        held, access.held = access.held, None
        for transfer in held:
            self._flow(transfer)
