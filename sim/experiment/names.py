"""The names a scenario may use, from every registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.scenario.known import Known


def known_names() -> Known:
    """Names of zoo models with their options, runtimes and policies with their tunables, for :func:`sim.scenario.loading.load_scenario`."""
    from sim.compiler.runtimes import runtime_names
    from sim.frontends.zoo import MODELS
    from sim.policies.admission import ADMISSION
    from sim.policies.aggregation import AGGREGATION
    from sim.policies.batching import BATCHING
    from sim.policies.cache import CACHES
    from sim.policies.client_selection import CLIENT_SELECTION
    from sim.policies.cooling import FANS
    from sim.policies.governors import GOVERNORS
    from sim.policies.idle import IDLE
    from sim.policies.offloading import OFFLOADING
    from sim.policies.scheduling import SCHEDULERS
    from sim.policies.selection import SELECTION, selection_problems
    from sim.policies.serving import SERVING
    from sim.policies.throttling import THROTTLING
    from sim.policies.tunables import Tunables, tunable_problem

    tables: Mapping[str, Mapping[str, type[Tunables]]] = {
        "governor": GOVERNORS,
        "thermal governor": THROTTLING,
        "fan governor": FANS,
        "admission policy": ADMISSION,
        "offloading policy": OFFLOADING,
        "client selection": CLIENT_SELECTION,
        "aggregation rule": AGGREGATION,
    }

    def problem(kind: str, policy: str, name: str, value: Any) -> str | None:
        return tunable_problem(tables[kind][policy], name, value) if policy in tables[kind] else None

    def option_problem(model: str, option: str, value: Any) -> str | None:
        return MODELS[model].option_problem(option, value)

    return Known(
        models=frozenset(MODELS),
        runtimes=frozenset(runtime_names()),
        schedulers=frozenset(SCHEDULERS),
        governors=frozenset(GOVERNORS),
        thermal_governors=frozenset(THROTTLING),
        power_governors=frozenset(name for name, governor in THROTTLING.items() if governor.needs_power),
        fan_governors=frozenset(FANS),
        idle_policies=frozenset(IDLE),
        option_problem=option_problem,
        tunable_problem=problem,
        selection_policies=frozenset(SELECTION),
        selection_problems=lambda policy, written, models: selection_problems(SELECTION[policy], written, models),
        selection_sees=lambda policy: SELECTION[policy].sees,
        cache_policies=frozenset(CACHES),
        batching_policies=frozenset(BATCHING),
        admission_policies=frozenset(ADMISSION),
        serving_policies=frozenset(SERVING),
        offloading_policies=frozenset(OFFLOADING),
        client_selections=frozenset(CLIENT_SELECTION),
        aggregation_rules=frozenset(AGGREGATION),
    )
