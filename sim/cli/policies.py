"""``edgesim policies``: schedulers, placements, governors, selection of models, caches and others, as their own docstrings describe them."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a policy: print its whole description")


def run(args: argparse.Namespace) -> int:
    tables = policy_tables()
    if args.name is None:
        _list(tables)
        return 0
    from sim.errors import EdgesimError
    from sim.registry import near_names

    found = {what: table[args.name] for what, table in tables.items() if args.name in table}
    if not found:
        raise EdgesimError(f"unknown policy {args.name!r}; {near_names(args.name, {name for table in tables.values() for name in table})}")
    for what, policy in found.items():
        print(f"{args.name}   ({what})\n{described(policy)}\n{inspect.getsourcefile(policy)}")
        for name, tunable in getattr(policy, "tunables", {}).items():
            print(f"  {name}: {tunable.help}")
    return 0


def policy_tables() -> dict[str, Mapping[str, Any]]:
    """What kind of policy -> name -> class or function."""
    from sim.compiler.placement import PLACEMENTS
    from sim.policies.admission import ADMISSION
    from sim.policies.aggregation import AGGREGATION
    from sim.policies.batching import BATCHING
    from sim.policies.cache import CACHES
    from sim.policies.client_selection import CLIENT_SELECTION
    from sim.policies.cooling import FANS
    from sim.policies.governors import GOVERNORS
    from sim.policies.idle import IDLE
    from sim.policies.offloading import OFFLOADING
    from sim.policies.scheduling import SCHEDULERS
    from sim.policies.selection import SELECTION
    from sim.policies.serving import SERVING
    from sim.policies.throttling import THROTTLING

    return {
        "scheduler": SCHEDULERS,
        "governor": GOVERNORS,
        "placement": PLACEMENTS,
        "thermal governor": THROTTLING,
        "fan governor": FANS,
        "idle policy": IDLE,
        "selection policy": SELECTION,
        "cache policy": CACHES,
        "batching policy": BATCHING,
        "admission policy": ADMISSION,
        "serving policy": SERVING,
        "offloading policy": OFFLOADING,
        "client selection": CLIENT_SELECTION,
        "aggregation rule": AGGREGATION,
    }


def described(policy: Any) -> str:
    """Its docstring, and its module's where that says where the policy comes from."""
    own = inspect.getdoc(policy) or ""
    module = inspect.getdoc(inspect.getmodule(policy)) or ""
    return own if not module or module.startswith(own) else f"{module}\n\n{own}"


def _list(tables: dict[str, Mapping[str, Any]]) -> None:
    from sim.cli.table import print_table

    rows = [[name, what, (inspect.getdoc(table[name]) or "").partition("\n\n")[0].replace("\n", " ")] for what, table in tables.items() for name in table]
    print_table(["policy", "kind", "what it does"], rows, wrap=True)
