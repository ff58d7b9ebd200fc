"""Program: a graph compiled for a device under a runtime, as frozen arrays the engine can time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from device_models.compute import KernelCosts
from device_models.work import Work

if TYPE_CHECKING:
    from sim.graph.ir import Graph


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive kernels on one unit: what the engine schedules as one piece of work."""

    index: int
    unit: str
    first: int  # rows of Program.kernels: first .. stop - 1
    stop: int
    after: tuple[int, ...]  # segments that must have ended
    costs: KernelCosts  # rows first .. stop - 1
    entry_s: float  # spent on the unit before the first kernel: dispatch, synchronisation, copies of the tensors that cross
    entry_bytes: float  # memory traffic of those copies
    why: str  # why it runs here: "first choice", "fallback: Softmax is not supported in int8 by ..."
    cores: float = 1.0  # cores (CPU threads) it keeps busy
    macs: tuple[float, float] = (0.0, 0.0)  # multiply-accumulates in float and in integer formats

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, eq=False)
class Kernels:
    """One row per kernel, in program order."""

    names: tuple[str, ...]  # the operator's name
    labels: tuple[str, ...]  # such as "Conv+Relu6"
    work: Work


@dataclass(frozen=True)
class Buffer:
    """A planned activation: alive from kernel ``first`` to kernel ``last`` (both included) at ``offset`` of the arena."""

    tensor: str
    size_bytes: int
    first: int
    last: int
    offset_bytes: int


@dataclass(frozen=True)
class MemoryPlan:
    """Where activations live; ``lower_bound_bytes`` is the most that is ever alive at once.

    ``shares``: tensors without a buffer of their own (views, results written over an input) and whose buffer they use.
    """

    buffers: tuple[Buffer, ...]
    arena_bytes: int
    lower_bound_bytes: int
    shares: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled model. ``pipeline`` lists the passes it went through, in order."""

    name: str
    model: str
    runtime: str
    precision: str
    segments: tuple[Segment, ...]  # in an order that respects ``after``
    kernels: Kernels
    plan: MemoryPlan
    weights_bytes: float  # stored with the model, and resident while it is loaded unless they are read in place
    state_bytes: float  # KV caches and other state kept between runs
    storage_bytes: float  # size of the model file
    load_s: float  # reading weights from storage and preparing the runtime
    first_inference_s: float  # what the first run takes beyond a warm one
    macs: float
    parameters: int
    pipeline: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what the compiler has to say: fallbacks, approximations, coverage of the cost model
    graph: Graph | None = field(default=None, repr=False)
    working_bytes: float = 0.0  # scratch of kernels beyond the plan, and what the engine keeps for each kernel
    weights_in_place: bool = False  # kernels read them from storage that is in the address space: they take no memory
    page_buffer_bytes: float = 0.0  # not 0: weights are streamed through buffers of so many bytes in every run ...
    page_read_s: float = 0.0  # ... which reads storage for so long
    weights_read: Mapping[str, float] = field(default_factory=dict, repr=False)  # bytes of weights that a run reads on each unit, each once

    @property
    def resident_bytes(self) -> float:
        """Memory it takes while loaded."""
        return self.copied_bytes + self.state_bytes + self.plan.arena_bytes + self.working_bytes

    @property
    def copied_bytes(self) -> float:
        """Weights that are copied into memory when it is loaded."""
        if self.page_buffer_bytes:
            return self.page_buffer_bytes
        return 0.0 if self.weights_in_place else self.weights_bytes


def network_of(program: Program) -> Hashable:
    """Equal for the phases of one language model (prefill and decode of one network, runtime, precision, cache and set of units), whose weights exist once."""
    if not program.state_bytes or (program.graph is not None and "training" in program.graph.notes):  # each training has weights of its own
        return id(program)
    units = frozenset(segment.unit for segment in program.segments)
    origin = program.model if program.graph is None else program.graph.notes.get("source", program.model)  # entries have names of their own
    return origin, program.runtime, program.precision, program.parameters, program.state_bytes, units


def stored_bytes(programs: Iterable[Program]) -> float:
    """What programs take on storage, networks that several of them run once."""
    largest: dict[Hashable, float] = {}
    for program in programs:
        key = network_of(program)
        largest[key] = max(largest.get(key, 0.0), program.storage_bytes)
    return sum(largest.values())
