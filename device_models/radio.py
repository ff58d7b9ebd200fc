"""A radio: states idle, promotion, send, receive and tail, each with a constant power, and the exact energy of a sequence of transfers.

While data flows the power is affine in the rate, ``base + energy per byte x rate`` (Huang et al., MobiSys 2012). After a transfer the
radio stays ready through the steps of its tail; one that begins meanwhile needs no promotion, and its end starts the tail anew.
The idle power is the mean over the cycle of discontinuous reception, of which wake-ups are not resolved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from device_models.figure import Figure, Quantity
from device_models.spec_base import NONE_STATED, BytesPerSecond, JoulesPerByte, Spec

RadioPower = Annotated[Figure, Quantity("power", ge=0)]
RadioTime = Annotated[Figure, Quantity("time", ge=0)]
State = Literal["idle", "promotion", "send", "receive", "tail"]
STATES: tuple[State, ...] = ("idle", "promotion", "send", "receive", "tail")


class TailStep(Spec):
    """A part of the tail: the radio stays ready at this power for this time."""

    time_s: RadioTime = Field(alias="time")
    power_w: RadioPower = Field(alias="power")


class RadioSpec(Spec):
    """A radio: its interface's powers and the bandwidth of its link. ``base: NAME`` takes a radio of the catalogue for all that is not stated."""

    base: str = Field(default="", description="a radio of the catalogue, for everything that is not stated here")
    up_bytes_per_s: BytesPerSecond = Field(alias="up_bandwidth", description="of what is sent, such as 6 Mbit/s")
    down_bytes_per_s: BytesPerSecond = Field(alias="down_bandwidth", description="of what is received")
    idle_w: RadioPower = Field(alias="idle_power", description="mean while nothing happens, wake-ups to listen included")
    promotion_s: RadioTime = Field(default=NONE_STATED, alias="promotion_time", description="from idle to ready")
    promotion_w: RadioPower = Field(default=NONE_STATED, alias="promotion_power")
    send_w: RadioPower = Field(alias="send_power", description="while sending, without the part that rises with the rate")
    receive_w: RadioPower = Field(alias="receive_power", description="while receiving, without the part that rises with the rate")
    send_j_per_byte: JoulesPerByte = Field(default=NONE_STATED, alias="send_energy_per_byte")
    receive_j_per_byte: JoulesPerByte = Field(default=NONE_STATED, alias="receive_energy_per_byte")
    tail: tuple[TailStep, ...] = Field(default=(), description="in order; the radio is idle after the last")

    @model_validator(mode="before")
    @classmethod
    def _of_base(cls, raw: Any) -> Any:
        from device_models.catalog.radios import radio_data, radio_names

        described = {"base": raw} if isinstance(raw, str) else raw
        if not isinstance(described, dict) or not isinstance(name := described.get("base"), str) or not name:
            return described
        if name not in radio_names():
            raise ValueError(f"unknown radio {name[:60]!r}; known: {', '.join(radio_names())}")
        return {**radio_data(name), **described}

    @property
    def most_w(self) -> float:
        """The highest power of any state, at the link's own bandwidth, W."""
        send_w = float(self.send_w) + float(self.send_j_per_byte) * float(self.up_bytes_per_s)
        receive_w = float(self.receive_w) + float(self.receive_j_per_byte) * float(self.down_bytes_per_s)
        return max(float(self.idle_w), float(self.promotion_w), send_w, receive_w, *(float(step.power_w) for step in self.tail))

    @property
    def tail_s(self) -> float:
        """Length of the whole tail, s."""
        return sum(float(step.time_s) for step in self.tail)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes asked for at a time: first those sent, then those received, at rates in bytes per second (above 0)."""

    time_s: float
    sent_bytes: float
    received_bytes: float
    up_bytes_per_s: float
    down_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Phase:
    """The radio in one state at a constant power."""

    state: State
    begin_s: float
    end_s: float
    power_w: float


def transfer_phases(radio: RadioSpec, transfer: Transfer, begin_s: float, ready: bool) -> list[Phase]:
    """What a transfer does from ``begin_s`` on: promotion unless ``ready``, sending, receiving. Phases without length are left out.

    Raises ValueError for rates that are not above 0, and for negative amounts.
    """
    if min(transfer.up_bytes_per_s, transfer.down_bytes_per_s) <= 0 or min(transfer.sent_bytes, transfer.received_bytes) < 0:
        raise ValueError("a transfer needs rates above 0 and amounts of at least 0")
    up_s, down_s = transfer.sent_bytes / transfer.up_bytes_per_s, transfer.received_bytes / transfer.down_bytes_per_s
    return timed_phases(radio, (transfer.sent_bytes, up_s), (transfer.received_bytes, down_s), begin_s, ready)


def timed_phases(radio: RadioSpec, sent: tuple[float, float], received: tuple[float, float], begin_s: float, ready: bool) -> list[Phase]:
    """The same for a transfer whose durations are known. ``sent``, ``received``: bytes and the seconds they take."""
    steps: list[tuple[State, float, float]] = [] if ready else [("promotion", float(radio.promotion_s), float(radio.promotion_w))]
    steps.append(("send", sent[1], float(radio.send_w) + float(radio.send_j_per_byte) * _rate(*sent)))
    steps.append(("receive", received[1], float(radio.receive_w) + float(radio.receive_j_per_byte) * _rate(*received)))
    return _in_turn(begin_s, steps)


def _rate(amount_bytes: float, seconds: float) -> float:
    return amount_bytes / seconds if seconds > 0 else 0.0


def tail_phases(radio: RadioSpec, begin_s: float) -> list[Phase]:
    """The tail after a transfer that ended at ``begin_s``."""
    return _in_turn(begin_s, [("tail", float(step.time_s), float(step.power_w)) for step in radio.tail])


def _in_turn(begin_s: float, steps: Iterable[tuple[State, float, float]]) -> list[Phase]:
    phases = []
    for state, seconds, power_w in steps:
        if (end_s := begin_s + seconds) > begin_s:
            phases.append(Phase(state, begin_s, end_s, power_w))
            begin_s = end_s
    return phases


def phases(radio: RadioSpec, transfers: Iterable[Transfer], end_s: float) -> list[Phase]:
    """All of a radio's phases from 0 to ``end_s``, without gaps; transfers are in order of time and wait for each other."""
    found: list[Phase] = []
    free_s, ready_s = 0.0, -1.0  # end of the last transfer, and of its tail
    for transfer in transfers:
        begin_s = max(transfer.time_s, free_s)
        if begin_s >= end_s:
            break
        found += _rest(radio, free_s, begin_s, ready_s)
        active = transfer_phases(radio, transfer, begin_s, ready=begin_s <= ready_s)
        found += active
        free_s = active[-1].end_s if active else begin_s
        ready_s = free_s + radio.tail_s
    found += _rest(radio, free_s, end_s, ready_s)
    return [Phase(one.state, one.begin_s, min(one.end_s, end_s), one.power_w) for one in found if one.begin_s < end_s]


def _rest(radio: RadioSpec, begin_s: float, end_s: float, ready_s: float) -> list[Phase]:
    """Between transfers: the tail, cut at ``end_s``, then idle."""
    tail = tail_phases(radio, begin_s) if ready_s >= begin_s else []
    found = [Phase("tail", one.begin_s, min(one.end_s, end_s), one.power_w) for one in tail if one.begin_s < end_s]
    idle_s = found[-1].end_s if found else begin_s
    if idle_s < end_s:
        found.append(Phase("idle", idle_s, end_s, float(radio.idle_w)))
    return found


def energy_j(found: Iterable[Phase]) -> float:
    """Energy of phases, exact because each has a constant power."""
    return sum((one.end_s - one.begin_s) * one.power_w for one in found)
