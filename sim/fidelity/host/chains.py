"""Small operators whose output has the shape of their input, to repeat one after the other in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sim.fidelity.host.branch import Branch

MAX_CHAIN_BYTES = 7e5  # of weights and activations together: inside the second-level cache


def chains(integer: bool, seed: int, per_kind: int = 5) -> Iterator[Callable[[int], Branch]]:
    """Functions from a length to a chain of that length."""
    rng = np.random.default_rng(seed)
    kinds = ("pw", "dw", "c3", "fc", "elementwise") if integer else ("pw", "dw", "c3", "fc", "gemm", "elementwise", "exp", "softmax", "permute", "pool")
    for kind in kinds:
        for _ in range(per_kind):
            yield _chain(kind, integer, int(rng.choice([16, 32, 48, 64, 96, 128])), int(rng.choice([4, 7, 10, 14, 20])))


def _chain(kind: str, integer: bool, channels: int, size: int) -> Callable[[int], Branch]:
    while _bytes(kind, integer, channels, size) > MAX_CHAIN_BYTES and channels > 16:
        channels -= 16

    def make(length: int) -> Branch:
        branch = Branch("n0", kind, np.random.default_rng(0))
        shape = (1, channels) if kind == "fc" else (size * size, channels) if kind == "gemm" else (1, channels, size, size)
        value = branch.quantized_input(shape) if integer else branch.input(shape)
        for step in range(length):
            value = _step(branch, kind, integer, channels, value)
            if integer and step < length - 1:
                value = branch.requantized(value)
        branch.output(branch.quantized(value) if integer else value, integer=integer)
        return branch

    return make


def _bytes(kind: str, integer: bool, channels: int, size: int) -> float:
    weights = {"pw": channels**2, "c3": 9 * channels**2, "fc": channels**2, "gemm": channels**2}.get(kind, 0)
    return 17 * (weights * (1 if integer else 4)) + 2 * channels * size**2 * (1 if integer else 4)


def _step(branch: Branch, kind: str, integer: bool, channels: int, value: str) -> str:
    if kind in ("pw", "dw", "c3"):
        kernel, groups = (1 if kind == "pw" else 3), (channels if kind == "dw" else 1)
        shape = (channels, channels // groups, kernel, kernel)
        weights = [branch.quantized_weight(shape, 0), branch.quantized_bias(channels)] if integer else [branch.random(shape), branch.random((channels,))]
        return branch.op("Conv", [value, *weights], group=groups, pads=[kernel // 2] * 4, kernel_shape=[kernel] * 2)
    if kind in ("fc", "gemm"):
        shape2 = (channels, channels)
        weights = [branch.quantized_weight(shape2, 0), branch.quantized_bias(channels)] if integer else [branch.random(shape2), branch.random((channels,))]
        return branch.op("Gemm", [value, *weights], transB=1)
    if kind == "elementwise":
        return branch.op("Add", [value, value])
    if kind == "exp":
        return branch.op("Sigmoid", [value])
    if kind == "softmax":
        return branch.op("Softmax", [value], axis=-1)
    if kind == "permute":
        return branch.op("Transpose", [value], perm=[0, 1, 3, 2])
    return branch.op("MaxPool", [value], kernel_shape=[3, 3], pads=[1] * 4)
