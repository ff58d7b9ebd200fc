"""Governors' formulas by hand, from the kernel's sources."""

from __future__ import annotations

import math

import pytest

from sim.policies.governors import GOVERNORS, DomainView
from sim.policies.governors.governor import at_least, at_most, closest

POINTS = (400e6, 800e6, 1200e6, 1600e6, 2000e6)


def _view(load: float = 0.0, utilisation: float = 0.0, index: int = 2, busy: bool = True, requested_hz: float | None = None) -> DomainView:
    return DomainView(POINTS, index, load, utilisation, busy, index, POINTS[index] if requested_hz is None else requested_hz)


def test_names_are_those_of_linux() -> None:
    assert set(GOVERNORS) >= {"performance", "powersave", "userspace", "ondemand", "conservative", "schedutil", "simple_ondemand"}


def test_look_ups() -> None:
    assert [at_least(POINTS, hz) for hz in (0.0, 400e6, 401e6, 9e9)] == [0, 0, 1, 4]
    assert [at_most(POINTS, hz) for hz in (0.0, 799e6, 800e6, 9e9)] == [0, 0, 1, 4]
    assert [closest(POINTS, hz) for hz in (0.0, 590e6, 610e6, 9e9)] == [0, 0, 1, 4]


@pytest.mark.parametrize(
    ("name", "load", "wanted_hz"),
    [
        ("performance", 0.0, 2000e6),
        ("powersave", 1.0, 400e6),
        ("userspace", 1.0, 1200e6),
        ("ondemand", 0.81, 2000e6),
        ("ondemand", 0.5, 1200e6),  # 400 + 0.5 x 1600, the closest point
        ("ondemand", 0.0, 400e6),
        ("conservative", 0.9, 1300e6),  # one step of 5 % of 2 GHz
        ("conservative", 0.5, 1200e6),
        ("conservative", 0.1, 1100e6),
        ("simple_ondemand", 0.95, 2000e6),
        ("simple_ondemand", 0.87, 1200e6),
        ("simple_ondemand", 0.5, 0.5 * 1200e6 / 0.875),
    ],
)
def test_decisions_by_load(name: str, load: float, wanted_hz: float) -> None:
    assert GOVERNORS[name]().decide(_view(load)) == pytest.approx(wanted_hz)


def test_schedutil_leaves_a_quarter_of_headroom() -> None:
    assert GOVERNORS["schedutil"]().decide(_view(utilisation=0.6)) == pytest.approx(1.25 * 0.6 * 2000e6)


def test_conservative_climbs_over_wide_points_step_by_step() -> None:
    governor = GOVERNORS["conservative"]()
    view, points = _view(load=1.0), []
    for _ in range(9):
        wanted = governor.decide(view)
        view.index = governor.operating_point(view, wanted)
        view.requested_hz = wanted
        points.append(view.index)
    assert points == [2, 2, 2, 3, 3, 3, 3, 4, 4]


@pytest.mark.parametrize("name", list(GOVERNORS))
def test_every_governor_decides_within_its_range_and_knows_when_it_is_quiet(name: str) -> None:
    governor = GOVERNORS[name]()
    for load in (0.0, 0.3, 0.79, 0.88, 1.0):
        for index in range(len(POINTS)):
            view = _view(load, load, index, busy=load > 0)
            assert 0 <= governor.operating_point(view, governor.decide(view)) < len(POINTS)
            if governor.uses_load:
                assert governor.quiet_s(view) >= 0.0
            else:
                view.wanted = governor.operating_point(view, governor.decide(view))
                low, high = governor.band(view)
                assert low < view.utilisation <= high or (load == 0.0 and low == -math.inf)


def test_userspace_goes_where_it_is_told() -> None:
    assert GOVERNORS["userspace"].tuned({"frequency": "1.1 GHz"}).decide(_view()) == pytest.approx(1100e6)


@pytest.mark.parametrize(
    ("name", "values", "load", "wanted_hz"),
    [
        ("ondemand", {"up_threshold": "60 %"}, 0.61, 2000e6),
        ("conservative", {"freq_step": "10 %", "up_threshold": 0.5}, 0.6, 1400e6),
        ("simple_ondemand", {"upthreshold": 0.5, "downdifferential": 0.1}, 0.4, 0.4 * 1200e6 / 0.45),
        ("simple_ondemand", {"upthreshold": 0.5, "downdifferential": 0.1}, 0.45, 1200e6),
    ],
)
def test_tunables_change_the_formulas(name: str, values: dict[str, str | float], load: float, wanted_hz: float) -> None:
    assert GOVERNORS[name].tuned(values).decide(_view(load)) == pytest.approx(wanted_hz)


def test_sampling_is_a_tunable() -> None:
    assert GOVERNORS["schedutil"].tuned({"sampling": "10 ms"}).sampling_s == pytest.approx(0.01)
    assert GOVERNORS["schedutil"]().sampling_s == pytest.approx(0.004)
