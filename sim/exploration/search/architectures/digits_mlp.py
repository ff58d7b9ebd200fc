"""Chains of dense layers on the digits of scikit-learn, small enough to be trained for real in a trial: one to three hidden layers and their widths."""

from __future__ import annotations

from typing import Any

from sim.exploration.search.architectures.space import Choice, Chosen, Space

PIXELS, CLASSES = 64, 10
HIDDEN = (1, 2, 3)
NEURONS = (4, 8, 16, 32, 64, 128)


def _choices() -> tuple[Choice, ...]:
    widths = [Choice(f"width_{layer}", NEURONS, "width", _needs(layer)) for layer in HIDDEN]
    return (Choice("hidden", HIDDEN, "hidden"), *widths)


def _needs(layer: int) -> tuple[str, tuple[int, ...]] | None:
    deeper = tuple(count for count in HIDDEN if count >= layer)
    return ("hidden", deeper) if len(deeper) < len(HIDDEN) else None


def _written(chosen: Chosen, model: str) -> dict[str, Any]:
    widths = [chosen[f"width_{layer}"] for layer in range(1, int(chosen["hidden"]) + 1)]
    hidden = [{"op": "dense", "out": width, "activation": "relu"} for width in widths]
    return {f"models.{model}.layers": [*hidden, {"op": "dense", "out": CLASSES}, {"op": "softmax"}]}


SPACE = Space("digits_mlp", "chains of dense layers on 8 x 8 digits", "", _choices(), _written)
