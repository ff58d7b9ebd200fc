"""Changes to a scenario from the command line or a sweep: ``device.memory.bandwidth=30 GB/s``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.model import Scenario
from sim.scenario.positions import Path, Place, Places, dotted
from sim.scenario.schema_problems import described, keys_at
from sim.scenario.yaml_source import parse_yaml

# A short form grows into the long one when a path leads into it: {where: key the short form stands for}.
_SHORT_FORMS: dict[Path, str] = {("device",): "base", ("scheduler",): "default", ("radios", "*"): "base"}


def apply_overrides(data: Any, places: Places, overrides: Iterable[str], model: type[BaseModel] = Scenario) -> list[Problem]:
    """Set each ``PATH=VALUE`` in ``data``; its place becomes ``--set PATH``. Returns what is wrong with the overrides themselves.

    ``model``: what the data are to become, for the names of keys that were left out.

    The value is YAML (``30 GB/s``, ``[npu, cpu]``, ``{base: pixel_6}``); entries of lists are addressed by position, from 0.
    """
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply(data, places, override, model)
        except EdgesimError as error:
            problems += error.problems
    return problems


def _apply(data: Any, places: Places, override: str, model: type[BaseModel]) -> None:
    dotted_path, equals, text = override.partition("=")
    dotted_path = dotted_path.strip()
    source = f"--set {dotted_path}"
    if not equals or not dotted_path:
        raise EdgesimError(Problem(f"--set {override}", what="expected PATH=VALUE, for example workloads.camera.deadline=33 ms"))
    value = _value(text.strip(), source)
    if not isinstance(data, dict):
        raise EdgesimError(Problem(source, what="the scenario is not a mapping"))
    path = _set(data, places, _parts(data, dotted_path), value, source, model)
    places.replace(path, Places.everywhere(value, Place(source, below=path), path))


def _value(text: str, source: str) -> Any:
    if not text:
        return None
    document = parse_yaml(text, source)
    if document.problems:
        raise EdgesimError(document.problems)
    return document.data


def _parts(data: Any, dotted_path: str) -> list[str]:
    """Split at the dots, except inside names that have dots themselves (``models.llama3.2.precision``)."""
    parts, rest, inside = [], dotted_path.split("."), data
    while rest:
        taken = next((n for n in range(len(rest), 0, -1) if isinstance(inside, dict) and ".".join(rest[:n]) in inside), 1)
        part = ".".join(rest[:taken])
        parts.append(part)
        inside = _inside(inside, part)
        rest = rest[taken:]
    return parts


def _inside(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[int(part)] if isinstance(value, list) and part.isdecimal() and len(part) < 10 and int(part) < len(value) else None


def _set(data: dict[str, Any], places: Places, parts: list[str], value: Any, source: str, model: type[BaseModel]) -> Path:
    inside: Any = data
    path: Path = ()
    for part in parts[:-1]:
        key = _key(inside, part, path, source)
        if isinstance(inside, dict) and inside.get(key) is None:
            inside[key] = _created(inside, str(key), path, source, model)
            new = (*path, key)
            places.replace(new, Places.everywhere({}, Place(source, below=new), new))
        elif isinstance(inside[key], str) and (long_key := _SHORT_FORMS.get((*path, key), _SHORT_FORMS.get((*path, "*")))):
            _grow(inside, places, (*path, key), long_key)
        inside, path = inside[key], (*path, key)
    last = _key(inside, parts[-1], path, source)
    inside[last] = value
    return (*path, last)


def _key(inside: Any, part: str, path: Path, source: str) -> str | int:
    """The key or position ``part`` means in a mapping or list; an error if it can mean nothing there."""
    where = f"{dotted(path)!r}" if path else "the scenario"
    if isinstance(inside, dict):
        return part
    if not isinstance(inside, list):
        raise EdgesimError(Problem(source, what=f"{where} is {described(inside)}, it has no key {part!r}"))
    if not part.isdecimal() or len(part) > 9 or int(part) >= len(inside):
        positions = f"0 to {len(inside) - 1}" if inside else "none, it is empty"
        raise EdgesimError(Problem(source, what=f"{where} is a list; {part!r} is not one of its positions ({positions})"))
    return int(part)


def _created(inside: dict[str, Any], key: str, path: Path, source: str, model: type[BaseModel]) -> dict[str, Any]:
    """A mapping that the scenario left out, such as ``budgets``; names that the user chooses are not made up.

    What a device has is checked when the change is merged into it, and the names in ``budgets.per`` with the workloads.
    """
    if path[:1] == ("device",) or path == ("budgets", "per") or key in keys_at(model, path):
        return {}
    name, bracket, position = key.removesuffix("]").partition("[")
    if bracket and isinstance(inside.get(name), list):
        raise EdgesimError(Problem(source, what=f"entries of lists are counted after a dot: write {dotted((*path, name, position))}"))
    known = {*keys_at(model, path), *inside}
    near = near_names(key, known) if known else f"{dotted(path)} is empty"
    raise EdgesimError(Problem(source, what=f"no key {key!r} in {dotted(path) or 'the scenario'}; {near}"))


def _grow(inside: Any, places: Places, path: Path, long_key: str) -> None:
    place = places.value(path)
    inside[path[-1]] = {long_key: inside[path[-1]]}
    places.values[(*path, long_key)] = places.keys[(*path, long_key)] = place
