"""Every number of a federated run, with its unit in its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.fleet.federated.attempt import Cause
from sim.fleet.federated.ledger import CAUSES, Ledger
from sim.report.federated_learning_metrics import LearningMetrics, measure_learning

if TYPE_CHECKING:
    from sim.fleet.federated.result import FederatedResult


@dataclass(frozen=True)
class RoundMetrics:
    """Durations of rounds that came to a model; ``given_up_count``: rounds in which nothing was aggregated. None where there is no such round."""

    done_count: int
    given_up_count: int
    failed_ratio: float | None
    p50_s: float | None
    p90_s: float | None
    max_s: float | None
    client_p50_s: float | None
    client_max_s: float | None
    aggregation_mean_s: float | None
    staleness_mean_count: float | None


@dataclass(frozen=True)
class ClientMetrics:
    """Clients asked, each as often as it was, by what became of them; ``dropout_ratio``: that fell out, of those asked."""

    asked_count: int
    answered_count: int
    late_count: int
    session_count: int
    network_count: int
    battery_count: int
    dropout_ratio: float | None
    let_go_ratio: float | None


@dataclass(frozen=True)
class FederatedGroupMetrics:
    """One group of devices. ``training_mean_s``: of an answer; ``lost_ratio``: share of its seconds that led to nothing."""

    clients_count: int
    asked_count: int
    answered_count: int
    late_count: int
    dropped_count: int
    training_mean_s: float | None
    energy_per_round_j: float | None
    let_go_ratio: float | None
    dropout_ratio: float | None
    lost_ratio: float | None
    seconds_s: dict[str, float]
    joules_j: dict[str, float]


@dataclass(frozen=True)
class ServerLoadMetrics:
    """What the server did; ``waited_s``: until there were clients to ask."""

    computing_s: float
    energy_j: float
    sent_bytes: float
    received_bytes: float
    waited_s: float


@dataclass(frozen=True)
class FederatedMetrics:
    """All metrics of one run. ``seconds_s``, ``joules_j``: of all clients, by cause; the causes make the whole."""

    simulated_s: float
    population_count: int
    elements_count: int
    download_bytes: float
    upload_bytes: float
    rounds: RoundMetrics
    clients: ClientMetrics
    seconds_s: dict[str, float]
    joules_j: dict[str, float]
    lost_time_ratio: float | None
    lost_energy_ratio: float | None
    energy_per_client_j: float | None
    groups: dict[str, FederatedGroupMetrics]
    server: ServerLoadMetrics
    learning: LearningMetrics | None = None


def measure_federated(result: FederatedResult) -> FederatedMetrics:
    """Metrics of a run."""
    ledger = result.ledger
    seconds, joules = ledger.seconds.sum(axis=0), ledger.joules.sum(axis=0)
    asked = int(ledger.asked.sum())
    return FederatedMetrics(
        simulated_s=result.end_s,
        population_count=sum(result.counts),
        elements_count=result.elements,
        download_bytes=result.download_bytes,
        upload_bytes=result.upload_bytes,
        rounds=_rounds(ledger),
        clients=_clients(ledger, asked),
        seconds_s=_by_cause(seconds),
        joules_j=_by_cause(joules),
        lost_time_ratio=_share(seconds[-1], seconds.sum()),
        lost_energy_ratio=_share(joules[-1], joules.sum()),
        energy_per_client_j=_share(joules.sum(), asked),
        groups={group.name: _group(result, position) for position, group in enumerate(result.groups)},
        server=ServerLoadMetrics(ledger.server_s, ledger.server_j, ledger.down_bytes, ledger.up_bytes, ledger.waited_s),
        learning=measure_learning(result),
    )


def _rounds(ledger: Ledger) -> RoundMetrics:
    rows = [row for row in ledger.rounds if not row.failed]
    lengths_s = np.array([row.end_s + row.aggregation_s - row.begin_s for row in rows])
    p50, p90, most = np.quantile(lengths_s, (0.5, 0.9, 1.0), method="inverted_cdf").tolist() if rows else (None,) * 3
    answers = sum(row.answered for row in rows)
    failed = len(ledger.rounds) - len(rows)
    return RoundMetrics(
        done_count=len(rows),
        given_up_count=failed,
        failed_ratio=_share(failed, len(ledger.rounds)),
        p50_s=p50,
        p90_s=p90,
        max_s=most,
        client_p50_s=float(np.median([row.client_p50_s for row in rows])) if rows else None,
        client_max_s=max((row.client_max_s for row in rows), default=None),
        aggregation_mean_s=float(np.mean([row.aggregation_s for row in rows])) if rows else None,
        staleness_mean_count=sum(row.staleness * row.answered for row in rows) / answers if answers else None,
    )


def _clients(ledger: Ledger, asked: int) -> ClientMetrics:
    fallen, late = ledger.fell_out.sum(axis=0), int(ledger.late.sum())
    session, network, battery = (int(fallen[cause]) for cause in (Cause.SESSION, Cause.NETWORK, Cause.BATTERY))
    dropped = session + network + battery
    return ClientMetrics(asked, int(ledger.answered.sum()), late, session, network, battery, _share(dropped, asked), _share(late, asked))


def _group(result: FederatedResult, position: int) -> FederatedGroupMetrics:
    ledger = result.ledger
    seconds, joules = ledger.seconds[position], ledger.joules[position]
    asked, answered, late = int(ledger.asked[position]), int(ledger.answered[position]), int(ledger.late[position])
    dropped = int(ledger.fell_out[position].sum())
    return FederatedGroupMetrics(
        clients_count=result.counts[position],
        asked_count=asked,
        answered_count=answered,
        late_count=late,
        dropped_count=dropped,
        training_mean_s=_share(ledger.work_s[position], answered),
        energy_per_round_j=_share(joules.sum(), asked),
        let_go_ratio=_share(late, asked),
        dropout_ratio=_share(dropped, asked),
        lost_ratio=_share(seconds[-1], seconds.sum()),
        seconds_s=_by_cause(seconds),
        joules_j=_by_cause(joules),
    )


def _by_cause(values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(CAUSES, values, strict=True)}


def _share(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None
