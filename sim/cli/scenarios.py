"""``edgesim scenarios``: the scenarios that come with edgesim."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a scenario: print its file")
    parser.add_argument("--path", action="store_true", help="print where the file is instead")


def run(args: argparse.Namespace) -> int:
    from sim.cli.shipped import shipped_scenarios
    from sim.errors import EdgesimError
    from sim.registry import near_names

    shipped = shipped_scenarios()
    if args.name is None:
        _list(shipped, args.path)
        return 0
    if args.name not in shipped:
        raise EdgesimError(f"unknown scenario {args.name!r}; {near_names(args.name, shipped)}")
    print(shipped[args.name] if args.path else shipped[args.name].read_text(encoding="utf-8").rstrip())
    return 0


def _list(shipped: dict[str, Path], with_path: bool) -> None:
    from sim.cli.table import print_table
    from sim.scenario.study import study_kind
    from sim.scenario.yaml_source import read_yaml

    rows = []
    for name, path in shipped.items():
        data = read_yaml(path).data
        kind = study_kind(data)
        device = _text(data, "device") if kind is None else f"({kind})"
        rows.append([name, device, str(path) if with_path else _text(data, "description").partition(". ")[0]])
    print_table(["scenario", "device", "file" if with_path else "what it shows"], rows, wrap=True)


def _text(data: Any, key: str) -> str:
    value = data.get(key, "") if isinstance(data, dict) else ""
    return str(value.get("base", "") if isinstance(value, dict) else value).strip()
