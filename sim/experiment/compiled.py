"""Models lowered once and compiled once for many scenarios: those of one optimisation, one sweep, one search."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from device_models.spec import DeviceSpec
from sim.compiler.compile import Lowered
from sim.compiler.program import Program
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse, Placement

MOST_LOWERED = 64  # graphs of a few hundred operators take a megabyte
MOST_PROGRAMS = 512
# what of a device no program depends on; compression may look at what a run costs in energy
_NOT_COST: dict[str, Any] = dict.fromkeys(("title", "description", "thermal", "battery", "radios", "default_ambient_c", "base_w"), True)
_NOT_COMPILED: dict[str, Any] = _NOT_COST | {
    "units": {"__all__": {"power", "calibration_error"}},
    "domains": {"__all__": {"operating_points": {"__all__": {"voltage_v"}}, "transition_latency_s": True, "governor": True}},
    "memory": {"energy_j_per_byte", "idle_w"},
    "storage": {"read_w", "idle_w"},
}
# what of a model its graph does not depend on; compression may look at costs, so that nothing is left out where there is some
_NOT_LOWERED = {"load", "placement", "threads", "serving"}
T = TypeVar("T")


class Compiled:
    """Programs by all that determines them. For scenarios of one folder whose files stay as they are; the least used are forgotten."""

    def __init__(self, most_lowered: int = MOST_LOWERED, most_programs: int = MOST_PROGRAMS) -> None:
        self._lowered: OrderedDict[str, Lowered] = OrderedDict()
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._most_lowered, self._most_programs = most_lowered, most_programs
        self._digests: dict[bool, str] = {}  # of the latest device, with its energies and without
        self._device: DeviceSpec | None = None

    def lowered(self, loaded: LoadedScenario, use: ModelUse, make: Callable[[], Lowered]) -> Lowered:
        """The graph of a model as its runtime executes it; ``make`` where it is new."""
        runtime = use.runtime or loaded.scenario.runtime or loaded.device.runtimes[0]
        if use.compress:
            key = self._key("costs", runtime, self._of(loaded.device, use), _without(use, {"load"}))
        else:
            key = self._key("plain", runtime, _without(use, _NOT_LOWERED))
        return _kept(self._lowered, key, self._most_lowered, make)

    def program(self, loaded: LoadedScenario, use: ModelUse, make: Callable[[], Program]) -> Program:
        """The program of a model on the scenario's device; ``make`` where it is new."""
        key = self._key(loaded.scenario.runtime or "", self._of(loaded.device, use), _without(use, {"load"}))
        return _kept(self._programs, key, self._most_programs, make)

    def _of(self, device: DeviceSpec, use: ModelUse) -> str:
        """A digest of what the model's program depends on in the device."""
        if self._device is not device:
            self._device, self._digests = device, {}
        energies = bool(use.compress)
        if energies not in self._digests:
            self._digests[energies] = compiled_for(device, use)
        return self._digests[energies]

    @staticmethod
    def _key(*parts: str) -> str:
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def compiled_for(device: DeviceSpec, use: ModelUse) -> str:
    """A digest of all that the program of a model depends on in a device: equal for devices that share it."""
    return hashlib.sha256(device.model_dump_json(exclude=_NOT_COST if use.compress else _NOT_COMPILED).encode()).hexdigest()


def _without(use: ModelUse, fields: set[str]) -> str:
    """A model's settings as text, those fields at what they are by default."""
    defaults = {"load": "at_start", "placement": Placement(), "threads": None, "serving": None}
    return use.model_copy(update={name: defaults[name] for name in fields}).model_dump_json()


def _kept(found: OrderedDict[str, T], key: str, most: int, make: Callable[[], T]) -> T:
    if key not in found:
        found[key] = make()
        while len(found) > most:
            found.popitem(last=False)
    found.move_to_end(key)
    return found[key]
