"""Distillation: a student takes the teacher's place."""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import ModelError
from sim.graph.ir import Graph
from sim.passes.compression.base import COMPRESSIONS, Compression
from sim.scenario.compression import DistillOptions


@COMPRESSIONS.register("distill")
@dataclass(frozen=True)
class Distill(Compression[DistillOptions]):
    """The student's graph, with the teacher, temperature and weight of the soft targets in its notes.

    The student must answer as the teacher does: as many outputs, as many classes. How well it does is measured or cited, not computed here.
    """

    name = "distill"

    def apply(self, graph: Graph) -> None:
        raise NotImplementedError("a student is another graph; see __call__")

    def __call__(self, graph: Graph) -> Graph:
        """The student. Raises ModelError where it does not answer like the teacher, EdgesimError where it cannot be read."""
        if self.means.network is None:
            raise ModelError("a student is read by name or from a file, which cannot be done here")
        student = self.means.network(self.options.student, self.options.options, self.options.shapes)
        ours, theirs = ([side.tensors[name].shape[1:] for name in side.outputs] for side in (graph, student))
        if ours != theirs:
            raise ModelError(f"the student {student.name} gives outputs of shapes {[list(s) for s in theirs]} a sample, the teacher {[list(s) for s in ours]}")
        student.notes["distillation"] = {"teacher": graph.name, "temperature": float(self.options.temperature), "alpha": float(self.options.alpha)}
        return student
