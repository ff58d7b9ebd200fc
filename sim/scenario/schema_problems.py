"""pydantic's validation errors as problems in the user's words, each at the place of the value or key that is wrong."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from sim.errors import Problem
from sim.registry import near_names
from sim.scenario.positions import Path, Places

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
}
MAX_PROBLEMS = 200  # nobody reads more, and near names take time
_MEANT = re.compile(r"\w+(\.[\w-]+)+: ")
_SEVERAL = re.compile(r"; (?=\w+(?:\.[\w-]+)+: )")
_Location = tuple[str | int, ...]
_Candidate = tuple[Any, str]  # a type and, in a union, the name of its branch


def schema_problems(error: ValidationError, model: type[BaseModel], places: Places, below: Path = ()) -> list[Problem]:
    """Problems of one validation. ``below``: the path in ``places`` at which the validated data begins."""
    errors = error.errors(include_url=False)
    wrong = {tuple(one["loc"])[:length] for one in errors for length in range(len(one["loc"]))}
    # pydantic counts only the entries of a list that are right; the wrong ones have problems of their own
    told = [one for one in errors if one["type"] != "too_short" or tuple(one["loc"]) not in wrong]
    problems = [problem for one in told[:MAX_PROBLEMS] for problem in _problems(one, model, places, below)]
    if len(told) > MAX_PROBLEMS:
        problems.append(places.problem(below, f"and {len(told) - MAX_PROBLEMS} more mistakes"))
    return problems


def _problems(error: Any, model: type[BaseModel], places: Places, below: Path) -> Iterable[Problem]:
    kind, location, given = error["type"], tuple(error["loc"]), error["input"]
    path = places.resolve((*below, *location))
    if kind == "missing":
        parent = places.resolve((*below, *location[:-1]))
        return [places.problem(parent, _missing(model, location), at_key=True)]
    if kind == "extra_forbidden":
        known = keys_at(model, location[:-1])
        return [places.problem(path, f"unknown key {described(str(location[-1]))}; {near_names(str(location[-1]), known)}", at_key=True)]
    if kind == "union_tag_not_found":
        key = error["ctx"]["discriminator"].strip("'")
        choices = keys_literal(model, location, key)
        return [places.problem(path, f"missing key {key!r}: one of {', '.join(choices)}", at_key=True)]
    if kind == "union_tag_invalid":
        key = error["ctx"]["discriminator"].strip("'").removesuffix("()")
        return [places.problem(_deeper(places, path, key), _choice(error["ctx"]["tag"], error["ctx"]["expected_tags"]))]
    if kind == "value_error":
        return _value_problems(str(error["ctx"]["error"]), given, path, places)
    return [places.problem(path, _words(kind, given, error.get("ctx", {}), error["msg"]), at_key="[key]" in location)]


def _missing(model: type[BaseModel], location: _Location) -> str:
    help_text = _description(model, location)
    if isinstance(location[-1], int):  # of a list of fixed length
        return f"entry {location[-1] + 1} of this list is missing" + (f" ({help_text})" if help_text else "")
    return f"missing key {str(location[-1])!r}" + (f" ({help_text})" if help_text else "")


def _value_problems(what: str, given: Any, path: Path, places: Places) -> list[Problem]:
    if isinstance(given, dict) and "value" in given and not what.startswith("a sourced"):
        path = _deeper(places, path, "kind" if what.startswith("kind ") else "value")
    return [_reference(part, path, places) for part in _SEVERAL.split(what)]


def _reference(what: str, path: Path, places: Places) -> Problem:
    """A validator of a whole specification starts its message with the path it means, ``units.npu: ...``."""
    head, _, rest = what.partition(": ")
    inner = places.resolve((*path, *_steps(head))) if _MEANT.match(what) else path
    if inner == path:
        rest = what
    # What fits together in a device's own file and no longer does was broken by the change, wherever that stands.
    return places.problem(places.changed_below(inner) or inner, rest)


def _steps(head: str) -> Iterable[str | int]:
    """The keys of a written path; a number may also be a position in a list."""
    for part in head.split("."):
        yield part
        if part.isdecimal():
            yield int(part)


def _deeper(places: Places, path: Path, key: str) -> Path:
    return (*path, key) if (*path, key) in places.values else path


def _words(kind: str, given: Any, context: dict[str, Any], fallback: str) -> str:
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {described(given)}{_hint(kind, given)}"
    if kind == "literal_error":
        return _choice(given, context["expected"])
    if kind in ("greater_than_equal", "greater_than"):
        return f"must be {'at least' if 'ge' in context else 'more than'} {context.get('ge', context.get('gt'))}, got {described(given)}"
    if kind in ("less_than_equal", "less_than"):
        return f"must be {'at most' if 'le' in context else 'less than'} {context.get('le', context.get('lt'))}, got {described(given)}"
    if kind == "string_pattern_mismatch":
        return f"{described(given)} is not a name; a name has letters, digits, '_', '-', '.', '+' and begins with a letter or digit"
    if kind == "string_too_long":
        return f"longer than {context['max_length']} characters"
    if kind == "too_short":
        return f"needs at least {context['min_length']} {'entry' if context['min_length'] == 1 else 'entries'}, got {context['actual_length']}"
    if kind == "too_long":
        return f"has at most {context['max_length']} entries, got {context['actual_length']}"
    return fallback


def _hint(kind: str, given: Any) -> str:
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "; put it in quotes"
    if kind in ("tuple_type", "list_type") and isinstance(given, str):
        return f"; write [{given[:40]}]"
    return ""


def _choice(given: Any, expected: str) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    near = near_names(given, choices) if isinstance(given, str) else ""
    return f"{described(given)} is not one of {', '.join(choices)}" + (f"; {near}" if near.startswith("did") else "")


def described(given: Any) -> str:
    """A value as a message shows it."""
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return f"the number {given}" if abs(given) < 1e20 else "a huge number"
    if isinstance(given, str):
        return repr(given if len(given) <= 60 else given[:57] + "...")
    return "a mapping" if isinstance(given, dict) else "a list" if isinstance(given, list | tuple) else type(given).__name__


def keys_at(model: type[BaseModel], location: _Location) -> list[str]:
    """The keys a mapping at this location may have; none where the user chooses the names."""
    return [_alias(name, field) for kind, _ in _candidates_at(model, location) if _is_model(kind) for name, field in kind.model_fields.items()]


def keys_literal(model: type[BaseModel], location: _Location, key: str) -> list[str]:
    """The values a literal field ``key`` may have in the models at a location."""
    fields = [kind.model_fields[key] for kind, _ in _candidates_at(model, location) if _is_model(kind) and key in kind.model_fields]
    return sorted({str(value) for field in fields for value in get_args(field.annotation)})


def _description(model: type[BaseModel], location: _Location) -> str:
    for kind, _ in _candidates_at(model, location[:-1]):
        for name, field in kind.model_fields.items() if _is_model(kind) else ():
            if _alias(name, field) == location[-1] and field.description:
                return str(field.description)
    return ""


def _candidates_at(model: type[BaseModel], location: _Location) -> list[_Candidate]:
    """The types a value at a location may have; a part of the location that is no key names a branch of a union."""
    found: list[_Candidate] = [(model, "")]
    for part in location:
        inner = [candidate for kind, _ in found for candidate in _step(kind, part)]
        branch = [candidate for candidate in found if candidate[1] == part or _tag_of(candidate[0]) == part]
        found = branch or inner or found
    return found


def _step(kind: Any, part: str | int) -> list[_Candidate]:
    if _is_model(kind):
        return [candidate for name, field in kind.model_fields.items() if _alias(name, field) == part for candidate in _flat(field.annotation)]
    arguments = get_args(kind)
    if get_origin(kind) is dict and part != "[key]":
        return _flat(arguments[1])
    if get_origin(kind) in (tuple, list) and isinstance(part, int):
        return _flat(arguments[0])
    return []


def _flat(annotation: Any, tag: str = "") -> list[_Candidate]:
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return _flat(inner, next((item.tag for item in extra if isinstance(item, Tag)), tag))
    if get_origin(annotation) in (Union, types.UnionType):
        return [candidate for inner in get_args(annotation) for candidate in _flat(inner)]
    return [] if annotation is type(None) else [(annotation, tag)]


def _tag_of(kind: Any) -> str:
    field = kind.model_fields.get("kind") if _is_model(kind) else None
    return str(field.default) if field is not None and get_origin(field.annotation) is Literal else ""


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _alias(name: str, field: Any) -> str:
    return field.alias or name
