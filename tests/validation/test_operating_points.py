"""Operating points of the catalogue against the published tables of Linux device trees."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from device_models.catalog.catalog import device_names, load_device

BOARDS = {
    "dt_gs101": "gs101-oriole",
    "dt_imx8mq": "imx8mq-evk",
    "dt_rk3588": "rk3588-rock-5b",
    "dt_sa8775p": "sa8775p-ride",
    "dt_sc7280": "qcs6490-rb3gen2",
    "dt_sm8150": "sm8150-hdk",
    "dt_sm8550": "sm8550-hdk",
    "dt_sm8650": "sm8650-hdk",
    "dt_tegra234": "tegra234-p3768-0000+p3767-0000",
}
DOMAINS = [(name, domain) for name in device_names() for domain in load_device(name).domains]


@pytest.fixture(scope="module")
def published(shared: Path) -> dict[str, list[dict[str, str]]]:
    boards: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (shared / "facts" / "opp_tables.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["hz"]:
                boards[row["board"]].append(row)
    return boards


@pytest.mark.parametrize(("name", "domain"), DOMAINS)
def test_points_said_to_be_published_are_in_the_published_tables(name: str, domain: str, published: dict[str, list[dict[str, str]]]) -> None:
    for point in load_device(name).domains[domain].operating_points:
        frequency, voltage = point.frequency_hz, point.voltage_v
        if frequency.kind not in ("datasheet", "derived") or frequency.source not in BOARDS:
            continue
        rows = published[BOARDS[frequency.source]]
        if frequency.kind == "derived":  # from the memory rates that operating points of the CPU ask for
            rates = {float(rate) for row in rows for rate in row["peak_kBps(first=DDR, second=LLCC/L3 for qcom cpu)"].split()[:1]}
            assert any(abs(4 * frequency - 1e3 * rate) < 2e-3 * 1e3 * rate for rate in rates), float(frequency)
            continue
        same = [row for row in rows if abs(float(row["hz"]) - frequency) < 2e-3 * frequency]
        assert same, float(frequency)
        if voltage is not None and voltage.source == frequency.source:
            volts = {float(row["microvolt(target [min max] per supply)"].split()[0]) * 1e-6 for row in same if row["microvolt(target [min max] per supply)"]}
            assert any(abs(volt - voltage) < 2e-3 for volt in volts), (float(frequency), float(voltage), volts)
