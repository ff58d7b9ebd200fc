"""What a run leaves: the scenario and device it was, the programs that ran, and the trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.runtime.kernels import kernel_spans
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Scenario
from sim.trace import Trace

if TYPE_CHECKING:
    from sim.graph.ir import Graph


@dataclass(frozen=True, repr=False)
class Result:
    """A finished run.

    ``programs``: by name, in the order of ``trace.programs``: models by their name in the scenario, user code as
    ``workload/stage``. ``wall_s`` and ``cpu_s``: what the simulation took (preparing the models apart: ``prepare_cpu_s``).
    """

    loaded: LoadedScenario
    programs: Mapping[str, Program]
    trace: Trace = field(repr=False)
    seed: int
    wall_s: float
    cpu_s: float
    prepare_cpu_s: float = 0.0

    def __repr__(self) -> str:
        requests = sum(summary.rows for summary in self.trace.summaries) or len(self.trace.requests)
        return f"<Result of {self.scenario.name} on {self.device.name}, seed {self.seed}: {self.trace.end_s:g} s simulated, {requests} requests>"

    @property
    def scenario(self) -> Scenario:
        return self.loaded.scenario

    @property
    def device(self) -> DeviceSpec:
        return self.loaded.device

    @property
    def energy_j(self) -> float:
        """The device's energy over the run: the sum over its components."""
        return float(sum(self.trace.energy_j.values()))

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """The lowered graph of each model that ran, by its name in the scenario; :meth:`~sim.graph.ir.Graph.to_networkx` makes a view of one."""
        return {name: program.graph for name, program in self.programs.items() if program.graph is not None}

    def kernel_spans(self, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Single kernels of the given span rows (all if None) as columns, see :func:`sim.runtime.kernels.kernel_spans`."""
        return kernel_spans(self.trace, list(self.programs.values()), rows)
