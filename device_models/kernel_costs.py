"""What a cost law returns: per-kernel costs that any frequency and any share of the memory bandwidth can be applied to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

COMPUTE, MEMORY, OVERHEAD = "compute", "memory", "overhead"


@dataclass(frozen=True)
class KernelCosts:
    """Columns of shape ``[kernels]``; :func:`kernel_seconds` turns them into time.

    ``fixed_s``: overhead that no clock of the unit changes (drivers, launches), s.
    ``overhead_cycles``: work outside the compute/memory overlap, in cycles of the unit's clock. ``vector_cycles`` is the part
    of it that is element-wise arithmetic, so that it counts as compute when a bound is named.
    ``compute_cycles``: multiply-accumulates and traffic of core-clocked caches, cycles.
    ``memory_s``: time of the traffic to the shared memory at the full bandwidth share, s.
    ``dram_bytes``: bytes that reach the shared memory, for contention and energy.
    ``exponent``: p of the p-norm that joins compute and memory (1: one after the other, large: perfect overlap).
    ``events_j``: energy of what happens in the kernel however long it takes, at the highest voltage (events of spiking networks), J.
    """

    fixed_s: np.ndarray
    overhead_cycles: np.ndarray
    vector_cycles: np.ndarray
    compute_cycles: np.ndarray
    memory_s: np.ndarray
    dram_bytes: np.ndarray
    exponent: float
    events_j: np.ndarray = field(default_factory=lambda: np.zeros(0))  # none given: zero for every kernel

    def __post_init__(self) -> None:
        if not len(self.events_j):
            object.__setattr__(self, "events_j", np.zeros(len(self.fixed_s)))

    def __len__(self) -> int:
        return len(self.fixed_s)

    @classmethod
    def empty(cls, kernels: int, exponent: float) -> KernelCosts:
        """All costs zero, for a law to fill by rows."""
        zeros = [np.zeros(kernels) for _ in range(6)]
        return cls(zeros[0], zeros[1], zeros[2], zeros[3], zeros[4], zeros[5], exponent)

    def fill(self, rows: np.ndarray, part: KernelCosts) -> None:
        """Write ``part`` into the given rows (only used while a law builds its answer)."""
        for name in ("fixed_s", "overhead_cycles", "vector_cycles", "compute_cycles", "memory_s", "dram_bytes", "events_j"):
            getattr(self, name)[rows] = getattr(part, name)


def kernel_seconds(costs: KernelCosts, frequency_hz: float, share: float = 1.0) -> np.ndarray:
    """Seconds of each kernel ``[kernels]`` at a clock and a share ``0 < share <= 1`` of the bandwidth the unit can draw."""
    if not (frequency_hz > 0 and 0 < share <= 1):
        raise ValueError(f"frequency must be positive and share in (0, 1], got {frequency_hz:g} Hz and {share:g}")
    compute_s = costs.compute_cycles / frequency_hz
    memory_s = costs.memory_s / share
    return costs.fixed_s + costs.overhead_cycles / frequency_hz + p_norm(compute_s, memory_s, costs.exponent)


def p_norm(first: np.ndarray, second: np.ndarray, exponent: float) -> np.ndarray:
    """``(a^p + b^p)^(1/p)`` of non-negative arrays; exact for p = 1 and p = infinity, and free of overflow."""
    if exponent == 1:
        return first + second
    larger = np.maximum(first, second)
    if np.isinf(exponent):
        return larger
    smaller = np.minimum(first, second)
    ratio = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
    return np.asarray(larger * (1.0 + ratio**exponent) ** (1.0 / exponent))


def bound(costs: KernelCosts, frequency_hz: float, share: float = 1.0) -> np.ndarray:
    """The name of each kernel's largest part: ``compute``, ``memory`` or ``overhead`` (array of str, ``[kernels]``)."""
    compute_s = (costs.compute_cycles + costs.vector_cycles) / frequency_hz
    memory_s = costs.memory_s / share
    overhead_s = costs.fixed_s + (costs.overhead_cycles - costs.vector_cycles) / frequency_hz
    return np.array([COMPUTE, MEMORY, OVERHEAD])[np.argmax(np.stack([compute_s, memory_s, overhead_s]), axis=0)]


def kernel_activity(costs: KernelCosts, frequency_hz: float, share: float = 1.0, stalled: float = 0.35) -> np.ndarray:
    """Switching activity of the unit during each kernel, 0..1 (``[kernels]``): 1 while it computes, ``stalled`` while it waits.

    ``stalled`` is estimated: clock tree, caches and load/store stay active while the arithmetic waits for memory.
    """
    busy_s = (costs.compute_cycles + costs.overhead_cycles) / frequency_hz
    total_s = np.maximum(kernel_seconds(costs, frequency_hz, share), 1e-30)
    return np.asarray(stalled + (1.0 - stalled) * np.minimum(busy_s / total_s, 1.0))
