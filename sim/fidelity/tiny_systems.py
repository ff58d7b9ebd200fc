"""Systems of MLPerf Tiny: which core, clock and runtime each row of ``mlperf_tiny.csv`` was measured with, and the networks.

Kept: rows of the closed division whose core and software are stated by the submission (or, for STMicroelectronics and Krai, follow from
release and system name) and whose clock is known. Left out: rows that repeat another's figures, settings that trade memory for time,
logic made for one network, application processors.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from device_models.catalog.catalog import load_device, read_device
from device_models.spec import DeviceSpec
from sim.fidelity.case import Case, Metric
from sim.frontends.zoo.published_names import TINY

DATA = Path(__file__).resolve().parent / "data"
LIVE_VWW = DATA / "vww_live_channels.param"
BENCHMARKS = ("kws", "vww", "ic", "ad")
TITLES = {"kws": "keyword spotting", "vww": "visual wake words", "ic": "image classification", "ad": "anomaly detection"}

# What a submission writes of its processor -> cost class, group of the table of errors
_CORES = (
    ("M0+", "mcu_cortex_m0plus", "Cortex-M0+"),
    ("M33", "mcu_cortex_m33", "Cortex-M33"),
    ("M4", "mcu_cortex_m4", "Cortex-M4"),
    ("M55", "mcu_cortex_m55", "Cortex-M55"),
    ("M7", "mcu_cortex_m7", "Cortex-M7"),
    ("M85", "mcu_cortex_m85", "Cortex-M85"),
    ("RXv2", "mcu_rxv2", "RXv2"),
    ("RH850", "mcu_rh850", "RH850"),
    ("D25F", "mcu_andes_d25f", "RISC-V"),
    ("D45", "mcu_andes_d45", "RISC-V"),
    ("RV32IMAC with FPU", "mcu_rv32imac", "RISC-V"),
)
# The published visual-wake-words network has many channels that are the same whatever the image; these engines do not compute them:
# from the releases of 2023 on, their times fell to 0.6 on this network alone.
LEAVES_OUT_CONSTANT_CHANNELS = frozenset({"x_cube_ai", "x_cube_ai_8", "plumerai", "onnc"})
ACCELERATORS = {"NE16": ("gap9", "gap_flow", "GAP9"), "Syntiant Core 2": ("ndp9120", "ndp", "NDP9120")}


@dataclass(frozen=True)
class Row:
    """One published result. ``system`` is unique to a release; ``chip`` is shared by all systems of the same silicon."""

    line: int
    release: str
    system: str
    chip: str
    cost_class: str
    group: str
    runtime: str
    clock_hz: float
    benchmark: str
    precision: str
    latency_s: float
    energy_j: float | None
    power_w: float | None
    notes: str
    source: str

    @property
    def is_core(self) -> bool:
        """Whether a processor core runs the network, not an accelerator."""
        return self.cost_class.startswith("mcu_")


@cache
def rows() -> tuple[Row, ...]:
    """Every row of the data file that can be classed."""
    with (DATA / "mlperf_tiny.csv").open(newline="", encoding="utf-8") as file:
        read = [_row(line, raw) for line, raw in enumerate(csv.DictReader(file), start=2)]
    return tuple(row for row in read if row is not None)


def network(row: Row) -> dict[str, Any]:
    """The entry of a scenario's ``models`` that runs the row's benchmark as its engine does."""
    if row.benchmark == "vww" and row.runtime in LEAVES_OUT_CONSTANT_CHANNELS:
        return {"source": str(LIVE_VWW), "precision": row.precision, "runtime": row.runtime}
    source, options = TINY[row.benchmark]
    return {"source": source, "options": options, "precision": row.precision, "runtime": row.runtime}


@cache
def specification(row: Row) -> DeviceSpec:
    """The row's system from its specification alone: core or engine, clock. Power is 1 mW, to be fitted where it is measured."""
    name = re.sub(r"[^a-z0-9]+", "_", f"{row.release}_{row.system}".lower()).strip("_")
    if not row.is_core:
        return load_device(ACCELERATORS_BY_CLASS[row.cost_class]).model_copy(update={"name": name, "title": row.system})
    stated = {"source": "tiny_results", "kind": "datasheet"}
    unknown = {"source": "none", "kind": "estimated", "note": "not part of what is predicted"}
    raw: dict[str, Any] = {
        "name": name,
        "title": row.system,
        "category": "microcontroller",
        "units": {
            "mcu": {
                "kind": "mcu",
                "title": row.group,
                "cost_class": row.cost_class,
                "macs_per_cycle": {"source": "arm_cores", "kind": "estimated", "note": "not part of the law", "values": {"int8": 1, "float32": 1}},
                "domain": "mcu",
                "on_chip": {"value": "2 MiB", **unknown},
                "power": {"dynamic_capacitance": {"value": f"{1e-3 / row.clock_hz!r} F", **unknown}},
            }
        },
        "domains": {"mcu": {"operating_points": [{"frequency": {"value": f"{row.clock_hz!r} Hz", **stated}}]}},
        "memory": {
            "type": "on-chip SRAM",
            "bandwidth": {"value": "1 GB/s", **unknown},
            "capacity": {"value": "4 MiB", **unknown},
            "energy": {"value": "0 pJ/B", **unknown},
        },
        "storage": {"type": "flash", "execute_in_place": True, "read_bandwidth": {"value": "300 MB/s", **unknown}, "capacity": {"value": "8 MiB", **unknown}},
        "base_power": {"value": "0 W", **unknown},
        "thermal": {
            "nodes": {"die": {"heat_capacity": {"value": "1 J/K", **unknown}, "heated_by": ["mcu"]}},
            "links": [{"between": ["die", "ambient"], "resistance": {"value": "45 K/W", **unknown}}],
        },
        "runtimes": [row.runtime],
    }
    return read_device(raw)


ACCELERATORS_BY_CLASS: dict[str, str] = {f"array_{device}": device for device, _, _ in ACCELERATORS.values()}


def _row(line: int, raw: dict[str, str]) -> Row | None:
    placed = _placed(raw)
    if placed is None or not raw["mhz"]:
        return None
    cost_class, group, runtime = placed
    precision = "float32" if raw["precision"] == "float32" else "int8"
    return Row(
        line=line,
        release=raw["release"],
        system=f"{raw['submitter']} {raw['system']}",
        chip=_chip(raw),
        cost_class=cost_class,
        group=group if precision == "int8" else f"{group}, float",
        runtime=runtime,
        clock_hz=float(raw["mhz"]) * 1e6,
        benchmark=raw["benchmark"],
        precision=precision,
        latency_s=float(raw["latency_ms"]) / 1e3,
        energy_j=float(raw["energy_uj"]) / 1e6 if raw["energy_uj"] else None,
        power_w=float(raw["power_mw"]) / 1e3 if raw["power_mw"] else None,
        notes=raw["notes"],
        source=f"{raw['source']} closed/{raw['submitter']}, {raw['system']}",
    )


def _placed(raw: dict[str, str]) -> tuple[str, str, str] | None:
    """Cost class, group and runtime; None where one of them is not known."""
    if raw["accelerator"] in ACCELERATORS:
        device, runtime, title = ACCELERATORS[raw["accelerator"]]
        return f"array_{device}", title, runtime
    core = next(((cost_class, group) for text, cost_class, group in _CORES if text in raw["processor"]), None)
    runtime = _runtime(raw)
    return None if core is None or not runtime else (*core, runtime)


def _runtime(raw: dict[str, str]) -> str:
    software, release, submitter, system = raw["software"], raw["release"], raw["submitter"], raw["system"].lower()
    if software.startswith("X-CUBE-AI"):
        major, minor = (int(part) for part in software.split("v")[1].split(".")[:2])
        return "x_cube_ai" if major >= 9 else "x_cube_ai_8" if (major, minor) >= (8, 1) else "x_cube_ai_7"
    if "x-cube-ai" in system or (submitter == "STMicroelectronics" and release in ("v0.7", "v1.0")):
        return "x_cube_ai_7"  # 7.3 and 8.0; Krai's repetition with 7.3 gives the times of v1.0
    if software.startswith("Plumerai"):
        return "plumerai_2022" if release in ("v0.7", "v1.0") else "plumerai"
    if software == "microTVM":
        return "microtvm_native" if "native" in system else "microtvm"
    if "HALE" in software:
        return "hale"
    if software == "ONNC":
        return "onnc"
    if submitter.lower() == "renesas":
        return "tflite_micro"  # the code of the submissions
    if software == "tflite-micro":
        return "tflite_micro"
    return "tflite_micro_reference" if software.lower().startswith("tensorflow lite") else ""  # of 2020


def _chip(raw: dict[str, str]) -> str:
    """Names of one silicon differ by package and by submitter."""
    text = raw["soc"] or raw["board"]
    found = re.search(r"STM32[A-Z]\d", text)
    by_board = re.search(r"STM32|H7A3|U575|L4R5", raw["board"])
    if found and by_board and by_board.group() in ("H7A3", "U575", "L4R5"):
        return {"H7A3": "STM32H7A", "U575": "STM32U5", "L4R5": "STM32L4R"}[by_board.group()]
    return found.group() if found else text


@cache
def by_line() -> dict[int, Row]:
    """Rows by their line of the data file."""
    return {row.line: row for row in rows()}


def case(dataset: str, metric: Metric, row: Row, measured: float) -> Case:
    """A row as a case of a dataset."""
    return Case(
        dataset=dataset,
        group=row.group,
        device=f"{row.system} {row.release}",
        spec=specification(row),
        unit="mcu" if row.is_core else "npu",
        model=TITLES[row.benchmark],
        family=row.benchmark,
        use=network(row),
        metric=metric,
        measured=measured,
        source=row.source,
        line=row.line,
        kind=row.runtime,
    )
