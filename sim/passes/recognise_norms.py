"""Put one normalisation operator in place of the means, differences and roots an exporter wrote out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.graph.ir import Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops, scalar_value
from sim.passes.regions import Region, compute, regions_ending_at, replace_region

_PROBES = np.random.default_rng(0).normal(size=(3, 16)) * np.array([[0.01], [1.0], [30.0]]) + 0.4


@PASSES.register("recognise_norms")
@dataclass(frozen=True)
class RecogniseNorms(Pass):
    """LayerNorm and RMSNorm over the last axis, with the stored scale and shift that follow. ``only``: those the runtime knows."""

    name = "recognise_norms"
    only: tuple[str, ...] = ("LayerNorm", "RMSNorm")

    def apply(self, graph: Graph) -> None:
        if not any(op.type == "Reduce" for op in graph.ops):
            return
        uses = Uses(graph)
        position = {op.name: index for index, op in enumerate(graph.ops)}
        gone: set[str] = set()
        for end in reversed(graph.ops):
            if end.name in gone or end.type not in ("Mul", "Div") or end.fused:
                continue
            matches = [(region, self._known(graph, region)) for region in regions_ending_at(graph, uses, end, position)]
            found = [(region, known) for region, known in matches if known is not None]
            if found:
                region, known = found[-1]  # the largest: centring, then RMSNorm, is LayerNorm
                gone |= {op.name for op in region.ops if op is not end}
                gone |= _take_affine(graph, uses, replace_region(graph, uses, region, *known))
        remove_ops(graph, [op for op in graph.ops if op.name in gone])

    def _known(self, graph: Graph, region: Region) -> tuple[str, dict[str, object]] | None:
        shape = graph.tensors[region.start].shape
        reductions = [op for op in region.ops if op.type == "Reduce"]
        if not reductions or graph.tensors[region.end.outputs[0]].shape != shape or len(shape) < 1:
            return None
        if not all(_over_last_axis(op, len(shape)) for op in reductions):
            return None
        probes = _PROBES.reshape(*(1,) * (len(shape) - 2), *_PROBES.shape) if len(shape) >= 2 else _PROBES[1]
        values = compute(graph, region, probes)
        if values is None or values.shape != probes.shape:
            return None
        for epsilon in _small_scalars(graph, region):
            if "LayerNorm" in self.only and np.allclose(values, _layer_norm(probes, epsilon), rtol=1e-5, atol=1e-6):
                return "LayerNorm", {"axis": -1, "epsilon": epsilon}
            if "RMSNorm" in self.only and np.allclose(values, _rms_norm(probes, epsilon), rtol=1e-5, atol=1e-6):
                return "RMSNorm", {"axis": -1, "epsilon": epsilon}
        return None


def _over_last_axis(op: Op, rank: int) -> bool:
    return [int(axis) % rank for axis in op.attributes.get("axes") or []] == [rank - 1] and bool(op.attributes.get("keepdims", True))


def _layer_norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon))


def _rms_norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    return np.asarray(x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon))


def _small_scalars(graph: Graph, region: Region) -> list[float]:
    """Candidates for epsilon: the stored scalars inside, and none at all."""
    names = dict.fromkeys(name for op in region.ops for name in op.all_inputs if graph.tensors[name].is_stored)
    values = [scalar_value(graph.tensors[name]) for name in names]
    return [value for value in values if value is not None and 0 < value < 0.1] + [0.0]


def _take_affine(graph: Graph, uses: Uses, norm: Op) -> set[str]:
    """A multiplication by, then an addition of, a stored vector along the last axis become operands; returns the operators taken."""
    taken: set[str] = set()
    for type in ("Mul", "Add") if norm.type == "LayerNorm" else ("Mul",):
        follower = uses.sole_reader(norm.outputs[0])
        if follower is None or follower.type != type or follower.fused:
            break
        operand = next((name for name in follower.inputs if name != norm.outputs[0]), "")
        shape = graph.tensors[norm.outputs[0]].shape
        if not operand or not graph.tensors[operand].is_stored or graph.tensors[operand].shape != shape[-1:] or (len(norm.inputs) == 1 and type == "Add"):
            break
        norm.inputs, norm.outputs = (*norm.inputs, operand), follower.outputs
        uses.maker[follower.outputs[0]] = norm
        uses.readers[operand] = [norm if op is follower else op for op in uses.readers[operand]]
        taken.add(follower.name)
    return taken
