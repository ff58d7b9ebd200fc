"""Event-driven units: time and energy of hand-made networks, cores, chips."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz, spiking_events
from device_models.figure import Figure
from device_models.power import at_voltage_w
from device_models.spec import DeviceSpec
from device_models.work import KernelWork, Kind, Work

VALUES = {name: float(value) for name, value in cost_classes()["neuromorphic_loihi"].values.items()}
LOIHI = load_device("loihi")
UNIT = "neuromorphic"


def dense(inputs: int, outputs: int, steps: int, rate: float, out_rate: float = 0.0) -> KernelWork:
    return KernelWork(
        Kind.FC, macs=inputs * outputs * steps, c_in=inputs, c_out=outputs, weight_elements=inputs * outputs, steps=steps, neurons=outputs,
        synapses=inputs * outputs, synaptic_operations=rate * inputs * outputs * steps, in_spikes=rate * inputs * steps, out_spikes=out_rate * outputs * steps,
    )  # fmt: skip


def total_s(work: Work, device: DeviceSpec = LOIHI, runtime: str = "nxsdk") -> float:
    return float(kernel_seconds(kernel_costs(work, device, UNIT, runtime=runtime), max_frequency_hz(device, UNIT)).sum())


def total_j(work: Work, device: DeviceSpec = LOIHI) -> float:
    return float(kernel_costs(work, device, UNIT, runtime="nxsdk").events_j.sum())


def with_cores(cores: float) -> DeviceSpec:
    unit = LOIHI.units[UNIT].model_copy(update={"cores": Figure(cores)})
    return LOIHI.model_copy(update={"units": {**LOIHI.units, UNIT: unit}})


def test_two_layers_by_hand() -> None:
    """100 inputs at 0.25 spikes a step, 200 neurons at 0.1, 10 neurons that are read; 8 steps, one core each."""
    work = Work.stack([dense(100, 200, 8, 0.25), dense(200, 10, 8, 0.1)])
    operations = np.array([100 * 200 * 8 * 0.25, 200 * 10 * 8 * 0.1])
    updates = np.array([200 * 8, 10 * 8])
    reached = 1 - np.exp(-operations / updates)
    messages = np.array([100 * 8 * 0.25, 200 * 8 * 0.1])  # one core each
    energy_j = operations * 23.6e-12 + updates * (reached * 81e-12 + (1 - reached) * 52e-12) + messages * (1.7e-12 + 4 * 3.5e-12)
    made = kernel_costs(work, LOIHI, UNIT, runtime="nxsdk")
    assert made.events_j == pytest.approx(energy_j, rel=1e-12)
    busy_s = np.maximum(operations * 3.5e-9, updates * (reached * 8.4e-9 + (1 - reached) * 5.3e-9)) / 8
    assert busy_s[0] > 465e-9  # so the first layer's core sets the pace, not the barrier
    assert total_s(work) == pytest.approx(8 * busy_s[0], rel=1e-9)


def test_a_silent_network_waits_at_barriers_and_updates_its_neurons() -> None:
    work = Work.stack([dense(4, 8, 20, 0.0), dense(8, 2, 20, 0.0)])
    assert total_s(work) == pytest.approx(20 * 113e-9, rel=1e-9)
    assert total_j(work) == pytest.approx(20 * 10 * 52e-12, rel=1e-12)


def test_a_runtime_that_manages_each_step_sets_the_pace() -> None:
    work = Work.stack([dense(100, 200, 8, 0.25)])
    assert total_s(work, runtime="nengo_loihi") == pytest.approx(8 * 3.378e-4, rel=1e-9)


def test_layers_run_at_once_so_the_busiest_alone_counts() -> None:
    wide, narrow = dense(500, 250, 10, 0.5), dense(50, 20, 10, 0.1)
    assert total_s(Work.stack([wide, narrow, narrow])) == pytest.approx(total_s(Work.stack([wide])), rel=1e-9)


@pytest.mark.parametrize(("inputs", "outputs", "cores"), [(10, 1024, 1), (10, 1025, 2), (128, 1024, 1), (129, 1024, 2), (4096, 1024, 32)])
def test_cores_by_neurons_and_synapses(inputs: int, outputs: int, cores: int) -> None:
    events, _ = spiking_events(Work.stack([dense(inputs, outputs, 1, 0.1)]), LOIHI, UNIT)
    assert events.cores.tolist() == [cores]


def test_a_convolution_is_stored_once_a_layer() -> None:
    row = KernelWork(Kind.C3, weight_elements=9 * 64 * 64, steps=1, neurons=1024, synapses=9 * 64 * 1024, synaptic_operations=1.0)
    events, _ = spiking_events(Work.stack([row]), LOIHI, UNIT)
    assert events.cores.tolist() == [1]


def test_the_barrier_grows_with_tiles_and_chips() -> None:
    layers = [dense(1, 1024, 10, 0.0)] * 128  # every core of the chip; updates take longer than the barrier, so ask for one step of few neurons
    small = [layer._replace(neurons=1.0, synapses=131072.0) for layer in layers]
    assert total_s(Work.stack(small)) == pytest.approx(10 * 465e-9, rel=1e-9)
    assert total_s(Work.stack(small[:64])) == pytest.approx(10 * (113e-9 + 15 / 31 * 352e-9), rel=1e-9)
    assert total_s(Work.stack(small * 2), with_cores(256)) == pytest.approx(10 * (465e-9 + VALUES["barrier_s_per_chip"]), rel=1e-9)


def test_what_does_not_fit_is_refused_with_numbers_and_more_chips_hold_it() -> None:
    work = Work.stack([dense(4096, 4096, 4, 0.1), dense(4096, 64, 4, 0.1)])  # 128 + 2 cores
    with pytest.raises(ValueError, match=r"needs 130 cores .* has 128 .* more chips"):
        kernel_costs(work, LOIHI, UNIT)
    assert total_s(work, with_cores(256)) > 0


def test_work_without_spikes_is_refused() -> None:
    with pytest.raises(ValueError, match="to_spiking"):
        kernel_costs(Work.stack([KernelWork(Kind.FC, macs=1000)]), LOIHI, UNIT)
    with pytest.raises(ValueError, match="to_spiking"):
        kernel_costs(Work.stack([KernelWork(Kind.CODE, macs=1000)]), LOIHI, UNIT)


def test_events_cost_by_the_square_of_the_voltage() -> None:
    assert at_voltage_w(1.0, 0.5, 1.0) == 0.25
    assert at_voltage_w(1.0, None, None) == 1.0


@pytest.mark.parametrize("change", [{"rate": 0.3}, {"steps": 16}, {"inputs": 200}, {"outputs": 400}])
def test_more_of_anything_costs_more(change: dict[str, Any]) -> None:
    given: dict[str, Any] = {"inputs": 100, "outputs": 200, "steps": 8, "rate": 0.2}
    less, more = Work.stack([dense(**given)]), Work.stack([dense(**given | change)])
    assert total_j(more) > total_j(less) and total_s(more) >= total_s(less)


def test_rows_are_priced_together_and_keep_their_own_energy() -> None:
    rows = [dense(100, 200, 8, 0.25), dense(200, 10, 8, 0.1), dense(10, 10, 8, 0.9)]
    whole = kernel_costs(Work.stack(rows), LOIHI, UNIT, runtime="nxsdk")
    alone = [kernel_costs(Work.stack([row]), LOIHI, UNIT, runtime="nxsdk").events_j[0] for row in rows]
    assert whole.events_j == pytest.approx(alone, rel=1e-12)
    assert math.isfinite(float(whole.compute_cycles.sum())) and (whole.overhead_cycles >= 0).all()
