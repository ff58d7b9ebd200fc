"""How published rows are classed, and what their fits may see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.fidelity.datasets import load_dataset
from sim.fidelity.tiny_fit import TinyFit, fit, system_factor
from sim.fidelity.tiny_regimes import cores, device_for
from sim.fidelity.tiny_systems import BENCHMARKS, Row, _placed, network, rows


@pytest.mark.parametrize(
    ("processor", "software", "release", "submitter", "system", "placed"),
    [
        ("32-bit Arm Cortex-M0+", "Bosch Hardware-Aware Lowering Engine (HALE) version 1.0", "v1.1", "bosch", "G0", ("mcu_cortex_m0plus", "hale")),
        ("32-Bit ARM Cortex-M7", "X-CUBE-AI v9.0.0", "v1.2", "STMicroelectronics", "H7", ("mcu_cortex_m7", "x_cube_ai")),
        ("32-Bit ARM Cortex-M7", "X-CUBE-AI v8.1.0", "v1.1", "STMicroelectronics", "H7", ("mcu_cortex_m7", "x_cube_ai_8")),
        ("32-Bit ARM Cortex-M7", "X-CUBE-AI v10.2", "v1.3", "STMicroelectronics", "H7", ("mcu_cortex_m7", "x_cube_ai")),
        ("32-Bit ARM Cortex-M7", "", "v1.0", "STMicroelectronics", "H7", ("mcu_cortex_m7", "x_cube_ai_7")),
        ("32-Bit ARM Cortex-M7", "", "v1.1", "Krai", "H7_X-CUBE-AI-8.0", ("mcu_cortex_m7", "x_cube_ai_7")),
        ("Cortex-M85", "", "v1.2", "Renesas", "EK-RA8D1", ("mcu_cortex_m85", "tflite_micro")),
        ("Cortex-M33", "Plumerai Inference Engine 2023.05", "v1.1", "plumerai", "U5", ("mcu_cortex_m33", "plumerai")),
        ("Cortex-M4", "Plumerai Inference Engine", "v1.0", "plumerai", "L4", ("mcu_cortex_m4", "plumerai_2022")),
        ("Cortex-M4", "microTVM", "v1.0", "OctoML", "microtvm_native/L4", ("mcu_cortex_m4", "microtvm_native")),
    ],
)
def test_core_and_library_follow_from_what_was_submitted(
    processor: str, software: str, release: str, submitter: str, system: str, placed: tuple[str, str]
) -> None:
    raw = {"accelerator": "", "processor": processor, "software": software, "release": release, "submitter": submitter, "system": system}
    found = _placed(raw)
    assert found is not None
    assert (found[0], found[2]) == placed


@pytest.mark.parametrize(("processor", "software"), [("a core of one's own", "X-CUBE-AI v9.0"), ("Cortex-M4", "somebody's engine")])
def test_what_is_not_known_is_left_out(processor: str, software: str) -> None:
    raw = {"accelerator": "", "processor": processor, "software": software, "release": "v1.2", "submitter": "x", "system": "y"}
    assert _placed(raw) is None


def test_one_silicon_has_one_name() -> None:
    chips = {row.chip for row in rows() if "U575" in row.system or "U585" in row.system}
    assert chips == {"STM32U5"}
    assert {row.chip for row in rows() if "H7A3" in row.system} == {"STM32H7A"}


def test_engines_that_leave_channels_out_run_the_narrow_network() -> None:
    by_runtime = {row.runtime: network(row)["source"] for row in rows() if row.benchmark == "vww" and row.is_core}
    assert by_runtime["x_cube_ai"].endswith(".param")
    assert by_runtime["x_cube_ai_7"] == by_runtime["hale"] == "mobilenet_v1_0.25_96"


def test_factors_are_comparable_only_where_measurements_connect_them() -> None:
    found = TinyFit({}, frozenset({("a", "x"), ("b", "x"), ("b", "y"), ("c", "z")}))
    row = next(iter(rows()))

    def like(core: str, library: str) -> Row:
        return replace(row, cost_class=core, runtime=library)

    assert found.knows(like("a", "y"))
    assert not found.knows(like("a", "z"))
    assert not found.knows(like("d", "x"))


def test_a_system_that_is_slower_by_a_factor_gets_that_factor() -> None:
    found = fit(cores())
    system = [row for row in cores() if row.system == "STMicroelectronics NUCLEO_L4R5ZI" and row.release == "v1.2"]
    factor = system_factor(system[0], found, system)
    slower = system_factor(system[0], found, [replace(row, latency_s=1.2 * row.latency_s) for row in system])
    assert system_factor(system[0], found, []) == 1.0
    assert 1.1 < slower / factor < 1.2


def test_unseen_chips_and_benchmarks_have_devices_and_unknown_ones_none() -> None:
    dataset = load_dataset("tiny_latency")
    cases = dataset.cases()
    assert {case.family for case in cases} == set(BENCHMARKS)
    zero = dataset.devices(cases, "zero-shot")
    assert all(device is None for case, device in zip(cases, zero, strict=True) if case.unit == "npu" or case.group in ("RISC-V", "RXv2", "Cortex-M0+"))
    assert sum(device is not None for device in zero) > 150
    assert len({device.name for device in dataset.devices(cases, "in-sample") if device}) == len({case.spec.name for case in cases})


def test_energy_knows_no_unseen_chip() -> None:
    assert "zero-shot" not in load_dataset("tiny_energy").regimes
    row = next(row for row in rows() if row.energy_j)
    assert device_for(row, "in-sample", 3) is not None


def test_powers_are_energy_over_time() -> None:
    for row in rows():
        if row.energy_j and row.power_w:
            assert row.energy_j / row.power_w == pytest.approx(row.latency_s, rel=0.2)
            assert np.isfinite(row.latency_s)
