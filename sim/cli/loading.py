"""A scenario as the commands load it: shipped names resolved, every name checked against what is registered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.loading import LoadedScenario
    from sim.scenario.study import LoadedStudy


def load(text: str, overrides: Sequence[str] = (), seed: int | None = None) -> LoadedScenario:
    """The scenario a user names. Raises EdgesimError with every mistake in it."""
    from sim.cli.shipped import scenario_path
    from sim.experiment.names import known_names
    from sim.scenario.loading import load_scenario

    return load_scenario(scenario_path(text), overrides=tuple(overrides), seed=seed, known=known_names())


def load_study(text: str, overrides: Sequence[str] = (), seed: int | None = None) -> LoadedStudy | None:
    """The study of several devices that a user names; None if it is a scenario of one. Raises EdgesimError with every mistake in it."""
    from sim.cli.shipped import scenario_path

    path = scenario_path(text)
    if not _has_key_of_study(path):
        return None
    from sim.experiment.names import known_names
    from sim.scenario import study

    return study.load_study(path, overrides=tuple(overrides), seed=seed, known=known_names())


def _has_key_of_study(path: Path) -> bool:
    """Whether a line of the file begins like a study: quicker than reading it as YAML, which the loading does."""
    from sim.scenario.study_kinds import STUDIES

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith((*(f"{key}:" for key in STUDIES), "{")) for line in text.splitlines())
