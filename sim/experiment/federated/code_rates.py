"""How fast a device does plain code, from its cost model."""

from __future__ import annotations

from device_models.figure import Figure
from device_models.spec import DeviceSpec
from sim.compiler import compile_code
from sim.compiler.support import units_of_kind
from sim.experiment.fleet.tables import warm_cost
from sim.fleet.federated.plan import CodeRates
from sim.scenario.stages import CodeWork

_MUCH = 1e9
_PROCESSORS = ("cpu", "mcu")


def code_rates(device: DeviceSpec, all_cores: bool = False) -> CodeRates:
    """Rates of arithmetic and of memory alone, and the power above idle, at the clocks the strongest processor reaches warm.

    On one core, as an app does it; ``all_cores``: as a server does, whose cores divide the elements among them until memory is the limit.
    """
    units = [unit for kind in _PROCESSORS for unit in units_of_kind(device, kind)] or list(device.units)
    computing = warm_cost(compile_code(CodeWork(operations=Figure(_MUCH)), units[0], device, "operations"), device)
    moving = warm_cost(compile_code(CodeWork(bytes=Figure(_MUCH)), units[0], device, "bytes"), device)
    cores = float(device.units[units[0]].cores) if all_cores else 1.0
    bytes_per_s = min(cores * _MUCH / moving.seconds, float(device.memory.bandwidth_bytes_per_s))
    return CodeRates(cores * _MUCH / computing.seconds, bytes_per_s, cores * max(computing.joules / computing.seconds, moving.joules / moving.seconds))
