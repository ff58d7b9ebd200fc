"""What the points of a sweep say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.errors import EdgesimError
from sim.exploration.run_points import Totals
from sim.exploration.search.front import non_dominated
from sim.exploration.store.quantity import quantity
from sim.exploration.store.store import Store
from sim.exploration.store.table import Selection
from sim.exploration.sweep.begin import Ready
from sim.report.flat_metrics import QUANTITIES, Quantity
from sim.report.sweep_rows import Best, Effect, Setting, SweepSummary

_SHOWN = ("latency_p99", "first_token_p99", "token_rate", "throughput", "miss", "energy_per_inference", "power", "battery_life", "skin_peak", "throttled")
_OF_STUDIES = ("energy_per_task", "device_power", "hourly_cost", "round_p50", "energy_per_client", "lost_time", "learnt", "time_to_50", "time_to_99")
SHOWN = (*_SHOWN, "memory", "storage", "accuracy", *_OF_STUDIES, "traffic", "wasted", "device_energy")
_TRADES = ("latency_p99", "energy_per_inference")  # of the front; and the first of these that varies:
_OF_KINDS = (
    ("latency_p99", "energy_per_task", "hourly_cost"),
    ("latency_p99", "energy_per_task"),
    ("round_p50", "energy_per_client"),
    ("time_to_99", "traffic"),
)
_THIRD = ("accuracy", "storage", "memory")
_LEVELS = 8  # bins of an axis with more values
_SAME = 1e-9  # values nearer than this share of themselves do not differ
Records = Sequence[Mapping[str, Any]]


def summarised(ready: Ready, store: Store, before: int, totals: Totals) -> SweepSummary:
    """Of all points that have ended, now and earlier. Raises EdgesimError where the store cannot be read."""
    records = _records(ready, store)
    settings = _settings(ready, [one for one in records if one["status"] == "done"])
    chosen = [one for one in settings if one.is_valid] or settings
    varied = [one for one in (QUANTITIES[name] for name in SHOWN) if _varies([setting.values.get(one.field) for setting in settings])]
    objectives = _objectives(varied)
    effects, rest = _effects(ready, settings, varied)
    problems = Counter(one["problems"] or "" for one in records if one["status"] != "done")
    return SweepSummary(
        name=ready.name,
        device=ready.title,
        axes=tuple(axis.path for axis in ready.sweep.axes),
        count=ready.count,
        before_count=before,
        ran_count=totals.points,
        mistakes_count=sum(one["status"] == "mistake" for one in records),
        failed_count=sum(one["status"] == "failed" for one in records),
        lost_workers_count=totals.lost_workers,
        elapsed_s=totals.elapsed_s,
        replications_count=ready.sweep.replications,
        settings_count=len(settings),
        valid_count=sum(one.is_valid for one in settings),
        best=tuple(best for one in varied if (best := _best(one, chosen)) is not None),
        objectives=objectives,
        front=_front(objectives, chosen),
        effects=effects,
        rest_ratio=rest,
        problems=tuple(problems.most_common()),
    )


def _records(ready: Ready, store: Store) -> Records:
    """Status, problems, axes and main metrics of every point, in their order."""
    sweep = ready.record.sweep_id
    known = set(store.table(Selection(sweep=sweep, columns=("*",), limit=1)).names())
    wanted = ["position", "status", "problems", *ready.record.axes, "valid", *(one.field for one in QUANTITIES.values())]
    return list(store.table(Selection(sweep=sweep, columns=tuple(_literal(name) for name in wanted if name in known))).records())


def _literal(name: str) -> str:
    """A pattern that fits this name only."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _settings(ready: Ready, done: Records) -> list[Setting]:
    paths = [axis.path for axis in ready.sweep.axes]
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for one in done:
        groups.setdefault(tuple(str(one.get(path)) for path in paths), []).append(one)
    return [_setting(paths, rows) for rows in groups.values()]


def _setting(paths: Sequence[str], rows: Records) -> Setting:
    values: dict[str, float | None] = {}
    halves: dict[str, float] = {}
    for one in QUANTITIES.values():
        known = [row.get(one.field) for row in rows]
        numbers = [float(value) for value in known if isinstance(value, int | float)]
        values[one.field] = float(np.mean(numbers)) if numbers and len(numbers) == len(rows) else None
        if len(rows) > 1 and values[one.field] is not None and (half := _half_interval(numbers)) is not None:
            halves[one.field] = half
    changes = {path: rows[0].get(path) for path in paths}
    return Setting(changes, values, halves, len(rows), all(row.get("valid") for row in rows))


def _half_interval(numbers: Sequence[float]) -> float | None:
    from sim.report.significance import mean_interval

    try:
        return mean_interval(numbers)[1]
    except EdgesimError:  # without SciPy means are shown alone
        return None


def _varies(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return len(known) > 1 and max(known) - min(known) > _SAME * max(abs(value) for value in known)


def _objectives(varied: Sequence[Quantity]) -> tuple[Quantity, ...]:
    names = [one.name for one in varied]
    for pair in _OF_KINDS:  # of studies, what pulls apart
        if set(pair) <= set(names):
            return tuple(QUANTITIES[name] for name in pair)
    third = next((name for name in _THIRD if name in names), None)
    return tuple(QUANTITIES[name] for name in (*_TRADES, third) if name in names)


def _cost(quantity_: Quantity, setting: Setting) -> float:
    value = setting.values[quantity_.field]
    return float("inf") if value is None else (-value if quantity_.higher else value)


def _best(quantity_: Quantity, settings: Sequence[Setting]) -> Best | None:
    known = [one for one in settings if one.values[quantity_.field] is not None]
    return Best(quantity_, min(known, key=lambda one: _cost(quantity_, one))) if known else None


def _front(objectives: Sequence[Quantity], settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """By the first objective. Settings equal in all of them stand once."""
    if len(objectives) < 2:
        return ()
    known = [one for one in settings if all(one.values[objective.field] is not None for objective in objectives)]
    costs = np.array([[_cost(objective, one) for objective in objectives] for one in known]).reshape(-1, len(objectives))
    kept = {tuple(row): one for row, one, keep in reversed(list(zip(costs.tolist(), known, non_dominated(costs), strict=True))) if keep}
    return tuple(kept[row] for row in sorted(kept))


def _effects(ready: Ready, settings: Sequence[Setting], varied: Sequence[Quantity]) -> tuple[tuple[Effect, ...], dict[str, float]]:
    found: list[Effect] = []
    for axis in ready.sweep.axes:
        levels = _level_of([one.changes[axis.path] for one in settings], axis.values)
        for one in varied:
            found += [effect] if (effect := _effect(axis.path, one, levels, settings, axis.is_ordered, ready.sweep.sample is not None)) is not None else []
    whole = ready.sweep.sample is None and not ready.sweep.where and all(len(group) == 1 for group in ready.sweep.groups)
    complete = whole and len(settings) * ready.sweep.replications == ready.count
    rest = {one.name: max(1.0 - sum(effect.share_ratio for effect in found if effect.quantity is one), 0.0) for one in varied} if complete else {}
    return tuple(found), rest


def _level_of(values: Sequence[Any], order: Sequence[Any] | None) -> list[tuple[float, str]]:
    """Where each value stands among the axis' levels, and what that level is called; ranges with many values are cut into parts equally often hit."""
    numbers = [quantity(value) for value in values]
    if (order is None or len(order) > 3 * _LEVELS) and None not in numbers:
        known = np.array(numbers, dtype=float)
        edges = np.quantile(known, np.linspace(0, 1, _LEVELS + 1))
        bins = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, _LEVELS - 1)
        return [(float(bin), f"{edges[bin]:.3g} to {edges[bin + 1]:.3g}") for bin in bins]
    names = [str(value) for value in (order if order is not None else values)]
    positions = {name: float(index) for index, name in reversed(list(enumerate(names)))}
    return [(positions.get(str(value), float(len(positions))), str(value)) for value in values]


def _effect(axis: str, quantity_: Quantity, levels: Sequence[tuple[float, str]], settings: Sequence[Setting], ordered: bool, drawn: bool) -> Effect | None:
    rows = [(level, value) for level, one in zip(levels, settings, strict=True) if (value := one.values[quantity_.field]) is not None]
    if len({level for level, _ in rows}) < 2:
        return None
    values = np.array([value for _, value in rows])
    total = float(((values - values.mean()) ** 2).sum())
    means: list[tuple[str, float]] = []
    between = 0.0
    for level in sorted({level for level, _ in rows}):
        own = np.array([value for other, value in rows if other == level])
        means.append((level[1], float(own.mean())))
        between += len(own) * float(own.mean() - values.mean()) ** 2
    changes = np.diff([mean for _, mean in means])
    slack = _SAME * float(np.abs(values).max())
    rises = True if (changes >= -slack).all() else False if (changes <= slack).all() else None
    share = _share_of_draws(between, total, len(means), len(values)) if drawn else between / total if total else 0.0
    return Effect(axis, quantity_, share, tuple(means), rises if ordered else None)


def _share_of_draws(between: float, total: float, levels: int, count: int) -> float:
    """Omega squared: the share an axis explains beyond what as many levels explain of drawn points by chance."""
    if count <= levels:
        return 0.0
    within = (total - between) / (count - levels)
    return max((between - (levels - 1) * within) / (total + within), 0.0) if total + within else 0.0
