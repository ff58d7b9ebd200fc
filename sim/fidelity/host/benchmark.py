"""All micro-benchmarks of a thread count: packs of random operators and chains in the cache, in float and in 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sim.fidelity.host.branch import Branch
from sim.fidelity.host.chains import chains
from sim.fidelity.host.measure import Timed, run_overhead_s, time_chain, time_pack
from sim.fidelity.host.operators import FLOAT, INTEGER, Benchmark

PER_KIND = 60  # operators of each kind, times its share
PACKS = (8, 110)  # operators of a pack, log-uniform: data that lie near, and data that lie far

Progress = Callable[[float], None]


@dataclass
class HostTimes:
    """What was measured with so many threads: timed operators by format, and the time of a run beside its operators."""

    threads: int
    run_s: float
    operators: dict[str, list[Timed]] = field(default_factory=dict)


def benchmark_host(threads: int, *, seed: int = 0, per_kind: int = PER_KIND, progress: Progress | None = None) -> HostTimes:
    """Run every micro-benchmark; one to two minutes at the default ``per_kind``. The machine should do nothing else meanwhile."""
    times = HostTimes(threads, run_overhead_s(threads))
    for position, (format, table) in enumerate((("float", FLOAT), ("int8", INTEGER))):
        found: list[Timed] = []
        packs = drawn_packs(table, np.random.default_rng([seed, position]), per_kind)
        for index, pack in enumerate(packs):
            found += time_pack(pack, threads)
            if progress is not None:
                progress((position + 0.9 * (index + 1) / len(packs)) / 2)
        found += [timed for chain in chains(format == "int8", seed) if (timed := time_chain(chain, threads)) is not None]
        times.operators[format] = found
        if progress is not None:
            progress((position + 1) / 2)
    return times


def drawn_packs(table: tuple[Benchmark, ...], rng: np.random.Generator, per_kind: int) -> list[list[Branch]]:
    """Random operators of every kind, shuffled into packs of random size."""
    waiting = [benchmark for benchmark in table for _ in range(max(round(benchmark.share * per_kind), 1))]
    rng.shuffle(waiting)  # type: ignore[arg-type]
    packs = []
    while waiting:
        size = int(np.exp(rng.uniform(*np.log(PACKS))))
        packs.append([_drawn(benchmark, f"n{index}", rng) for index, benchmark in enumerate(waiting[:size])])
        waiting = waiting[size:]
    return packs


def _drawn(benchmark: Benchmark, prefix: str, rng: np.random.Generator) -> Branch:
    branch = Branch(prefix, benchmark.kind, rng)
    benchmark.draw(branch)
    return branch
