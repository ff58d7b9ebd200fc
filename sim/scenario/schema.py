"""The scenario's JSON Schema: an editor completes keys, shows units and marks mistakes while a scenario is written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sim.scenario.model import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(model: type[BaseModel] = Scenario, title: str = "edgesim scenario") -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario or study file: keys as they are written in YAML, quantities as text with a unit."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    schema["$defs"] = {name: _plain_title(part, name) for name, part in schema["$defs"].items()}
    return {"$schema": DIALECT, **_plain_title(schema, title)}


def _plain_title(part: dict[str, Any], title: str) -> dict[str, Any]:
    """A title for the whole, none on each key: pydantic's are made from the Python names, which nobody writes."""
    properties = {key: {name: value for name, value in field.items() if name != "title"} for key, field in part.get("properties", {}).items()}
    return {**part, "title": title, **({"properties": properties} if properties else {})}
