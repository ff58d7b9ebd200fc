"""``edgesim models``: the built-in networks and what was published of them."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a model: print its figures, options and sources")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    import json

    from sim.frontends.zoo import MODELS, describe

    if args.name is None:
        entries = [MODELS[name] for name in MODELS]
        if args.json:
            print(json.dumps([{"name": entry.name, "title": entry.title, "task": entry.task} for entry in entries], indent=1))
        else:
            _list(entries)
        return 0
    data = describe(args.name)
    if args.json:
        print(json.dumps(data, indent=1))
    else:
        _show(data)
    return 0


def _list(entries: list[Any]) -> None:
    """Published figures only: counting every network would take seconds."""
    from sim.cli.table import print_table
    from sim.report.numbers import count

    rows = []
    for entry in entries:
        default = next((row for row in entry.published if not row.options), None)
        parameters, macs = (default.parameters, default.work if default.convention == "macs" else "") if default else ("", "")
        numbers = [count(float(text)) if text else "" for text in (parameters, macs)]
        accuracy = f"{entry.accuracy.value:g} {entry.accuracy.metric}" if entry.accuracy else ""
        rows.append([entry.name, *numbers, accuracy, entry.task])
    print_table(["model", "parameters", "MACs", "accuracy in float32", "task"], rows, right=(1, 2))


def _show(data: dict[str, Any]) -> None:
    from sim.cli.table import print_table
    from sim.report.numbers import count
    from sim.report.safe_text import printable

    print(f"{data['name']}   {printable(data['title'])}   ({printable(data['task'])})")
    print(f"{data['parameters']:,} parameters, {data['macs']:,.0f} MACs ({count(data['macs'])})")
    for role in ("inputs", "outputs"):
        print(f"{role}: " + ", ".join(f"{printable(name)} {'x'.join(map(str, shape))}" for name, shape in data[role].items()))
    accuracy = data["accuracy"]
    print(f"accuracy: {accuracy['value']:g} {accuracy['metric']} in float32 ({accuracy['source']})" if accuracy else "accuracy: nobody published it")
    if data["note"]:
        print(printable(data["note"]))
    if data["accuracy_compressed"]:
        print()
        figures = [
            [row["technique"], row["runtime"] or "any", row["metric"], f"{row['value']:g}", "" if row["float_value"] is None else f"{row['float_value']:g}"]
            + [row["options"] or "default", _cited(row)]
            for row in data["accuracy_compressed"]
        ]
        print_table(["compressed by", "runtime", "accuracy", "value", "float32", "options", "published by"], figures, right=(3, 4), wrap=True)
    if data["published"]:
        print()
        rows = [
            [
                row["parameters"],
                row["work"],
                row["convention"].replace("_", " ") if row["work"] else "",
                _options(row["options"]),
                row["source"] + (f"; {row['note']}" if row["note"] else ""),
            ]
            for row in data["published"]
        ]
        print_table(["parameters", "work", "counted as", "options", "published by"], rows, right=(0, 1), wrap=True)
    if data["options"]:
        print()
        options = [[key, str(option["default"]), option["range"], option["help"]] for key, option in data["options"].items()]
        print_table(["option", "default", "range", "what it is"], options, wrap=True)


def _cited(row: dict[str, Any]) -> str:
    parts = [
        row["source"],
        row["detail"],
        f"{row['samples_count']:,} samples" if row["samples_count"] else "",
        "" if row["confirmed"] else "recalled, unconfirmed",
    ]
    return "; ".join(part for part in parts if part)


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "default"
