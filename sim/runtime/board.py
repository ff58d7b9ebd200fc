"""The simulated device: units, memory, radios, power, heat and operating points, wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from device_models.power import at_voltage_w, dynamic_w, leakage_w, memory_w, operations_w
from device_models.spec import RADIO, DeviceSpec
from device_models.thermal_feedback import LeakageFeedback
from sim.policies.governors import GOVERNORS
from sim.policies.idle import IDLE
from sim.policies.scheduling import SCHEDULERS, SchedulingPolicy
from sim.runtime.bandwidth import shared_timings
from sim.runtime.climate import HOTTEST_C, fastest_rise_k_per_s, the_fan, thermal_zones
from sim.runtime.clock import SWITCHES, Clock
from sim.runtime.frequency import Domain, MemoryDomain
from sim.runtime.heat import LEAKAGE_STEP_K, Heat
from sim.runtime.power import Mix, PowerState
from sim.runtime.radio import Radio
from sim.runtime.recorder import Recorder
from sim.runtime.reference import SteppedUnit
from sim.runtime.sleep import Sleep
from sim.runtime.timing import POINTS
from sim.runtime.unit import ComputeUnit
from sim.scenario.model import Scenario, tuned

_MOST_MIXES = 20_000  # cached combinations of running segments; a bound on memory
_SHOWN_STEP_K = 0.05  # smaller changes of temperature are not recorded


class ThermalRunaway(Exception):
    """Leakage feeds itself beyond what silicon bears: the run is over at this moment."""


class Board:
    """Keeps timings and powers right whenever what runs, or how fast, changes."""

    def __init__(self, clock: Clock, device: DeviceSpec, scenario: Scenario, recorder: Recorder, reference: bool) -> None:
        self.clock, self.device, self.recorder = clock, device, recorder
        self.domains = {name: self._domain(name, scenario) for name in device.domains}
        clocked = None if device.memory.domain is None else self.domains[device.memory.domain]
        self._memory_domain = clocked if isinstance(clocked, MemoryDomain) else None
        unit_class = SteppedUnit if reference else ComputeUnit
        self.units = [
            unit_class(clock, index, name, self.domains[spec.domain], scheduler_of(scenario, name, spec.kind), scenario.preemption, recorder, self)
            for index, (name, spec) in enumerate(device.units.items())
        ]
        self._specs = list(device.units.values())
        for unit, spec in zip(self.units, self._specs, strict=True):
            if spec.power.idle_states:
                unit.sleep = Sleep(clock, spec.power.idle_states, IDLE[scenario.idle](), self._slept(unit))
        self._reading = self._fan_state = 0
        self.codes = [unit.domain.position for unit in self.units]  # what each unit runs; set ``stale`` with it
        ambient_c = float(device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c)
        self.components = [*device.units, "memory", "base"]
        self._stores = float(device.storage.read_w) > 0 or float(device.storage.idle_w) > 0
        self._fan_w = [] if device.thermal.fan is None else [0.0, *(float(state.power_w) for state in device.thermal.fan.states)]
        self.components += ["storage"] * self._stores + ["fan"] * bool(self._fan_w) + [RADIO + name for name in device.radios]
        self.radios = {name: Radio(clock, index, spec, recorder, self._radio_changed(index)) for index, (name, spec) in enumerate(device.radios.items())}
        self.codes += [0] * len(self.radios)  # which power each radio draws
        self._has_surroundings = self._stores or bool(self._fan_w) or self._memory_domain is not None
        self.codes += [0] * self._has_surroundings  # what else sets powers: storage, fan, the memory's clock
        self.heat = Heat(clock, device, self.components, ambient_c, float(scenario.duration_s))
        self._unit_c = [ambient_c] * len(self.units)  # for which leakage was evaluated last
        self._shown_c = [ambient_c] * len(self.heat.names)
        self.power = PowerState(clock, self.components, self.heat, self._leakage)
        self.heat.rise_k_per_s = fastest_rise_k_per_s(device)
        self.zones = thermal_zones(clock, device, scenario, self.heat, self.domains, self.power, self._is_idle, self._power_w)
        self._fan = the_fan(clock, device, scenario, self.heat, self._is_idle, self._power_w, self._fan_changed)
        self._heating = [[self.heat.names.index(node) for node, spec in device.thermal.nodes.items() if unit in spec.heated_by] for unit in device.units]
        self._mixes: dict[tuple[int, ...], Mix] = {}
        self.stale = True  # a refresh is due
        self.runaway: dict[str, Any] | None = None  # how the run ended, if it did by this
        self._bandwidth_bytes_per_s = float(device.memory.bandwidth_bytes_per_s)
        self._frequency_counters = {name: recorder.counter(f"frequency_hz.{name}") for name in device.domains}
        limited = dict.fromkeys(name for trip in device.thermal.trips for name in trip.domains)
        self._limit_counters = {name: recorder.counter(f"limit_hz.{name}") for name in limited}
        self._fan_counter = recorder.counter("fan_state") if self._fan_w else -1
        self._temperature_counters = [recorder.counter(f"temperature_c.{name}") for name in self.heat.names]
        self.heat.observers.append(self._temperatures)

    def start(self) -> None:
        """Set all powers at time 0 and begin to watch temperatures."""
        for name, domain in self.domains.items():
            self.recorder.count(self._frequency_counters[name], domain.frequency_hz)
        self.refresh()
        self.heat.start()
        for unit in self.units:
            if unit.sleep is not None:
                unit.sleep.idle()
        for zone in self.zones:
            zone.start()
        if self._fan is not None:
            self.recorder.count(self._fan_counter, 0.0)
            self._fan.start()

    def _domain(self, name: str, scenario: Scenario) -> Domain:
        spec = self.device.domains[name]
        choice = tuned(scenario.governors.get(name, spec.governor))
        kind = MemoryDomain if name == self.device.memory.domain else Domain
        return kind(self.clock, name, spec, GOVERNORS[choice.name].tuned(choice.tunables), self._frequency_changed, self._limited)

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
        if self._memory_domain is not None:
            self._memory_domain.traffic(mix.bytes_per_s, self._bandwidth_bytes_per_s * self._memory_domain.scale)
        for unit, timing in mix.timings:
            if unit.running.timing is not timing:  # type: ignore[union-attr]  # the mix holds exactly the units that run
                unit.retime(timing)

    def _mix(self) -> Mix:
        running = [(unit, unit.running.segment, unit.domain.frequency_hz) for unit in self.units if unit.running is not None]
        scale = 1.0 if self._memory_domain is None else self._memory_domain.scale
        timings = shared_timings([(segment, frequency_hz) for _, segment, frequency_hz in running], self._bandwidth_bytes_per_s * scale, scale)
        asleep = [None if unit.sleep is None else unit.sleep.now() for unit in self.units]
        power_w = [float(spec.power.idle_w if state is None else state.power_w) for spec, state in zip(self._specs, asleep, strict=True)]
        for (unit, _, _), timing in zip(running, timings, strict=True):
            power_w[unit.index] = timing.power_w
        traffic = sum(timing.bytes_per_s for timing in timings)
        power_w += [memory_w(self.device.memory, traffic), float(self.device.base_w)]
        if self._stores:
            power_w.append(float(self.device.storage.read_w if self._reading else self.device.storage.idle_w))
        if self._fan_w:
            power_w.append(self._fan_w[self._fan_state])
        power_w += [radio.power_w for radio in self.radios.values()]
        if len(self._mixes) >= _MOST_MIXES:
            self._mixes.clear()
        rows = tuple((unit, timing) for (unit, _, _), timing in zip(running, timings, strict=True))
        leaking = tuple(1.0 if state is None else float(state.leakage_share) for state in asleep)
        mix = self._mixes[tuple(self.codes)] = Mix(rows, tuple(unit.domain.position for unit in self.units), power_w, leaking)
        mix.bytes_per_s = traffic
        return mix

    def _frequency_changed(self, domain: Domain) -> None:
        self.recorder.count(self._frequency_counters[domain.name], domain.frequency_hz)
        for unit in self.units:
            if unit.domain is domain:
                self.codes[unit.index] = domain.position + (self._resting(unit) if unit.running is None else unit.running.segment.code)
        self._surroundings_changed()

    def _surroundings_changed(self) -> None:
        if self._has_surroundings:
            memory = 0 if self._memory_domain is None else self._memory_domain.position
            self.codes[-1] = self._reading + 2 * self._fan_state + 128 * memory
        self.refresh()

    @staticmethod
    def _resting(unit: ComputeUnit) -> int:
        return 0 if unit.sleep is None else -POINTS * unit.sleep.state

    def _slept(self, unit: ComputeUnit) -> Callable[[int], None]:
        def changed(state: int) -> None:
            self.codes[unit.index] = unit.domain.position - POINTS * state
            self.refresh()

        return changed

    def _radio_changed(self, index: int) -> Callable[[int], None]:
        at = len(self.units) + index

        def changed(code: int) -> None:
            self.codes[at] = code
            self.refresh()

        return changed

    def _fan_changed(self, state: int) -> None:
        self._fan_state = state
        self.recorder.count(self._fan_counter, float(state))
        self.heat.use(state)
        self.power.temperatures_changed()
        self._surroundings_changed()

    def storage_reads(self, begin_s: float, end_s: float) -> None:
        """Storage is read from ``begin_s`` to ``end_s``; these times never overlap."""
        if self._stores:
            self.clock.at(begin_s, SWITCHES, lambda _: self._read(1))
            self.clock.at(end_s, SWITCHES, lambda _: self._read(-1))

    def _read(self, change: int) -> None:
        self._reading += change
        self._surroundings_changed()

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
            if max(now_c) > HOTTEST_C and time_s > 0:
                self._check_runaway(temperatures_c)

    def _check_runaway(self, temperatures_c: list[float]) -> None:
        feedback = LeakageFeedback(self.device, self.heat.network, {name: (domain.voltage_v, domain.voltages_v[-1]) for name, domain in self.domains.items()})
        if (gain := feedback.loop_gain(np.array(temperatures_c))) >= 1.0:
            self.runaway = {"node": feedback.hottest(np.array(temperatures_c)), "temperature_c": max(temperatures_c), "gain": gain}
            raise ThermalRunaway

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
    """Callable ``(frequency_hz, activity, cores, macs_per_s, events_w) -> W`` with the voltage of the operating point."""

    def __init__(self, device: DeviceSpec, unit: int) -> None:
        spec = list(device.units.values())[unit]
        self._power = spec.power
        points = device.domains[spec.domain].operating_points
        self._voltages = {float(point.frequency_hz): None if point.voltage_v is None else float(point.voltage_v) for point in points}

    def __call__(self, frequency_hz: float, activity: float, cores: float, macs_per_s: tuple[float, float] = (0.0, 0.0), events_w: float = 0.0) -> float:
        volts = self._voltages[frequency_hz]
        highest_v = next(reversed(self._voltages.values()))
        drawn_w = at_voltage_w(events_w, volts, highest_v) if events_w else 0.0
        if not self._power.operation_energy:
            return drawn_w + dynamic_w(self._power, frequency_hz, volts, activity, cores)
        return drawn_w + dynamic_w(self._power, frequency_hz, volts, 1.0, cores) + operations_w(self._power, macs_per_s, volts, highest_v)


def scheduler_of(scenario: Scenario, unit: str, kind: str) -> SchedulingPolicy:
    """The policy of a unit: by its name, its kind, or the default."""
    chosen = scenario.scheduler
    if isinstance(chosen, Mapping):
        chosen = chosen.get(unit) or chosen.get(kind) or chosen.get("default") or "fifo"
    return SCHEDULERS[chosen]()
