"""A device's radio in a fleet: its energy from the times of its transfers alone, without events between them.

Transfers may overlap: while there is any, the radio draws the power of sending if something is sent, else that of receiving, and the
energy per byte comes on top. Between them stand the tail and idleness, and a promotion after the tail.
"""

from __future__ import annotations

from device_models.radio import RadioSpec


class FleetRadio:
    """``joules`` by state, up to the last event; :meth:`close` brings it to an end."""

    __slots__ = (
        "_at_s",
        "_idle_w",
        "_promotion_j",
        "_promotion_s",
        "_ready_s",
        "_receive_j_per_byte",
        "_receive_w",
        "_receiving",
        "_send_j_per_byte",
        "_send_w",
        "_sending",
        "_tail",
        "_tail_s",
        "joules",
    )

    def __init__(self, spec: RadioSpec) -> None:
        self._promotion_s, self._idle_w = float(spec.promotion_s), float(spec.idle_w)
        self._promotion_j = self._promotion_s * float(spec.promotion_w)
        self._send_w, self._send_j_per_byte = float(spec.send_w), float(spec.send_j_per_byte)
        self._receive_w, self._receive_j_per_byte = float(spec.receive_w), float(spec.receive_j_per_byte)
        self._tail = [(float(step.time_s), float(step.power_w)) for step in spec.tail]
        self._tail_s = sum(seconds for seconds, _ in self._tail)
        self._at_s = 0.0  # accounted for up to here
        self._ready_s = -1.0  # end of the tail; before it no promotion is needed
        self._sending = self._receiving = 0
        self.joules = {"idle": 0.0, "promotion": 0.0, "send": 0.0, "receive": 0.0, "tail": 0.0}

    def promotion_s(self, now: float) -> float:
        """Until a transfer asked for now can begin."""
        return 0.0 if self._sending or self._receiving or now <= self._ready_s else self._promotion_s

    def expected_j(self, promotion_s: float, up_s: float, up_bytes: float, down_s: float, down_bytes: float) -> float:
        """Above being idle, of sending and receiving alone, with the tail after it."""
        promotion_j = self._promotion_j if promotion_s else 0.0
        tail_j = sum((power_w - self._idle_w) * seconds for seconds, power_w in self._tail)
        moving_j = up_s * self._send_w + down_s * self._receive_w
        return promotion_j + moving_j + up_bytes * self._send_j_per_byte + down_bytes * self._receive_j_per_byte + tail_j

    def begin(self, now: float, sending: bool) -> None:
        """A transfer begins: its promotion, if it needed one, has just ended."""
        if not self._sending and not self._receiving and now > self._ready_s:
            self._account(max(now - self._promotion_s, self._at_s))
            self.joules["promotion"] += self._promotion_j
            self._at_s = now
        else:
            self._account(now)
        if sending:
            self._sending += 1
        else:
            self._receiving += 1

    def end(self, now: float, sending: bool, size_bytes: float) -> None:
        """A transfer has ended."""
        self._account(now)
        if sending:
            self._sending -= 1
        else:
            self._receiving -= 1
        self.moved(sending, size_bytes)
        if not self._sending and not self._receiving:
            self._ready_s = now + self._tail_s

    def moved(self, sending: bool, size_bytes: float) -> None:
        """Bytes of a transfer that goes on have passed."""
        self.joules["send" if sending else "receive"] += size_bytes * (self._send_j_per_byte if sending else self._receive_j_per_byte)

    def close(self, now: float) -> float:
        """All joules up to now."""
        self._account(now)
        return sum(self.joules.values())

    def _account(self, now: float) -> None:
        seconds = now - self._at_s
        if seconds <= 0:
            return
        if self._sending:
            self.joules["send"] += seconds * self._send_w
        elif self._receiving:
            self.joules["receive"] += seconds * self._receive_w
        else:
            self._rest(now)
        self._at_s = now

    def _rest(self, now: float) -> None:
        """Tail, then idleness, from the last moment accounted for."""
        step_s = self._ready_s - self._tail_s
        if self._at_s < self._ready_s:
            for seconds, power_w in self._tail:
                overlap_s = min(now, step_s + seconds) - max(self._at_s, step_s)
                if overlap_s > 0:
                    self.joules["tail"] += overlap_s * power_w
                step_s += seconds
        idle_s = now - max(self._at_s, self._ready_s)
        if idle_s > 0:
            self.joules["idle"] += idle_s * self._idle_w
