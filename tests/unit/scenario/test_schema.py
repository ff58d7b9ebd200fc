"""The JSON Schema has the keys of the YAML file, and describes quantities with their unit."""

from __future__ import annotations

import json

import pytest
import yaml

from sim.scenario.schema import DIALECT, json_schema


def test_it_is_a_schema_of_draft_2020_12():
    schema = json_schema()
    assert schema["$schema"] == DIALECT
    assert schema["title"] == "edgesim scenario"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "device", "workloads", "duration"]
    assert json.loads(json.dumps(schema)) == schema


def test_its_keys_are_those_of_the_file_not_of_the_code():
    schema = json_schema()
    assert {"duration", "warmup", "ambient"} <= schema["properties"].keys()
    keys = [key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})]
    assert not [key for key in keys if key.endswith(("_s", "_hz", "_c", "_w", "_j", "_bytes")) and not key.endswith("_per_s")]


def test_quantities_show_their_dimension_and_an_example():
    quantity = json_schema()["properties"]["duration"]["anyOf"][0]
    assert quantity["description"] == "time, for example '33 ms'"
    assert quantity["examples"] == ["33 ms"]


def test_every_reference_leads_to_a_definition():
    schema = json_schema()
    text = json.dumps(schema)
    names = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert names <= schema["$defs"].keys()


def test_a_validator_agrees(scenario_text):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = yaml.safe_load(scenario_text)
    jsonschema.validate(data, schema)
    for wrong in ({"seeds": 3}, {"scheduler": 3}, {"workloads": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(data | wrong, schema)
