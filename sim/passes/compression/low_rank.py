"""Low-rank factorisation: a matrix becomes the product of two thinner ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.compression.base import COMPRESSIONS, Compression, chosen, note
from sim.passes.compression.weights import needed_values, operands
from sim.passes.edit import fresh_name, fresh_op_name
from sim.scenario.compression import LowRankOptions


@COMPRESSIONS.register("low_rank")
@dataclass(frozen=True)
class LowRank(Compression[LowRankOptions]):
    """Dense layers and 1x1 convolutions as two layers of a smaller width between them, by singular value decomposition.

    Layers that two factors would make larger stay as they are. Real weights give real factors; structures get the shapes.
    """

    name = "low_rank"

    def apply(self, graph: Graph) -> None:
        candidates = [op for op in graph.ops if _is_matrix(graph, op)]
        selected = chosen(candidates, self.options.only, self.options.skip)
        if not selected:
            raise ModelError(f"{graph.name} has no dense layers or 1x1 convolutions of float weights to factorise")
        self._refuse_too_high(graph, selected)
        ops: list[Op] = []
        named = {op.name for op in selected}
        kept = 0
        for op in graph.ops:
            first = _factorised(graph, op, self._rank(graph.tensors[op.inputs[1]])) if op.name in named else None
            kept += op.name in named and first is None
            ops += [first, op] if first is not None else [op]
        graph.ops = ops
        if kept:
            note(graph, f"{kept} of {len(selected)} layers are smaller whole than as two factors of that rank: they stay")

    def _refuse_too_high(self, graph: Graph, selected: list[Op]) -> None:
        """A rank above every full rank is a mistake; above some it leaves those layers whole."""
        full = max(min(_extents(graph.tensors[op.inputs[1]])) for op in selected)
        if self.options.rank is not None and self.options.rank > full:
            raise ModelError(Problem(path="rank", what=f"{self.options.rank} is above the full rank of every chosen layer, of which {full} is the highest"))

    def _rank(self, weight: Tensor) -> int:
        full = min(_extents(weight))
        if self.options.rank is not None:
            return self.options.rank
        if self.options.ratio is not None:
            return max(round(float(self.options.ratio) * full), 1)
        singular = np.linalg.svd(_matrix(needed_values(weight, "low_rank with energy")), compute_uv=False)
        shares = np.cumsum(np.square(singular)) / max(float(np.square(singular).sum()), 1e-300)
        return int(np.searchsorted(shares, float(self.options.energy or 1.0) - 1e-12) + 1)


def _is_matrix(graph: Graph, op: Op) -> bool:
    """A dense layer, or a convolution of one tap at stride 1 (the first factor could take a stride, its saving not)."""
    if op.type not in ("Dense", "Conv") or op.fused or len(op.inputs) > 3 or op.inputs[1] not in operands(graph, op):
        return False
    if op.type == "Dense":
        return True
    weight = graph.tensors[op.inputs[1]]
    window = (op.attributes.get("strides", 1), op.attributes.get("pads", 0))
    plain = all(np.all(np.asarray(value) == usual) for value, usual in zip(window, (1, 0), strict=True))
    return prod(weight.shape[2:]) == 1 and int(op.attributes.get("group", 1)) == 1 and plain


def _extents(weight: Tensor) -> tuple[int, int]:
    return weight.shape[0], weight.shape[1]


def _matrix(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(values.shape[0], values.shape[1])


def _factorised(graph: Graph, op: Op, rank: int) -> Op | None:
    """The layer that stands before ``op``, which becomes the second factor; None where two factors are no smaller."""
    weight = graph.tensors[op.inputs[1]]
    outs, ins = _extents(weight)
    if rank * (outs + ins) >= outs * ins:
        return None
    taps = weight.shape[2:]
    inner, outer = (Tensor(fresh_name(graph, f"{weight.name}.{part}"), shape, weight.dtype, "weight") for part, shape in
                    (("inner", (rank, ins, *taps)), ("outer", (outs, rank, *taps))))  # fmt: skip
    if weight.load is not None:
        factors = _factors(weight.load, rank)
        inner.load, outer.load = (lambda: factors()[0].reshape(inner.shape)), (lambda: factors()[1].reshape(outer.shape))
    made = graph.tensors[op.outputs[0]]
    last = op.type == "Dense" or op.attributes.get("layout", "NCHW") == "NHWC"
    shape = (*made.shape[:-1], rank) if last else (made.shape[0], rank, *made.shape[2:])
    between = Tensor(fresh_name(graph, f"{op.name}.inner"), shape, made.dtype)
    graph.tensors |= {tensor.name: tensor for tensor in (inner, outer, between)}
    first = Op(fresh_op_name(graph, f"{op.name}.inner"), op.type, (op.inputs[0], inner.name), (between.name,), dict(op.attributes))
    op.inputs = (between.name, outer.name, *op.inputs[2:])
    return first


def _factors(load: Callable[[], np.ndarray], rank: int) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The two factors ``[rank, in]`` and ``[out, rank]``; singular values are shared evenly between them."""

    @lru_cache(maxsize=1)
    def read() -> tuple[np.ndarray, np.ndarray]:
        stored = np.asarray(load())
        left, singular, right = np.linalg.svd(_matrix(stored), full_matrices=False)
        root = np.sqrt(singular[:rank])
        return (root[:, None] * right[:rank]).astype(stored.dtype), (left[:, :rank] * root).astype(stored.dtype)

    return read
