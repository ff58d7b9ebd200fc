"""Training of chains of dense layers: minibatches, Adam, cross-entropy; masks, rounded weights and soft targets where asked for.

scikit-learn's classifiers take neither soft targets with a temperature nor weights that are masked or rounded within a step, and two
trainers would make rows incomparable; so every network here is trained by this one. Same seed, same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.experiment.digits.network import Layer, Network, logits

Rounding = Callable[[int, np.ndarray], np.ndarray]  # layer number, its weights -> the weights that rounding leaves of them
_DECAY, _DECAY_SQUARE, _TINY = 0.9, 0.999, 1e-8  # Adam's own, Kingma and Ba 2015, arXiv:1412.6980


@dataclass(frozen=True)
class Lesson:
    """How to train. ``masks``: what of each weight stays (1) and what is held at zero (0). ``rounding``: forward and backward pass see
    rounded weights, the step goes to those behind them (straight-through). ``teacher``: its logits are the soft targets, at
    ``temperature``; ``soft_share`` is their weight in the loss beside the right classes.
    """

    epochs: int = 60
    rate: float = 3e-3
    batch: int = 64
    masks: tuple[np.ndarray, ...] | None = None
    rounding: Rounding | None = None
    teacher: Network | None = None
    temperature: float = 4.0
    soft_share: float = 0.9


def trained(network: Network, images: np.ndarray, labels: np.ndarray, lesson: Lesson, seed: int) -> Network:
    """A network that has learnt; the learning rate falls to 0 along half a cosine. The given one stays as it was."""
    random = np.random.default_rng([seed, 3])
    values = [array.copy() for layer in network for array in (layer.weight, layer.bias)]
    _mask(values, lesson.masks)
    means, squares = ([np.zeros_like(value) for value in values] for _ in range(2))
    taught = _targets(lesson, images, labels, network[-1].bias.size)
    steps, step = lesson.epochs * -(-len(images) // lesson.batch), 0
    for _ in range(lesson.epochs):
        order = random.permutation(len(images))
        for start in range(0, len(order), lesson.batch):
            rows = order[start : start + lesson.batch]
            slopes = _slopes(_seen(network, values, lesson.rounding), images[rows], [target[rows] for target in taught], lesson)
            step += 1
            rate = lesson.rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))
            for value, slope, mean, square in zip(values, slopes, means, squares, strict=True):
                mean += (1 - _DECAY) * (slope - mean)
                square += (1 - _DECAY_SQUARE) * (slope * slope - square)
                value -= rate * (mean / (1 - _DECAY**step)) / (np.sqrt(square / (1 - _DECAY_SQUARE**step)) + _TINY)
            _mask(values, lesson.masks)
    return _network(network, values)


def softmax(values: np.ndarray) -> np.ndarray:
    """Shares of ``[n, classes]`` that add up to 1."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def cross_entropy(network: Network, images: np.ndarray, labels: np.ndarray) -> float:
    """The mean loss in nats."""
    return float(-np.log(softmax(logits(network, images))[np.arange(len(labels)), labels] + 1e-30).mean())


def _targets(lesson: Lesson, images: np.ndarray, labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """Right classes as shares ``[n, classes]``, and the teacher's softened ones."""
    hard = np.eye(classes, dtype=np.float32)[labels]
    return [hard] if lesson.teacher is None else [hard, softmax(logits(lesson.teacher, images) / lesson.temperature).astype(np.float32)]


def _slopes(network: Network, images: np.ndarray, targets: list[np.ndarray], lesson: Lesson) -> list[np.ndarray]:
    """The loss's derivatives by weight and bias of each layer, in order."""
    inputs = [images]
    for layer in network:
        values = inputs[-1] @ layer.weight.T + layer.bias
        inputs.append(np.maximum(values, 0) if layer.relu else values)
    flow = _loss_slope(inputs.pop(), targets, lesson)
    found: list[np.ndarray] = []
    for index in range(len(network) - 1, -1, -1):
        found = [flow.T @ inputs[index], flow.sum(axis=0), *found]
        if index:
            flow = flow @ network[index].weight
            flow = flow * (inputs[index] > 0) if network[index - 1].relu else flow
    return found


def _loss_slope(answers: np.ndarray, targets: list[np.ndarray], lesson: Lesson) -> np.ndarray:
    """By the logits. Soft targets: (1 - a) H(hard) + a T^2 H(soft at T), Hinton et al. 2015, arXiv:1503.02531."""
    hard = softmax(answers) - targets[0]
    if len(targets) == 1:
        return np.asarray(hard / len(answers))
    soft = lesson.temperature * (softmax(answers / lesson.temperature) - targets[1])
    return np.asarray(((1 - lesson.soft_share) * hard + lesson.soft_share * soft) / len(answers))


def _seen(network: Network, values: list[np.ndarray], rounding: Rounding | None) -> Network:
    """The network that a step is made with."""
    known = _network(network, values)
    if rounding is None:
        return known
    return tuple(Layer(rounding(index, layer.weight).astype(np.float32), layer.bias, layer.relu) for index, layer in enumerate(known))


def _network(like: Network, values: list[np.ndarray]) -> Network:
    return tuple(Layer(values[2 * index], values[2 * index + 1], layer.relu) for index, layer in enumerate(like))


def _mask(values: list[np.ndarray], masks: tuple[np.ndarray, ...] | None) -> None:
    for index, mask in enumerate(masks or ()):
        values[2 * index] *= mask
