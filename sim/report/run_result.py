"""What a report needs of a run; the result of :func:`sim.experiment.simulate.simulate` has this form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.scenario.model import Scenario
from sim.trace import Trace


class RunResult(Protocol):
    """A scenario, the device it resolved to, its models as programs (by the scenario's model name), and what happened."""

    @property
    def scenario(self) -> Scenario: ...

    @property
    def device(self) -> DeviceSpec: ...

    @property
    def programs(self) -> Mapping[str, Program]: ...

    @property
    def trace(self) -> Trace: ...

    @property
    def seed(self) -> int: ...
