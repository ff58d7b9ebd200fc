"""All 15,625 cells of NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326): one of five operations on each of six edges."""

from __future__ import annotations

from typing import Any

from sim.exploration.search.architectures.space import Choice, Chosen, Space

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # to a node, from an earlier one


def _written(chosen: Chosen, model: str) -> dict[str, Any]:
    nodes = ["|".join(f"{chosen[f'edge_{to}_{start}']}~{start}" for start in range(to)) for to in (1, 2, 3)]
    return {f"models.{model}.options.arch": "+".join(f"|{node}|" for node in nodes)}


SPACE = Space(
    "nasbench201",
    "cells of NAS-Bench-201",
    "nasbench201",
    tuple(Choice(f"edge_{to}_{start}", OPERATIONS, "edge") for to, start in EDGES),
    _written,
)
