"""Training steps: from a network to the graph of one step on the device (forward, loss, backward, update)."""

from sim.passes.training.options import Checkpointing, TrainingOptions
from sim.passes.training.step import training_step

__all__ = ["Checkpointing", "TrainingOptions", "training_step"]
