"""Populations and rounds made by hand: clients with known times, without compiling anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.fleet.federated.attempt import Wire, Workforce
from sim.fleet.federated.ledger import Ledger
from sim.fleet.federated.plan import AssumedLosses, CodeRates, Plan
from sim.fleet.federated.pool import Pool
from sim.fleet.federated.population import ClientRadio, Group, Population
from sim.fleet.federated.runs import run_rounds
from sim.fleet.federated.sessions import ChargingWindow
from sim.fleet.federated.training_time import TrainingTable, TrainingTimes
from sim.policies.aggregation import ElementWork
from sim.policies.client_selection import CLIENT_SELECTION
from sim.scenario.federated.model import Asynchronous, Hierarchical, Synchronous

STEP_S, STEP_J = 1.0, 2.0
RADIO = ClientRadio(promotion_s=0.5, promotion_j=1.0, send_w=2.0, receive_w=1.0, send_j_per_byte=0.01, receive_j_per_byte=0.005, tail_s=2.0, tail_j=0.6)


def table(points: int = 64, excess_c: float = 0.0) -> TrainingTable:
    """A second and two joules a step."""
    steps = np.arange(points + 1.0)
    return TrainingTable(steps, STEP_S * steps, STEP_J * steps, excess_c * (1 - np.exp(-steps / 10)), 100.0, float(points))


def population(count: int, **changes: Any) -> Population:
    """Clients with ten steps, links of 10 bytes a second, always there, on mains power; ``changes`` replace fields (arrays or numbers)."""
    ones = np.ones(count, dtype=np.float32)
    fields: dict[str, Any] = {
        "groups": (Group("all", "none", ClientRadio(), np.inf),),
        "kind": np.zeros(count, dtype=np.int8),
        "factor": ones,
        "up_bytes_per_s": 10 * ones,
        "down_bytes_per_s": 10 * ones,
        "samples": 100 * ones,
        "steps": 10 * ones,
        "windows": np.column_stack([ones, ones, 0 * ones]),
        "excess_c": 0 * ones,
        "warmed_s": np.zeros(count),
        "loss_level": ones,
    }
    fields = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in fields.items()}
    return Population(**{**fields, **changes})


def sessions(count: int, period_s: float, session_s: float, seed: int = 0) -> np.ndarray:
    """Windows at random phases."""
    phases = np.random.default_rng(seed).random(count) * period_s
    return np.column_stack([np.full(count, period_s), np.full(count, session_s), phases]).astype(np.float32)


def batteries(count: int, held_j: float, share: float, drain_w: float = 0.0, charge_w: float = 10.0, charging_s: float = 0.0) -> dict[str, Any]:
    """Fields of a population with batteries that charge from the beginning of every day."""
    return {
        "groups": (Group("all", "none", ClientRadio(), held_j),),
        "charging": ChargingWindow(86400.0, charging_s, charge_w, drain_w),
        "charge_phase_s": np.zeros(count, dtype=np.float32),
        "charge_j": np.full(count, share * held_j, dtype=np.float32),
        "charged_s": np.zeros(count),
    }


class Run:
    """What became of rounds: the ledger, the time of the end, and every attempt with when its clients were let go and which counted."""

    def __init__(
        self,
        rounds: Synchronous | Hierarchical | Asynchronous,
        people: Population,
        wire: Wire | None = None,
        *,
        selection: str = "random",
        tables: tuple[TrainingTable, ...] | None = None,
        seed: int = 1,
        server: CodeRates | None = None,
        work: Callable[[int, int], ElementWork] = lambda answered, asked: ElementWork(),
        backbone: Wire | None = None,
        edge: CodeRates | None = None,
        threshold: float = 0.0,
    ) -> None:
        self.wire, self.attempts = wire or Wire(100.0, 50.0), list[Any]()
        rng = np.random.default_rng(seed)
        force = Workforce(people, TrainingTimes(tables or (table(),) * len(people.groups)), rng)
        policy = CLIENT_SELECTION[selection]()
        policy.start(people.count, np.random.default_rng(seed + 1))
        plan = Plan(
            self.wire,
            backbone or self.wire,
            policy,
            server or CodeRates(),
            work,
            AssumedLosses(0.2, 0.2),
            rng,
            threshold,
            lambda attempt, released_s, counted: self.attempts.append((attempt, released_s, counted)),
        )
        self.ledger: Ledger
        self.ledger, self.end_s = run_rounds(rounds, force, Pool(force, self.wire, np.random.default_rng(seed + 2)), plan, edge or CodeRates())


def synchronous(number: int = 1, clients: int = 10, **more: Any) -> Synchronous:
    """Rounds as a study writes them."""
    return Synchronous.model_validate({"number": number, "clients": clients, **more})


def asynchronous(number: int, buffer: int, concurrency: int, **more: Any) -> Asynchronous:
    """The same for rounds with a buffer."""
    return Asynchronous.model_validate({"kind": "asynchronous", "number": number, "buffer": buffer, "concurrency": concurrency, **more})


def hierarchical(number: int, clients: int, edges: dict[str, Any], **more: Any) -> Hierarchical:
    """The same by way of aggregators."""
    return Hierarchical.model_validate({"kind": "hierarchical", "number": number, "clients": clients, "edges": edges, **more})
