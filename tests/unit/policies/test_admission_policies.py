"""Who is let in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sim.errors import EdgesimError
from sim.policies.admission import ADMISSION, Decision


@dataclass
class Newcomer:
    now_s: float = 0.0
    deadline_s: float = float("inf")
    priority: int = 0
    waiting: int = 0
    least_priority: int = 0
    answered_s: float = 0.0


def _decisions(name: str, tunables: dict[str, object], arrivals: list[Newcomer]) -> str:
    policy = ADMISSION[name].tuned(tunables)
    return "".join(policy.decide(arrival).value[0] for arrival in arrivals)  # admit, refuse, displace


def test_token_bucket_lets_bursts_in_and_then_its_rate() -> None:
    times = [0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.35, 10.0, 10.0, 10.0, 10.0]
    found = _decisions("token_bucket", {"rate": "10 Hz", "burst": 3}, [Newcomer(now_s=time) for time in times])
    assert found == "aaar" + "ar" + "a" + "aaar"  # three saved up, one per tenth of a second, never more than three


@pytest.mark.parametrize("rate_hz", [3.0, 50.0, 1000.0])
def test_token_bucket_never_lets_more_in_than_burst_and_rate_allow(rate_hz: float) -> None:
    policy = ADMISSION["token_bucket"].tuned({"rate": f"{rate_hz} Hz", "burst": 5})
    admitted = [index * 1e-4 for index in range(50_000) if policy.decide(Newcomer(now_s=index * 1e-4)) is Decision.ADMIT]
    assert len(admitted) == pytest.approx(5 + rate_hz * 5.0, abs=2)
    for first, time_s in enumerate(admitted):
        inside = sum(other <= time_s + 0.5 for other in admitted[first:])
        assert inside <= 5 + rate_hz * 0.5 + 1


def test_deadline_refuses_what_would_be_late() -> None:
    arrivals = [Newcomer(deadline_s=1.0, answered_s=answered_s) for answered_s in (0.5, 0.95, 0.951, 1.0, 2.0)]
    assert _decisions("deadline", {}, arrivals) == "aaaar"
    assert _decisions("deadline", {"margin": "50 ms"}, arrivals) == "aarrr"
    assert _decisions("deadline", {}, [Newcomer(answered_s=float("inf"))]) == "a"


def test_shed_by_priority_gives_up_the_least_urgent() -> None:
    arrivals = [
        Newcomer(waiting=1, priority=0),
        Newcomer(waiting=2, priority=0, least_priority=0),
        Newcomer(waiting=2, priority=1, least_priority=0),
        Newcomer(waiting=2, priority=1, least_priority=1),
        Newcomer(waiting=2, priority=0, least_priority=1),
    ]
    assert _decisions("shed_by_priority", {"limit": 2}, arrivals) == "ardrr"


@pytest.mark.parametrize(
    ("name", "tunables", "what"),
    [
        ("token_bucket", {"rate": "0 Hz"}, "out of range"),
        ("token_bucket", {"burst": 0}, "out of range"),
        ("token_bucket", {"rates": "1 Hz"}, "did you mean 'rate'"),
        ("deadline", {"margin": "-1 ms"}, "out of range"),
        ("shed_by_priority", {"limit": "many"}, "many"),
    ],
)
def test_wrong_tunables(name: str, tunables: dict[str, object], what: str) -> None:
    with pytest.raises(EdgesimError, match=what):
        ADMISSION[name].tuned(tunables)
