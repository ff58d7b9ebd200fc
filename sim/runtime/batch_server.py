"""One queue before one or several replicas of a model or of user code: requests leave it in batches."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from heapq import heapify, heapreplace
from typing import Any

from sim.policies.admission import AdmissionPolicy, Decision
from sim.policies.batching import BatchingPolicy, QueueView
from sim.runtime.admission import StageArrival
from sim.runtime.batch_run import BatchRun, Member
from sim.runtime.clock import BATCHES, Alarm, Clock
from sim.runtime.memory import Residency
from sim.runtime.recorder import Recorder
from sim.runtime.replica import Replica
from sim.runtime.request import StageRun
from sim.trace import RequestQueue


class BatchServer:
    """Higher priorities first, then first come, first served. ``buckets``: compiled sizes, ascending; the last one is the largest batch.

    Batches are made after all that happens at a moment, so that requests that come together go together; single runs begin at once.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        replicas: Sequence[Replica],
        buckets: Sequence[int],
        policy: BatchingPolicy,
        max_delay_s: float,
        admission: AdmissionPolicy | None,
        residency: Residency,
        recorder: Recorder,
        warmup_s: float,
    ) -> None:
        self.clock, self.name, self.replicas, self.buckets = clock, name, tuple(replicas), tuple(buckets)
        self.residency, self._recorder, self._warmup_s = residency, recorder, warmup_s
        self.told = RequestQueue(name, len(self.replicas), list(self.buckets))
        self._number = len(recorder.trace.queues)
        recorder.trace.queues.append(self.told)
        self._policy, self._admission = policy, admission
        self._view = QueueView(0.0, 0, 0.0, self.buckets[-1], max_delay_s, self.buckets)
        self._single = self.buckets[-1] == 1
        self._classes: list[tuple[int, deque[Member]]] = []  # by priority, the highest first
        self._waiting = 0
        self._idle = list(self.replicas)
        self._predicts = False  # whether anybody asks for the end of a request
        self._due: Alarm | None = None
        self._due_s = math.inf

    def start(self, seed: int) -> None:
        """Nothing to do: the first request starts it."""

    def finish(self) -> None:
        """The run is over: what unfinished batches took belongs to their requests."""
        for replica in self.replicas:
            if replica.run is not None:
                replica.run.share_energy()

    def submit(self, run: StageRun) -> None:
        """A stage has come."""
        if self._admission is not None and not self._admits(run):
            return
        now = self.clock._now
        self._class(run.request.source.priority).append((now, run))
        self._waiting += 1
        if self._idle:
            if self._single:
                self._dispatch(None)
            else:
                self._dispatch_at(now)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiting

    @property
    def least_priority(self) -> int | None:
        """The lowest priority among them; None: nobody waits."""
        return next((priority for priority, queue in reversed(self._classes) if queue), None)

    def _class(self, priority: int) -> deque[Member]:
        for known, queue in self._classes:
            if known == priority:
                return queue
        queue = deque[Member]()
        self._classes.append((priority, queue))
        self._classes.sort(key=lambda one: -one[0])
        return queue

    def _admits(self, run: StageRun) -> bool:
        assert self._admission is not None
        decision = self._admission.decide(StageArrival(self, run))
        if decision is Decision.ADMIT:
            return True
        victim = self._least_urgent() if decision is Decision.DISPLACE else None
        self.told.refused += self.clock._now >= self._warmup_s
        (run if victim is None else victim).request.source.refuse((run if victim is None else victim).request)
        return victim is not None

    def _least_urgent(self) -> StageRun | None:
        """The last one of the lowest priority, taken off the queue."""
        for _, queue in reversed(self._classes):
            while queue:
                self._waiting -= 1
                run = queue.pop()[1]
                if not run.request.ended:
                    return run
        return None

    def _dispatch_at(self, time_s: float) -> None:
        if time_s >= self._due_s:
            return
        if self._due is not None:
            self._due.cancel()
        self._due_s = time_s
        self._due = Alarm(self.clock, time_s, BATCHES, self._dispatch)

    def _dispatch(self, _: Any) -> None:
        """Hand out batches while there are replicas and requests."""
        self._due, self._due_s = None, math.inf
        view, now = self._view, self.clock._now
        while self._idle and self._forget_ended():
            view.now_s, view.waiting, view.oldest_s = now, self._waiting, self._oldest_s()
            leaves_s = self._policy.leaves_s(view)
            if leaves_s > now:
                self._dispatch_at(leaves_s)
                return
            members = self._take(min(max(self._policy.size(view), 1), view.max_size))
            if members:
                self._begin(members, now)

    def _forget_ended(self) -> int:
        """Drop those at the heads of the queue that were given up while they waited; how many wait."""
        for _, queue in self._classes:
            while queue and queue[0][1].request.ended:
                queue.popleft()
                self._waiting -= 1
        return self._waiting

    def _oldest_s(self) -> float:
        return min([queue[0][0] for _, queue in self._classes if queue])

    def _take(self, size: int) -> list[Member]:
        """The next ones of the queue; none that was given up, or is now because it is too late for it."""
        members: list[Member] = []
        for _, queue in self._classes:
            while queue and len(members) < size:
                member = queue.popleft()
                self._waiting -= 1
                request = member[1].request
                if not (request.ended or (request.start_s != request.start_s and request.source.gives_up(request))):
                    members.append(member)
        return members

    def _begin(self, members: list[Member], now: float) -> None:
        replica = self._idle.pop(0)
        bucket = bisect_left(self.buckets, len(members))
        plan = replica.plan(bucket, members[0][1].plan.index)
        replica.run = run = BatchRun(self, replica, plan, self.buckets[bucket], members, now)
        run.begin()

    def through(self, run: BatchRun) -> None:
        """A batch has ended: its replica is free, its requests go on."""
        run.share_energy()
        if self._predicts:
            run.replica.learn(self.clock._now)
        self._write(run)
        self._free(run.replica)
        for _, member in run.members:
            member.run_done()

    def _write(self, run: BatchRun) -> None:
        begun_s, members, told = run.begun_s, run.members, self.told
        self._recorder.batch(self._number, run.formed_s, begun_s, run.request.number, run.plan.index, len(members), run.size)
        if begun_s < self._warmup_s:
            return
        key = (len(members), run.size)
        told.sizes[key] = told.sizes.get(key, 0) + 1
        queued_s = [since_s for since_s, _ in members]
        told.wait_s += begun_s * len(members) - sum(queued_s)
        told.longest_wait_s = max(told.longest_wait_s, begun_s - min(queued_s))
        told.busy_s += self.clock._now - run.formed_s

    def abandoned(self, run: BatchRun) -> None:
        """All requests of a batch were given up before it began."""
        self._free(run.replica)

    def _free(self, replica: Replica) -> None:
        replica.run = None
        self._idle.append(replica)
        if len(self._idle) > 1:
            self._idle.sort(key=self.replicas.index)  # the first one named is taken first
        if self._waiting:
            if self._single:
                self._dispatch(None)
            else:
                self._dispatch_at(self.clock._now)

    def _free_s(self, replica: Replica, now: float) -> float:
        instance = replica.plans[0].instance
        free_s = replica.free_s(now)
        return free_s if instance is None else max(free_s, self.residency.loaded_s(instance))

    def predicted_end_s(self, priority: int) -> float:
        """When a request that comes now would be through: batches before it are full, its own leaves as the policy says, and fills up if it waits."""
        self._predicts = True
        now, view, largest = self.clock._now, self._view, self.buckets[-1]
        ahead = sum(len(queue) for known, queue in self._classes if known >= priority)
        free_s = [self._free_s(replica, now) for replica in self.replicas]
        heapify(free_s)
        full_s, own = self.replicas[0].batch_s(-1), ahead % largest + 1
        for _ in range(ahead // largest):
            heapreplace(free_s, free_s[0] + full_s)
        begins_s = free_s[0]
        view.now_s, view.waiting, view.oldest_s = begins_s, own, now if own == 1 else min(self._oldest_s(), now)
        begins_s = max(begins_s, self._policy.leaves_s(view))
        if begins_s > now:
            return begins_s + self.replicas[0].batch_s(-1)
        return begins_s + self.replicas[0].batch_s(bisect_left(self.buckets, own), at_once=True)
