"""Thermal governors against step-by-step computations of their formulas by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from device_models.thermal_spec import PowerControl
from sim.errors import EdgesimError
from sim.policies.throttling import THROTTLING, Actor, ThermalGovernor, TripView, ZoneView
from sim.policies.throttling.allocation import divided
from sim.policies.throttling.power_allocator import PowerAllocator

CPU = (0.5, 1.0, 2.0, 4.0)  # W at each operating point
GPU = (1.0, 3.0)


def _zone(temperatures_c: Sequence[float], control: PowerControl | None = None) -> ZoneView:
    *before, last = temperatures_c
    trips = [*(TripView(temperature_c, 2.0) for temperature_c in before), TripView(last, 2.0, control=control)]
    return ZoneView(trips, [Actor("cpu", CPU), Actor("gpu", GPU)], polling_s=0.1, last_c=25.0)


def _poll(governor: ThermalGovernor, zone: ZoneView, temperature_c: float) -> list[int]:
    zone.temperature_c = temperature_c
    states = list(governor.decide(zone))
    zone.last_c = temperature_c
    for actor, state in zip(zone.actors, states, strict=True):
        actor.state = state
    return states


@pytest.mark.parametrize("name", list(THROTTLING))
def test_every_governor_stays_within_the_states_and_rests_when_cold(name: str) -> None:
    governor, zone = THROTTLING[name](), _zone([60.0, 70.0], control=PowerControl())
    for temperature_c in (25.0, 59.0, 61.0, 66.0, 71.0, 200.0, 68.0, 55.0, 25.0):
        states = _poll(governor, zone, temperature_c)
        assert all(0 <= state <= actor.deepest for state, actor in zip(states, zone.actors, strict=True))
    for _ in range(20):
        states = _poll(governor, zone, zone.last_c - 0.5)
    assert states == [0, 0]


def test_step_wise_follows_trend_and_hysteresis() -> None:
    governor, zone = THROTTLING["step_wise"](), _zone([40.0])
    polls = [(39.0, 0), (41.0, 1), (42.0, 2), (42.0, 2), (41.5, 2), (39.5, 2), (38.5, 2), (37.9, 1), (37.95, 1), (37.0, 0), (36.0, 0)]
    assert [_poll(governor, zone, temperature_c)[0] for temperature_c, _ in polls] == [state for _, state in polls]


def test_step_wise_keeps_a_state_for_each_trip() -> None:
    governor, zone = THROTTLING["step_wise"](), _zone([40.0, 50.0])
    assert [_poll(governor, zone, temperature_c)[0] for temperature_c in (45.0, 46.0, 51.0)] == [1, 2, 3]
    assert _poll(governor, zone, 52.0) == [3, 1]  # an actor has no more states than operating points to give up
    assert [_poll(governor, zone, temperature_c)[0] for temperature_c in (47.0, 39.0, 37.0, 36.0, 35.0)] == [3, 3, 2, 1, 0]


def test_surplus_goes_by_head_room() -> None:
    assert divided(6.0, [1.0, 1.0, 2.0], [1.0, 4.0, 4.0]) == pytest.approx([1.0, 1.5 + 0.5 * 2.5 / 3.5, 3.0 + 0.5 * 1.0 / 3.5])
    assert divided(3.0, [0.0, 0.0], [4.0, 4.0]) == pytest.approx([1.5, 1.5])  # nobody asks: as if all asked alike
    assert divided(30.0, [1.0, 1.0], [4.0, 4.0]) == pytest.approx([4.0, 4.0])


def test_power_allocator_estimates_its_constants_as_the_kernel() -> None:
    """Sustainable: least powers, 1.5 W; k_po = 1.5 / (70 - 60) = 0.15, k_pu = 0.3, k_i = 0.03 W/K; cut-off 0: the integral grows only above the control."""
    governor, zone = PowerAllocator(), _zone([60.0, 70.0])

    def budget(temperature_c: float) -> float:
        zone.temperature_c = temperature_c
        return governor.budget_w(zone, PowerControl())

    assert budget(65.0) == pytest.approx(1.5 + 0.3 * 5)
    assert budget(72.0) == pytest.approx(1.5 - 0.15 * 2 - 0.03 * 2)
    assert budget(73.0) == pytest.approx(1.5 - 0.15 * 3 - 0.03 * (2 + 3))
    assert budget(69.0) == pytest.approx(1.5 + 0.3 * 1 - 0.03 * 5)
    assert budget(90.0) == 0.0
    assert budget(-1000.0) == pytest.approx(7.0)  # never more than all actors can draw


def test_power_allocator_splits_by_weighted_request_and_the_load_of_an_actor() -> None:
    control = PowerControl.model_validate({"sustainable_power": "3 W", "k_po": "0 W/K", "k_pu": "0 W/K", "k_i": "0 W/K", "weights": {"cpu": 3}})
    governor, zone = PowerAllocator(), _zone([60.0, 70.0], control=control)
    zone.actors[0].requested_w, zone.actors[0].index = 2.0, 3  # half of what it could draw
    zone.actors[1].requested_w, zone.actors[1].index = 3.0, 1
    # weighted requests 6 : 3, so 2 W and 1 W; at half load the CPU may stay at 4 W, the GPU falls to 1 W
    assert _poll(governor, zone, 65.0) == [0, 1]
    zone.actors[0].requested_w = 4.0  # requests 12 : 3 give 2.4 W and 0.6 W
    assert _poll(governor, zone, 65.0) == [1, 1]
    assert _poll(governor, zone, 59.0) == [0, 0]  # below the switch-on trip


def test_power_allocator_differentiates_by_the_polling_time() -> None:
    governor, zone = (
        PowerAllocator.tuned({"sustainable_power": "3 W", "k_d": "10 mW/K", "k_i": "0 W/K", "k_po": "0 W/K", "k_pu": "0 W/K"}),
        _zone([60.0, 70.0]),
    )
    zone.temperature_c = 65.0
    assert governor.budget_w(zone, PowerControl()) == pytest.approx(3.0)
    zone.temperature_c = 66.0
    assert governor.budget_w(zone, PowerControl()) == pytest.approx(3.0 - 0.01 * 1.0 / 0.1)


def test_power_allocator_controls_at_the_trip_that_says_so_or_where_it_is_told() -> None:
    control = PowerControl.model_validate({"sustainable_power": "3 W"})
    trips = [TripView(39.0, 2.0), TripView(43.0, 2.0, control=control), TripView(55.0, 2.0)]
    zone = ZoneView(trips, [Actor("cpu", CPU)], 0.1, temperature_c=42.0)
    assert PowerAllocator().budget_w(zone, control) == pytest.approx(4.0)  # 3 + 1.5 x 1, at most 4 W
    told = PowerAllocator.tuned({"control": "50 degC", "switch_on": "40 degC", "k_i": "0 W/K", "sustainable_power": "1 W"})
    assert told.budget_w(zone, control) == pytest.approx(1.0 + 2 * 1.0 / 10 * 8)
    assert told.begins_c(zone) == 40.0


def test_raspberry_pi_sinks_progressively_and_keeps_its_soft_limit() -> None:
    soft, start, hard = TripView(60.0, 2.0, limits={"cpu": 1}), TripView(80.0, 2.0), TripView(85.0, 2.0)
    governor, zone = THROTTLING["raspberry_pi"](), ZoneView([soft, start, hard], [Actor("cpu", CPU)], 1.0)
    polls = [
        (59.0, 0),
        (60.0, 1),
        (58.5, 1),
        (57.9, 0),
        (80.0, 1),
        (81.7, 2),
        (79.8, 2),
        (79.6, 1),
        (85.0, 3),
        (84.0, 3),
        (83.2, 3),
        (81.3, 2),
        (70.0, 1),
        (50.0, 0),
    ]
    assert [_poll(governor, zone, temperature_c)[0] for temperature_c, _ in polls] == [state for _, state in polls]


def test_android_severities_have_limits_ceilings_and_a_budget() -> None:
    control = PowerControl.model_validate({
        "sustainable_power": "3.5 W", "k_po": "1.5 W/K", "k_pu": "1.5 W/K", "k_i": "20 mW/K", "integral_max": "1 W",
        "integral_cutoff": 2, "min_power": "1 W", "max_power": "9.5 W", "weights": {"cpu": 1},
    })  # fmt: skip
    light = TripView(39.0, 1.9, limits={"gpu": 1}, ceilings={"cpu": 2})
    moderate = TripView(43.0, 1.9, limits={"gpu": 1}, ceilings={"cpu": 3}, control=control)
    governor, zone = THROTTLING["android_skin"](), ZoneView([light, moderate], [Actor("cpu", CPU), Actor("gpu", GPU)], 7.0)
    assert _poll(governor, zone, 38.9) == [0, 0]
    assert _poll(governor, zone, 39.0) == [0, 1]  # 3.5 + 1.5 x 4 = 9.5 W
    assert _poll(governor, zone, 42.5) == [0, 1]  # 3.5 + 0.75 + 0.02 x 0.5
    assert _poll(governor, zone, 44.0) == [2, 1]  # 3.5 - 1.5 + 0.01 - 0.02: 1.99 W, just below the third point
    assert _poll(governor, zone, 50.0) == [2, 1]  # 1 W at least
    assert _poll(governor, zone, 41.2) == [0, 1]  # still moderate by hysteresis, but the budget is back
    assert _poll(governor, zone, 37.0) == [0, 0]


def test_android_ceilings_bound_the_budget() -> None:
    control = PowerControl.model_validate({"sustainable_power": "0.1 W", "k_po": "0 W/K", "k_pu": "0 W/K", "weights": {"cpu": 1}})
    trip = TripView(43.0, 1.9, ceilings={"cpu": 1}, control=control)
    assert _poll(THROTTLING["android_skin"](), ZoneView([trip], [Actor("cpu", CPU)], 7.0), 44.0) == [1]


@pytest.mark.parametrize(
    ("values", "says"),
    [({"k_p": "1 W/K"}, "unknown tunable 'k_p'; did you mean"), ({"k_po": "1 W"}, "not a unit of power per kelvin"), ({"sustainable_power": [1]}, "got list")],
)
def test_wrong_tunables_are_explained(values: dict[str, object], says: str) -> None:
    with pytest.raises(EdgesimError, match=says):
        PowerAllocator.tuned(values)
