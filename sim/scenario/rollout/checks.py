"""What the types of a roll-out cannot say: models and files that must exist."""

from __future__ import annotations

from collections.abc import Iterable

from sim.errors import Problem
from sim.scenario.files import is_model_file, missing_file
from sim.scenario.known import near
from sim.scenario.radio_choice import radio_problems
from sim.scenario.raw import Raw
from sim.scenario.study import StudyContext


def check_rollout(context: StudyContext) -> Iterable[Problem]:
    """Problems of a roll-out, each at its place."""
    rollout = Raw(context.data).get("rollout")
    source, known = rollout.get("model").get("source"), context.known.models
    name = source.text()
    if name and known is not None and name not in known and not is_model_file(name):
        yield context.places.problem(source.path, f"unknown model {name!r}; {near(name, known)}")
    radio = rollout.get("devices").get("radio")
    yield from radio_problems(radio.value, context.places, radio.path)
    for key in ("old", "new"):
        file = rollout.get("update").get(key)
        text = file.text()
        if text and (what := missing_file(context.directory / text)):
            yield context.places.problem(file.path, what)
