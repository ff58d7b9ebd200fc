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
        "_idle_total_j",
        "_idle_w",
        "_promotion_j",
        "_promotion_s",
        "_promotion_total_j",
        "_ready_s",
        "_receive_j_per_byte",
        "_receive_total_j",
        "_receive_w",
        "_receiving",
        "_send_j_per_byte",
        "_send_total_j",
        "_send_w",
        "_sending",
        "_tail",
        "_tail_j",
        "_tail_s",
        "_tail_total_j",
    )

    def __init__(self, spec: RadioSpec) -> None:
        self._promotion_s, self._idle_w = float(spec.promotion_s), float(spec.idle_w)
        self._promotion_j = self._promotion_s * float(spec.promotion_w)
        self._send_w, self._send_j_per_byte = float(spec.send_w), float(spec.send_j_per_byte)
        self._receive_w, self._receive_j_per_byte = float(spec.receive_w), float(spec.receive_j_per_byte)
        self._tail = [(float(step.time_s), float(step.power_w)) for step in spec.tail]
        self._tail_s = sum(seconds for seconds, _ in self._tail)
        self._tail_j = sum(seconds * power_w for seconds, power_w in self._tail)
        self._at_s = 0.0  # accounted for up to here
        self._ready_s = -1.0  # end of the tail; before it no promotion is needed
        self._sending = self._receiving = 0
        self._idle_total_j = self._promotion_total_j = self._send_total_j = self._receive_total_j = self._tail_total_j = 0.0

    @property
    def joules(self) -> dict[str, float]:
        """By state, up to the last event."""
        return {
            "idle": self._idle_total_j,
            "promotion": self._promotion_total_j,
            "send": self._send_total_j,
            "receive": self._receive_total_j,
            "tail": self._tail_total_j,
        }

    def promotion_s(self, now: float) -> float:
        """Until a transfer asked for now can begin."""
        return 0.0 if self._sending or self._receiving or now <= self._ready_s else self._promotion_s

    def expected_j(self, promotion_s: float, up_s: float, up_bytes: float, down_s: float, down_bytes: float) -> float:
        """Above being idle, of sending and receiving alone, with the tail after it."""
        promotion_j = self._promotion_j if promotion_s else 0.0
        tail_j = self._tail_j - self._tail_s * self._idle_w
        moving_j = up_s * self._send_w + down_s * self._receive_w
        return promotion_j + moving_j + up_bytes * self._send_j_per_byte + down_bytes * self._receive_j_per_byte + tail_j

    def begin(self, now: float, sending: bool) -> None:
        """A transfer begins: its promotion, if it needed one, has just ended."""
        if self._sending or self._receiving:
            self._account(now)
        elif now > self._ready_s:
            self._rested(max(now - self._promotion_s, self._at_s))
            self._promotion_total_j += self._promotion_j
            self._at_s = now
        else:
            self._rested(now)
        if sending:
            self._sending += 1
        else:
            self._receiving += 1

    def end(self, now: float, sending: bool, size_bytes: float) -> None:
        """A transfer has ended."""
        seconds, self._at_s = now - self._at_s, now
        if self._sending:
            self._send_total_j += seconds * self._send_w
        else:
            self._receive_total_j += seconds * self._receive_w
        if sending:
            self._send_total_j += size_bytes * self._send_j_per_byte
            self._sending -= 1
        else:
            self._receive_total_j += size_bytes * self._receive_j_per_byte
            self._receiving -= 1
        if not self._sending and not self._receiving:
            self._ready_s = now + self._tail_s

    def moved(self, sending: bool, size_bytes: float) -> None:
        """Bytes of a transfer that goes on have passed."""
        if sending:
            self._send_total_j += size_bytes * self._send_j_per_byte
        else:
            self._receive_total_j += size_bytes * self._receive_j_per_byte

    def close(self, now: float) -> float:
        """All joules up to now."""
        self._account(now)
        return sum(self.joules.values())

    def _account(self, now: float) -> None:
        seconds = now - self._at_s
        if self._sending:
            self._send_total_j += seconds * self._send_w
        elif self._receiving:
            self._receive_total_j += seconds * self._receive_w
        else:
            self._rested(now)
        self._at_s = now

    def _rested(self, now: float) -> None:
        """Tail, then idleness, from the last moment accounted for until now."""
        at_s, ready_s = self._at_s, self._ready_s
        if now <= at_s:
            return
        self._at_s = now
        if at_s < ready_s:
            self._tail_total_j += self._tail_until(now) - self._tail_until(at_s)
        if now > ready_s:
            self._idle_total_j += (now - (ready_s if ready_s > at_s else at_s)) * self._idle_w

    def _tail_until(self, now: float) -> float:
        """Joules of the tail from its begin."""
        if now >= self._ready_s:
            return self._tail_j
        left_s, joules = now - (self._ready_s - self._tail_s), 0.0
        for seconds, power_w in self._tail:
            if left_s <= seconds:
                return joules + left_s * power_w
            joules, left_s = joules + seconds * power_w, left_s - seconds
        return joules
