"""Random operators to measure, by kind: shapes as networks have them, drawn log-uniformly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.fidelity.host.branch import SCALE, Branch

MAX_MACS = 1.5e8
MAX_ELEMENTS = 1.5e6


@dataclass(frozen=True)
class Benchmark:
    """``draw(branch)`` adds one operator of random shape to a branch; ``share``: rows of this kind relative to others."""

    kind: str
    draw: Callable[[Branch], None]
    share: float = 1.0


def _log(rng: np.random.Generator, low: float, high: float) -> int:
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _channels(rng: np.random.Generator, low: int = 8, high: int = 768) -> int:
    """Mostly multiples of eight, as networks have them."""
    count = _log(rng, low, high)
    return max(8, count // 8 * 8) if rng.random() < 0.85 else count


def _extent(rng: np.random.Generator, low: int = 4, high: int = 128) -> int:
    return int(rng.choice([7, 10, 14, 20, 28, 40, 56, 80, 112])) if rng.random() < 0.5 else _log(rng, low, high)


def fits(macs: float, elements: float) -> bool:
    return macs <= MAX_MACS and elements <= MAX_ELEMENTS and macs + elements > 2e3


def convolution(kind: str, integer: bool) -> Callable[[Branch], None]:
    """A convolution of ``kind`` with bias, often followed by a clamp."""

    def draw(branch: Branch) -> None:
        rng = branch.rng
        while True:
            c_in, c_out, groups, kernel, stride = convolution_shape(kind, rng)
            height, width = _extent(rng), _extent(rng)
            if rng.random() < 0.8:
                width = height
            if min(height, width) < kernel:
                continue
            outputs = c_out * (height // stride) * (width // stride)
            if fits(outputs * c_in / groups * kernel**2, c_in * height * width + outputs + c_out * c_in / groups * kernel**2):
                break
        add_convolution(branch, integer, c_in, c_out, groups, kernel, stride, height, width)

    return draw


def convolution_shape(kind: str, rng: np.random.Generator) -> tuple[int, int, int, int, int]:
    """Input and output channels, groups, kernel, stride."""
    c_in, c_out = _channels(rng), _channels(rng)
    stride = 2 if rng.random() < 0.25 else 1
    if kind == "pw":
        return c_in, c_out, 1, 1, 1 if rng.random() < 0.9 else 2
    if kind == "dw":
        return c_in, c_in, c_in, int(rng.choice([3, 3, 3, 5, 5, 7])), stride
    if kind == "c3":
        return c_in, c_out, 1, 3, 1
    if kind == "first":
        return int(rng.choice([1, 3, 3, 3])), _log(rng, 8, 96), 1, int(rng.choice([3, 3, 3, 5, 6, 7])), int(rng.choice([1, 2, 2, 2, 4]))
    if kind == "gconv":
        groups = int(rng.choice([2, 4, 8, 16, 32]))
        return groups * int(rng.choice([4, 8, 16, 24])), groups * int(rng.choice([4, 8, 16, 24])), groups, int(rng.choice([1, 3, 3])), stride
    kernel = int(rng.choice([2, 3, 4, 5, 7]))  # any other dense convolution
    return c_in, c_out, 1, kernel, 2 if kernel == 3 else stride


def add_convolution(branch: Branch, integer: bool, c_in: int, c_out: int, groups: int, kernel: int, stride: int, height: int, width: int) -> None:
    shape, image = (c_out, c_in // groups, kernel, kernel), (1, c_in, height, width)
    pads = [(kernel - 1) // 2, (kernel - 1) // 2, kernel // 2, kernel // 2]
    settings: dict[str, Any] = {"group": groups, "strides": [stride] * 2, "pads": pads, "kernel_shape": [kernel] * 2}
    if integer:
        result = branch.op("Conv", [branch.quantized_input(image), branch.quantized_weight(shape, 0), branch.quantized_bias(c_out)], **settings)
        branch.output(branch.quantized(result), integer=True)
        return
    result = branch.op("Conv", [branch.input(image), branch.random(shape), branch.random((c_out,))], **settings)
    branch.output(branch.op("Relu", [result]) if branch.rng.random() < 0.5 else result)


def transposed(branch: Branch) -> None:
    rng = branch.rng
    while True:
        c_in, c_out, kernel, size = _channels(rng, 8, 256), _channels(rng, 8, 256), int(rng.choice([2, 3, 4])), _extent(rng, 4, 64)
        if fits(c_in * c_out * kernel**2 * size**2, 4 * c_out * size**2 + c_in * size**2):
            break
    inputs = [branch.input((1, c_in, size, size)), branch.random((c_in, c_out, kernel, kernel)), branch.random((c_out,))]
    branch.output(branch.op("ConvTranspose", inputs, strides=[2, 2], kernel_shape=[kernel] * 2))


def product(kind: str, integer: bool = False, dynamic: bool = False) -> Callable[[Branch], None]:
    """Weights times a vector (``fc``) or times many rows (``gemm``); dynamic: activations are quantized at run time."""

    def draw(branch: Branch) -> None:
        rng = branch.rng
        while True:
            rows = 1 if kind == "fc" else _log(rng, 2, 512)
            depth, columns = _channels(rng, 16, 3072), _channels(rng, 8, 3072)
            if fits(rows * depth * columns, depth * columns + rows * (depth + columns)):
                break
        if dynamic:
            add_dynamic_product(branch, rows, depth, columns)
        elif integer:
            weight = branch.quantized_weight((columns, depth), 0)
            result = branch.op("Gemm", [branch.quantized_input((rows, depth)), weight, branch.quantized_bias(columns)], transB=1)
            branch.output(branch.quantized(result), integer=True)
        elif kind == "fc" or rng.random() < 0.5:
            branch.output(branch.op("Gemm", [branch.input((rows, depth)), branch.random((columns, depth)), branch.random((columns,))], transB=1))
        else:
            branch.output(branch.op("MatMul", [branch.input((1, rows, depth)), branch.random((depth, columns))]))

    return draw


def add_dynamic_product(branch: Branch, rows: int, depth: int, columns: int) -> None:
    """What dynamic quantization writes: DynamicQuantizeLinear, MatMulInteger, Cast and Mul; the runtime fuses them."""
    from onnx import TensorProto

    image = branch.input((1, rows, depth))
    made = branch.op("DynamicQuantizeLinear", [image], 3).rsplit("_", 1)[0]
    integers, scale, zero = (f"{made}_{index}" for index in range(3))
    values = branch.weight(branch.rng.integers(-127, 128, (depth, columns)).astype(np.int8))
    sums = branch.op("MatMulInteger", [integers, values, zero, branch.weight(np.zeros(columns, np.int8))])
    scales = branch.op("Mul", [scale, branch.weight(np.full(columns, SCALE, np.float32))])
    branch.output(branch.op("Mul", [branch.op("Cast", [sums], to=TensorProto.FLOAT), scales]))


def both_activations(branch: Branch) -> None:
    """Attention's products: two activations, by heads."""
    rng = branch.rng
    while True:
        heads, rows, depth, columns = int(rng.choice([1, 3, 4, 6, 8, 12])), _log(rng, 8, 400), _log(rng, 16, 400), _log(rng, 16, 400)
        if fits(heads * rows * depth * columns, heads * (rows * depth + depth * columns + rows * columns)):
            break
    branch.output(branch.op("MatMul", [branch.input((1, heads, rows, depth)), branch.input((1, heads, depth, columns))]))


def _image(rng: np.random.Generator) -> tuple[int, int, int, int]:
    while True:
        channels, size = _channels(rng), _extent(rng)
        if fits(0, 2 * channels * size * size):
            return 1, channels, size, size


def _made(branch: Branch, shape: tuple[int, ...], integer: bool) -> str:
    return branch.quantized_input(shape) if integer else branch.input(shape)


def _ended(branch: Branch, name: str, integer: bool) -> None:
    if integer:
        branch.output(branch.quantized(name), integer=True)
    else:
        branch.output(name)


def elementwise(integer: bool) -> Callable[[Branch], None]:
    def draw(branch: Branch) -> None:
        rng, shape = branch.rng, _image(branch.rng)
        type = str(rng.choice(["Add", "Mul"] if integer else ["Add", "Mul", "Mul", "Relu", "Clip", "Sub"]))
        first = _made(branch, shape, integer)
        if type in ("Relu",):
            result = branch.op(type, [first])
        elif type == "Clip":
            result = branch.op(type, [first, branch.weight(np.array(0, np.float32)), branch.weight(np.array(6, np.float32))])
        else:
            other = (1, shape[1], 1, 1) if type == "Mul" and rng.random() < 0.5 else shape
            result = branch.op(type, [first, _made(branch, other, integer)])
        _ended(branch, result, integer)

    return draw


def transcendental(integer: bool) -> Callable[[Branch], None]:
    def draw(branch: Branch) -> None:
        shape = _image(branch.rng)
        image = _made(branch, shape, integer)
        type = "Sigmoid" if integer else str(branch.rng.choice(["Sigmoid", "Tanh", "HardSigmoid", "Swish", "Gelu", "Erf"]))
        if type == "Swish":
            result = branch.op("Mul", [image, branch.op("Sigmoid", [image])])
        elif type == "Gelu":
            inner = branch.op("Erf", [branch.op("Div", [image, branch.weight(np.array(2**0.5, np.float32))])])
            inner = branch.op("Add", [inner, branch.weight(np.array(1, np.float32))])
            result = branch.op("Mul", [branch.op("Mul", [image, inner]), branch.weight(np.array(0.5, np.float32))])
        else:
            result = branch.op(type, [image])
        _ended(branch, result, integer)

    return draw


def permutation(integer: bool) -> Callable[[Branch], None]:
    def draw(branch: Branch) -> None:
        rng, shape = branch.rng, _image(branch.rng)
        image = _made(branch, shape, integer)
        which = int(rng.integers(3))
        if which == 0 and not integer and shape[1] * shape[2] ** 2 * 5 <= MAX_ELEMENTS:
            scales = branch.weight(np.array([1, 1, 2, 2], np.float32))
            result = branch.op("Resize", [image, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        else:
            order = [[0, 2, 3, 1], [0, 2, 1, 3], [0, 3, 1, 2]][which]
            result = branch.op("Transpose", [image], perm=order)
        _ended(branch, result, integer)

    return draw


def concatenation(integer: bool) -> Callable[[Branch], None]:
    def draw(branch: Branch) -> None:
        rng, shape = branch.rng, _image(branch.rng)
        if rng.random() < 0.7 or integer:
            parts = [_made(branch, shape, integer) for _ in range(int(rng.integers(2, 4)))]
            _ended(branch, branch.op("Concat", parts, axis=1), integer)
            return
        pieces = branch.op("Slice", [branch.input(shape), *(branch.weight(np.array([n], np.int64)) for n in (0, max(shape[1] // 2, 1), 1))])
        branch.output(pieces)

    return draw


def pooling(integer: bool) -> Callable[[Branch], None]:
    def draw(branch: Branch) -> None:
        rng, shape = branch.rng, _image(branch.rng)
        image = branch.convolved_input(shape) if integer else branch.input(shape)
        which = str(rng.choice(["MaxPool", "GlobalAveragePool"]))
        kernel = int(rng.choice([2, 3, 5]))
        if which == "GlobalAveragePool" or shape[2] < kernel:
            result = branch.op("GlobalAveragePool", [image])
        else:
            half = kernel // 2 if kernel % 2 else 0
            result = branch.op(which, [image], kernel_shape=[kernel] * 2, strides=[int(rng.choice([1, 2]))] * 2, pads=[half] * 4)
        _ended(branch, result, integer)

    return draw


def normalisation(branch: Branch) -> None:
    rng = branch.rng
    if rng.random() < 0.6:
        rows, width = _log(rng, 4, 400), _channels(rng, 32, 1536)
        inputs = [branch.input((1, rows, width)), branch.random((width,)), branch.random((width,))]
        branch.output(branch.op("LayerNormalization", inputs, axis=-1))
        return
    shape = _image(rng)
    statistics = [branch.weight(np.ones(shape[1], np.float32)) for _ in range(4)]
    if rng.random() < 0.6:
        branch.output(branch.op("BatchNormalization", [branch.input(shape), *statistics]))
    else:
        branch.output(branch.op("InstanceNormalization", [branch.input(shape), *statistics[:2]]))


def softmax(branch: Branch) -> None:
    rng = branch.rng
    branch.output(branch.op("Softmax", [branch.input((1, int(rng.choice([1, 3, 6, 12])), _log(rng, 4, 200), _log(rng, 8, 400)))], axis=-1))


def recurrent(branch: Branch) -> None:
    """LSTM and GRU, one direction."""
    rng = branch.rng
    steps, width, hidden = _log(rng, 4, 100), _log(rng, 16, 256), _channels(rng, 16, 256)
    type, gates = ("LSTM", 4) if rng.random() < 0.6 else ("GRU", 3)
    weights = [branch.random((1, gates * hidden, width)), branch.random((1, gates * hidden, hidden)), branch.random((1, 2 * gates * hidden))]
    branch.output(branch.op(type, [branch.input((steps, 1, width)), *weights], hidden_size=hidden))


def quantized_recurrent(branch: Branch) -> None:
    """An LSTM as dynamic quantization writes it: 8-bit weights, float activations."""
    rng = branch.rng
    steps, width, hidden = _log(rng, 4, 100), _log(rng, 16, 256), _channels(rng, 16, 256)
    integers = [branch.weight(rng.integers(-127, 128, (1, depth, 4 * hidden)).astype(np.int8)) for depth in (width, hidden)]
    scales, zeros = branch.weight(np.full((1, 4 * hidden), SCALE, np.float32)), branch.weight(np.zeros((1, 4 * hidden), np.int8))
    inputs = [branch.input((steps, 1, width)), *integers, branch.random((1, 8 * hidden)), "", "", "", "", scales, zeros, scales, zeros]
    branch.output(branch.op("DynamicQuantizeLSTM", inputs, hidden_size=hidden, domain="com.microsoft"))


def lookup(branch: Branch) -> None:
    rng = branch.rng
    width, rows = _channels(rng, 32, 1024), _log(rng, 4, 400)
    branch.output(branch.op("Gather", [branch.random((2000, width)), branch.indices((1, rows))], axis=0))


def conversion(branch: Branch) -> None:
    shape = _image(branch.rng)
    if branch.rng.random() < 0.5:
        branch.output(branch.quantized(branch.input(shape)), integer=True)
    else:
        branch.output(branch.quantized_input(shape))


FLOAT = (
    Benchmark("pw", convolution("pw", False), 2.0),
    Benchmark("dw", convolution("dw", False), 1.5),
    Benchmark("c3", convolution("c3", False), 1.5),
    Benchmark("conv", convolution("conv", False), 1.5),
    Benchmark("first", convolution("first", False)),
    Benchmark("gconv", convolution("gconv", False)),
    Benchmark("convt", transposed),
    Benchmark("fc", product("fc")),
    Benchmark("gemm", product("gemm"), 1.5),
    Benchmark("bmm", both_activations),
    Benchmark("elementwise", elementwise(False), 1.5),
    Benchmark("exp", transcendental(False), 1.5),
    Benchmark("permute", permutation(False)),
    Benchmark("concat", concatenation(False)),
    Benchmark("pool", pooling(False)),
    Benchmark("norm", normalisation),
    Benchmark("softmax", softmax, 0.7),
    Benchmark("rnn", recurrent, 0.7),
    Benchmark("embed", lookup, 0.5),
)
INTEGER = (
    Benchmark("pw", convolution("pw", True), 2.0),
    Benchmark("dw", convolution("dw", True), 2.0),
    Benchmark("c3", convolution("c3", True), 1.5),
    Benchmark("conv", convolution("conv", True), 1.5),
    Benchmark("first", convolution("first", True)),
    Benchmark("gconv", convolution("gconv", True)),
    Benchmark("fc", product("fc", integer=True)),
    Benchmark("gemm", product("gemm", integer=True)),
    Benchmark("gemm", product("gemm", dynamic=True), 1.5),
    Benchmark("fc", product("fc", dynamic=True), 0.7),
    Benchmark("elementwise", elementwise(True), 1.5),
    Benchmark("exp", transcendental(True)),
    Benchmark("permute", permutation(True)),
    Benchmark("concat", concatenation(True)),
    Benchmark("pool", pooling(True), 1.5),
    Benchmark("quant", conversion),
    Benchmark("rnn", quantized_recurrent, 0.7),
)
