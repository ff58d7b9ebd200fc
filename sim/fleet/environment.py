"""A fleet as a Gymnasium environment, for offloading policies that are learnt. Needs the extra ``[gym]``; imported only when it is used.

One step is one decision: a task of the chosen kind has arrived, and the action is the way it takes. Until the next decision the fleet
goes on, other kinds of tasks by their own policies.

- Observation, ``Box[4 + 2 * ways]`` of float32: seconds until the device's processor is free, expected rate of sending (MB/s), battery
  (0..1), servers' mean queue (tasks), and for each way the expected seconds and joules of the device. Values above ``LARGEST`` are cut.
- Action, ``Discrete[ways]``: the position of the way; 0 is the device alone.
- Reward: of all tasks of the kind that ended since the last decision, minus ``latency / scale_s`` (at most ``WORST``, which also a
  refused one counts) and minus ``energy_weight`` times their joules on the device.
- The episode is *truncated* where the simulated time ends; it never terminates by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from sim.fleet.offloading import Offloading, Task
from sim.fleet.task_log import TaskStatus

LARGEST = 1e6
WORST = 10.0


class OffloadingEnvironment(gymnasium.Env[np.ndarray, np.int64]):
    """``make``: a fleet before its first event, from a seed. ``kind``: name of the tasks that are decided about.

    ``scale_s``: latency that costs 1; the deadline of the tasks, or 0.1 s without one, if None. Raises ValueError for an unknown kind,
    and for one that has no choice.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (as the base class has it)

    def __init__(self, make: Callable[[int], Offloading], duration_s: float, kind: str, scale_s: float | None = None, energy_weight: float = 0.0) -> None:
        self._make, self._duration_s, self._kind, self._energy_weight = make, duration_s, kind, energy_weight
        running = {one.kind.name: one for one in make(0).running}
        if kind not in running:
            raise ValueError(f"no task {kind!r}; there are {', '.join(running)}")
        self.ways = tuple(way.name for way in running[kind].ways)
        if len(self.ways) < 2:
            raise ValueError(f"task {kind!r} can only be computed on the device: there is nothing to decide")
        deadline_s = running[kind].deadline_s
        self._scale_s = scale_s if scale_s is not None else (deadline_s if deadline_s < math.inf else 0.1)
        self.action_space = gymnasium.spaces.Discrete(len(self.ways))
        self.observation_space = gymnasium.spaces.Box(0.0, LARGEST, (4 + 2 * len(self.ways),), np.float32)
        self._world: Offloading | None = None
        self._task: Task | None = None
        self._counted = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """A new run, of this seed or a random one, up to its first decision."""
        super().reset(seed=seed)
        self._world = self._make(int(self.np_random.integers(2**31)))
        self._world.ask = self._asked
        self._task, self._counted = None, 0
        self._go_on()
        return self._observation(), {"time_s": self._world.clock.now}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """The task that waits takes this way. Raises ValueError for a way that there is not, RuntimeError after the end."""
        if self._world is None or self._task is None:
            raise RuntimeError("the episode is over, or has not begun; call reset")
        if not self.action_space.contains(np.int64(action)):
            raise ValueError(f"way {action} is not one of 0 to {len(self.ways) - 1}")
        task, self._task = self._task, None
        self._world.take(task, int(action))
        self._go_on()
        reward, ended = self._reward(self._world)
        return self._observation(), reward, False, self._task is None, {"time_s": self._world.clock.now, "ended": ended}

    def _asked(self, task: Task) -> None:
        """Tasks of other kinds follow their policies."""
        assert self._world is not None
        if task.kind.kind.name == self._kind:
            self._task = task
        else:
            self._world.take(task, task.kind.policy.choose(self._world.situations[task.kind.index].of(task)))

    def _go_on(self) -> None:
        """To the next decision, or to the end."""
        assert self._world is not None
        clock = self._world.clock
        while self._task is None and clock.peek() < self._duration_s:
            clock.step()

    def _observation(self) -> np.ndarray:
        assert self._world is not None
        values = np.zeros(self.observation_space.shape or (), np.float64)
        if self._task is not None:
            situation = self._world.situations[self._task.kind.index].of(self._task)
            queue = np.mean([server.waiting for server in self._world.servers.values()]) if self._world.servers else 0.0
            values[:4] = situation.wait_s, situation.bandwidth_bytes_per_s / 1e6, situation.charge_ratio, queue
            values[4:] = [value for option in situation.options for value in (option.latency_s, option.energy_j)]
        return np.clip(np.nan_to_num(values, posinf=LARGEST), 0.0, LARGEST).astype(np.float32)

    def _reward(self, world: Offloading) -> tuple[float, int]:
        """Of the tasks that ended since the last time, and how many."""
        rows = world.log.since(self._counted)
        self._counted = len(world.log)
        of_kind = [row for row in rows if world.running[row["kind"]].kind.name == self._kind]
        cost = 0.0
        for row in of_kind:
            latency = WORST if row["status"] == TaskStatus.REFUSED else min((row["end_s"] - row["arrival_s"]) / self._scale_s, WORST)
            cost += latency + self._energy_weight * row["energy_j"]
        return -cost, len(of_kind)
