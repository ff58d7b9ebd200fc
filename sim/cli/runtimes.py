"""``edgesim runtimes``: the inference engines and what they run where."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a runtime: print its delegates, passes and sources")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    import json

    from sim.compiler.runtimes import describe, runtime_names

    names = runtime_names() if args.name is None else (args.name,)
    data = [describe(name) for name in names]
    if args.json:
        print(json.dumps(data if args.name is None else data[0], indent=1))
    elif args.name is None:
        _list(data)
    else:
        _show(data[0])
    return 0


def _list(runtimes: list[dict[str, Any]]) -> None:
    from sim.cli.table import print_table

    rows = [
        [
            engine["name"],
            engine["title"],
            ", ".join(dict.fromkeys(unit for delegate in engine["delegates"] for unit in delegate["units"])),
            ", ".join(engine["precisions"]),
        ]
        for engine in runtimes
    ]
    print_table(["runtime", "title", "units", "precisions it makes"], rows, wrap=True)


def _show(engine: dict[str, Any]) -> None:
    from device_models.units import format_quantity
    from sim.cli.table import print_table
    from sim.report.safe_text import printable

    print(f"{engine['name']}   {printable(engine['title'])}")
    if engine["description"]:
        print(printable(engine["description"]))
    print(f"prefers: {', '.join(engine['prefers'])}   precisions it makes: {', '.join(engine['precisions'])}")
    print(f"passes: {', '.join(engine['pipeline'])}\n")
    rows = [
        [
            row["name"],
            ", ".join(row["units"]),
            str(row["operators"]),
            ", ".join(row["formats"]),
            *(format_quantity(row[key], "time") for key in ("entry_s", "switch_s", "prepare_s")),
        ]
        for row in engine["delegates"]
    ]
    print_table(["delegate", "units", "operators", "formats", "entry", "switch", "prepare"], rows, right=(2, 4, 5, 6), flexible=3, wrap=True)
    print()
    print_table(["source", "what it is"], [[key, str(text)] for key, text in engine["sources"].items()], wrap=True)
