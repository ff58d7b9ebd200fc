"""A scenario as the commands load it: shipped names resolved, every name checked against what is registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.loading import LoadedScenario


def load(text: str, overrides: Sequence[str] = (), seed: int | None = None) -> LoadedScenario:
    """The scenario a user names. Raises EdgesimError with every mistake in it."""
    from sim.cli.shipped import scenario_path
    from sim.experiment.names import known_names
    from sim.scenario.loading import load_scenario

    return load_scenario(scenario_path(text), overrides=tuple(overrides), seed=seed, known=known_names())
