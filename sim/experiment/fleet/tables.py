"""What a task costs on a device or a server: its program run on the simulated device, idle before each run."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import RADIO, DeviceSpec
from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.trace import Status, Trace

_RUNS = 9
_PAUSE_S = 1.0137  # long enough for clocks to have come down, and no multiple of a governor's period
_IDLE_S = 1.0  # short enough for heat to play no part
_SLACK = 4.0  # of the time between runs, on the time of one at the highest clocks


@dataclass(frozen=True)
class Cost:
    """One run: seconds, and what the device's energy, radios apart, is higher by than if it had done nothing, J."""

    seconds: float
    joules: float


def idle_power_w(device: DeviceSpec) -> float:
    """The device's power at the default ambient while it does nothing, W; radios apart."""
    scenario = _scenario(device, _IDLE_S, _IDLE_S, 1).model_copy(update={"workloads": {}})
    trace = Engine(scenario, device, Deployment((), {}, ()), power_rows=1).run()
    return _joules(trace) / trace.end_s


def warm_cost(program: Program, device: DeviceSpec) -> Cost:
    """The mean of some runs with pauses between them: warm, on a device that was idle, at different moments of its governors' periods.

    Raises EdgesimError if the program does not fit the memory or does not come to an end.
    """
    once_s = sum(segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum()) for segment in program.segments)
    for slack in (_SLACK, 20 * _SLACK):
        period_s = slack * (once_s + program.first_inference_s / _RUNS) + _PAUSE_S
        trace = _run(program, device, period_s, _RUNS)
        requests = trace.requests.columns()
        if (requests["status"] == Status.DONE).sum() == _RUNS:
            warm = requests["request"] > requests["request"].min()  # the first one is a first inference
            joules = (_joules(trace) - _joules(_run(program, device, period_s, 1))) / (_RUNS - 1)
            return Cost(float((requests["end_s"] - requests["start_s"])[warm].mean()), joules)
    raise EdgesimError(f"{program.name} does not come to an end on {device.name}")


def _run(program: Program, device: DeviceSpec, period_s: float, runs: int) -> Trace:
    """So many runs, in a time that is always the same."""
    scenario = _scenario(device, period_s, period_s * (_RUNS + 1), runs)
    return Engine(scenario, device, Deployment((program,), {"task": [0]}, (True,)), power_rows=1).run()


def _joules(trace: Trace) -> float:
    return sum(joules for name, joules in trace.energy_j.items() if not name.startswith(RADIO))


def _scenario(device: DeviceSpec, period_s: float, duration_s: float, count: int) -> Scenario:
    arrival = {"kind": "periodic", "rate": f"{1 / period_s!r} Hz"}
    data = {
        "name": "table",
        "device": device.name,
        "duration": f"{duration_s!r} s",
        "models": {"network": {"source": "network"}},
        "workloads": {"task": {"arrival": arrival, "pipeline": [{"model": "network"}], "count": count}},
        "trace": "requests",
    }
    return Scenario.model_validate(data, by_alias=True, by_name=False)
