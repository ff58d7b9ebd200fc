"""``edgesim profile MODEL --cuts``: where a model can be cut in two, for parts, early exits and offloading."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.graph.ir import Graph
    from sim.passes.cut import Cut

_TENSORS_SHOWN = 3


def show_cuts(graph: Graph, as_json: bool) -> None:
    """Print every position of the graph at which a cut is valid, with what crosses it and how much of the work is before it."""
    from sim.passes.cut import cuts

    found, shares = cuts(graph), _work_before(graph)
    if as_json:
        import json

        print(json.dumps([_data(cut, shares[cut.position]) for cut in found], indent=1))
        return
    from device_models.units import format_quantity
    from sim.cli.table import print_table

    valid = [cut for cut in found[1:-1] if cut.valid]
    rows = [[cut.after, _tensors(cut), format_quantity(cut.bytes, "bytes"), f"{100 * shares[cut.position]:.1f} %"] for cut in valid]
    print_table(["cut behind", "what crosses", "size", "work before"], rows, right=(2, 3), flexible=1)
    single, split = sum(cut.single for cut in valid), len(found) - 2 - len(valid)
    state = f"; {split} more would split state kept between runs" if split > 0 else ""
    print(f"\n{len(valid)} cuts, at {single} of them a single tensor crosses{state}")


def _tensors(cut: Cut) -> str:
    more = f" and {len(cut.tensors) - _TENSORS_SHOWN} more" if len(cut.tensors) > _TENSORS_SHOWN else ""
    return ", ".join(cut.tensors[:_TENSORS_SHOWN]) + more


def _work_before(graph: Graph) -> list[float]:
    """Share of the multiply-accumulates before each position, from before the first operator to behind the last."""
    from sim.graph.work import graph_work

    ops, work = graph_work(graph)
    macs = dict(zip((op.name for op in ops), work.macs.tolist(), strict=True))
    done = list(accumulate((macs.get(op.name, 0.0) for op in graph.ops), initial=0.0))
    return [value / done[-1] if done[-1] else 0.0 for value in done]


def _data(cut: Cut, share: float) -> dict[str, Any]:
    return {
        "position": cut.position,
        "after": cut.after or None,
        "tensors": list(cut.tensors),
        "bytes": {"value": cut.bytes, "unit": "B"},
        "work_before": {"value": share, "unit": "1"},
        "valid": cut.valid,
        "split_state": list(cut.split_state),
    }
