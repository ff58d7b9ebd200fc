"""Where the batch goes in each type of operator: a rule gives the axis of each output, and mends attributes that hold extents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

from sim.graph.ir import Op
from sim.graph.ops.arithmetic import BINARY, CHEAP_UNARY, COMPARISON, EXP_UNARY

Shape = tuple[int, ...]
_ALL = 2**31 - 1


class Mixed(Exception):
    """The operator does not treat samples apart; says how."""


@dataclass
class Place:
    """An operator with the old shapes of its inputs, the axis at which each has the batch (None: none), and its first output's old shape.

    ``expand``: inputs, by position, that have to be copied for each sample, along which axis. ``keeps``: shape of the first output
    where it keeps an axis that it used to drop.
    """

    op: Op
    shapes: Sequence[Shape]
    axes: Sequence[int | None]
    size: int
    out: Shape
    expand: dict[int, int] = field(default_factory=dict)
    keeps: Shape | None = None

    def only(self, *positions: int) -> int:
        """The axis of the input at the first of the positions; no input at another position may have the batch."""
        if any(axis is not None and position not in positions for position, axis in enumerate(self.axes)):
            raise Mixed("gets what should be stored from the input")
        axis = self.axes[positions[0]]
        if axis is None:
            raise Mixed("gets the batch by another input than its first")
        return axis

    def same(self, positions: Sequence[int]) -> int:
        """The axis at which all inputs at the positions have the batch."""
        axes = {self.axes[position] for position in positions if position < len(self.axes)}
        axis = next((axis for axis in axes if axis is not None), None)
        if axis is None or len(axes) > 1:
            raise Mixed("joins values that have the batch at different places")
        return axis

    def apart(self, axis: int, worked: Sequence[int], rank: int) -> int:
        """The axis, if the operator does not work along it."""
        if axis in {one % max(rank, 1) for one in worked}:
            raise Mixed(f"works along axis {axis}, where the batch is")
        return axis


Rule = Callable[[Place], list[int | None]]
RULES: dict[str, Rule] = {}


def _rule(*types: str) -> Callable[[Rule], Rule]:
    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(types, rule))
        return rule

    return enter


@_rule("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LRN", "InstanceNorm", "GroupNorm")
@_rule("Resize", "DepthToSpace", "SpaceToDepth", "SpaceToBatch", "BatchToSpace", "ChannelShuffle", "GridSample", "SVDF")
def _first_axis(place: Place) -> list[int | None]:
    """Images and their like: the batch is the first axis and stays there."""
    axis = place.same((0, 1)) if place.op.type == "GridSample" else place.same((0,))
    if axis:
        raise Mixed(f"expects samples along its first axis, the batch is at axis {axis}")
    if any(one is not None for position, one in enumerate(place.axes) if position > 0) and place.op.type not in ("GridSample", "SVDF"):
        raise Mixed("gets what should be stored from the input")
    return [0]


@_rule("Cast", "Quantize", "Dequantize", "BatchNorm", "FrozenBatchNorm", "RotaryEmbedding", "Dropout", "DynamicQuantize")
def _alike(place: Place) -> list[int | None]:
    """One output like the first input; whatever else there is (scales found at run time) is of all samples."""
    axis = place.only(0)
    if place.op.type in ("BatchNorm", "FrozenBatchNorm"):
        channels = int(place.op.attributes.get("axis", -1 if place.op.attributes.get("layout") == "NHWC" else 1))
        place.apart(axis, [channels], len(place.shapes[0]))
    return [axis] + [None] * (len(place.op.outputs) - 1)


@_rule(*CHEAP_UNARY, *EXP_UNARY, *BINARY, *COMPARISON, "Pow", "Atan2", "Where")
def axis_of_broadcast(place: Place) -> list[int | None]:
    """Arithmetic: counted from the last axis, the batch is at one place; what has no batch has extent 1 there."""
    back = {axis - len(shape) for axis, shape in zip(place.axes, place.shapes, strict=True) if axis is not None}
    if len(back) > 1:
        raise Mixed("joins values that have the batch at different places")
    place_back = back.pop()
    for shape, axis in zip(place.shapes, place.axes, strict=True):
        if axis is None and len(shape) >= -place_back and shape[place_back] != 1:
            raise Mixed(f"joins a batch with a value of extent {shape[place_back]} there, which is the same for all samples")
    return [place_back + len(place.out)]


@_rule("LayerNorm", "RMSNorm", "L2Norm", "MVN", "Softmax", "LogSoftmax", "CumSum", "Reverse", "Trilu")
def _along_axes(place: Place) -> list[int | None]:
    axis, rank, given = place.only(0), len(place.shapes[0]), place.op.attributes
    if place.op.type == "Trilu":
        worked: Sequence[int] = (-2, -1)
    elif "axes" in given:
        worked = given["axes"]
    elif place.op.type in ("LayerNorm", "RMSNorm"):
        worked = range(int(given.get("axis", -1)) % rank, rank)
    else:
        worked = (int(given.get("axis", -1)),)
    return [place.apart(axis, worked, rank)]


@_rule("Reduce", "ArgMax", "ArgMin")
def _reduction(place: Place) -> list[int | None]:
    axis, rank, given = place.only(0), len(place.shapes[0]), place.op.attributes
    worked = (given.get("axes") or range(rank)) if place.op.type == "Reduce" else (int(given.get("axis", 0)),)
    place.apart(axis, worked, rank)
    dropped = 0 if given.get("keepdims", True) else sum(one % rank < axis for one in set(worked))
    return [axis - dropped]


@_rule("TopK")
def _top_k(place: Place) -> list[int | None]:
    return [place.apart(place.only(0), [int(place.op.attributes.get("axis", -1))], len(place.shapes[0]))]


@_rule("Dense")
def _dense(place: Place) -> list[int | None]:
    return [place.apart(place.only(0), [-1], len(place.shapes[0]))]


@_rule("MatMul")
def _matmul(place: Place) -> list[int | None]:
    """Samples are products of their own, or rows of the left or columns of the right factor whose other one is the same for all."""
    (left, right), (a, b) = place.axes[:2], place.shapes[:2]
    given = place.op.attributes
    back_a, back_b = (None if axis is None else axis - len(shape) for axis, shape in ((left, a), (right, b)))
    if back_a is not None and back_b is not None:
        if back_a != back_b or back_a >= -2:
            raise Mixed("multiplies samples with each other")
        return [back_a + len(place.out)]
    back, other, turned = (back_a, b, given.get("transpose_a")) if back_a is not None else (back_b, a, given.get("transpose_b"))
    assert back is not None
    if back < -2:
        if len(other) >= -back and other[back] != 1:
            raise Mixed("multiplies a batch with several factors that are the same for all samples")
        return [back + len(place.out)]
    free = -1 if (back_a is None) != bool(turned) else -2  # rows of the left, columns of the right
    if back != free or len(a) == 1 or len(b) == 1:
        raise Mixed("sums over the axis where the batch is")
    return [(-2 if back_a is not None else -1) + len(place.out)]


@_rule("Attention")
def _attention(place: Place) -> list[int | None]:
    axis = place.same((0, 1, 2))
    if axis or any(one not in (0, None) for one in place.axes):
        raise Mixed("mixes the positions of a sequence, where the batch is")
    return [0]


@_rule("LSTM", "GRU", "RNN", "ProjectedLSTM")
def _recurrent(place: Place) -> list[int | None]:
    """x ``[T, B, I]`` -> y ``[T, directions, B, H]`` and states ``[directions, B, H]``; stored first states are copied."""
    if place.axes[0] != 1:
        raise Mixed("goes along the axis where the batch is, step by step")
    for position, shape in enumerate(place.shapes[1:], 1):
        if position >= 5 and len(shape) == 3 and place.axes[position] is None:
            place.expand[position] = 1
        elif place.axes[position] not in (None, 1):
            raise Mixed("gets what should be stored from the input")
    return [2, 1]


@_rule("CacheAppend")
def _cache(place: Place) -> list[int | None]:
    if place.same((0, 1)):
        raise Mixed("keeps positions along the axis where the batch is")
    return [0]


@_rule("Reshape")
def _reshape(place: Place) -> list[int | None]:
    axis, shape, out = place.only(0), place.shapes[0], place.out
    before = prod(shape[:axis])
    new = next((index for index in range(len(out) + 1) if prod(out[:index]) == before), None)
    if new is None:
        raise Mixed(f"views {list(shape)} as {list(out)} across the axis where the batch is")
    if new == len(out):  # all of it was one number: the batch is an axis of its own
        place.op.attributes["shape"], place.keeps = [*out, place.size], (*out, place.size)
        return [None]
    place.op.attributes["shape"] = [extent * place.size if index == new else extent for index, extent in enumerate(out)]
    return [new]


@_rule("Flatten")
def _flatten(place: Place) -> list[int | None]:
    axis, shape = place.only(0), place.shapes[0]
    cut = int(place.op.attributes.get("axis", 1))
    cut = cut + len(shape) if cut < 0 else cut
    if prod(shape[:axis]) != 1 if axis < cut else prod(shape[cut:axis]) != 1:
        raise Mixed("views across the axis where the batch is")
    return [0 if axis < cut else 1]


@_rule("Squeeze")
def _squeeze(place: Place) -> list[int | None]:
    axis, shape, given = place.only(0), place.shapes[0], place.op.attributes.get("axes")
    drop = {one % len(shape) for one in given} if given is not None else {index for index, extent in enumerate(shape) if extent == 1}
    kept = [index for index in range(len(shape)) if index not in drop or index == axis]
    place.op.attributes["axes"] = sorted(drop - {axis})
    if axis in drop:
        place.keeps = tuple(place.size if index == axis else shape[index] for index in kept)
        return [None]
    return [kept.index(axis)]


@_rule("Unsqueeze")
def _unsqueeze(place: Place) -> list[int | None]:
    axis, rank = place.only(0), len(place.out)
    added = {int(one) % rank for one in place.op.attributes["axes"]}
    return [[index for index in range(rank) if index not in added][axis]]


@_rule("Transpose", "Relayout")
def _transpose(place: Place) -> list[int | None]:
    axis = place.only(0)
    order = [int(one) for one in place.op.attributes.get("perm") or reversed(range(len(place.shapes[0])))]
    return [order.index(axis)]


@_rule("Concat")
def _concat(place: Place) -> list[int | None]:
    rank = len(place.out)
    axis = place.apart(next(one for one in place.axes if one is not None), [int(place.op.attributes.get("axis", 0))], rank)
    for position, (shape, own) in enumerate(zip(place.shapes, place.axes, strict=True)):
        if own is None and shape[axis] == 1:
            place.expand[position] = axis
        elif own != axis:
            raise Mixed("joins values that have the batch at different places")
    return [axis]


@_rule("Stack")
def _stack(place: Place) -> list[int | None]:
    axis, rank = place.same(range(len(place.axes))), len(place.out)
    return [axis if axis < int(place.op.attributes.get("axis", 0)) % rank else axis + 1]


@_rule("Split")
def _split(place: Place) -> list[int | None]:
    return [place.apart(place.only(0), [int(place.op.attributes.get("axis", 0))], len(place.shapes[0]))]


@_rule("Slice")
def _slice(place: Place) -> list[int | None]:
    axis, shape, given = place.only(0), place.shapes[0], place.op.attributes
    axes = [one % len(shape) for one in given.get("axes") or range(len(given["starts"]))]
    if axis in axes:
        at = axes.index(axis)
        start, end, step = int(given["starts"][at]), int(given["ends"][at]), int((given.get("steps") or [1] * len(axes))[at])
        if step != 1 or start not in (0, -shape[axis]) or end < shape[axis]:
            raise Mixed("takes a part of the axis where the batch is")
        given["starts"] = [0 if index == at else one for index, one in enumerate(given["starts"])]
        given["ends"] = [_ALL if index == at else one for index, one in enumerate(given["ends"])]
    return [axis]


@_rule("Pad")
def _pad(place: Place) -> list[int | None]:
    axis, pads, rank = place.only(0), place.op.attributes["pads"], len(place.shapes[0])
    if (pads if isinstance(pads, int) else pads[axis] or pads[axis + rank]) != 0:
        raise Mixed("adds samples to the batch")
    return [axis]


@_rule("Gather")
def _gather(place: Place) -> list[int | None]:
    (data, index), (x, rows) = place.axes[:2], place.shapes[:2]
    axis = int(place.op.attributes.get("axis", 0)) % max(len(x), 1)
    if data is None:
        assert index is not None
        return [axis + index]
    if index is not None:
        raise Mixed("looks up the rows of other samples")
    place.apart(data, [axis], len(x))
    return [data if data < axis else data + len(rows) - 1]


@_rule("Expand", "Tile")
def _expand(place: Place) -> list[int | None]:
    axis = place.only(0) + len(place.out) - len(place.shapes[0])
    if place.op.type == "Tile":
        repeats = place.op.attributes["repeats"]
        if (repeats if isinstance(repeats, int) else repeats[axis]) != 1:
            raise Mixed("repeats the axis where the batch is")
    else:
        if place.out[axis] != place.shapes[0][place.only(0)]:
            raise Mixed("repeats the axis where the batch is")
        place.op.attributes["shape"] = [extent * place.size if index == axis else extent for index, extent in enumerate(place.out)]
    return [axis]


@_rule("Einsum")
def _einsum(place: Place) -> list[int | None]:
    left, arrow, right = str(place.op.attributes["equation"]).replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in left or not arrow:
        raise Mixed("is written with an ellipsis or without a result")
    names = {term[axis] for term, axis in zip(terms, place.axes, strict=True) if axis is not None}
    if len(names) > 1 or not names <= set(right):
        raise Mixed("mixes samples")
    name = names.pop()
    if any(axis is None and name in term and shape[term.index(name)] != 1 for term, axis, shape in zip(terms, place.axes, place.shapes, strict=True)):
        raise Mixed("joins a batch with a value that is the same for all samples")
    return [right.index(name)]


@_rule("GatherElements")
def _gather_elements(place: Place) -> list[int | None]:
    axis = place.same((0, 1))
    return [place.apart(axis, [int(place.op.attributes.get("axis", 0))], len(place.shapes[0]))]
