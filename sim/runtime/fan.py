"""A fan: it changes one thermal resistance in flight, and draws power."""

from __future__ import annotations

import math
from collections.abc import Callable

from device_models.thermal_spec import FanSpec
from sim.policies.cooling import FanGovernor, FanView
from sim.runtime.clock import Clock
from sim.runtime.heat import Heat
from sim.runtime.polling import Watch


class Fan(Watch):
    """Watches its node. ``changed(state)`` is called when the speed changes; 0 is off."""

    def __init__(
        self,
        clock: Clock,
        heat: Heat,
        spec: FanSpec,
        governor: FanGovernor,
        is_idle: Callable[[], bool],
        drawn_w: Callable[[], dict[str, float]],
        changed: Callable[[int], None],
    ) -> None:
        super().__init__(clock, heat, spec.node, float(spec.polling_s), is_idle, drawn_w)
        self._governor, self._changed = governor, changed
        states = spec.states
        self._view = FanView(heat.ambient_c, 0, [float(state.temperature_c) for state in states], [float(state.hysteresis_k) for state in states])

    def look(self, temperature_c: float) -> float:
        view = self._view
        view.temperature_c = temperature_c
        state = self._governor.decide(view)
        if state != view.state:
            view.state = state
            self._changed(state)
        return -math.inf if state else view.temperatures_c[0]
