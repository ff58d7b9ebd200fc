"""Part of ``edgesim compare``: where each result runs a model, and why, for models that are placed differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REASONS, REASON_LENGTH = 2, 160


def partition_rows(results: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """By letter of the result: model, letter, runtime, kernels by unit, segments and the time to enter them, why. Empty where all are placed alike."""
    names = dict.fromkeys(name for data in results.values() for name in data["metrics"].get("models", {}))
    rows: list[list[str]] = []
    for name in names:
        found = {letter: data["metrics"]["models"][name] for letter, data in results.items() if name in data["metrics"].get("models", {})}
        if len({_placed(model) for model in found.values()}) > 1:
            rows += [_row(name, letter, model) for letter, model in found.items()]
    return rows


def _placed(model: Mapping[str, Any]) -> tuple[object, ...]:
    return model["runtime"], _kernels(model), model["segments"]["value"]


def _kernels(model: Mapping[str, Any]) -> str:
    return ", ".join(f"{unit} {count['value']}" for unit, count in model["units_kernels"].items())


def _row(name: str, letter: str, model: Mapping[str, Any]) -> list[str]:
    from device_models.units import format_quantity

    entries = model.get("entries")  # not in results written by older versions
    entered = "" if entries is None or not entries["value"] else f", entered in {format_quantity(entries['value'], 'time')}"
    return [name, letter, model["runtime"], _kernels(model), f"{model['segments']['value']}{entered}", _why(model)]


def _why(model: Mapping[str, Any]) -> str:
    units = model.get("fallback_units", {})
    texts = [
        f"{kernels['value']} to {', '.join(units[reason])}: {reason[:REASON_LENGTH]}" if units.get(reason) else reason[:REASON_LENGTH]
        for reason, kernels in model["fallbacks"].items()
    ]
    more = [f"and {len(texts) - REASONS} more reasons"] if len(texts) > REASONS else []
    return "; ".join(texts[:REASONS] + more) or "first choice"
