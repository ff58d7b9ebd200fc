"""Sleep by time-out: the break-even rule, which never costs more than twice what an oracle would."""

from __future__ import annotations

from collections.abc import Sequence

from sim.policies.idle.policy import IDLE, IdlePolicy


@IDLE.register("timeout")
class Timeout(IdlePolicy):
    """Always begins with plain idling; each deeper state follows when its target residency has passed."""

    def choose(self, intervals_s: Sequence[float], residencies_s: Sequence[float]) -> int:
        return 0
