"""Published latencies and the simulator's own predictions of them, through its whole path: import, lower, compile, simulate."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device_models.catalog.catalog import load_device
from sim import load_scenario, simulate
from sim.trace import Status


@dataclass(frozen=True)
class Case:
    """One measured latency, and the scenario fields that describe how it was measured."""

    group: str  # what its error is reported under
    device: str
    model: dict[str, Any]
    measured_s: float


NCNN_DEVICES = {
    # device of the table, ncnn's powersave setting -> catalogue name, unit
    ("Raspberry Pi 4 Model B Broadcom BCM2711B0, Cortex-A72 (ARMv8) (1.8GHz x 4)", "0"): ("raspberry_pi_4", "cpu"),
    ("NVIDIA Jetson Orin Nano", "0"): ("jetson_orin_nano", "cpu"),
    ("OrangePi5 Plus, Rockchip RK3588 (Quad Core A76 2.4GHz + Quad Core A55 1.8GHz)", "2"): ("rk3588_board", "cpu_big"),
}
AIHUB_CHIPSETS = {
    "qualcomm-qcs8550-proxy": "snapdragon_8_gen_2_phone",
    "qualcomm-snapdragon-8gen3": "snapdragon_8_gen_3_phone",
    "qualcomm-snapdragon-8-elite-for-galaxy": "snapdragon_8_elite_phone",
}
AIHUB_MODELS = {
    "mobilenet_v2": ("mobilenet_v2", {}),
    "resnet18": ("resnet18", {}),
    "resnet101": ("resnet101", {}),
    "resnext50": ("resnext50", {}),
    "wideresnet50": ("wide_resnet50", {}),
    "inception_v3": ("inception_v3", {"resolution": 224}),
    "mobilenet_v3_large": ("mobilenet_v3_large", {}),
    "efficientnet_v2_s": ("efficientnet_v2_s", {"resolution": 224}),
    "convnext_base": ("convnext_base", {}),
    "distil_bert_base_uncased_hf": ("distilbert", {"sequence": 384}),
}
TINY_BOARDS = {"NUCLEO-L4R5ZI": "stm32l4r5", "NUCLEO-H7A3ZI-Q": "stm32h7a3", "NUCLEO-U575ZI-Q": "stm32u575"}
TINY_RUNTIMES = {"X-CUBE-AI v8": "x_cube_ai", "microTVM": "tvm"}
TINY_FILES = {"kws": "kws_ref_model", "vww": "vww_96_int8", "ic": "pretrainedResnet_quant", "ad": "ad01_int8"}


def ncnn_cases(shared: Path) -> Iterator[Case]:
    """ncnn's own benchmark on CPUs (Tencent/ncnn@a4d2ea1d44): shortest of the loops."""
    for row in _rows(shared, "ncnn_cpu_gpu.csv"):
        network = shared / "models" / "ncnn" / f"{row['model']}.param"
        known = NCNN_DEVICES.get((row["device"], row["powersave"]))
        if known is None or row["gpu_device"] != "-1" or not network.is_file() or row["model"] == "FastestDet":
            continue  # FastestDet's file states no input size
        device, unit = known
        kind = "int8" if "int8" in row["model"] else "float"
        model = {"source": str(network), "runtime": "ncnn", "threads": int(row["num_threads"]), "placement": {"prefer": [unit]}}
        yield Case(f"{device} CPU, ncnn, {kind}, {row['num_threads']} threads", device, model, float(row["min_ms"]) / 1e3)


def aihub_cases(shared: Path) -> Iterator[Case]:
    """Qualcomm AI Hub on Hexagon NPUs (quic/ai-hub-models@52c080d2): median of at least four runs."""
    formats = {"float": "float16", "w8a8": "int8"}
    for row in _rows(shared, "aihub_npu.csv"):
        device, network = AIHUB_CHIPSETS.get(row["chipset"]), AIHUB_MODELS.get(row["model_id"])
        elsewhere = (row["layers_gpu"], row["layers_cpu"]) != ("0", "0")
        if (
            device is None
            or network is None
            or elsewhere
            or row["runtime"] != "QNN_DLC"
            or row["precision"] not in formats
            or int(row["hist_n"] or 0) < 4
        ):
            continue
        precision = formats[row["precision"]]
        model = {
            "source": network[0],
            "options": network[1],
            "runtime": "qnn",
            "precision": precision,
            "placement": {"prefer": ["npu", "cpu"]},
        }
        yield Case(f"{device} NPU, QNN, {precision}", device, model, float(row["hist_median_ms"]) / 1e3)


def tiny_cases(shared: Path) -> Iterator[Case]:
    """MLPerf Tiny, closed division, on STMicroelectronics' boards: the maker's own engine and microTVM."""
    for row in _rows(shared, "mlperf_tiny.csv"):
        device = TINY_BOARDS.get(row["board"])
        runtime = next((name for software, name in TINY_RUNTIMES.items() if row["software"].startswith(software)), None)
        if device is None or runtime is None or row["benchmark"] not in TINY_FILES:
            continue
        network = shared / "models" / "tflite" / f"mlcommons_tiny_{TINY_FILES[row['benchmark']]}.tflite"
        yield Case(f"{device}, {runtime}, int8", device, {"source": str(network), "runtime": runtime}, float(row["latency_ms"]) / 1e3)


def predict_s(case: Case) -> float:
    """The warm latency the simulator gives: a closed loop of three requests at the highest clocks."""
    governors = dict.fromkeys(load_device(case.device).domains, "performance")
    workload = {"arrival": {"kind": "closed"}, "count": 3, "pipeline": [{"model": "network"}]}
    scenario = {
        "name": "published",
        "device": case.device,
        "duration": "10 min",
        "models": {"network": case.model},
        "workloads": {"loop": workload},
        "governors": governors,
    }
    requests = simulate(load_scenario(scenario)).trace.requests.columns()
    done = requests["status"] == Status.DONE
    return float((requests["end_s"] - requests["start_s"])[done].min())


def relative_errors(cases: Iterator[Case]) -> dict[str, np.ndarray]:
    """``predicted / measured - 1`` by group."""
    ratios: dict[str, list[float]] = {}
    for case in cases:
        ratios.setdefault(case.group, []).append(predict_s(case) / case.measured_s - 1)
    return {group: np.array(errors) for group, errors in sorted(ratios.items())}


def _rows(shared: Path, name: str) -> Iterator[dict[str, str]]:
    with (shared / "measurements" / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
