"""A network made ready for training: its loss, and normalisation as training does it."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.passes.training.options import TrainingOptions
from sim.passes.training.tape import Writer
from sim.passes.training.trainable import is_float


@dataclass(frozen=True)
class Scored:
    """Losses of a forward pass: name of each, and of the gradient each gives (``of`` that output)."""

    losses: list[str]
    gradients: dict[str, str]  # output of the network -> its gradient


def unfused(graph: Graph) -> None:
    """Take fused operators apart again: each has a gradient of its own."""
    ops: list[Op] = []
    for op in graph.ops:
        chain, op.fused = op.fused, ()
        ops.append(op)
        if not chain:
            continue
        final, running = op.outputs[0], f"{op.outputs[0]}.before"
        graph.tensors[running] = Tensor(running, graph.tensors[final].shape, graph.tensors[final].dtype)
        op.outputs = (running, *op.outputs[1:])
        for index, part in enumerate(chain):
            made = final if index == len(chain) - 1 else f"{running}.{index}"
            graph.tensors.setdefault(made, Tensor(made, graph.tensors[final].shape, graph.tensors[final].dtype))
            inputs = tuple(running if name == RUNNING else name for name in part.inputs)
            ops.append(Op(f"{op.name}/{part.type.lower()}_{index}", part.type, inputs, (made,), dict(part.attributes)))
            running = made
    graph.ops = ops


def refuse_untrainable(graph: Graph) -> None:
    """Raise ModelError for networks that keep a state between runs or compute in integers."""
    if any(tensor.role == "state" for tensor in graph.tensors.values()):
        raise ModelError(f"{graph.name}: cannot train a network with a cache or other state; use one without")
    integers = [op.name for op in graph.ops if op.type in ("Quantize", "Dequantize", "DynamicQuantize")]
    if integers:
        raise ModelError(f"{graph.name}: cannot train a quantized network ({integers[0]}); train the float network and quantize it afterwards")


def normalising(graph: Graph, trained: dict[str, None], active: set[str]) -> None:
    """Batch norm uses the statistics of the batch where its scale is trained; the stored ones where only something before it is."""
    for op in graph.ops:
        if op.type != "BatchNorm":
            continue
        if op.inputs[1] in trained:
            op.type, op.inputs = "BatchNormTrain", op.inputs[:3]
            channels = graph.tensors[op.inputs[1]].shape
            extra = tuple(f"{op.outputs[0]}.{part}" for part in ("batch_mean", "batch_deviation"))
            graph.tensors |= {name: Tensor(name, channels) for name in extra}
            op.outputs = (op.outputs[0], *extra)
        elif op.outputs[0] in active:
            op.type = "FrozenBatchNorm"


def active_tensors(graph: Graph, trained: dict[str, None]) -> set[str]:
    """Tensors that depend on a trained weight and can have a gradient, those weights included."""
    active = set(trained)
    for op in graph.ops:
        if any(name in active for name in op.inputs):
            active.update(name for name in op.outputs if is_float(graph, name))
    return active


def logits(graph: Graph, loss: str) -> list[str]:
    """Outputs that the loss is computed of. Cross-entropy has its own softmax: the network's last one is left out."""
    outputs = [name for name in graph.outputs if is_float(graph, name)]
    if not outputs:
        raise ModelError(f"{graph.name}: no output in a float format to compute a loss of")
    if loss != "cross_entropy":
        return outputs
    makers = graph.producers()
    last = [makers[name].inputs[0] if name in makers and makers[name].type in ("Softmax", "LogSoftmax") else name for name in outputs]
    dropped = {name for name, kept in zip(outputs, last, strict=True) if name != kept}
    graph.ops = [op for op in graph.ops if not (op.outputs and op.outputs[0] in dropped)]
    return last


def losses(writer: Writer, outputs: list[str], options: TrainingOptions) -> Scored:
    """Append the loss of each output and its gradient. Labels and targets become inputs of the graph."""
    graph = writer.graph
    made, gradients = [], {}
    for index, name in enumerate(outputs):
        suffix = f"_{index}" if index else ""
        shape = graph.tensors[name].shape
        if options.loss == "cross_entropy":
            if not shape:
                raise ModelError(f"{graph.name}: cross-entropy needs an output with classes, {name!r} is a scalar; take loss: mean_squared_error")
            labels = writer.tensor(f"labels{suffix}", shape[:-1], DType.I32, "input")
            loss, probabilities = writer.add("CrossEntropy", [name, labels], {}, f"loss{suffix}", outputs=2)
            gradients[name] = writer.one("CrossEntropyGrad", [probabilities, labels], {}, f"loss{suffix}/grad")
        else:
            labels = writer.tensor(f"target{suffix}", shape, graph.tensors[name].dtype, "input")
            loss = writer.one("SquaredError", [name, labels], {}, f"loss{suffix}")
            gradients[name] = writer.one("SquaredErrorGrad", [name, labels], {}, f"loss{suffix}/grad")
        graph.inputs.append(labels)
        made.append(loss)
    return Scored(made, gradients)
