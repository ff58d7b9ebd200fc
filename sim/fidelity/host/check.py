"""Real models on this machine: measured through ONNX Runtime, and predicted by the simulator with the measured device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from device_models.cost_ort import STAND_INS, operator_classes
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError
from sim.fidelity.case import Case
from sim.fidelity.host.measure import open_session, random_inputs
from sim.fidelity.predict import compiled, predict
from sim.scenario.model import ModelUse

RUNS, LEAST_S = 30, 1.0


@dataclass(frozen=True)
class Checked:
    """One model at one thread count. ``uncovered``: operator classes that were not benchmarked, with their share of the predicted time."""

    model: str
    threads: int
    measured_s: float
    predicted_s: float
    uncovered: dict[str, float]

    @property
    def error(self) -> float:
        """predicted / measured - 1."""
        return self.predicted_s / self.measured_s - 1.0


def check_model(path: Path, device: DeviceSpec, threads: int, shapes: dict[str, int] | None = None) -> Checked:
    """Measure and predict one model. Raises EdgesimError where it cannot be read, bound or run."""
    use = {"source": str(path), "runtime": "onnxruntime", "threads": threads, "shapes": shapes or {}}
    case = Case("host", "host", device.name, device, "cpu", path.name, path.stem, use, "latency_s", 1.0, "this machine")
    predicted_s = predict(case, device)  # first: it explains best what is wrong with a file
    return Checked(path.name, threads, measured_s(path, threads, shapes), predicted_s, uncovered(use, device, threads))


def measured_s(path: Path, threads: int, shapes: dict[str, int] | None = None) -> float:
    """The shortest warm run, s. Raises EdgesimError where ONNX Runtime refuses the model or an extent is open."""
    from time import perf_counter

    try:
        session = open_session(str(path), threads)
        inputs = random_inputs(session, shapes)
        for _ in range(3):
            session.run(None, inputs)
    except Exception as error:  # the runtime raises classes of its own, all plain Exceptions
        raise EdgesimError(f"{path}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from None
    best, begun, count = float("inf"), perf_counter(), 0
    while count < RUNS or perf_counter() - begun < LEAST_S:
        start = perf_counter()
        session.run(None, inputs)
        best, count = min(best, perf_counter() - start), count + 1
    return best


def uncovered(use: dict[str, object], device: DeviceSpec, threads: int) -> dict[str, float]:
    """Classes of the model's kernels that the device has no rates of, and their share of the predicted time."""
    from device_models.compute import kernel_seconds, max_frequency_hz

    program = compiled(ModelUse.model_validate(use), device)
    costs_s = np.concatenate([kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)) for segment in program.segments])
    structure = device.units["cpu"].structure
    shares: dict[str, float] = {}
    for (format, name), seconds in zip(operator_classes(program.kernels.work), costs_s, strict=True):
        known = any(name in structure.get(f"threads_{count}.{format}.overhead_s", {}) for count in range(1, threads + 1))
        if not known:
            label = f"{format} {name}" + (f" (as {STAND_INS[name]})" if name in STAND_INS else "")
            shares[label] = shares.get(label, 0.0) + float(seconds / costs_s.sum())
    return shares
