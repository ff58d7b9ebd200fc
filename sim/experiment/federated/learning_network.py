"""Many networks of the same shape at once: weights as rows of one array, products batched over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.experiment.digits.data import CLASSES, PIXELS
from sim.experiment.digits.network import initial
from sim.scenario.federated.learning import weights_of

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """Dense layers from pixels to classes with ReLU between them; ``hidden``: widths. A network is a row of ``elements`` numbers."""

    hidden: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        return (PIXELS, *self.hidden, CLASSES)

    @property
    def elements(self) -> int:
        """Weights and biases."""
        return weights_of(self.hidden)

    def layers(self, rows: Values) -> list[tuple[Values, Values]]:
        """Views of ``rows[networks, elements]``: weights ``[networks, out, in]`` and biases ``[networks, out]`` of each layer."""
        found, begin = [], 0
        for wide, out in pairwise(self.widths):
            middle, end = begin + wide * out, begin + (wide + 1) * out
            found.append((rows[:, begin:middle].reshape(len(rows), out, wide), rows[:, middle:end]))
            begin = end
        return found

    def start(self, seed: int) -> Values:
        """Random weights ``[elements]``."""
        return np.concatenate([part.ravel() for layer in initial(self.widths, seed) for part in (layer.weight, layer.bias)]).astype(np.float64)

    def logits(self, rows: Values, images: Values) -> Values:
        """``[networks, n, classes]`` of ``images[networks, n, pixels]`` (or ``[1, n, pixels]``, the same for all)."""
        return self._activations(rows, images)[-1]

    def _activations(self, rows: Values, images: Values) -> list[Values]:
        values = [images]
        layers = self.layers(rows)
        for number, (weight, bias) in enumerate(layers):
            reached = values[-1] @ weight.transpose(0, 2, 1) + bias[:, None, :]
            values.append(np.maximum(reached, 0.0) if number < len(layers) - 1 else reached)
        return values

    def gradients(self, rows: Values, images: Values, labels: Indices, shares: Values) -> tuple[Values, Values]:
        """Loss ``[networks]`` and its derivatives ``[networks, elements]`` on ``images[networks, n, pixels]`` of classes ``labels[networks, n]``.

        The loss is cross-entropy, each image weighted by ``shares[networks, n]``.
        """
        values = self._activations(rows, images)
        logs = _log_softmax(values.pop())
        target = np.take_along_axis(logs, labels[:, :, None], axis=2)[:, :, 0]
        flow = np.exp(logs)
        np.put_along_axis(flow, labels[:, :, None], np.exp(target)[:, :, None] - 1.0, axis=2)
        flow *= shares[:, :, None]
        found: Values = np.empty_like(rows)
        layers, slopes = self.layers(rows), self.layers(found)
        for number in range(len(layers) - 1, -1, -1):
            np.matmul(flow.transpose(0, 2, 1), values[number], out=slopes[number][0])
            slopes[number][1][:] = flow.sum(axis=1)
            if number:
                flow = (flow @ layers[number][0]) * (values[number] > 0)
        return -(shares * target).sum(axis=1), found

    def losses(self, row: Values, images: Values, labels: Indices) -> Values:
        """Of one network on each of ``images[n, pixels]``, in nats."""
        logs: Values = _log_softmax(self.logits(row[None], images[None])[0])
        return -logs[np.arange(len(labels)), labels]

    def judged(self, row: Values, images: Values, labels: Indices) -> tuple[float, float]:
        """Accuracy, and mean loss in nats, of one network on ``images[n, pixels]``; not-a-number weights are right about nothing."""
        logits = self.logits(row[None], images[None])[0]
        if not np.isfinite(logits).all():
            return 0.0, float("inf")
        return float((logits.argmax(axis=1) == labels).mean()), float(self.losses(row, images, labels).mean())


def _log_softmax(values: Values) -> Values:
    lowered = values - values.max(axis=-1, keepdims=True)
    logs: Values = lowered - np.log(np.exp(lowered).sum(axis=-1, keepdims=True))
    return logs
