"""``edgesim calibrate``: parameters of a device fitted to somebody's measurements."""

from __future__ import annotations

import argparse
from importlib import import_module

# what is fitted -> what it does; each is the module sim.cli.calibrate_<what> with add_arguments(parser) and run(args) -> exit code
SUBJECTS = {
    "device": "fit the parameters of a device's units to latencies you measured",
    "host": "measure the CPU of this machine through ONNX Runtime",
    "thermal": "fit a network of heat capacities and thermal resistances to a temperature trace",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    table = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, text in SUBJECTS.items():
        own = table.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=parser.formatter_class)
        import_module(f"sim.cli.calibrate_{name}").add_arguments(own)


def run(args: argparse.Namespace) -> int:
    return int(import_module(f"sim.cli.calibrate_{args.what}").run(args))
