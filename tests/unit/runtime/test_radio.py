"""Radios at work: transfers in turn, promotion, tails that overlap, and energy that adds up, against closed forms and the law itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import synthetic

from device_models.battery_spec import BatterySpec
from device_models.catalog.radios import radio_names
from device_models.radio import STATES, RadioSpec, Transfer, energy_j, phases
from sim.experiment.simulate import simulate
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.scenario.stages import RadioStage
from sim.trace import Status, Trace

RADIO = {
    "up_bandwidth": "1 MB/s",
    "down_bandwidth": "2 MB/s",
    "idle_power": "10 mW",
    "promotion_time": "0.5 s",
    "promotion_power": "2 W",
    "send_power": "1 W",
    "receive_power": "0.5 W",
    "send_energy_per_byte": "1 uJ/byte",
    "receive_energy_per_byte": "0.5 uJ/byte",
    "tail": [{"time": "3 s", "power": "0.8 W"}, {"time": "2 s", "power": "0.4 W"}],
}
PROMOTION_J, ACTIVE_J, TAIL_J = 1.0, 2 * (1 + 1) + 1 * (0.5 + 1), 3 * 0.8 + 2 * 0.4  # 2 MB up in 2 s, 2 MB down in 1 s
UPLOAD = {"name": "upload", "radio": "link", "send": "2 MB", "receive": "2 MB"}


def engine(
    workloads: dict[str, Any], duration_s: float, programs: tuple[Any, ...] = (), radio: dict[str, Any] | None = None, reference: bool = False, **more: Any
) -> Engine:
    """Radios on the synthetic device; model stages name programs."""
    device = more.pop("device", {})
    battery = device.pop("battery", None)
    on = synthetic.device(radios={"link": radio or RADIO}, **device)
    if battery is not None:
        on = on.model_copy(update={"battery": BatterySpec.model_validate(battery)})
    full = {name: {**workload, "pipeline": workload.get("pipeline", [UPLOAD])} for name, workload in workloads.items()}
    models = {program.name: {"source": program.name} for program in programs}
    data = {"name": "radio", "device": "synthetic", "models": models, "workloads": full, "duration": f"{duration_s} s"}
    scenario = Scenario.model_validate(data | more)
    order = [program.name for program in programs]
    stages = {
        name: [None if isinstance(stage, RadioStage) else order.index(stage.model) for stage in workload.pipeline]  # type: ignore[union-attr]
        for name, workload in scenario.workloads.items()
    }
    return Engine(scenario, on, Deployment(programs, stages, (True,) * len(programs)), reference=reference)


def at(*times_s: float, **more: Any) -> dict[str, Any]:
    """One request at each of some times, as workloads of their own."""
    return {
        f"at_{index}": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1, "start": f"{time_s} s", **more} for index, time_s in enumerate(times_s)
    }


def run(workloads: dict[str, Any], duration_s: float, **more: Any) -> Trace:
    return engine(workloads, duration_s, **more).run()


def states(trace: Trace) -> list[str]:
    return [STATES[state] for state in trace.radio_phases["state"]]


def test_one_transfer_and_its_tail() -> None:
    trace = run(at(10.0), 100.0)
    assert states(trace) == ["promotion", "send", "receive", "tail", "tail"]
    assert trace.radio_phases["start_s"] == pytest.approx([10, 10.5, 12.5, 13.5, 16.5], abs=1e-12)
    assert trace.radio_phases["end_s"][-1] == pytest.approx(18.5, abs=1e-12)
    assert trace.energy_j["radio.link"] == pytest.approx(PROMOTION_J + ACTIVE_J + TAIL_J + (100 - 8.5) * 0.01, rel=1e-12)
    assert trace.requests["start_s"] == pytest.approx([10.0]) and trace.requests["end_s"] == pytest.approx([13.5])
    assert trace.request_energy["energy_j"] == pytest.approx([PROMOTION_J + ACTIVE_J], rel=1e-12), "the tail is nobody's"


def test_a_transfer_within_the_tail_needs_no_promotion_and_starts_the_tail_anew() -> None:
    trace = run(at(0.0, 3.5 + 4.0), 100.0)
    assert states(trace).count("promotion") == 1
    rest_s = 100 - 3.5 - 4 - 3 - 5
    assert trace.energy_j["radio.link"] == pytest.approx(PROMOTION_J + 2 * ACTIVE_J + 3 * 0.8 + 1 * 0.4 + TAIL_J + rest_s * 0.01, rel=1e-12)


def test_a_transfer_after_the_tail_pays_for_all_again() -> None:
    trace = run(at(0.0, 20.0), 100.0)
    assert trace.energy_j["radio.link"] == pytest.approx(2 * (PROMOTION_J + ACTIVE_J + TAIL_J) + (100 - 17) * 0.01, rel=1e-12)


def test_a_transfer_at_the_very_end_of_the_tail_finds_the_radio_ready() -> None:
    assert states(run(at(0.0, 8.5), 100.0)).count("promotion") == 1


def test_transfers_wait_for_each_other_in_the_order_they_come() -> None:
    trace = run(at(0.0, 1.0, 2.0), 100.0)
    assert trace.requests["start_s"] == pytest.approx([0.0, 3.5, 6.5]) and trace.requests["end_s"] == pytest.approx([3.5, 6.5, 9.5])
    assert states(trace) == ["promotion", *["send", "receive"] * 3, "tail", "tail"]
    assert trace.energy_j["radio.link"] == pytest.approx(PROMOTION_J + 3 * ACTIVE_J + TAIL_J + (100 - 14.5) * 0.01, rel=1e-12)


def test_repeats_are_transfers_of_their_own_and_let_others_in_between() -> None:
    workloads = at(0.0, pipeline=[{**UPLOAD, "repeat": 3}]) | {"other": at(1.0)["at_0"]}
    trace = run(workloads, 60.0)
    requests = trace.requests.columns()
    assert dict(zip(requests["request"].tolist(), requests["end_s"].tolist(), strict=True)) == pytest.approx({0: 12.5, 1: 6.5})
    assert trace.totals["radios"]["link"]["transfers"] == 4
    assert trace.totals["radios"]["link"]["sent_bytes"] == 8e6


def test_only_receiving_and_only_sending() -> None:
    trace = run(at(0.0, pipeline=[{"radio": "link", "receive": "2 MB"}, {"name": "back", "radio": "link", "send": "1 MB"}]), 20.0)
    assert states(trace) == ["promotion", "receive", "send", "tail", "tail"]
    assert trace.radio_phases["power_w"] == pytest.approx([2.0, 1.5, 2.0, 0.8, 0.4])


def test_the_end_of_the_run_cuts_what_the_radio_does() -> None:
    trace = run(at(0.0), 1.5)
    assert states(trace) == ["promotion", "send"]
    assert trace.energy_j["radio.link"] == pytest.approx(1.0 + 2.0, rel=1e-12)
    assert trace.requests["status"].tolist() == [Status.UNFINISHED]
    assert trace.request_energy["energy_j"] == pytest.approx([3.0], rel=1e-12)
    assert trace.totals["radios"]["link"]["transfers"] == 0


def test_requests_given_up_are_not_sent() -> None:
    late = run({"a": {**at(0.0)["at_0"]}, "b": {**at(0.5)["at_0"], "deadline": "2 s", "drop_late": True}}, 60.0)
    assert late.requests["status"].tolist() == [Status.DONE, Status.EXPIRED]
    assert late.totals["radios"]["link"]["transfers"] == 1
    assert states(late) == ["promotion", "send", "receive", "tail", "tail"]


def test_a_full_queue_drops_the_oldest_that_waits() -> None:
    workload = {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 4, "queue": {"limit": 2, "when_full": "drop_oldest"}}
    trace = run({"w": workload}, 60.0)
    by_request = dict(zip(trace.requests["request"].tolist(), trace.requests["status"].tolist(), strict=True))
    assert by_request == {0: Status.DONE, 1: Status.DROPPED, 2: Status.DROPPED, 3: Status.DONE}
    assert trace.totals["radios"]["link"]["transfers"] == 2


def test_a_stage_skipped_by_chance_does_not_transfer() -> None:
    trace = run(at(0.0, pipeline=[{**UPLOAD, "probability": 0}]), 10.0)
    assert trace.requests["status"].tolist() == [Status.DONE] and not len(trace.radio_phases)
    assert trace.energy_j["radio.link"] == pytest.approx(0.1, rel=1e-12)


def test_deadlines_count_the_transfer() -> None:
    trace = run(at(0.0, deadline="3 s"), 10.0)
    assert trace.requests["status"].tolist() == [Status.LATE]


def test_computing_goes_on_beside_a_transfer() -> None:
    program = synthetic.simple("net", "cpu", 1.0)
    pipeline = [{"model": "net"}, UPLOAD, {"name": "after", "model": "net"}]
    trace = run({"w": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 2, "pipeline": pipeline}}, 60.0, programs=(program,))
    assert trace.requests["end_s"] == pytest.approx([1 + 3.5 + 1, 1 + 3.5 + 3 + 1])
    assert trace.spans["start_s"] == pytest.approx([0, 1, 4.5, 7.5])


@pytest.mark.parametrize("reference", [False, True])
def test_a_radio_heats_the_boards_node_unless_the_device_says_otherwise(reference: bool) -> None:
    board, none = (
        run(at(0.0), 30.0, reference=reference),
        run(at(0.0), 30.0, radio={**RADIO, "promotion_power": "0 W", "send_power": "0 W"}, reference=reference),
    )
    assert board.counter("temperature_c.case")[1].max() > none.counter("temperature_c.case")[1].max() + 0.02
    thermal = {
        "nodes": {"case": {"heat_capacity": "40 J/K", "heated_by": ["base"]}, "modem": {"heat_capacity": "4 J/K", "heated_by": ["radio.link"]}},
        "links": [{"between": ["modem", "case"], "resistance": "1e9 K/W"}, {"between": ["case", "ambient"], "resistance": "5 K/W"}],
    }
    own = run(at(0.0), 30.0, device={"thermal": thermal}, reference=reference)
    assert own.totals["final_temperature_c"]["modem"] - 25.0 == pytest.approx(own.energy_j["radio.link"] / 4.0, rel=1e-6)


def test_the_radio_is_in_the_batterys_loss_and_can_empty_it() -> None:
    battery = {"capacity": "5 mAh", "nominal_voltage": "3.6 V"}
    trace = run({"w": {"arrival": {"kind": "periodic", "rate": "0.1 Hz"}}}, 300.0, device={"battery": battery})
    lost = trace.totals["battery"]["out_c"] * 3.6
    assert trace.totals["battery"]["ended"] and trace.end_s < 300.0
    assert lost == pytest.approx(sum(trace.energy_j.values()), rel=1e-9) and lost == pytest.approx(5e-3 * 3600 * 3.6, rel=1e-9)
    assert trace.radio_phases["end_s"].max() <= trace.end_s


def test_looking_more_often_changes_nothing() -> None:
    trace, quiet = run(at(0.0, 7.0), 100.0), run(at(0.0, 7.0), 100.0, trace="requests")
    assert trace.energy_j == quiet.energy_j and not len(quiet.radio_phases)
    times, watts = trace.counter("power_w.radio.link")
    assert float(np.sum(np.diff(np.append(times, trace.end_s)) * watts)) == pytest.approx(trace.energy_j["radio.link"], rel=1e-9)


def test_a_caller_may_give_the_duration_of_a_transfer_but_never_a_shorter_one() -> None:
    built = engine(at(0.0), 30.0)
    built.board.radios["link"].link = lambda sent, received: (4.0, 0.1)
    trace = built.run()
    assert trace.radio_phases["end_s"][:3] == pytest.approx([0.5, 4.5, 5.5])
    assert trace.radio_phases["power_w"][1:3] == pytest.approx([1 + 0.5, 0.5 + 1.0]), "half the rate, half the energy per second"


def test_two_radios_work_side_by_side() -> None:
    device = synthetic.device(radios={"a": RADIO, "b": RADIO})
    stages = [{"name": name, "radio": name, "send": "1 MB", "after": []} for name in ("a", "b")]
    scenario = Scenario.model_validate(
        {"name": "two", "device": "synthetic", "workloads": {"w": {"arrival": {"kind": "closed"}, "count": 1, "pipeline": stages}}, "duration": "20 s"}
    )
    trace = Engine(scenario, device, Deployment((), {"w": [None, None]}, ())).run()
    assert trace.requests["end_s"] == pytest.approx([1.5])
    assert trace.energy_j["radio.a"] == trace.energy_j["radio.b"] == pytest.approx(1 + 2 + TAIL_J + (20 - 6.5) * 0.01, rel=1e-12)


@pytest.mark.parametrize("name", radio_names())
def test_every_shipped_radio_draws_what_its_law_says(name: str) -> None:
    spec = RadioSpec.model_validate(name)
    result = simulate(
        {
            "name": "one_message",
            "device": "stm32h7a3",
            "radios": {"link": name},
            "workloads": {
                "w": {"arrival": {"kind": "periodic", "rate": "0.2 Hz"}, "pipeline": [{"radio": "link", "send": "300 B", "receive": "100 B"}]},
            },
            "duration": "60 s",
        }
    )
    rates = float(spec.up_bytes_per_s), float(spec.down_bytes_per_s)
    expected = phases(spec, [Transfer(5.0 * index, 300.0, 100.0, *rates) for index in range(12)], 60.0)
    assert result.trace.energy_j["radio.link"] == pytest.approx(energy_j(expected), rel=1e-9)
    ours = result.trace.radio_phases.columns()
    wanted = [one for one in expected if one.state != "idle"]
    assert [STATES[state] for state in ours["state"]] == [one.state for one in wanted]
    assert ours["start_s"] == pytest.approx([one.begin_s for one in wanted], abs=1e-9)
    assert dataclasses.asdict(wanted[0])["power_w"] == pytest.approx(ours["power_w"][0], rel=1e-12)


def test_polls_left_out_while_only_a_radio_works_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A modem alone warms the case to its fan's temperature; polling without pause finds the same moments."""
    thermal = {
        "nodes": {"case": {"heat_capacity": "4 J/K", "heated_by": ["base", "cpu", "npu", "radio.link"], "is_skin": True}},
        "links": [{"between": ["case", "ambient"], "resistance": "20 K/W"}],
        "fan": {
            "node": "case",
            "link": ["case", "ambient"],
            "polling": "1 s",
            "states": [{"temperature": "32 degC", "hysteresis": 2, "resistance": "5 K/W", "power": "0.1 W"}],
        },
    }
    workloads = {"w": {"arrival": {"kind": "periodic", "rate": "0.05 Hz"}}}
    rarely = run(workloads, 200.0, device={"thermal": thermal, "leakage_w": 0.0})
    monkeypatch.setattr("sim.runtime.board.Board._is_idle", lambda self: False)
    monkeypatch.setattr("sim.runtime.heat.Heat.safe_s", lambda self, temperature_c: 0.0)
    always = run(workloads, 200.0, device={"thermal": thermal, "leakage_w": 0.0})
    assert always.totals["events"] > rarely.totals["events"] + 50
    for trace in (rarely, always):
        assert len(trace.counter("fan_state")[0]) >= 4, "on and off several times"
    for ours, theirs in zip(rarely.counter("fan_state"), always.counter("fan_state"), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)
    assert rarely.energy_j == pytest.approx(always.energy_j, rel=1e-9)
