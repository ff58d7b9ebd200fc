"""``edgesim profile MODEL --training OPTIMIZER``: one step of training instead of one inference, as a scenario's ``training:`` describes it."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--training",
        metavar="OPTIMIZER",
        help="profile one step of training: sgd, momentum, adam, or as in a scenario, such as '{optimizer: adam, last: 2}'; --batch: samples of a step",
    )
    parser.add_argument(
        "--checkpointing",
        nargs="?",
        const="sqrt",
        metavar="RULE",
        help="with --training: activations are computed again instead of kept; sqrt (default), or 'every: 4', 'budget: 64 MB'",
    )


def training_data(args: argparse.Namespace) -> dict[str, Any]:
    """``training:`` as a scenario would have it, and nothing without --training. Raises EdgesimError for options that do not go together."""
    from sim.errors import EdgesimError
    from sim.scenario.yaml_source import parse_yaml

    if args.training is None:
        if args.checkpointing is not None:
            raise EdgesimError("--checkpointing is of a step of training; add --training sgd")
        return {}
    for option, given in (("--compare", args.compare is not None), ("--cuts", args.cuts)):
        if given:
            raise EdgesimError(f"{option} is of inferences; it does not go with --training")
    said = parse_yaml(args.training, "--training").data
    data: dict[str, Any] = dict(said) if isinstance(said, dict) else {"optimizer": said}
    for key, option, value in (("batch", "--batch", args.batch), ("checkpointing", "--checkpointing", _rule(args.checkpointing))):
        if value is not None and key in data:
            raise EdgesimError(f"--training states {key}; {option} does not go with it")
        data |= {} if value is None else {key: value}
    return {"training": data}


def _rule(text: str | None) -> Any:
    from sim.scenario.yaml_source import parse_yaml

    return None if text is None else parse_yaml(text, "--checkpointing").data
