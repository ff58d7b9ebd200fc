"""The gradient of each operator: which operators compute it. One function an operator (or family), in the table :data:`RULES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from sim.errors import ModelError
from sim.graph.ir import Op
from sim.passes.training.tape import Writer
from sim.registry import Registry


@dataclass
class Call:
    """A forward operator whose gradient is wanted.

    ``dys``: gradients of its outputs (None: nobody needs that output); ``wanted``: its inputs that need one; ``kept`` gives the name of a
    tensor of the forward pass as it is there in the backward pass.
    """

    writer: Writer
    op: Op
    dys: list[str | None]
    wanted: frozenset[str]
    kept: Callable[[str], str]

    @property
    def dy(self) -> str:
        """Gradient of the first output."""
        if self.dys[0] is None:
            raise ModelError(f"{self.op.name}: no gradient of its first output")
        return self.dys[0]

    def wants(self, position: int) -> bool:
        return position < len(self.op.inputs) and self.op.inputs[position] in self.wanted

    def shape(self, position: int) -> tuple[int, ...]:
        return self.writer.shape(self.op.inputs[position])

    def input(self, position: int) -> str:
        return self.kept(self.op.inputs[position])

    def output(self, position: int = 0) -> str:
        return self.kept(self.op.outputs[position])

    def stem(self, what: str = "grad") -> str:
        return f"{self.op.name}/{what}"

    def one(self, type: str, inputs: Sequence[str], attributes: Mapping[str, Any] | None = None, what: str = "grad") -> str:
        return self.writer.one(type, inputs, attributes or {}, self.stem(what))

    def bias(self, axes: tuple[int, ...]) -> str:
        """dy summed over all axes but the channels'."""
        return self.one("Reduce", [self.dy], {"mode": "sum", "axes": axes, "keepdims": False}, "bias_grad")


Found = dict[int, str]  # position of an input -> its gradient
Rule = Callable[[Call], Found]
RULES: Registry[Rule] = Registry("gradient of operator")


def rule(*types: str) -> Callable[[Rule], Rule]:
    """Enter a function in the table for these operators."""

    def enter(function: Rule) -> Rule:
        for type in types:
            RULES.register(type)(function)
        return function

    return enter


# By what was made rather than by what was read: the input need not be kept, and a clamp may run in place.
FROM_OUTPUT = ("Relu", "Relu6", "ReluN1To1", "Sigmoid", "Tanh", "Exp", "Sqrt", "Rsqrt", "Softplus", "Clip", "LeakyRelu")
FROM_INPUT = (
    "Swish", "HardSwish", "HardSigmoid", "Gelu", "QuickGelu", "Mish", "Elu", "Selu", "Log", "Erf", "Abs", "Square", "Reciprocal", "Sin", "Cos", "Softsign",
)  # fmt: skip


@rule(*FROM_OUTPUT)
def _from_output(call: Call) -> Found:
    return {0: call.one("ActivationGrad", [call.dy, call.output()], {**call.op.attributes, "of": call.op.type})}


@rule(*FROM_INPUT)
def _from_input(call: Call) -> Found:
    return {0: call.one("ActivationGrad", [call.dy, call.input(0)], {**call.op.attributes, "of": call.op.type})}


@rule("Identity", "Dropout")
def _same(call: Call) -> Found:
    return {0: call.dy}


@rule("Neg")
def _negative(call: Call) -> Found:
    return {0: call.one("Neg", [call.dy])}


@rule("Floor", "Ceil", "Round", "Sign")
def _flat(call: Call) -> Found:
    return {}


@rule("Add", "Sum")
def _add(call: Call) -> Found:
    return {i: call.writer.summed_to(call.dy, call.shape(i), call.stem()) for i in range(len(call.op.inputs)) if call.wants(i)}


@rule("Sub")
def _subtract(call: Call) -> Found:
    found = {0: call.writer.summed_to(call.dy, call.shape(0), call.stem())} if call.wants(0) else {}
    if call.wants(1):
        found[1] = call.one("Neg", [call.writer.summed_to(call.dy, call.shape(1), call.stem())])
    return found


@rule("Mul")
def _multiply(call: Call) -> Found:
    found = {}
    for i in (0, 1):
        if call.wants(i):
            product = call.one("Mul", [call.dy, call.input(1 - i)])
            found[i] = call.writer.summed_to(product, call.shape(i), call.stem())
    return found


@rule("Div")
def _divide(call: Call) -> Found:
    found = {}
    ratio = call.one("Div", [call.dy, call.input(1)])
    if call.wants(0):
        found[0] = call.writer.summed_to(ratio, call.shape(0), call.stem())
    if call.wants(1):
        product = call.one("Neg", [call.one("Mul", [ratio, call.output()])])
        found[1] = call.writer.summed_to(product, call.shape(1), call.stem())
    return found


@rule("Where")
def _where(call: Call) -> Found:
    found = {}
    for i, inverse in ((1, False), (2, True)):
        if call.wants(i):
            chosen = call.one("Not", [call.input(0)]) if inverse else call.input(0)
            found[i] = call.writer.summed_to(call.one("Mul", [call.dy, chosen]), call.shape(i), call.stem())
    return found


@rule("Dense")
def _dense(call: Call) -> Found:
    x, w = call.shape(0), call.shape(1)
    rows = prod(x[:-1])
    found = {}
    if call.wants(0):
        found[0] = call.one("MatMul", [call.dy, call.input(1)], what="input_grad")
    if call.wants(1):
        dy, kept = call.writer.reshaped(call.dy, (rows, w[0]), call.stem("rows")), call.writer.reshaped(call.input(0), (rows, w[1]), call.stem("rows"))
        found[1] = call.one("MatMul", [dy, kept], {"transpose_a": True}, "weight_grad")
    if call.wants(2):
        found[2] = call.bias(tuple(range(len(x) - 1)))
    return found


@rule("MatMul")
def _matmul(call: Call) -> Found:
    ta, tb = bool(call.op.attributes.get("transpose_a")), bool(call.op.attributes.get("transpose_b"))
    if len(call.shape(0)) < 2 or len(call.shape(1)) < 2:
        raise ModelError(f"{call.op.name}: the gradient of a product with a vector is not known; use matrices of one row")
    found = {}
    if call.wants(0):
        b = call.input(1)
        operands, flags = ([b, call.dy], (tb, True)) if ta else ([call.dy, b], (False, not tb))
        found[0] = _product(call, 0, operands, flags)
    if call.wants(1):
        a = call.input(0)
        operands, flags = ([call.dy, a], (True, ta)) if tb else ([a, call.dy], (not ta, False))
        found[1] = _product(call, 1, operands, flags)
    return found


def _product(call: Call, position: int, operands: list[str], flags: tuple[bool, bool]) -> str:
    """The gradient of one factor; of a matrix that all batches share as one product over all rows."""
    made = call.shape(position)
    rows = [call.writer.shape(name) for name in operands]
    if prod(made[:-2]) == 1 and flags == (True, False) and prod(rows[0][:-2]) > 1 and rows[0][:-2] == rows[1][:-2]:
        operands = [call.writer.reshaped(name, (prod(shape[:-1]), shape[-1]), call.stem("rows")) for name, shape in zip(operands, rows, strict=True)]
        return call.writer.reshaped(call.one("MatMul", operands, {"transpose_a": True}), made, call.stem())
    product = call.one("MatMul", operands, {key: True for key, flag in zip(("transpose_a", "transpose_b"), flags, strict=True) if flag})
    return call.writer.summed_to(product, made, call.stem())


@rule("Conv")
def _conv(call: Call) -> Found:
    found = {}
    if call.wants(0):
        found[0] = call.one("ConvInputGrad", [call.dy, call.input(1)], {**call.op.attributes, "shape": call.shape(0)}, "input_grad")
    if call.wants(1):
        found[1] = call.one("ConvWeightGrad", [call.dy, call.input(0)], {**call.op.attributes, "shape": call.shape(1)}, "weight_grad")
    if call.wants(2):
        found[2] = call.bias(_all_but_channels(call))
    return found


@rule("ConvTranspose")
def _conv_transpose(call: Call) -> Found:
    """The other way round: its input's gradient is a convolution of dy, its weights' that convolution's."""
    attributes = {key: value for key, value in call.op.attributes.items() if key not in ("output_padding", "output_shape")}
    found = {}
    if call.wants(0):
        found[0] = call.one("Conv", [call.dy, call.input(1)], attributes, "input_grad")
        if call.writer.shape(found[0]) != call.shape(0):
            raise ModelError(f"{call.op.name}: the gradient of this padding is not known; state pads that fit the output")
    if call.wants(1):
        found[1] = call.one("ConvWeightGrad", [call.input(0), call.dy], {**attributes, "shape": call.shape(1)}, "weight_grad")
    if call.wants(2):
        found[2] = call.bias(_all_but_channels(call))
    return found


def _all_but_channels(call: Call) -> tuple[int, ...]:
    rank = len(call.shape(0))
    channels = rank - 1 if call.op.attributes.get("layout", "NCHW") == "NHWC" else 1
    return tuple(axis for axis in range(rank) if axis != channels)


@rule("BatchNormTrain")
def _batch_norm(call: Call) -> Found:
    operands = [call.dy, call.input(0), call.input(1), call.output(1), call.output(2)]
    return dict(enumerate(call.writer.add("BatchNormGrad", operands, call.op.attributes, call.stem(), outputs=3)))


@rule("FrozenBatchNorm")
def _frozen_batch_norm(call: Call) -> Found:
    found = {0: call.one("FrozenBatchNormGrad", [call.dy, call.input(1), call.input(4)], call.op.attributes)} if call.wants(0) else {}
    if call.wants(2):
        found[2] = call.bias(_all_but_channels(call))
    return found


@rule("LayerNorm", "RMSNorm", "InstanceNorm", "GroupNorm")
def _norm(call: Call) -> Found:
    outputs = min(len([name for name in call.op.inputs if name]), 3)
    operands = [call.dy, call.input(0), *([call.input(1)] if outputs > 1 else [])]
    return dict(enumerate(call.writer.add("NormGrad", operands, {**call.op.attributes, "of": call.op.type}, call.stem(), outputs=outputs)))


@rule("Softmax", "LogSoftmax")
def _softmax(call: Call) -> Found:
    return {0: call.one("SoftmaxGrad", [call.dy, call.output()], {**call.op.attributes, "of": call.op.type})}


@rule("MaxPool", "GlobalMaxPool")
def _max_pool(call: Call) -> Found:
    return {0: call.one(f"{call.op.type}Grad", [call.dy, call.input(0)], {**call.op.attributes, "shape": call.shape(0)})}


@rule("AveragePool", "GlobalAveragePool")
def _average_pool(call: Call) -> Found:
    return {0: call.one(f"{call.op.type}Grad", [call.dy], {**call.op.attributes, "shape": call.shape(0)})}


@rule("Reduce")
def _reduce(call: Call) -> Found:
    mode = call.op.attributes.get("mode", "mean")
    if mode not in ("mean", "sum", "max", "min"):
        raise ModelError(f"{call.op.name}: the gradient of a reduction by {mode} is not known")
    operands = [call.dy] if mode in ("mean", "sum") else [call.dy, call.input(0)]
    return {0: call.one("ReduceGrad", operands, {**call.op.attributes, "shape": call.shape(0)})}


@rule("Attention")
def _attention(call: Call) -> Found:
    """A mask that was learned (relative positions) has the gradient of the scores, summed to its shape."""
    masked = len(call.op.inputs) > 3 and bool(call.op.inputs[3])
    operands = [call.dy, *(call.input(i) for i in range(4 if masked else 3))]
    learned = masked and call.wants(3)
    made = call.writer.add("AttentionGrad", operands, call.op.attributes, call.stem(), outputs=4 if learned else 3)
    return {**dict(enumerate(made[:3])), **({3: call.writer.summed_to(made[3], call.shape(3), call.stem())} if learned else {})}


@rule("RotaryEmbedding")
def _rotary(call: Call) -> Found:
    return {0: call.one("RotaryEmbeddingGrad", [call.dy, *(call.input(i) for i in range(1, len(call.op.inputs)))], call.op.attributes)}
