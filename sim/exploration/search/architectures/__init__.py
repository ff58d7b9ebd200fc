"""Spaces of architectures by name: ``models.net: {architecture: once_for_all, resolution: [160, 192]}`` stands for all the choices of one.

To add one: a file here that makes a :class:`~sim.exploration.search.architectures.space.Space`, and its line below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.exploration.search.architectures import digits_mlp, nasbench201, once_for_all
from sim.exploration.search.architectures.space import Choice, Chosen, Space, Value
from sim.registry import Registry

__all__ = ["ARCHITECTURES", "Choice", "Chosen", "Space", "Value", "architecture_space"]

ARCHITECTURES: Registry[Space] = Registry("space of architectures")
for _space in (once_for_all.SPACE, nasbench201.SPACE, digits_mlp.SPACE):
    ARCHITECTURES.register(_space.name)(_space)


def architecture_space(wanted: str | Mapping[str, Any], model: Mapping[str, Any], path: str = "") -> Space:
    """The space that a scenario asks for: a name, or ``{architecture: NAME, CHOICE: values, ...}`` with limits.

    ``model``: the scenario's model as plain data. ``path``: where the wish stands, for problems. Raises EdgesimError for an unknown space, limits it
    does not have, and a model that is not of it.
    """
    name, limits = (wanted, {}) if isinstance(wanted, str) else (wanted.get("architecture"), {key: wanted[key] for key in wanted if key != "architecture"})
    try:
        space = ARCHITECTURES[str(name)]
    except EdgesimError as error:
        raise EdgesimError(Problem(path=path, what=problem.what) for problem in error.problems) from None
    source = str(model.get("source") or "")
    if space.source and source != space.source:
        raise EdgesimError(Problem(path=path, what=f"{space.name} gives options of the model {space.source}; the source is {source or 'not given'}"))
    if not space.source and model.get("layers") is None:
        raise EdgesimError(Problem(path=path, what=f"{space.name} writes the layers of a model; give layers instead of a source"))
    return space.limited(limits, path)
