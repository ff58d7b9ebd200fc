"""The rows of the table, in order: each makes a network of a bench and has it judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.experiment.digits.bench import SIZES, Bench, Outcome, Step, masks_of
from sim.experiment.digits.data import CLASSES, PIXELS
from sim.experiment.digits.network import Layer, Network, graph_of, initial
from sim.passes.compression.rounding import Rule, grid_of
from sim.passes.compression.weights import as_rows, from_rows
from sim.registry import Registry

Make = Callable[[Bench], Outcome]
AVERAGE = 3  # bits of the comparison of mixed with uniform precision
STUDENT = (PIXELS, 8, CLASSES)
ROUNDS = 5  # of iterative pruning and of the lottery ticket


@dataclass(frozen=True)
class Technique:
    """A row. ``title``: what was done, as the table prints it."""

    title: str
    make: Make


TECHNIQUES: Registry[Technique] = Registry("technique")
ORDER: list[str] = []  # as the table prints them


def _row(name: str, title: str) -> Callable[[Make], Make]:
    def enter(make: Make) -> Make:
        TECHNIQUES.register(name)(Technique(title, make))
        ORDER.append(name)
        return make

    return enter


# ------------------------------------------------------------------ full precision
@_row("fp32", "full precision, 64-64-32-10")
def _fp32(bench: Bench) -> Outcome:
    return bench.judged(graph_of(bench.network))


@_row("fp32_sklearn", "the same network trained by scikit-learn's MLPClassifier")
def _sklearn(bench: Bench) -> Outcome:
    from warnings import catch_warnings, simplefilter

    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(SIZES[1:-1], max_iter=2 * bench.lesson.epochs, batch_size=bench.lesson.batch, learning_rate_init=3e-3, random_state=bench.seed)
    with catch_warnings():
        simplefilter("ignore")  # that it stops at its last epoch is meant
        model.fit(bench.split.images, bench.split.labels)
    arrays = list(zip(model.coefs_, model.intercepts_, strict=True))
    layers = [Layer(weight.T.astype(np.float32), bias.astype(np.float32), number < len(arrays)) for number, (weight, bias) in enumerate(arrays, start=1)]
    return bench.judged(graph_of(tuple(layers)))


# ------------------------------------------------------------------ fewer bits
def _quantized(name: str, title: str, step: Step) -> None:
    _row(name, title)(lambda bench: bench.judged(bench.compressed(bench.network, [{"quantize": step}])))


def _aware(name: str, title: str, step: Step, bits: int) -> None:
    """Fine-tuning whose forward and backward pass see the rounded weights; then quantized as without it."""
    axis = 0 if step["granularity"] == "per_channel" else None
    rule = Rule(step.get("scales", "min_max"))

    def rounding(_: int, weight: np.ndarray) -> np.ndarray:
        grid = grid_of(as_rows(weight, axis), bits, rule)
        return from_rows(grid.restored(grid.stored(as_rows(weight, axis))), weight.shape, axis)

    def make(bench: Bench) -> Outcome:
        return bench.judged(bench.compressed(bench.recover(bench.network, rounding=rounding), [{"quantize": {**step, "method": "qat"}}]))

    _row(name, title)(make)


_TENSOR, _CHANNEL = {"granularity": "per_tensor"}, {"granularity": "per_channel"}
_INT4, _INT2 = {"weights": "int4", "activations": "int8"}, {"weights": "int2", "activations": "int8"}
_quantized("int8_tensor", "int8 weights and activations, per tensor", {"to": "int8", **_TENSOR})
_quantized("int8_channel", "int8 weights and activations, per channel", {"to": "int8", **_CHANNEL})
_aware("int8_qat", "the same, quantization-aware fine-tuning", {"to": "int8", **_CHANNEL}, 8)
_quantized("int4_tensor", "int4 weights, int8 activations, per tensor", {**_INT4, **_TENSOR})
_quantized("int4_channel", "int4 weights, int8 activations, per channel", {**_INT4, **_CHANNEL})
_aware("int4_qat", "the same, quantization-aware fine-tuning", {**_INT4, **_CHANNEL}, 4)
_quantized("int2_channel", "int2 weights, int8 activations, per channel", {**_INT2, **_CHANNEL, "scales": "mse"})
_aware("int2_qat", "the same, quantization-aware fine-tuning", {**_INT2, **_CHANNEL, "scales": "mse"}, 2)


@_row("unequal", "layers of unequal size, 64-128-16-16-10, full precision")
def _unequal(bench: Bench) -> Outcome:
    return bench.judged(graph_of(bench.unequal))


def _averaged(name: str, title: str, formats: list[str]) -> None:
    step = {"mixed_precision": {"formats": formats, "average_bits": AVERAGE, "activations": "none", "scales": "mse", **_TENSOR}}
    _row(name, title)(lambda bench: bench.judged(bench.compressed(bench.unequal, [step])))


_averaged("uniform", f"every layer of these in {AVERAGE} bits, per tensor", [f"int{AVERAGE}"])
_averaged("mixed", f"mixed precision by sensitivity, at most {AVERAGE} bits on average", ["int8", "int6", "int5", "int4", "int3", "int2"])


# ------------------------------------------------------------------ fewer weights
def _magnitude(share: float) -> list[Step]:
    return [{"prune": {"sparsity": share, "scope": "global"}}]


def _sparse(bench: Bench, network: Network) -> Outcome:
    """Judged with its zeros known to the graph: pruning by the share that is already zero changes no value."""
    zeros = sum(int(np.count_nonzero(layer.weight == 0)) for layer in network) / sum(layer.weight.size for layer in network)
    return bench.judged(bench.compressed(network, _magnitude(zeros)))


def _pruned(share: float) -> None:
    name, title = f"pruned_{share:.0%}".removesuffix("%"), f"{share:.0%} of the weights pruned by magnitude"
    _row(name, title)(lambda bench: bench.judged(bench.compressed(bench.network, _magnitude(share))))

    def tuned(bench: Bench) -> Outcome:
        network = bench.shrunk(bench.network, _magnitude(share))
        return _sparse(bench, bench.recover(network, masks=masks_of(network)))

    _row(f"{name}_tuned", "the same, fine-tuned")(tuned)


for _share in (0.5, 0.8, 0.9):
    _pruned(_share)


@_row("iterative_90", f"90% pruned in {ROUNDS} rounds, as many epochs of fine-tuning in all")
def _iterative(bench: Bench) -> Outcome:
    network = bench.network
    for share in _targets(0.9):
        network = bench.shrunk(network, _magnitude(share))
        network = bench.recover(network, masks=masks_of(network), epochs=max(bench.recovery.epochs // ROUNDS, 1))
    return _sparse(bench, network)


@_row("lottery_90", f"lottery ticket: 90% pruned in {ROUNDS} rounds, rewound to the first weights after each")
def _lottery(bench: Bench) -> Outcome:
    return _sparse(bench, _ticket(bench, bench.untrained))


@_row("lottery_90_random", "the ticket's connections from new random weights")
def _random_ticket(bench: Bench) -> Outcome:
    return _sparse(bench, _ticket(bench, initial(SIZES, bench.seed + 1_000_000)))


def _ticket(bench: Bench, start: Network) -> Network:
    """The connections that survive rounds of training, pruning and rewinding, trained from ``start``."""
    network = bench.network
    masks = masks_of(network)
    for share in _targets(0.9):
        masks = masks_of(bench.shrunk(network, _magnitude(share)))
        network = bench.train(start if share == 0.9 else bench.untrained, replace(bench.lesson, masks=masks))
    return network


def _targets(final: float) -> list[float]:
    """Shares after each round, the last exactly ``final``. Zhu and Gupta 2017, arXiv:1710.01878."""
    return [final * (1 - (1 - step / ROUNDS) ** 3) for step in range(1, ROUNDS)] + [final]


_NARROW: list[Step] = [{"prune": {"structured": "channels", "ratio": 0.5}}]


@_row("neurons_50", "half of the neurons of each hidden layer removed")
def _neurons(bench: Bench) -> Outcome:
    return bench.judged(bench.compressed(bench.network, _NARROW))


@_row("neurons_50_tuned", "the same, fine-tuned")
def _neurons_tuned(bench: Bench) -> Outcome:
    return bench.judged(graph_of(bench.recover(bench.shrunk(bench.network, _NARROW))))


# ------------------------------------------------------------------ other structures
@_row("student", "student 64-8-10, trained on the right classes alone")
def _student(bench: Bench) -> Outcome:
    return bench.judged(graph_of(bench.train(initial(STUDENT, bench.seed), bench.students)))


@_row("student_distilled", "the same, distilled: soft targets at temperature 2")
def _distilled(bench: Bench) -> Outcome:
    lesson = replace(bench.students, teacher=bench.network, temperature=2.0, soft_share=0.9)
    return bench.judged(graph_of(bench.train(initial(STUDENT, bench.seed), lesson)))


def _other(name: str, title: str, step: dict[str, Any]) -> None:
    _row(name, title)(lambda bench: bench.judged(bench.compressed(bench.network, [step])))


_LOW_RANK = {"low_rank": {"ratio": 0.25, "skip": ["dense3"]}}
_other("low_rank", "hidden layers as two thinner ones of a quarter of the rank", _LOW_RANK)


@_row("low_rank_tuned", "the same, fine-tuned")
def _low_rank_tuned(bench: Bench) -> Outcome:
    return bench.judged(graph_of(bench.recover(bench.shrunk(bench.network, [_LOW_RANK]))))


_other("cluster_4", "16 shared values in each matrix", {"cluster": {"bits": 4}})
_other("cluster_2", "4 shared values in each matrix", {"cluster": {"bits": 2}})
