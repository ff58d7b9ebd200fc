"""A roll-out study from its file to what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np

from device_models.radio import RadioSpec
from sim.errors import EdgesimError, Problem
from sim.experiment.federated.draw_population import drawn_rates, drawn_sessions
from sim.experiment.locate import collected
from sim.experiment.rollout.size import update_bytes
from sim.fleet.federated.population import ClientRadio
from sim.fleet.rollout.plan import RolloutPlan, RolloutResult, UpdatedFleet
from sim.fleet.rollout.simulate import roll_out
from sim.scenario.rollout.model import Rollout, RolloutStudy
from sim.scenario.study import LoadedStudy
from sim.workload.streams import stream

_STEPS = 2000


@dataclass(frozen=True)
class RolloutExperiment:
    """A study whose update is sized; it can be run any number of times."""

    loaded: LoadedStudy
    plan: RolloutPlan

    def run(self, seed: int | None = None, progress: Callable[[float], None] | None = None) -> tuple[RolloutResult, float]:
        """One run, and the CPU seconds it took. ``seed`` None: the study's."""
        begun_s = time.process_time()
        seed = self.loaded.study.seed if seed is None else seed
        result = roll_out(self.plan, drawn_fleet(rollout_of(self.loaded), seed), stream(seed, "rollout"), progress)
        return result, time.process_time() - begun_s


def rollout_of(loaded: LoadedStudy) -> Rollout:
    """The roll-out that a study is about."""
    assert isinstance(loaded.study, RolloutStudy)
    return loaded.study.rollout


def prepare_rollout(loaded: LoadedStudy) -> RolloutExperiment:
    """Size the update. Raises EdgesimError for a model or file that cannot be read, at its place."""
    rollout, problems, size = rollout_of(loaded), list[Problem](), 0.0
    with collected(problems, loaded.places, ("rollout",)):
        size = update_bytes(rollout, loaded.directory)
    if problems:
        raise EdgesimError(problems)
    devices, risks, server = rollout.devices, rollout.risks, rollout.server
    duration_s = float(rollout.duration_s)
    plan = RolloutPlan(
        duration_s=duration_s,
        step_s=duration_s / _STEPS if rollout.step_s is None else min(float(rollout.step_s), duration_s),
        update_bytes=size,
        stages=tuple((float(stage.share), float(stage.hold_s)) for stage in rollout.stages),
        wifi_only=rollout.wifi_only,
        resume=risks.interrupted == "resume",
        corrupt=float(risks.corrupt),
        install_fails=float(risks.install),
        attempts=risks.attempts,
        crash=float(risks.crash),
        tolerated=float(risks.tolerated),
        least_reports=risks.least_reports,
        install_s=float(devices.install_s),
        install_w=float(devices.install_w),
        server_bytes_per_s=inf if server.bandwidth_bytes_per_s is None else float(server.bandwidth_bytes_per_s),
        radio=ClientRadio.of(None if devices.radio is None else RadioSpec.model_validate(devices.radio)),
    )
    return RolloutExperiment(loaded, plan)


def drawn_fleet(rollout: Rollout, seed: int) -> UpdatedFleet:
    """The devices as arrays; each property has a random stream of its own."""
    devices = rollout.devices
    _, down = drawn_rates(devices.links, devices.count, stream(seed, "population/links"))
    period_s, session_s = drawn_sessions(devices.availability, devices.count, stream(seed, "population/sessions"))
    phase_s = stream(seed, "population/phase").random(devices.count) * period_s
    down_bytes_per_s, periods_s, sessions_s, phases_s = (np.asarray(values, dtype=float) for values in (down, period_s, session_s, phase_s))
    return UpdatedFleet(down_bytes_per_s, periods_s, sessions_s, phases_s, float(devices.wifi))
