"""What every technique starts from: one split of the digits, one network trained on it, and the way to judge what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from device_models.work import DTYPE_BITS, INTEGERS
from sim.experiment.accuracy.measure import exported, score
from sim.experiment.accuracy.metrics import Estimate
from sim.experiment.accuracy.session import Runner
from sim.experiment.digits.data import CLASSES, PIXELS, Split, digits
from sim.experiment.digits.network import INPUT, OUTPUT, Network, graph_of, initial, network_of, real_values
from sim.experiment.digits.training import Lesson, trained
from sim.frontends.onnx.observe import observed_ranges
from sim.frontends.onnx.rerun import rerunner
from sim.graph.ir import Graph, Tensor
from sim.graph.storage import stored_file_bytes
from sim.graph.work import total_macs
from sim.passes.compression import Means, compress

SIZES = (PIXELS, 64, 32, CLASSES)
UNEQUAL = (PIXELS, 128, 16, 16, CLASSES)
SCRATCH = Lesson()
RECOVERY = Lesson(epochs=40)  # fine-tuning, of every technique alike
STUDENTS = Lesson(epochs=200, rate=5e-3)  # eight neurons learn slowly
_CALIBRATION = 256
Step = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A compressed network. ``bits_per_weight`` over all trained matrices; ``zeros_ratio``: the share of their elements that is 0.

    ``size_bytes``: everything stored, in the shortest form.
    """

    accuracy: Estimate
    parameters_count: int
    macs_count: int
    bits_per_weight: float
    zeros_ratio: float
    size_bytes: float


@dataclass(frozen=True)
class Bench:
    """Of one seed. ``lesson``: how networks are trained from scratch; ``recovery``: how they are fine-tuned; ``students``: how small ones learn."""

    seed: int
    split: Split
    lesson: Lesson = SCRATCH
    recovery: Lesson = RECOVERY
    students: Lesson = STUDENTS

    @staticmethod
    def of(seed: int, effort: float = 1.0) -> Bench:
        """``effort``: a share of the usual number of epochs."""
        shorter = [replace(lesson, epochs=max(round(lesson.epochs * effort), 1)) for lesson in (SCRATCH, RECOVERY, STUDENTS)]
        return Bench(seed, digits(seed), *shorter)

    @cached_property
    def untrained(self) -> Network:
        return initial(SIZES, self.seed)

    @cached_property
    def unequal(self) -> Network:
        """A network whose first layer holds most of the weights and whose others are narrow."""
        return self.train(initial(UNEQUAL, self.seed), self.lesson)

    @cached_property
    def network(self) -> Network:
        """The full-precision baseline."""
        return self.train(self.untrained, self.lesson)

    def train(self, network: Network, lesson: Lesson) -> Network:
        """On the training images."""
        return trained(network, self.split.images, self.split.labels, lesson, self.seed)

    def recover(self, network: Network, **changes: Any) -> Network:
        """Fine-tuned; zeros stay zeros where ``masks`` say so."""
        return self.train(network, replace(self.recovery, **changes))

    def compressed(self, network: Network, steps: Sequence[Step]) -> Graph:
        """Through the passes a scenario's ``compress`` names, calibrated on training images."""
        means = Means({INPUT: self.split.images[:_CALIBRATION]}, observed_ranges, rerun=rerunner)
        return compress(graph_of(network), steps, means=means).graph

    def shrunk(self, network: Network, steps: Sequence[Step]) -> Network:
        """The network that passes leave of another."""
        return network_of(self.compressed(network, steps))

    def judged(self, graph: Graph) -> Outcome:
        """Run in ONNX Runtime on the images held out."""
        answers = Runner(exported(graph), graph.name).run({INPUT: self.split.held_out}, [OUTPUT])[OUTPUT]
        weights = [tensor for tensor in graph.tensors.values() if tensor.role == "weight" and len(tensor.shape) == 2]
        elements = sum(tensor.elements for tensor in weights)
        bits = sum(tensor.elements * _bits(tensor) for tensor in weights) / elements
        zeros = sum(int(np.count_nonzero(real_values(tensor) == 0)) for tensor in weights) / elements
        return Outcome(score("top1", answers, self.split.held_out_labels), graph.parameters(), total_macs(graph), bits, zeros, stored_file_bytes(graph))


def _bits(tensor: Tensor) -> float:
    """Of a weight: its format's, or those that tell apart the fewer integers it uses."""
    held = float(DTYPE_BITS[tensor.dtype])
    return min(held, float((tensor.clusters - 1).bit_length())) if tensor.clusters > 1 and tensor.dtype in INTEGERS else held


def masks_of(network: Network) -> tuple[np.ndarray, ...]:
    """1 where a weight is not zero."""
    return tuple((layer.weight != 0).astype(np.float32) for layer in network)
