"""Measurements made up from a device whose parameters are known, and the catalogue's devices as if nobody had measured them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from device_models.unit_parameters import Key, with_parameters
from sim.fidelity.case import Case
from sim.fidelity.predict import predict
from sim.measurements import Measurement, Readings


@pytest.fixture(scope="session")
def unfitted() -> Callable[[str], DeviceSpec]:
    """A device of the catalogue without the fitted parameters of its units."""

    def device(name: str) -> DeviceSpec:
        known = load_device(name)
        return known.model_copy(update={"units": {unit: spec.model_copy(update={"parameters": {}}) for unit, spec in known.units.items()}})

    return device


@pytest.fixture(scope="session")
def measure() -> Callable[..., Readings]:
    """What a device with these parameters would measure, through the simulator."""

    def readings(
        device: DeviceSpec,
        unit: str,
        values: Mapping[Key, float],
        models: Sequence[str],
        runtime: str,
        threads: int | None = None,
        precision: str = "as_stored",
    ) -> Readings:
        true, rows = with_parameters(device, unit, values), []
        for line, model in enumerate(models, 2):
            use = {"source": model, "precision": precision, "runtime": runtime, "placement": {"prefer": [unit]}}
            use |= {} if threads is None else {"threads": threads}
            case = Case("made", "up", device.name, device, unit, model, model, use, "latency_s", 1.0, "rows.csv")
            rows.append(Measurement(model, predict(case, true), precision, threads, unit, runtime, "rows.csv", line, 1))
        return Readings(rows)

    return readings
