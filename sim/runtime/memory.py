"""Which models are in memory: weights, state and arenas against the capacity, loading and eviction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from device_models.spec import DeviceSpec
from device_models.units import format_quantity
from sim.compiler.program import Program, network_of
from sim.errors import EdgesimError
from sim.runtime.clock import SWITCHES, Clock

if TYPE_CHECKING:
    from sim.runtime.execution import Execution


class Instance:
    """A program's presence in memory. A run in progress has an arena of its own; arenas are kept for the next run."""

    def __init__(self, program: Program, at_start: bool) -> None:
        self.program = program
        self.at_start = at_start
        self.resident = False
        self.loading = False
        self.ever_loaded = False
        self.cold = True  # the next run is a first inference
        self.arenas = 0
        self.in_use = 0
        self.used_s = 0.0
        self.waiting: list[Execution] = []
        self.shares_weights = False  # with an instance before it: the phases of one language model

    @property
    def bytes(self) -> float:
        """Memory it takes while loaded, with one arena."""
        program = self.program
        return float(program.plan.arena_bytes) if self.shares_weights else program.resident_bytes


def share_weights(instances: list[Instance]) -> None:
    """Prefill and decode of one network, runtime, precision, cache size and set of units: weights and caches are there once."""
    seen = set()
    for instance in instances:
        key = network_of(instance.program)
        instance.shares_weights = instance.at_start and instance.program.state_bytes > 0 and key in seen
        if instance.at_start:
            seen.add(key)


class Residency:
    """Admits runs of programs. Loads share one storage, first come, first served."""

    def __init__(
        self,
        clock: Clock,
        device: DeviceSpec,
        instances: list[Instance],
        evict: bool,
        changed: Callable[[float], None],
        reads: Callable[[float, float], None],
    ) -> None:
        if not evict:  # what may be evicted apart is kept apart
            share_weights(instances)
        self._clock, self._instances, self._evict, self._changed, self._reads = clock, instances, evict, changed, reads
        self.capacity_bytes = float(device.memory.capacity_bytes) - float(device.memory.reserved_bytes)
        self._read_bytes_per_s = float(device.storage.read_bytes_per_s)
        self._storage_free_s = 0.0
        self._starved: list[Execution] = []  # runs that wait for memory of others
        self.used_bytes = 0.0
        self.peak_bytes = 0.0
        self.loads = 0
        self.evictions = 0

    def check(self) -> None:
        """Raise EdgesimError before the run if the models cannot fit."""
        sizes = sorted(((instance.bytes, instance.program.name) for instance in self._instances), reverse=True)
        needed = sizes[0][0] if self._evict and sizes else sum(size for size, _ in sizes)
        if needed <= self.capacity_bytes:
            return
        parts = ", ".join(f"{name} {_bytes(size)}" for size, name in sizes)
        if self._evict or len(sizes) == 1:
            mend = "take a smaller model, a smaller batch or sequence, or fewer bits per weight (precision)"
        else:
            mend = f"take smaller models or fewer bits per weight (precision), or set memory: {{when_full: evict}} (the largest needs {_bytes(sizes[0][0])})"
        raise EdgesimError(f"the models need {_bytes(needed)} of memory ({parts}) but the device has {_bytes(self.capacity_bytes)} for them; {mend}")

    def start(self) -> None:
        """Put what loads at the start into memory, in order, as far as it fits."""
        for instance in self._instances:
            if instance.at_start and self.used_bytes + instance.bytes <= self.capacity_bytes:
                self._use(instance.bytes)
                instance.resident = instance.ever_loaded = True
                instance.arenas = 1

    def admit(self, instance: Instance, execution: Execution) -> bool:
        """Whether a run may begin now; if not, it is put back into its unit's queue when it is worth asking again."""
        if instance.resident:
            if instance.in_use < instance.arenas or self._new_arena(instance):
                instance.in_use += 1
                instance.used_s = self._clock._now
                self._page(instance.program.page_read_s)
                return True
            instance.waiting.append(execution)
            return False
        if not instance.loading and not self._load(instance):
            self._starved.append(execution)
            return False
        instance.waiting.append(execution)
        return False

    def release(self, instance: Instance) -> None:
        """A run has ended; its arena is free for the next."""
        instance.in_use -= 1
        instance.used_s = self._clock._now
        if instance.waiting:
            self._resume(instance)
        if self._starved:
            self._feed()

    def _feed(self) -> None:
        """Something may be evictable now: those that wait for memory ask again."""
        starved, self._starved = self._starved, []
        for execution in starved:
            execution.placed.unit.put_back(execution)

    def _resume(self, instance: Instance) -> None:
        """All of them: one that has been given up meanwhile must not keep the arena from the others."""
        waiting, instance.waiting = instance.waiting, []
        for execution in waiting:
            execution.placed.unit.put_back(execution)

    def _page(self, seconds: float) -> None:
        """A run streams its weights: storage is busy for so long."""
        if seconds > 0:
            begin_s = max(self._storage_free_s, self._clock._now)
            self._storage_free_s = begin_s + seconds
            self._reads(begin_s, self._storage_free_s)

    def _new_arena(self, instance: Instance) -> bool:
        size = float(instance.program.plan.arena_bytes)
        if not self._room(size, instance):
            return False
        instance.arenas += 1
        self._use(size)
        return True

    def _load(self, instance: Instance) -> bool:
        if not self._room(instance.bytes, instance):
            return False
        self._use(instance.bytes)
        instance.loading = True
        instance.arenas = 1
        instance.cold = True
        self.loads += 1
        seconds = self.reload_s(instance) if instance.ever_loaded else instance.program.load_s
        begin_s = max(self._storage_free_s, self._clock._now)
        self._storage_free_s = begin_s + seconds
        self._reads(begin_s, begin_s + min(self.reload_s(instance), seconds))
        self._clock.at(self._storage_free_s, SWITCHES, lambda _: self._loaded(instance))
        return True

    def reload_s(self, instance: Instance) -> float:
        """Bringing evicted weights back: reading them, without preparing the runtime again."""
        return instance.program.copied_bytes / self._read_bytes_per_s

    def _loaded(self, instance: Instance) -> None:
        instance.loading, instance.resident, instance.ever_loaded = False, True, True
        self._resume(instance)
        if not instance.in_use:  # those it was loaded for have been given up
            self._feed()

    def _room(self, size: float, wanted_by: Instance) -> bool:
        """Whether ``size`` more bytes fit, after giving back spare arenas, and evicting what has not been used for longest if the scenario allows it."""
        if self.used_bytes + size > self.capacity_bytes:
            self._give_back_arenas()
        while self.used_bytes + size > self.capacity_bytes:
            idle = [other for other in self._instances if other.resident and not other.in_use and other is not wanted_by]
            if not (self._evict and idle):
                return False
            victim = min(idle, key=lambda other: other.used_s)
            self._use(-victim.bytes)
            victim.resident, victim.arenas = False, 0
            self.evictions += 1
        return True

    def _give_back_arenas(self) -> None:
        for instance in self._instances:
            spare = instance.arenas - max(instance.in_use, 1)
            if instance.resident and spare > 0:
                instance.arenas -= spare
                self._use(-spare * float(instance.program.plan.arena_bytes))

    def _use(self, size: float) -> None:
        self.used_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)
        self._changed(self.used_bytes)


def _bytes(size: float) -> Any:
    return format_quantity(size, "bytes")
