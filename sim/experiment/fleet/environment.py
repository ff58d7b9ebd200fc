"""A fleet study as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import EdgesimError
from sim.experiment.fleet.study import prepare_fleet
from sim.experiment.names import known_names
from sim.scenario.study import load_study

if TYPE_CHECKING:
    from sim.fleet.environment import OffloadingEnvironment


def offloading_environment(source: str | Path | Mapping[str, Any], task: str, **settings: Any) -> OffloadingEnvironment:
    """The environment in which every task of this name waits for an action.

    ``source``: a fleet study (a path, YAML text or plain data); its policy for the task must be another than ``local``, so that there
    are ways to choose from. ``settings``: ``scale_s`` and ``energy_weight``, see :mod:`sim.fleet.environment`. Raises EdgesimError for
    mistakes in the study, and where Gymnasium is not installed.
    """
    try:
        from sim.fleet.environment import OffloadingEnvironment
    except ImportError:
        raise EdgesimError("an environment needs Gymnasium: pip install 'edgesim[gym]'") from None
    loaded = load_study(source, known=known_names())
    if loaded is None or loaded.kind != "fleet":
        raise EdgesimError("an environment is made of a study with the key fleet")
    experiment = prepare_fleet(loaded)
    try:
        return OffloadingEnvironment(experiment.world, experiment.duration_s, task, **settings)
    except ValueError as error:
        raise EdgesimError(str(error)) from None
