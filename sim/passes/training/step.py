"""One step of training as a graph of operators: forward, loss, backward, update of the weights."""

from __future__ import annotations

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.graph.verify import verify
from sim.passes.training.backward import Backward, with_packing
from sim.passes.training.checkpoints import cuts_for, segments_of
from sim.passes.training.forward import active_tensors, logits, losses, normalising, refuse_untrainable, unfused
from sim.passes.training.options import TrainingOptions
from sim.passes.training.tape import Writer
from sim.passes.training.trainable import trained_weights

_OPTIMIZERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sgd": ("SgdUpdate", ()), "momentum": ("MomentumUpdate", ("velocity",)), "adam": ("AdamUpdate", ("first_moment", "second_moment")),
}  # fmt: skip


def training_step(graph: Graph, options: TrainingOptions) -> Graph:
    """The verified graph of one step. Its inputs are the network's and labels (or targets), its outputs the loss and the updated weights.

    ``notes["training"]`` says what it is. Raises ModelError where the network cannot be trained, or a budget of memory cannot be met.
    """
    base = graph.copy()
    refuse_untrainable(base)
    unfused(base)
    outputs = logits(base, options.loss)
    trained = trained_weights(base, options)
    active = active_tensors(base, trained)
    if not any(name in active for name in outputs):
        raise ModelError(f"{graph.name}: no output depends on the weights chosen for training")
    normalising(base, trained, active)
    chosen = cuts_for(base, [op for op in base.ops if _is_active(op, active)], options, lambda cuts: _written(base, outputs, trained, active, options, cuts))
    return _written(base, outputs, trained, active, options, chosen)


def _is_active(op: Op, active: set[str]) -> bool:
    return any(name in active for name in op.outputs)


def _written(base: Graph, outputs: list[str], trained: dict[str, None], active: set[str], options: TrainingOptions, cuts: frozenset[str]) -> Graph:
    graph = base.copy()
    writer = Writer(graph)
    writer.reserve([op.name for op in graph.ops])
    forward = list(graph.ops)
    scored = losses(writer, outputs, options)
    differentiated = [op for op in forward if _is_active(op, active)]
    segment = segments_of(differentiated, cuts)
    backward = Backward(writer, differentiated, active, segment, options.activation_bits)
    for name, gradient in scored.gradients.items():
        if name in active:
            backward.grads[name] = gradient
    backward.write()
    updated = _update(writer, backward.grads, trained, options)
    if options.update == "at_once":
        writer.ops = _updated_early(writer.ops, trained)
    graph.ops = with_packing(forward, backward) + writer.ops
    graph.outputs = [*scored.losses, *updated]
    _drop_dead(graph)
    graph.drop_unused_tensors()
    graph.inputs = [name for name in graph.inputs if name in graph.tensors]
    graph.notes["training"] = {"trained": sum(graph.tensors[name].elements for name in trained if name in backward.grads), "optimizer": options.optimizer}
    return verify(graph)


def _update(writer: Writer, grads: dict[str, str], trained: dict[str, None], options: TrainingOptions) -> list[str]:
    """One update of each weight that has a gradient; the optimiser's tensors are state in float32."""
    type, states = _OPTIMIZERS[options.optimizer]
    made = []
    for name in trained:
        if name not in grads:  # the loss does not depend on it
            continue
        shape = writer.shape(name)
        own = [writer.tensor(f"{name}.{state}", shape, DType.F32, "state") for state in states]
        made += writer.add(type, [name, *own, grads[name]], {}, f"{name}/update", outputs=1 + len(states))
    return made


def _updated_early(ops: list[Op], trained: dict[str, None]) -> list[Op]:
    """Each update right behind the last operator that makes its gradient or reads its weight."""
    last: dict[str, int] = {}
    for index, op in enumerate(ops):
        for name in op.outputs:
            last[name] = index
        for name in op.inputs:
            if name in trained and not op.type.endswith("Update"):
                last[name] = index
    behind: dict[int, list[Op]] = {}
    for op in ops:
        if op.type.endswith("Update"):
            behind.setdefault(max(last.get(op.inputs[0], -1), last.get(op.inputs[-1], -1)), []).append(op)
    return [part for index, op in enumerate(ops) if not op.type.endswith("Update") for part in (op, *behind.get(index, []))]


def _drop_dead(graph: Graph) -> None:
    """Forget gradients and repetitions that nothing uses."""
    needed, kept = set(graph.outputs), []
    for op in reversed(graph.ops):
        if needed.intersection(op.outputs):
            needed.update(op.all_inputs)
            kept.append(op)
    graph.ops = kept[::-1]
