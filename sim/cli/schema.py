"""``edgesim schema``: JSON Schema for editors that check and complete YAML files."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=("scenario", "device"), default="scenario", help="of which kind of file (default: scenario)")


def run(args: argparse.Namespace) -> int:
    import json

    print(json.dumps(_device_schema() if args.kind == "device" else _scenario_schema(), indent=1))
    return 0


def _scenario_schema() -> dict[str, Any]:
    from sim.scenario.schema import json_schema

    return json_schema()


def _device_schema() -> dict[str, Any]:
    from device_models.spec import DeviceSpec
    from sim.scenario.schema import DIALECT

    return {"$schema": DIALECT, **DeviceSpec.model_json_schema(by_alias=True)}
