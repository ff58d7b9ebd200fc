"""Power by control: the controller's terms, and the split of a power budget among actors."""

from __future__ import annotations

from collections.abc import Sequence


def divided(budget_w: float, requested_w: Sequence[float], most_w: Sequence[float]) -> list[float]:
    """A budget in proportion to (weighted) requests; what exceeds an actor's most goes to the others in proportion to their head-room.

    As ``divvy_up_power`` of drivers/thermal/gov_power_allocator.c: the surplus is redistributed once. Watts.
    """
    requests = list(requested_w) if sum(requested_w) > 0 else [1.0] * len(requested_w)
    shares = [budget_w * request / sum(requests) for request in requests]
    granted = [min(share, most) for share, most in zip(shares, most_w, strict=True)]
    surplus = sum(shares) - sum(granted)
    room = [most - grant for most, grant in zip(most_w, granted, strict=True)]
    if surplus <= 0 or sum(room) <= 0:
        return granted
    part = min(surplus / sum(room), 1.0)
    return [grant + part * space for grant, space in zip(granted, room, strict=True)]
