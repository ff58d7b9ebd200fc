"""A changed number compiles nothing again that does not depend on it, and what is kept gives what a fresh start gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.exploration.evaluate import Evaluator
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.find import parameters_of
from sim.exploration.sensitivity.moved import moved_point

WITHOUT_COMPILING = ("power", "heat", "ambient", "battery", "radio")
FIXED: dict[str, Any] = {"arrival": {"kind": "periodic", "rate": "20 Hz"}}
PLAIN: dict[str, Any] = {
    "name": "plain",
    "device": "pixel_6",
    "duration": "1 s",
    "models": {"net": {"source": "ds_cnn", "precision": "int8", "runtime": "tflite"}},
    "workloads": {"one": FIXED | {"pipeline": [{"name": "spot", "model": "net"}]}},
}
PRUNED = PLAIN | {"name": "pruned", "models": {"net": PLAIN["models"]["net"] | {"compress": [{"prune": {"structured": "channels", "ratio": "30 %"}}]}}}
SPEAKING: dict[str, Any] = {
    "name": "speaking",
    "device": "jetson_orin_nano",
    "duration": "2 s",
    "models": {"talker": {"source": "smollm2_135m", "precision": "w4a16", "runtime": "llama_cpp", "serving": {"max_batch": 2, "context": 256}}},
    "workloads": {"one": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": [{"name": "talk", "generate": "talker", "prompt": 16, "output": 8}]}},
}


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of programs that are compiled from now on."""
    import sim.experiment.programs as programs

    made: list[str] = []
    plain = programs.compile_lowered

    def counted(*arguments: Any, **named: Any) -> Any:
        made.append(str(named.get("name")))
        return plain(*arguments, **named)

    monkeypatch.setattr(programs, "compile_lowered", counted)
    yield made


def moves(data: dict[str, Any]) -> Iterator[tuple[str, Point]]:
    loaded = Evaluator(data, Path()).loaded(())
    device = ChangedDevice.of(loaded)
    for parameter in parameters_of(loaded).parameters:
        factor = next(factor for factor in reversed(parameter.factors(0.1)) if factor is not None)
        yield parameter.group, moved_point(1, device, [(parameter, factor)])


def test_numbers_of_power_heat_and_battery_need_a_run_only(compiles: list[str]) -> None:
    evaluate = Evaluator(PLAIN, Path())
    evaluate(Point(0, ()))
    assert compiles == ["net"]
    tried = 0
    for group, point in moves(PLAIN):
        if group in WITHOUT_COMPILING:
            assert evaluate(point).status == "done"
            tried += 1
    assert tried > 30
    assert compiles == ["net"]


@pytest.mark.parametrize("data", [PLAIN, PRUNED, SPEAKING], ids=lambda data: str(data["name"]))
def test_what_is_kept_gives_what_a_fresh_start_gives(data: dict[str, Any]) -> None:
    kept = Evaluator(data, Path())
    kept(Point(0, ()))
    found = list(moves(data))
    for _, point in found[:: max(len(found) // 10, 1)]:
        again, fresh = kept(point), Evaluator(data, Path())(point)
        assert again.status == fresh.status == "done"
        assert json.dumps(dict(again.metrics)) == json.dumps(dict(fresh.metrics))


def test_speeds_are_compiled_again(compiles: list[str]) -> None:
    evaluate = Evaluator(PLAIN, Path())
    base = evaluate(Point(0, ()))
    loaded = evaluate.loaded(())
    speed = parameters_of(loaded).chosen(["cpu_big.speed", "cpu_mid.speed", "cpu_little.speed", "npu.speed"])
    point = moved_point(1, ChangedDevice.of(loaded), [(parameter, 0.5) for parameter in speed])
    slow = evaluate(point)
    assert compiles == ["net", "net"]
    assert slow.metrics["latency_p50_s"] == pytest.approx(2.0 * float(base.metrics["latency_p50_s"] or 0.0), rel=0.1)
