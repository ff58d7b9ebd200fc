"""What one update costs: bytes both ways, work of the client beside training, and of the server for a new model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from sim.fleet.federated.attempt import Wire
from sim.fleet.federated.compression import packed_update
from sim.fleet.federated.privacy import clipping_work, noise_work
from sim.fleet.federated.secure_aggregation import EXCHANGES, masked, unmasking_work
from sim.policies.aggregation import AggregationRule, ElementWork
from sim.scenario.federated.model import Asynchronous, Capacity, Federated, Hierarchical, UpdateCompression

_FLOAT_BYTES = 4.0


@dataclass(frozen=True)
class UpdateCosts:
    """``client_work``: in every round; ``step_work``: in every training step; ``server_work(answered, asked)``: for one new model."""

    elements: int
    wire: Wire
    backbone: Wire
    client_work: ElementWork
    step_work: ElementWork
    server_work: Callable[[int, int], ElementWork]
    threshold: float
    notes: tuple[str, ...]

    @property
    def needs_code(self) -> bool:
        """Whether clients do anything but train."""
        return self.client_work != ElementWork() or self.step_work != ElementWork()


def update_costs(study: Federated, rule: AggregationRule, elements: int) -> UpdateCosts:
    """For a model of which ``elements`` are trained and sent."""
    secure, group, bits = study.secure_aggregation, 0, study.ring_bits
    # what is masked has been rounded, whether or not that is for being smaller
    packed = packed_update(study.update_compression if secure is None else UpdateCompression(kind="int8"), elements)
    client, notes = packed.client, list[str]()
    upload_bytes, download_bytes, exchanges = packed.size_bytes, _FLOAT_BYTES * elements, 1
    if study.privacy is not None:
        client += clipping_work(elements)
        if study.privacy.noise == "client":
            client += noise_work(elements)
        notes.append("clipping and noise: operations of an element are estimated")
    if secure is not None and bits is not None:
        group = secure.group or _asked(study)
        part = masked(elements, group, bits)
        # keys and shares go both ways, about as many up as down
        upload_bytes, download_bytes, exchanges = part.update_bytes + part.extra_bytes / 2, download_bytes + part.extra_bytes / 2, EXCHANGES
        client += part.client
        notes.append(f"secure aggregation of {bits}-bit elements: bytes as published, work of masks, keys and shares estimated")
    if study.download_bytes is not None:
        download_bytes = float(study.download_bytes)
    if study.upload_bytes is not None:
        upload_bytes = float(study.upload_bytes)
    edges = study.rounds.edges if isinstance(study.rounds, Hierarchical) else None
    wire = _wire(download_bytes, upload_bytes, float(study.server.latency_s) * exchanges, edges or study.server)
    backbone = _wire(download_bytes, upload_bytes, 0.0 if edges is None else float(edges.latency_s), study.server)

    def server_work(answered: int, asked: int) -> ElementWork:
        unpacked = answered if secure is None else 1  # of masked updates only the sum is ever read
        work = rule.server_work(answered, elements) + packed.server.times(unpacked)
        if secure is not None:
            work += unmasking_work(elements, group, answered, asked)
        return work + noise_work(elements) if study.privacy is not None and study.privacy.noise == "server" else work

    return UpdateCosts(
        elements, wire, backbone, client, rule.step_work(elements), server_work, 0.0 if secure is None else float(secure.threshold), tuple(notes)
    )


def _asked(study: Federated) -> int:
    rounds = study.rounds
    assert not isinstance(rounds, Asynchronous)  # which have no clients that begin together
    return max(round(rounds.clients * float(rounds.over_selection)), 2)


def _wire(download_bytes: float, upload_bytes: float, latency_s: float, capacity: Capacity) -> Wire:
    up, down = capacity.up_bytes_per_s, capacity.down_bytes_per_s
    return Wire(download_bytes, upload_bytes, latency_s, inf if up is None else float(up), inf if down is None else float(down))
