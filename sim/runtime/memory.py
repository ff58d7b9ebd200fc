"""Which models are in memory: weights, state and arenas against the capacity, loading and eviction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from device_models.spec import DeviceSpec
from device_models.units import format_quantity
from sim.compiler.paging import paged_to_fit
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
        self.cold_starts = 0
        self.loading_s = 0.0  # from when it was wanted until it was there, all loads together
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
        self._device = device
        self._clock, self._instances, self._evict, self._changed, self._reads = clock, instances, evict, changed, reads
        self.capacity_bytes = float(device.memory.capacity_bytes) - float(device.memory.reserved_bytes)
        self._read_bytes_per_s = float(device.storage.read_bytes_per_s)
        self._storage_free_s = 0.0
        self._starved: list[Execution] = []  # runs that wait for memory of others
        self.claims: list[tuple[float, str]] = []  # memory set aside for the whole run beside the models
        self.used_bytes = 0.0
        self.peak_bytes = 0.0
        self._reserved_bytes = 0.0  # kept free of models for what grows and shrinks, as far as that is not used yet
        self.loads = 0
        self.evictions = 0

    def claim(self, what: str, size: float) -> None:
        """Set memory aside for the whole run. Raises EdgesimError if it does not fit beside the models."""
        self.claims.append((size, what))
        self.check()

    def check(self) -> None:
        """Raise EdgesimError before the run if the models cannot fit, with what is set aside."""
        sizes = sorted(((instance.bytes, instance.program.name) for instance in self._instances), reverse=True)
        needed = sizes[0][0] if self._evict and sizes else sum(size for size, _ in sizes)
        needed += sum(size for size, _ in self.claims)
        sizes += self.claims
        if needed <= self.capacity_bytes:
            return
        parts = ", ".join(f"{name} {_bytes(size)}" for size, name in sizes)
        mend = "; or ".join([*self._memory_settings(), f"take {'a smaller model' if len(sizes) == 1 else 'smaller models'}, a smaller batch or sequence,"])
        mend += " or fewer bits per weight (precision)"
        what = "the models and caches" if self.claims else "the models"
        raise EdgesimError(f"{what} need {_bytes(needed)} of memory ({parts}) but the device has {_bytes(self.capacity_bytes)} for them; {mend}")

    def _memory_settings(self) -> list[str]:
        """Settings of the scenario's ``memory`` with which the models would fit."""
        found, sizes = [], [instance.bytes for instance in self._instances]
        room = self.capacity_bytes - sum(size for size, _ in self.claims)
        if not self._evict and len(sizes) > 1 and max(sizes) <= room:
            found.append(f"set memory: {{when_full: evict}} (the largest needs {_bytes(max(sizes))})")
        if not any(instance.program.state_bytes for instance in self._instances):  # generation keeps its weights in memory
            programs = {str(position): instance.program for position, instance in enumerate(self._instances)}
            needed = sum(program.resident_bytes for program in paged_to_fit(programs, self._device, self.capacity_bytes).values())
            if needed <= room:
                found.append(f"set memory: {{weights: paged}} (streamed from storage in every run; {_bytes(needed)} stays in memory)")
        return found

    def reserve(self, size: float) -> None:
        """Keep so many bytes for what :meth:`grow` takes: models find that much less room."""
        self._reserved_bytes += size

    def free_bytes(self) -> float:
        """What is left when all models are loaded, those that may be evicted but for the largest, and nothing more may be reserved."""
        sizes = [instance.bytes for instance in self._instances]
        needed = max(sizes, default=0.0) if self._evict else sum(sizes)
        return self.capacity_bytes - needed - self._reserved_bytes

    def grow(self, size: float) -> None:
        """So many bytes of what is reserved are used more, or less."""
        self._reserved_bytes -= size
        self._use(size)

    def transfer(self, size: float) -> float:
        """Move bytes between memory and storage, behind what storage does already; when that ends [s]. Writing is taken to be as fast as reading."""
        begin_s = max(self._storage_free_s, self._clock._now)
        self._storage_free_s = begin_s + size / self._read_bytes_per_s
        self._reads(begin_s, self._storage_free_s)
        return self._storage_free_s

    def start(self) -> None:
        """Put what loads at the start into memory, in order, as far as it fits."""
        self._use(sum(size for size, _ in self.claims))
        for instance in self._instances:
            if instance.at_start and self.used_bytes + self._reserved_bytes + instance.bytes <= self.capacity_bytes:
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

    def loaded_s(self, instance: Instance) -> float:
        """When a model that is being read will be there; now for others, because it takes a request to begin the reading."""
        return self._storage_free_s if instance.loading else self._clock._now

    def warm_up(self, instance: Instance) -> None:
        """A first inference begins; those that follow are warm."""
        instance.cold = False
        instance.cold_starts += 1

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
        instance.loading_s += self._storage_free_s - self._clock._now
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
        size += self._reserved_bytes
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
