"""One published measurement, how it was made, and the devices it may be predicted with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from device_models.spec import DeviceSpec

Metric = Literal["latency_s", "energy_j", "decode_tokens_per_s", "prefill_tokens_per_s", "memory_bytes", "resident_bytes", "power_w"]
Regime = Literal["in-sample", "leave-family-out", "zero-shot", "k-shot"]
REGIMES: tuple[Regime, ...] = ("in-sample", "leave-family-out", "zero-shot", "k-shot")


@dataclass(frozen=True)
class Case:
    """One measurement of a model on a unit of a device.

    ``group`` is the line of the table its error is reported under ("Arm CPU, float, 1 thread"); ``family`` the model family that
    is left out together ("mobilenet_v2"); ``kind`` a finer label for the table of errors by kind ("detection").
    ``device`` names the measured thing; ``spec`` describes it from its specification alone (no fitted parameter).
    ``use`` is an entry of a scenario's ``models``: source, options, runtime, precision, threads, placement.
    ``latency_s``: measured in the same run, where an energy is to be predicted with the latency known.
    ``source`` says where the figure was published, ``line`` its row in the data file.
    """

    dataset: str
    group: str
    device: str
    spec: DeviceSpec
    unit: str
    model: str
    family: str
    use: Mapping[str, Any]
    metric: Metric
    measured: float
    source: str
    line: int = 0
    kind: str = ""
    latency_s: float | None = None


class Dataset(Protocol):
    """A set of published measurements and what can be learnt from it; one file in ``sim/fidelity/datasets`` each."""

    name: str
    title: str
    regimes: tuple[Regime, ...]

    def cases(self) -> list[Case]:
        """All measurements that the simulator can be asked about."""
        ...

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        """The device each case is predicted with in ``regime``, aligned with ``cases``; None where the regime does not apply.

        ``in-sample``: parameters fitted on all measurements. ``leave-family-out``: without the case's model family, structural
        parameters included. ``zero-shot``: from the specification and the other devices only (nothing measured on this device).
        ``k-shot``: as zero-shot, and ``shots`` measurements of other model families on this device; the measured ones are None.
        """
        ...
