"""The section of a report on networks that ran as spikes, and what an inference of each model costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.compiler.warm_run import run_cost
from sim.report.numbers import count, percent
from sim.report.page import Page
from sim.report.safe_text import printable, shortened
from sim.report.spiking_metrics import SpikingMetrics

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14


def spiking_lines(page: Page) -> list[Text]:
    """Events of an inference and shares of its energy; then every model's inference, for comparison. Nothing without event-driven units."""
    found = page.metrics.spiking
    if not found:
        return []
    lines = [page.heading("spikes")]
    for name, model in found.items():
        cores = int(page.result.device.units[model.unit].cores)
        lines += page.wrapped(shortened(name, _NAME - 1), _events(model, cores), _NAME + 1)
        lines += page.wrapped("", _energy(model), _NAME + 1)
    lines += page.wrapped("an inference", "; ".join(_inference(page, name) for name in page.metrics.models), _NAME + 1)
    return lines


def _events(model: SpikingMetrics, cores: int) -> str:
    steps = f"{model.timesteps_count} step{'s' if model.timesteps_count > 1 else ''}"
    speed = "" if model.arriving_hz is None else f", {count(model.arriving_hz)} synaptic operations/s"
    return (
        f"{steps}: {count(model.spikes_count)} spikes ({model.rates}), {count(model.synaptic_operations_count)} synaptic operations, "
        f"{count(model.updates_count)} updates of {count(model.neurons_count)} neurons; {model.cores_count:.0f} of {cores} cores{speed}"
    )


def _energy(model: SpikingMetrics) -> str:
    if model.synaptic_energy_ratio is None or model.updates_energy_ratio is None or model.messages_energy_ratio is None:
        return "no energy"
    rest = max(1.0 - model.synaptic_energy_ratio - model.updates_energy_ratio - model.messages_energy_ratio, 0.0)
    return (
        f"energy {format_quantity(model.energy_j, 'energy')}: synaptic operations {percent(model.synaptic_energy_ratio, 2)}, updates "
        f"{percent(model.updates_energy_ratio, 2)}, messages {percent(model.messages_energy_ratio, 2)}, power that spikes do not change {percent(rest, 2)}"
    )


def _inference(page: Page, name: str) -> str:
    seconds, joules = run_cost(page.result.programs[name], page.result.device)
    units = "+".join(page.metrics.models[name].units_s)
    return f"{printable(shortened(name, 20))} {format_quantity(joules, 'energy')} in {format_quantity(seconds, 'time')} on {printable(units)}"
