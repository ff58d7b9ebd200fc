"""Wall energy of an inference on boards, from idle and active power fitted to all other models of the same board and runtime."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from device_models.power_fit import fit_board, left_out

SOURCE = "MLPerf Inference v1.0 to v4.1 edge results, single stream, whole board at the wall (mlcommons/inference_results_*)"
BOARDS = {
    "Raspberry Pi 4": ("rpi4-", "rpi4coral-"),
    "RK3588S (Firefly)": ("firefly-",),
    "Odroid N2+": ("odroid-",),
    "Khadas VIM4": ("vim4-",),
    "Jetson AGX Orin": ("orin-", "nvidia_orin-tflite"),
}
_LEAST_MODELS = 20


@pytest.mark.parametrize("board", BOARDS)
def test_energy_per_inference_of_a_model_left_out(board: str, shared: Path) -> None:
    errors = []
    print(f"\n{SOURCE}")
    for system, rows in sorted(_systems(shared, BOARDS[board]).items()):
        models, latency, energy, idle = (np.array(column) for column in zip(*rows, strict=True))
        if len(set(models)) < _LEAST_MODELS:
            continue

        def predict(learn: np.ndarray, held: np.ndarray, t: np.ndarray = latency, e: np.ndarray = energy, idle_w: np.ndarray = idle) -> np.ndarray:
            return fit_board(t[learn], e[learn], float(np.median(idle_w[learn]))).energy_j(t[held])

        error = np.abs(left_out(models, predict) / energy - 1)
        errors.append(error)
        whole = fit_board(latency, energy, float(np.median(idle)))
        print(
            f"{system:62s} {len(error):3d} models   idle {whole.idle_w:5.2f} W   active {whole.active_w:5.2f} W more"
            f"   median {np.median(error):5.1%}   nine of ten within {np.quantile(error, 0.9):5.1%}"
        )
    everything = np.concatenate(errors)
    print(f"{board}: {len(everything)} rows, median {np.median(everything):.1%}")
    assert len(everything) >= 90
    assert np.median(everything) <= 0.15
    assert all(np.median(error) <= 0.16 for error in errors)


def _systems(shared: Path, prefixes: tuple[str, ...]) -> dict[str, list[tuple[str, float, float, float]]]:
    found: dict[str, list[tuple[str, float, float, float]]] = {}
    with (shared / "measurements" / "mlperf_inference_edge.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            given = row["energy_per_inference_mj"] and row["latency_mean_ms"] and row["idle_like_min_power_w"]
            if given and row["scenario"] == "singlestream" and row["system"].startswith(prefixes):
                values = (float(row["latency_mean_ms"]) / 1e3, float(row["energy_per_inference_mj"]) / 1e3, float(row["idle_like_min_power_w"]))
                found.setdefault(row["system"], []).append((row["model"], *values))
    return found
