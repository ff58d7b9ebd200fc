"""Which device each row of MLPerf Tiny is predicted with in a regime: what its fit was allowed to see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from device_models.spec import DeviceSpec
from sim.fidelity.case import Regime
from sim.fidelity.tiny_arrays import fitted_array
from sim.fidelity.tiny_fit import TinyFit, fit, fitted_device, system_factor
from sim.fidelity.tiny_systems import BENCHMARKS, Row, rows

LEAST_SHOWN = 2  # other benchmarks of the same system, below which a system counts as unseen


def device_for(row: Row, regime: Regime, shots: int) -> DeviceSpec | None:
    """The device a row is predicted with; None where the regime does not apply to it.

    ``in-sample``: everything was seen. ``leave-family-out``: no row of the benchmark was seen, on any system. ``zero-shot``: no row of
    any system with the same chip. ``k-shot``: as zero-shot, and up to ``shots`` other benchmarks on this very system, in the order kws,
    vww, ic, ad, for the system's own factor on all cycles.
    """
    if not row.is_core:
        return _accelerator(row, regime, shots)
    if regime == "in-sample":
        return fitted_device(row, everything(), with_system=True)
    if regime == "leave-family-out":
        return fitted_device(row, without_benchmark(row.benchmark), with_system=True) if len(_others(row)) >= LEAST_SHOWN else None
    found = without_chip(row.chip)
    if not found.knows(row):
        return None
    if regime == "zero-shot":
        return fitted_device(row, found, with_system=False)
    shown = _others(row)[:shots]
    return fitted_device(row, found, with_system=True, system=system_factor(row, found, shown)) if shown else None


@cache
def everything() -> TinyFit:
    """Fitted to all rows of processor cores."""
    return fit(cores())


@cache
def without_benchmark(benchmark: str) -> TinyFit:
    """Fitted to the rows of the other benchmarks."""
    return fit([row for row in cores() if row.benchmark != benchmark])


@cache
def without_chip(chip: str) -> TinyFit:
    """Fitted to the rows of the other chips."""
    return fit([row for row in cores() if row.chip != chip])


@cache
def cores() -> tuple[Row, ...]:
    """Rows that a processor core ran."""
    return tuple(row for row in rows() if row.is_core)


def _accelerator(row: Row, regime: Regime, shots: int) -> DeviceSpec | None:
    """Nothing tells the rates of an engine nobody has measured: there is no zero-shot."""
    own = [other for other in rows() if other.cost_class == row.cost_class]
    if regime == "in-sample":
        return fitted_array(row, own)
    others = [other for other in own if other.benchmark != row.benchmark]
    if regime == "zero-shot" or len({other.benchmark for other in others}) < LEAST_SHOWN:
        return None
    shown = [name for name in BENCHMARKS if name != row.benchmark][: shots if regime == "k-shot" else None]
    return fitted_array(row, [other for other in others if other.benchmark in shown])


def _others(row: Row) -> Sequence[Row]:
    """Rows of the same system and release with other benchmarks, in the order of the benchmarks."""
    same = [other for other in rows() if (other.release, other.system) == (row.release, row.system) and other.benchmark != row.benchmark]
    return sorted(same, key=lambda other: BENCHMARKS.index(other.benchmark))
