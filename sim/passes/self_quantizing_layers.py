"""Int8 layers that quantize their own float inputs and give float results, as ncnn's do."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, fresh_name, fresh_op_name, remove_ops, replace_uses


@PASSES.register("self_quantizing_layers")
@dataclass(frozen=True)
class SelfQuantizingLayers(Pass):
    """Integers pass only from one of ``chains`` to others of them that alone read them; else the layer gives floats, without a Dequantize behind it.

    What is float is quantized again by each of the ``layers`` that reads it.
    """

    name = "self_quantizing_layers"
    layers: tuple[str, ...] = ("Conv", "ConvTranspose", "Dense")
    chains: tuple[str, ...] = ("Conv", "ConvTranspose")

    def apply(self, graph: Graph) -> None:
        floats = self._give_floats(graph)
        quantized = {op.outputs[0] for op in graph.ops if op.type == "Quantize"}
        taken: set[str] = set()
        ops: list[Op] = []
        for op in graph.ops:
            if op.type in self.layers:
                ops += _quantize_inputs(graph, op, floats, quantized, taken)
            ops.append(op)
        graph.ops = ops

    def _give_floats(self, graph: Graph) -> dict[str, str]:
        """Absorb each Dequantize that follows a layer; integers a layer no longer makes -> the floats it makes instead."""
        uses = Uses(graph)
        floats: dict[str, str] = {}
        gone: list[Op] = []
        for op in graph.ops:
            made = op.outputs[0]
            if op.type not in self.layers or graph.tensors[made].dtype is not DType.I8 or made in graph.outputs:
                continue
            back = [reader for reader in uses.readers[made] if reader.type == "Dequantize" and not reader.fused]
            others = [reader for reader in uses.readers[made] if reader not in back]
            if any(reader.type not in self.layers for reader in others) or any(end.outputs[0] in graph.outputs for end in back[1:]):
                continue
            if not back and all(step.type in self.chains for step in (op, *others)):
                continue
            floats[made] = back[0].outputs[0] if back else _float_tensor(graph, made)
            op.outputs = (floats[made],)
            op.attributes = {**op.attributes, "out_dtype": graph.tensors[floats[made]].dtype}
            for end in back[1:]:
                replace_uses(graph, end.outputs[0], floats[made])
            gone += back
        remove_ops(graph, gone)
        return floats


def _float_tensor(graph: Graph, integers: str) -> str:
    name = fresh_name(graph, f"{integers}.f32")
    graph.tensors[name] = Tensor(name, graph.tensors[integers].shape, DType.F32)
    return name


def _quantize_inputs(graph: Graph, op: Op, floats: dict[str, str], quantized: set[str], taken: set[str]) -> list[Op]:
    """A Quantize of its own for each input that is float now, or whose Quantize another layer has ``taken``."""
    made: list[Op] = []
    sources = {step.outputs[0]: step.inputs[0] for step in graph.ops if step.type == "Quantize"} if taken.intersection(op.inputs) else {}
    for name in dict.fromkeys(op.inputs):
        if name not in floats and name not in taken:
            taken |= {name} & quantized
            continue
        fresh = fresh_name(graph, f"{name}.{op.name}")
        graph.tensors[fresh] = Tensor(fresh, graph.tensors[name].shape, DType.I8)
        made.append(Op(fresh_op_name(graph, f"{fresh}.quantize"), "Quantize", (floats.get(name) or sources[name],), (fresh,), {"to": DType.I8}))
        op.inputs = tuple(fresh if read == name else read for read in op.inputs)
    return made
