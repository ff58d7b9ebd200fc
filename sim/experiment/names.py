"""The names a scenario may use, from every registry."""

from __future__ import annotations

from sim.scenario.checks import Known


def known_names() -> Known:
    """Names of zoo models, runtimes, schedulers and governors, for :func:`sim.scenario.loading.load_scenario`."""
    from sim.compiler.runtimes import runtime_names
    from sim.frontends.zoo import MODELS
    from sim.policies.governors import GOVERNORS
    from sim.policies.scheduling import SCHEDULERS

    return Known(frozenset(MODELS), frozenset(runtime_names()), frozenset(SCHEDULERS), frozenset(GOVERNORS))
