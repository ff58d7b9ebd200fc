"""Plans of stages that have a queue before them: batching, or several units to choose from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim.policies.batching import BATCHING
from sim.runtime.admission import admission_policy
from sim.runtime.batch_server import BatchServer
from sim.runtime.replica import Replica
from sim.runtime.request import StagePlan
from sim.runtime.spread import Factors
from sim.scenario.batching import Batching, variant_name
from sim.scenario.stages import CodeStage, ModelStage

if TYPE_CHECKING:
    from sim.runtime.plans import PlanAt, Planner

_SINGLE = Batching(max_size=1, policy="greedy")


def is_served(stage: ModelStage | CodeStage) -> bool:
    """Whether its requests queue before a server instead of the unit."""
    return bool(stage.units) or (isinstance(stage, ModelStage) and stage.batching is not None)


def served_plan(stage: ModelStage | CodeStage, at: PlanAt, planner: Planner) -> StagePlan:
    """The plan of a stage before a server; stages that run the same model have the same one."""
    name = stage.model if isinstance(stage, ModelStage) else planner.program_name(at)
    server = next((known for known in planner.servers if isinstance(known, BatchServer) and known.name == name), None)
    if server is None:
        server = _server(name, stage, at, planner)
        planner.servers.append(server)
    return StagePlan(at.index, (), (), None, stage.repeat, server.replicas[0].plans[0].run_s, server=server)


def spread_of(stage: CodeStage, at: PlanAt, planner: Planner) -> Factors | None:
    """What multiplies the work of single runs, with its random stream; None: nothing."""
    if stage.spread is None:
        return None
    factors = Factors(stage.spread, planner.program_name(at))
    planner.servers.append(factors)
    return factors


def _server(name: str, stage: ModelStage | CodeStage, at: PlanAt, planner: Planner) -> BatchServer:
    batching = (stage.batching if isinstance(stage, ModelStage) else None) or _SINGLE
    spread = spread_of(stage, at, planner) if isinstance(stage, CodeStage) else None
    replicas = []
    for unit in stage.units or (None,):
        weights = planner.instances[at.others[variant_name("", 1, unit)]]
        plans = [planner.program_plan(at.others[variant_name("", size, unit)], at) for size in batching.sizes]
        replicas.append(Replica(tuple(replace(plan, instance=weights, spread=spread) for plan in plans)))
    return BatchServer(
        planner.board.clock,
        name,
        replicas,
        batching.sizes,
        BATCHING[batching.policy](),
        float(batching.max_delay_s),
        admission_policy(stage.admission),
        planner.residency,
        planner.board.recorder,
        planner.warmup_s,
    )
