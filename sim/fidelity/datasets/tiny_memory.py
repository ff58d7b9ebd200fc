"""Memory of the four networks of MLPerf Tiny under TensorFlow Lite Micro and microTVM, as their submissions set it aside.

Predicted is the planned arena with the engine's scratch and structures. microTVM's figures are what its planner needed (kind
``planned``); TensorFlow Lite Micro's are what the submitter allocated (``allocated``), an upper bound of what was needed: a prediction
above it is wrong, one below need not be. Nothing is fitted: all cases are ``zero-shot``. microTVM's own schedules are left out: how many
wide copies of a tensor its generated code keeps is not known.
"""

from __future__ import annotations

import csv

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from sim.fidelity.case import Case, Regime
from sim.fidelity.tiny_systems import DATA, TITLES
from sim.frontends.zoo.published_names import TINY

TITLE = {"microtvm": "microTVM with CMSIS-NN", "tflite_micro": "TensorFlow Lite Micro"}
DEVICE = "stm32l4r5"  # memory does not depend on the core


class TinyMemory:
    """Bytes for activations, scratch and the interpreter; weights stay in flash."""

    name = "tiny_memory"
    title = "MLPerf Tiny, memory of networks"
    regimes: tuple[Regime, ...] = ("zero-shot",)

    def cases(self) -> list[Case]:
        with (DATA / "mlperf_tiny_memory.csv").open(newline="", encoding="utf-8") as file:
            return [_case(line, row) for line, row in enumerate(csv.DictReader(file), start=2) if row["runtime"] in TITLE]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [case.spec for case in cases]


DATASET = TinyMemory()


def _case(line: int, row: dict[str, str]) -> Case:
    source, options = TINY[row["benchmark"]]
    return Case(
        dataset="tiny_memory",
        group=TITLE[row["runtime"]],
        device=row["system"],
        spec=load_device(DEVICE),
        unit="mcu",
        model=TITLES[row["benchmark"]],
        family=row["benchmark"],
        use={"source": source, "options": options, "precision": "int8", "runtime": row["runtime"]},
        metric="memory_bytes",
        measured=float(row["bytes"]),
        source=row["source"],
        line=line,
        kind=row["bound"],
    )
