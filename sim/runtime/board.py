"""The simulated device: units, memory, power, heat and operating points, wired together."""

from __future__ import annotations

from collections.abc import Mapping

from device_models.power import dynamic_w, leakage_w, memory_w
from device_models.spec import DeviceSpec
from sim.policies.governors import GOVERNORS
from sim.policies.scheduling import SCHEDULERS, SchedulingPolicy
from sim.policies.throttling import THROTTLING
from sim.runtime.bandwidth import shared_timings
from sim.runtime.clock import Clock
from sim.runtime.frequency import Domain
from sim.runtime.heat import LEAKAGE_STEP_K, Heat
from sim.runtime.power import Mix, PowerState
from sim.runtime.recorder import Recorder
from sim.runtime.reference import SteppedUnit
from sim.runtime.throttling import TripPoint
from sim.runtime.unit import ComputeUnit
from sim.scenario.model import Scenario

_MOST_MIXES = 20_000  # cached combinations of running segments; a bound on memory
_SHOWN_STEP_K = 0.05  # smaller changes of temperature are not recorded


class Board:
    """Keeps timings and powers right whenever what runs, or how fast, changes."""

    def __init__(self, clock: Clock, device: DeviceSpec, scenario: Scenario, recorder: Recorder, reference: bool) -> None:
        self.clock, self.device, self.recorder = clock, device, recorder
        governors = {name: GOVERNORS[scenario.governors.get(name, spec.governor)]() for name, spec in device.domains.items()}
        self.domains = {name: Domain(clock, name, spec, governors[name], self._frequency_changed, self._limited) for name, spec in device.domains.items()}
        unit_class = SteppedUnit if reference else ComputeUnit
        self.units = [
            unit_class(clock, index, name, self.domains[spec.domain], scheduler_of(scenario, name, spec.kind), scenario.preemption, recorder, self)
            for index, (name, spec) in enumerate(device.units.items())
        ]
        self._specs = list(device.units.values())
        self.codes = [unit.domain.position for unit in self.units]  # what each unit runs; set ``stale`` with it
        ambient_c = float(device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c)
        self.components = [*device.units, "memory", "base"]
        self.heat = Heat(clock, device, self.components, ambient_c, float(scenario.duration_s))
        self._unit_c = [ambient_c] * len(self.units)  # for which leakage was evaluated last
        self._shown_c = [ambient_c] * len(self.heat.names)
        self.power = PowerState(clock, self.components, self.heat, self._leakage)
        self.trips = [
            TripPoint(clock, trip, THROTTLING["step_wise"](), self.heat, [self.domains[name] for name in trip.domains], number, self._is_idle, self._power_w)
            for number, trip in enumerate(device.thermal.trips)
        ]
        self._heating = [[self.heat.names.index(node) for node, spec in device.thermal.nodes.items() if unit in spec.heated_by] for unit in device.units]
        self._mixes: dict[tuple[int, ...], Mix] = {}
        self.stale = True  # a refresh is due
        self._bandwidth_bytes_per_s = float(device.memory.bandwidth_bytes_per_s)
        self._frequency_counters = {name: recorder.counter(f"frequency_hz.{name}") for name in device.domains}
        self._limit_counters = {name: recorder.counter(f"limit_hz.{name}") for trip in device.thermal.trips for name in trip.domains}
        self._temperature_counters = [recorder.counter(f"temperature_c.{name}") for name in self.heat.names]
        self.heat.observers.append(self._temperatures)

    def start(self) -> None:
        """Set all powers at time 0 and begin to watch temperatures."""
        for name, domain in self.domains.items():
            self.recorder.count(self._frequency_counters[name], domain.frequency_hz)
        self.refresh()
        self.heat.start()
        for trip in self.trips:
            trip.start()

    def power_law(self, unit: int) -> PowerOfUnit:
        """Switching power of a unit, for the timings of its segments."""
        return PowerOfUnit(self.device, unit)

    def refresh(self) -> None:
        """What runs, or a frequency, has changed: share the memory anew, re-time what that touches, set the powers."""
        self.stale = False
        mix = self._mixes.get(tuple(self.codes))
        if mix is None:
            mix = self._mix()
        self.power.enter(mix)
        for unit, timing in mix.timings:
            if unit.running.timing is not timing:  # type: ignore[union-attr]  # the mix holds exactly the units that run
                unit.retime(timing)

    def _mix(self) -> Mix:
        running = [(unit, unit.running.segment, unit.domain.frequency_hz) for unit in self.units if unit.running is not None]
        timings = shared_timings([(segment, frequency_hz) for _, segment, frequency_hz in running], self._bandwidth_bytes_per_s)
        power_w = [float(spec.power.idle_w) for spec in self._specs]
        for (unit, _, _), timing in zip(running, timings, strict=True):
            power_w[unit.index] = timing.power_w
        power_w += [memory_w(self.device.memory, sum(timing.bytes_per_s for timing in timings)), float(self.device.base_w)]
        if len(self._mixes) >= _MOST_MIXES:
            self._mixes.clear()
        rows = tuple((unit, timing) for (unit, _, _), timing in zip(running, timings, strict=True))
        mix = self._mixes[tuple(self.codes)] = Mix(rows, tuple(unit.domain.position for unit in self.units), power_w)
        return mix

    def _frequency_changed(self, domain: Domain) -> None:
        self.recorder.count(self._frequency_counters[domain.name], domain.frequency_hz)
        for unit in self.units:
            if unit.domain is domain:
                self.codes[unit.index] = domain.position + (0 if unit.running is None else unit.running.segment.code)
        self.refresh()

    def _limited(self, domain: Domain, highest_hz: float) -> None:
        self.recorder.count(self._limit_counters[domain.name], highest_hz)

    def _temperatures(self, time_s: float, temperatures_c: list[float]) -> None:
        shown = self._shown_c
        for node, value in enumerate(temperatures_c):
            if abs(value - shown[node]) >= _SHOWN_STEP_K or time_s == 0.0:
                shown[node] = value
                self.recorder.count(self._temperature_counters[node], round(value, 4))
        now_c = [sum(temperatures_c[node] for node in nodes) / len(nodes) if nodes else self.heat.ambient_c for nodes in self._heating]
        if any(abs(new - old) >= LEAKAGE_STEP_K for new, old in zip(now_c, self._unit_c, strict=True)):
            self._unit_c = now_c
            self.power.temperatures_changed()

    def _leakage(self, index: int, position: int) -> float:
        voltages = self.units[index].domain.voltages_v
        return leakage_w(self._specs[index].power, self._unit_c[index], voltages[position], voltages[-1])

    def _is_idle(self) -> bool:
        return all(unit.running is None for unit in self.units)

    def _power_w(self) -> dict[str, float]:
        return dict(zip(self.components, self.power.mix.drawn_w, strict=True))

    def unit(self, name: str) -> ComputeUnit:
        """The unit of a name."""
        return next(unit for unit in self.units if unit.name == name)


class PowerOfUnit:
    """Callable ``(frequency_hz, activity, cores) -> W`` with the voltage of the operating point."""

    def __init__(self, device: DeviceSpec, unit: int) -> None:
        spec = list(device.units.values())[unit]
        self._power = spec.power
        points = device.domains[spec.domain].operating_points
        self._voltages = {float(point.frequency_hz): None if point.voltage_v is None else float(point.voltage_v) for point in points}

    def __call__(self, frequency_hz: float, activity: float, cores: float) -> float:
        return dynamic_w(self._power, frequency_hz, self._voltages[frequency_hz], activity, cores)


def scheduler_of(scenario: Scenario, unit: str, kind: str) -> SchedulingPolicy:
    """The policy of a unit: by its name, its kind, or the default."""
    chosen = scenario.scheduler
    if isinstance(chosen, Mapping):
        chosen = chosen.get(unit) or chosen.get(kind) or chosen.get("default") or "fifo"
    return SCHEDULERS[chosen]()


