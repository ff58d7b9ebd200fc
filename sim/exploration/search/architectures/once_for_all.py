"""Subnets of the once-for-all network on MobileNet V3 (Cai et al. 2020, arXiv 1908.09791): extents, kernels, expansions, depths, and two widths."""

from __future__ import annotations

from typing import Any

from sim.exploration.search.architectures.space import Choice, Chosen, Space
from sim.frontends.zoo.once_for_all import BLOCKS, DEPTHS, EXPANSIONS, KERNELS, STAGES, WIDTHS

RESOLUTIONS = tuple(range(128, 225, 4))  # pixels; section 3.3 of the paper
_NOWHERE_KERNEL, _NOWHERE_EXPANSION = min(KERNELS), min(EXPANSIONS)  # of blocks that do not run, so that equal subnets are written alike


def _choices() -> tuple[Choice, ...]:
    stages = range(1, len(STAGES) + 1)
    depths = [Choice(f"depth_{stage}", DEPTHS, "depth") for stage in stages]
    blocks = [choice for stage in stages for block in range(1, BLOCKS + 1) for choice in _block(stage, block)]
    return (Choice("width", WIDTHS, "width"), Choice("resolution", RESOLUTIONS, "resolution"), *depths, *blocks)


def _block(stage: int, block: int) -> tuple[Choice, Choice]:
    deeper = tuple(depth for depth in DEPTHS if depth >= block)
    needs = (f"depth_{stage}", deeper) if len(deeper) < len(DEPTHS) else None
    return Choice(f"kernel_{stage}_{block}", KERNELS, "kernel", needs), Choice(f"expansion_{stage}_{block}", EXPANSIONS, "expansion", needs)


def _written(chosen: Chosen, model: str) -> dict[str, Any]:
    places = [(stage, block) for stage in range(1, len(STAGES) + 1) for block in range(1, BLOCKS + 1)]
    options = {
        "width": chosen["width"],
        "resolution": chosen["resolution"],
        "depths": [chosen[f"depth_{stage}"] for stage in range(1, len(STAGES) + 1)],
        "kernels": [chosen.get(f"kernel_{stage}_{block}", _NOWHERE_KERNEL) for stage, block in places],
        "expansions": [chosen.get(f"expansion_{stage}_{block}", _NOWHERE_EXPANSION) for stage, block in places],
    }
    return {f"models.{model}.options.{option}": value for option, value in options.items()}


SPACE = Space("once_for_all", "subnets of the once-for-all MobileNet V3 supernet", "once_for_all", _choices(), _written)
