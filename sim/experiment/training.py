"""A model of a scenario made into a step of its training, where the scenario asks for it."""

from __future__ import annotations

from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, ModelError, Problem
from sim.graph.ir import Graph
from sim.passes.training import Checkpointing, TrainingOptions, training_step
from sim.scenario.model import ModelUse, Placement
from sim.scenario.training import CheckpointingUse, TrainingUse

_TRAINS_ON = ("cpu", "mcu")  # engines of other units have no gradient operators


def trained_model(graph: Graph, use: ModelUse) -> Graph:
    """The graph of one training step, or the graph as it is. Raises EdgesimError whose problems stand at ``training``."""
    if use.training is None:
        return graph
    try:
        return training_step(graph, _options(use.training))
    except ModelError as error:
        raise EdgesimError([Problem(path="training", what=problem.what) for problem in error.problems]) from None


def training_shapes(use: ModelUse) -> dict[str, int]:
    """The model's open extents, with the batch of a training step."""
    batch = {} if use.training is None or use.training.batch is None or use.layers is not None else {"batch": use.training.batch}
    return {**use.shapes, **batch}


def training_input(use: ModelUse) -> dict[str, object] | None:
    """The input of a model of layers, with the batch of a training step."""
    if use.training is None or use.training.batch is None or use.input is None or not use.input.get("shape"):
        return use.input
    return {**use.input, "shape": [use.training.batch, *use.input["shape"][1:]]}


def training_placement(use: ModelUse, device: DeviceSpec) -> Placement:
    """Where a model runs. A step of training runs where gradients can be computed, unless the scenario says otherwise."""
    kinds = {unit.kind for unit in device.units.values()}
    usable = tuple(kind for kind in _TRAINS_ON if kind in kinds)
    if use.training is None or use.placement.prefer or use.placement.fixed or not usable:
        return use.placement
    return use.placement.model_copy(update={"prefer": usable})


def _options(use: TrainingUse) -> TrainingOptions:
    rule = use.checkpointing
    if isinstance(rule, CheckpointingUse):
        budget = None if rule.budget_bytes is None else float(rule.budget_bytes)
        checkpointing: Checkpointing | None = Checkpointing(rule.every, rule.segments, budget)
    else:
        checkpointing = None if rule is None else Checkpointing()
    bits = None if use.activation_compression is None else int(use.activation_compression.bits)
    return TrainingOptions(use.optimizer, use.loss, use.trainable, use.last, use.only, use.update, checkpointing, bits)
