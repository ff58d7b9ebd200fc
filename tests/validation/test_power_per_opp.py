"""Measured power per operating point of the Google Tensor (gs101), by capacitance, leakage and base of each cluster."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from device_models.power_fit import fit_cluster, leakage_scale, left_out

SOURCE = "kdrag0n/freqbench results/gs101 (power), Linux device tree gs101-oriole (voltages)"
CLUSTERS = {"1": "/opp-table-0", "4": "/opp-table-1", "6": "/opp-table-2"}  # freqbench's first CPU of a cluster -> its table
NAMES = {"1": "Cortex-A55", "4": "Cortex-A76", "6": "Cortex-X1"}
Table = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def tables(shared: Path) -> dict[str, Table]:
    """Frequency, voltage, power of each cluster; points without a published voltage (2.85 GHz of the X1) are left out."""
    voltages: dict[tuple[str, float], float] = {}
    for row in _rows(shared / "facts" / "opp_tables.csv"):
        if row["board"] == "gs101-oriole" and row["microvolt(target [min max] per supply)"]:
            voltages[row["opp_table_path"], float(row["hz"])] = float(row["microvolt(target [min max] per supply)"].split()[0]) / 1e6
    points: dict[str, list[tuple[float, float, float]]] = {}
    for row in _rows(shared / "facts" / "freqbench_power_per_opp.csv"):
        key = (CLUSTERS.get(row["cpu"], ""), float(row["freq_kHz"]) * 1e3)
        if row["soc"] == "gs101" and key in voltages:
            points.setdefault(row["cpu"], []).append((key[1], voltages[key], float(row["power_mW_above_baseline(1 core active)"]) / 1e3))
    return {cpu: tuple(np.array(column) for column in zip(*rows, strict=True)) for cpu, rows in points.items()}  # type: ignore[misc]


def test_power_per_operating_point_of_one_soc(tables: dict[str, Table]) -> None:
    scale = leakage_scale(list(tables.values()))
    errors, unseen = [], []
    print(f"\n{SOURCE}; leakage rises by e per {1e3 * scale:.0f} mV")
    for cpu, (frequency, voltage, power) in tables.items():
        fit = fit_cluster(frequency, voltage, power, scale)
        error = np.abs(fit.power_w(frequency, voltage) / power - 1)

        def predict(learn: np.ndarray, held: np.ndarray, f: np.ndarray = frequency, v: np.ndarray = voltage, p: np.ndarray = power) -> np.ndarray:
            return fit_cluster(f[learn], v[learn], p[learn], scale).power_w(f[held], v[held])

        left = np.abs(left_out(np.arange(len(power)), predict) / power - 1)
        errors.append(error)
        unseen.append(left)
        print(
            f"{NAMES[cpu]:11s} {len(power):2d} points   C {1e9 * fit.capacitance_f:.3f} nF"
            f"   leakage {1e3 * fit.leakage_w:4.0f} mW   base {1e3 * fit.base_w:3.0f} mW"
            f"   median {np.median(error):5.1%}   worst {error.max():5.1%}   point left out: median {np.median(left):5.1%}"
        )
    everything, held_out = np.concatenate(errors), np.concatenate(unseen)
    print(f"all clusters: {len(everything)} points, median {np.median(everything):.1%}, each left out in turn: median {np.median(held_out):.1%}")
    assert len(everything) >= 40
    assert np.median(everything) <= 0.05 and np.median(held_out) <= 0.06


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
