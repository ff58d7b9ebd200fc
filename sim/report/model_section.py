"""The sections of a report on the models, their accuracy, and how far the prediction can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.residuals import LEVEL
from device_models.units import format_quantity
from sim.report.compression import StepMetrics
from sim.report.model_metrics import ModelMetrics
from sim.report.numbers import count, percent, signed
from sim.report.page import Page
from sim.report.safe_text import printable, shortened
from sim.report.uncertainty import UNMEASURED_TRAINING, training_units

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14


def model_lines(page: Page) -> list[Text]:
    """Two lines per model: what it is, and where it runs."""
    if not page.metrics.models:
        return []
    lines = [page.heading("models")]
    for name, model in page.metrics.models.items():
        lines += _model_lines(name, model, page)
    return lines


def accuracy_lines(page: Page) -> list[Text]:
    """What is known of each model's accuracy, and from where; models of which the same is known share a line."""
    known: dict[str, list[str]] = {}
    for name, model in page.metrics.models.items():
        accuracy = model.accuracy
        text = f"unknown, {accuracy.note}" if accuracy.value_ratio is None else f"{percent(accuracy.value_ratio)} {accuracy.metric} ({accuracy.source})"
        known.setdefault(printable(text, 300), []).append(printable(name, 40))
    lines: list[Text] = []
    for text, names in known.items():
        lines += page.wrapped("accuracy" if not lines else "", f"{', '.join(names)}: {text}", _NAME + 1)
    return lines


def regime_lines(page: Page) -> list[Text]:
    """The calibration of each unit that was used, with its typical error; the thermal path if its figures are estimates."""
    parts = []
    training = training_units(page.result.programs)
    for name, unit in page.metrics.units.items():
        if unit.busy_s > 0 and unit.calibration:
            error = UNMEASURED_TRAINING if name in training else _error(page, name)
            parts.append(f"{printable(name, 40)} {printable(unit.calibration, 80)}, {error}")
    thermal = page.result.device.thermal
    kinds = {figure.kind for node in thermal.nodes.values() for figure in (node.heat_capacity_j_per_k,)} | {
        link.resistance_k_per_w.kind for link in thermal.links
    }
    if "estimated" in kinds:
        parts.append("thermal path estimated")
    return page.wrapped("prediction", "; ".join(parts), _NAME + 1) if parts else []


def _error(page: Page, unit: str) -> str:
    """How far off predictions of a unit are: in which band most measured times lie around the predicted one."""
    ratio = page.metrics.units[unit].calibration_error_ratio
    known = None if page.known is None else page.known.units.get(unit)
    if known is not None:
        band = f"{percent(LEVEL)} of measured times {signed(known.low_ratio - 1)} to {signed(known.high_ratio - 1)}"
        return band if known.residuals_count else f"{band} (estimated)"
    return "error unknown" if ratio is None else f"typically within {percent(ratio, 2)}"


def _changed(step: StepMetrics) -> str:
    """One technique and what it changed."""
    sizes = [format_quantity(value, "bytes") for value in (step.size_before_bytes, step.size_after_bytes)]
    text = f"{step.step}: {sizes[0]} -> {sizes[1]}"
    if step.parameters_after_count != step.parameters_before_count:
        text += f", parameters {count(step.parameters_before_count)} -> {count(step.parameters_after_count)}"
    if step.macs_after_count != step.macs_before_count:
        text += f", {count(step.macs_before_count)}MAC -> {count(step.macs_after_count)}MAC"
    if step.zeros_after_ratio != step.zeros_before_ratio:
        text += f", zeros {percent(step.zeros_before_ratio)} -> {percent(step.zeros_after_ratio)}"
    return text


def _model_lines(name: str, model: ModelMetrics, page: Page) -> list[Text]:

    source = "" if model.source == name else f"{shortened(model.source, 30)}, "
    facts = f"{source}{model.precision} on {model.runtime}, {format_quantity(model.storage_bytes, 'bytes')}, "
    facts += f"{count(model.macs_count)}MAC, {count(model.parameters_count)} parameters, {model.kernels_count} kernels"
    lines = page.wrapped(shortened(name, _NAME - 1), printable(facts), _NAME + 1)
    for step in model.compression:
        lines += page.wrapped("", printable(_changed(step), 300), _NAME + 1)
    total_s = sum(model.units_s.values())
    units = (
        ", ".join(
            f"{shortened(unit, 16)} {percent(seconds / total_s, 2)} ({model.units_kernels_count.get(unit, 0)})" for unit, seconds in model.units_s.items()
        )
        if total_s
        else "no unit"
    )
    where = f"alone {format_quantity(model.alone_s, 'time')}: {units}; load {format_quantity(model.load_s, 'time')}"
    if model.first_inference_s > 0:
        where += f", first run +{format_quantity(model.first_inference_s, 'time')}"
    where += f"; arena {format_quantity(model.arena_bytes, 'bytes')}"
    if model.segments_count > 1:
        where += f", {model.segments_count} segments"
        if model.entries_s > 0 and total_s:
            where += f" entered in {format_quantity(model.entries_s, 'time')} ({percent(model.entries_s / total_s, 2)})"
    lines += page.wrapped("", where, _NAME + 1, "dim")
    for reason, kernels in list(model.fallbacks_count.items())[:2]:
        units_of = ", ".join(printable(unit, 16) for unit in model.fallback_units[reason])
        lines += page.wrapped("", f"fallback of {kernels} kernel{'s' if kernels > 1 else ''} to {units_of}: {printable(reason, 200)}", _NAME + 1, "yellow")
    if len(model.fallbacks_count) > 2:
        lines += page.wrapped("", f"and {len(model.fallbacks_count) - 2} more reasons for fallbacks", _NAME + 1, "yellow")
    return lines
