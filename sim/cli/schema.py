"""``edgesim schema``: JSON Schema for editors that check and complete YAML files."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from sim.scenario.study_kinds import STUDIES

    parser.add_argument("kind", nargs="?", choices=("scenario", "device", *STUDIES), default="scenario", help="of which kind of file (default: scenario)")


def run(args: argparse.Namespace) -> int:
    import json

    schemas = {"device": _device_schema, "scenario": _scenario_schema}
    print(json.dumps(schemas[args.kind]() if args.kind in schemas else _study_schema(args.kind), indent=1))
    return 0


def _study_schema(kind: str) -> dict[str, Any]:
    from sim.scenario.schema import json_schema
    from sim.scenario.study import kind_of

    return json_schema(kind_of(kind).model, f"edgesim study: {kind}")


def _scenario_schema() -> dict[str, Any]:
    from sim.scenario.schema import json_schema

    return json_schema()


def _device_schema() -> dict[str, Any]:
    from device_models.spec import DeviceSpec
    from sim.scenario.schema import DIALECT

    return {"$schema": DIALECT, **DeviceSpec.model_json_schema(by_alias=True)}
