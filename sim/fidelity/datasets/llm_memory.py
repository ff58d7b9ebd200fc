"""Memory of a phone's process that decodes with a language model: weights, caches and arena, and what the process has beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from device_models.figure import Figure
from device_models.spec import DeviceSpec
from sim.fidelity.bare_devices import rows, specification
from sim.fidelity.case import Case, Regime
from sim.fidelity.predict import predict

FIRST_LINE = 2
MIB = 2.0**20
CAPACITY = 2048  # positions of the caches, as the exported programs have


class ProcessMemory:
    """Resident set of ExecuTorch on a Snapdragon 8 Gen 3 phone (``llm_memory.csv``). The process beside the network is one fitted constant."""

    name = "llm_memory"
    title = "language models: resident memory"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out", "zero-shot")

    def cases(self) -> list[Case]:
        return list(_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        if regime == "zero-shot":  # nothing known of the process: the network alone
            return [case.spec for case in cases]
        found = []
        for case in cases:
            learnt = [other for other in _cases() if regime == "in-sample" or other.family != case.family]
            found.append(_with_process(case.spec, _process_bytes(learnt)) if learnt else None)
        return found


def _process_bytes(cases: Sequence[Case]) -> float:
    """What processes had beside the network: the median."""
    return max(float(np.median([case.measured - _network_bytes(case.line) for case in cases])), 0.0)


@cache
def _network_bytes(line: int) -> float:
    case = _cases()[line - FIRST_LINE]
    return predict(case, case.spec)


def _with_process(spec: DeviceSpec, size: float) -> DeviceSpec:
    reserved = Figure(size, "llm_prefill", "derived", "the process beside weights, caches and arena: code, tokenizer, packed copies")
    return spec.model_copy(update={"memory": spec.memory.model_copy(update={"reserved_bytes": reserved})})


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(_case(row, line) for line, row in enumerate(rows("llm_memory.csv"), start=FIRST_LINE))


def _case(row: dict[str, str], line: int) -> Case:
    spec = _with_process(specification(row["device"]), 0.0)
    return Case(
        dataset="llm_memory",
        group="ExecuTorch, CPU",
        device=row["device"],
        spec=spec,
        unit=row["unit"],
        model=f"{row['model']} {row['precision']}",
        family=row["model"],
        use={
            "source": row["model"],
            "options": {"phase": "prefill", "sequence": int(row["tokens"]), "capacity": CAPACITY},
            "runtime": row["runtime"],
            "precision": row["precision"],
            "placement": {"prefer": [row["unit"]]},
        },
        metric="resident_bytes",
        measured=float(row["rss_mib"]) * MIB,
        source=row["source"],
        line=line,
        kind=row["precision"],
    )


DATASET = ProcessMemory()
