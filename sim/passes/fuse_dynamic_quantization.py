"""Let an integer product scale its own result where scales are found at run time."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import RUNNING, Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops


@PASSES.register("fuse_dynamic_quantization")
@dataclass(frozen=True)
class FuseDynamicQuantization(Pass):
    """An integer product, the Cast of its sums to float and the multiplication by the scales of both operands become one kernel.

    The small product of the two scales goes into the kernel too. ``hosts``: operators with such kernels.
    """

    name = "fuse_dynamic_quantization"
    hosts: tuple[str, ...] = ("Conv", "Dense", "MatMul")

    def apply(self, graph: Graph) -> None:
        if not any(op.type == "DynamicQuantize" for op in graph.ops):
            return
        uses = Uses(graph)
        gone: list[Op] = []
        for host in graph.ops:
            if host.type in self.hosts and not host.fused and graph.tensors[host.outputs[0]].dtype == DType.I32:
                gone += _take_scaling(graph, uses, host)
        remove_ops(graph, gone)
        _drop_unread_products(graph)


def _take_scaling(graph: Graph, uses: Uses, host: Op) -> list[Op]:
    cast = uses.sole_reader(host.outputs[0])
    scaling = uses.sole_reader(cast.outputs[0]) if cast is not None and cast.type == "Cast" and not cast.fused else None
    if cast is None or scaling is None or scaling.type != "Mul" or scaling.fused:
        return []
    factors = _factors(graph, uses, next((name for name in scaling.inputs if name != cast.outputs[0]), ""))
    if not factors or graph.tensors[scaling.outputs[0]].shape != graph.tensors[host.outputs[0]].shape:
        return []
    made = graph.tensors[scaling.outputs[0]].dtype
    fused = [Op(cast.name, "Cast", (RUNNING,), (), {"to": made})]
    fused += [Op(f"{scaling.name}.{index}" if index else scaling.name, "Mul", (RUNNING, factor), ()) for index, factor in enumerate(factors)]
    host.fused, host.outputs, host.attributes = tuple(fused), scaling.outputs, {**host.attributes, "out_dtype": made}
    return [cast, scaling]


def _factors(graph: Graph, uses: Uses, name: str) -> list[str]:
    """Scales whose product a tensor is: one found at run time and at most one stored vector; none if it is something else."""
    maker = uses.maker.get(name)
    if maker is not None and maker.type == "Mul" and not maker.fused:
        parts = list(maker.inputs)
    else:
        parts = [name] if name else []
    found_at_run_time = [part for part in parts if part in uses.maker and uses.maker[part].type == "DynamicQuantize"]
    stored = [part for part in parts if part in graph.tensors and graph.tensors[part].is_stored]
    return parts if len(found_at_run_time) + len(stored) == len(parts) and found_at_run_time else []


def _drop_unread_products(graph: Graph) -> None:
    """Products of scales that nobody reads any more."""
    read = {name for op in graph.ops for name in op.all_inputs} | set(graph.outputs)
    remove_ops(graph, [op for op in graph.ops if op.type == "Mul" and op.outputs[0] not in read])
