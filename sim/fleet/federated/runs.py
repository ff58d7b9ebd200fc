"""Runs the rounds of a study, whatever their kind."""

from __future__ import annotations

from sim.fleet.federated.asynchronous import AsynchronousRounds
from sim.fleet.federated.attempt import Workforce
from sim.fleet.federated.hierarchical import HierarchicalRounds
from sim.fleet.federated.ledger import Ledger
from sim.fleet.federated.plan import CodeRates, Plan
from sim.fleet.federated.pool import Pool
from sim.fleet.federated.synchronous import SynchronousRounds
from sim.scenario.federated.model import Asynchronous, Hierarchical, RoundsChoice


def run_rounds(rounds: RoundsChoice, workforce: Workforce, pool: Pool, plan: Plan, edge: CodeRates) -> tuple[Ledger, float]:
    """The ledger, and when the last round was over. ``edge``: how fast aggregators at the edge compute."""
    run: SynchronousRounds | AsynchronousRounds
    if isinstance(rounds, Asynchronous):
        run = AsynchronousRounds(rounds, workforce, pool, plan)
    elif isinstance(rounds, Hierarchical):
        run = HierarchicalRounds(rounds, workforce, pool, plan, edge)
    else:
        run = SynchronousRounds(rounds, workforce, pool, plan)
    ledger = run.run()
    return ledger, run.now_s
