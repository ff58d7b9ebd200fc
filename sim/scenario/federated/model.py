"""A federated study as typed objects: what is trained, by whom, in which rounds, and what goes over the links."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.federated.kinds import by_kind
from sim.scenario.federated.learning import Learning
from sim.scenario.federated.population import Bandwidth, ClientCount, Population
from sim.scenario.model import DeviceChoice, ModelUse
from sim.scenario.part import ByteCount, Name, Part, PositiveTime, Probability, SmallCount, Time, Whole
from sim.scenario.study import Study

Energy = Annotated[Figure, Quantity("energy", gt=0)]
_Spread = Annotated[Figure, Quantity("ratio", ge=0, le=5)]


class NamedChoice(Part):
    """A policy and values of its tunables."""

    name: Name
    tunables: dict[str, Any] = Field(default_factory=dict, description="tunable -> value, see `edgesim policies`")


def _choice_tag(raw: Any) -> str:
    return "a name" if isinstance(raw, str) else "a name with tunables"


PolicyChoice = Annotated[Annotated[Name, Tag("a name")] | Annotated[NamedChoice, Tag("a name with tunables")], Discriminator(_choice_tag)]


class Local(Part):
    """What a client does in a round."""

    epochs: Annotated[Whole, Field(ge=1, le=10_000)] = Field(default=1, description="times it goes through its samples")
    steps: SmallCount | None = Field(default=None, description="instead: so many training steps, however many samples it has")


class Capacity(Part):
    """What a server or an aggregator can carry, shared max-min fairly among the clients that send (or receive) at once; no limit if absent."""

    up_bytes_per_s: Bandwidth | None = Field(default=None, alias="up", description="from the clients, such as 1 Gbit/s")
    down_bytes_per_s: Bandwidth | None = Field(default=None, alias="down", description="to the clients")


class Server(Capacity):
    """The server that aggregates."""

    device: DeviceChoice | None = Field(default=None, description="what computes the aggregate; its time counts as nothing if absent")
    latency_s: Time = Field(default=Figure(0.05), alias="latency", description="one way, between a client and what it talks to")


class _Rounds(Part):
    number: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(description="how many rounds (asynchronous: new models of the server)")
    most_time_s: PositiveTime | None = Field(default=None, alias="most_time", description="the study ends at this time, whatever it has done")


class _Cohort(_Rounds):
    clients: ClientCount = Field(description="answers a round wants")
    over_selection: Annotated[Figure, Quantity("ratio", ge=1, le=100)] = Field(
        default=Figure(1.0), description="clients asked by answers wanted, such as 1.3; the slowest are let go"
    )
    deadline_s: PositiveTime | None = Field(default=None, alias="deadline", description="from the round's begin; later answers are lost")
    minimum: Annotated[Whole, Field(ge=1)] | None = Field(default=None, description="answers without which a round is given up; one if absent")
    when_short: Literal["continue", "retry"] = Field(default="continue", description="retry: a round that was given up does not count")
    pause_s: Time = Field(default=Figure(0.0), alias="pause", description="between rounds")
    check_in_s: PositiveTime = Field(default=Figure(60.0), alias="check_in", description="when nobody can be asked, the server looks again after such a time")

    @model_validator(mode="after")
    def _reachable(self) -> _Cohort:
        if self.minimum is not None and self.minimum > self.clients:
            raise ValueError(f"minimum ({self.minimum}) is above clients ({self.clients}): no round could ever succeed")
        return self

    @property
    def least(self) -> int:
        """Answers without which a round is given up."""
        return self.minimum or 1


class Synchronous(_Cohort):
    """All clients of a round begin together; the round ends with the last answer it wants, or at its deadline."""

    kind: Literal["synchronous"] = "synchronous"


class EdgeAggregators(Capacity):
    """Aggregators between clients and server; each client belongs to one."""

    number: Annotated[Whole, Field(ge=1, le=100_000)] = Field(description="how many; clients are divided evenly")
    device: DeviceChoice | None = Field(default=None, description="what an aggregator is; its time counts as nothing if absent")
    to_server_bytes_per_s: Bandwidth = Field(alias="to_server", description="rate of its link to the server")
    from_server_bytes_per_s: Bandwidth | None = Field(default=None, alias="from_server", description="rate back; that of to_server if absent")
    latency_s: Time = Field(default=Figure(0.02), alias="latency", description="one way, between aggregator and server")


class Hierarchical(_Cohort):
    """Synchronous, by way of aggregators at the edge: each aggregates its own clients and sends one update on."""

    kind: Literal["hierarchical"]
    edges: EdgeAggregators = Field(description="{number: 10, up: 1 Gbit/s, to_server: 100 Mbit/s}")


class Asynchronous(_Rounds):
    """Buffered asynchronous aggregation (Nguyen et al., FedBuff, AISTATS 2022): clients come and go, the server updates with every full buffer."""

    kind: Literal["asynchronous"]
    buffer: Annotated[Whole, Field(ge=1, le=10_000_000)] = Field(description="answers the server gathers before it makes a new model")
    concurrency: ClientCount = Field(description="clients at work at any time")
    staleness: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="answers to models older than so many versions are lost")


RoundsChoice = Annotated[
    Annotated[Synchronous, Tag("synchronous")] | Annotated[Hierarchical, Tag("hierarchical")] | Annotated[Asynchronous, Tag("asynchronous")],
    Discriminator(by_kind("synchronous")),
]


class UpdateCompression(Part):
    """How updates are made smaller before they are sent."""

    kind: Literal["int8", "top_k", "sketch"] = Field(description="int8: eight bits an element; top_k: the largest elements only; sketch: a count sketch")
    keep: Annotated[Figure, Quantity("ratio", gt=0, le=1)] = Field(default=Figure(0.01), description="of top_k: share of the elements that is sent")
    rows: Annotated[Whole, Field(ge=1, le=100)] = Field(default=5, description="of sketch: hash functions")
    columns: SmallCount = Field(default=10_000, description="of sketch: counters of each")


def _compression_tag(raw: Any) -> str:
    return "a word" if isinstance(raw, str) else "compression with options"


CompressionChoice = Annotated[
    Annotated[Literal["none", "int8", "top_k", "sketch"], Tag("a word")] | Annotated[UpdateCompression, Tag("compression with options")],
    Discriminator(_compression_tag),
]


INT8_BITS = 8


class SecureAggregation(Part):
    """Sums that the server cannot look into (Bonawitz et al., CCS 2017): elements are rounded to a range common to all clients, masked, and added up."""

    group: Annotated[Whole, Field(ge=2, le=100_000)] | None = Field(default=None, description="clients that mask each other; the whole cohort if absent")
    threshold: Annotated[Figure, Quantity("ratio", gt=0, le=1)] = Field(
        default=Figure(2 / 3), description="share of the clients asked that must answer, or the sum cannot be unmasked and the round is lost"
    )
    bits: Annotated[Whole, Field(ge=1, le=32)] = Field(default=16, description="of an element before masking; 8 with compression: int8")


class Privacy(Part):
    """Differential privacy: each update is clipped, and noise added by the client or by the server."""

    noise: Literal["client", "server"] = Field(default="server", description="who adds the noise")


class AssumedLosses(Part):
    """Losses of clients' data as policies see them, where nothing is really learnt: all of it assumed."""

    level_spread: _Spread = Field(
        default=Figure(0.5, source="none", kind="estimated", note="data differ among clients by about half of the loss"),
        description="standard deviation of the logarithm of the loss over the clients",
    )
    spread: _Spread = Field(
        default=Figure(0.2, source="none", kind="estimated", note="less than among clients"), description="the same from one time to the next"
    )
    decline: Annotated[Figure, Quantity("count", ge=0, le=10)] = Field(
        default=Figure(0.2, source="none", kind="estimated", note="slow power law of training curves"), description="losses fall as (1 + round)^-decline"
    )


class FederatedBudgets(Part):
    """Limits the study is judged by; any left out is not judged."""

    round_p50_s: PositiveTime | None = Field(default=None, alias="round_p50", description="median duration of a round, at most")
    round_p90_s: PositiveTime | None = Field(default=None, alias="round_p90", description="90th percentile, at most")
    total_time_s: PositiveTime | None = Field(default=None, alias="total_time", description="of all rounds, at most")
    failed_rounds: Probability | None = Field(default=None, description="share of rounds given up, at most")
    dropouts: Probability | None = Field(default=None, description="share of clients asked that fell out, at most")
    lost_time: Probability | None = Field(default=None, description="share of the clients' seconds that led to nothing, at most")
    energy_per_client_j: Energy | None = Field(default=None, alias="energy_per_client", description="mean of a client in a round, at most")
    staleness_mean: Annotated[Figure, Quantity("count", ge=0)] | None = Field(default=None, description="mean age of answers in versions, at most")
    accuracy: Probability | None = Field(default=None, description="with learning: of the last network on images held out, at least")
    time_to_accuracy_s: PositiveTime | None = Field(
        default=None, alias="time_to_accuracy", description="with learning: until that accuracy is reached, at most"
    )


class Federated(Part):
    """A model, clients who train it, and rounds."""

    model: ModelUse = Field(description="the network, with training: {source: mobilenet_v2, training: {optimizer: sgd, batch: 16}}")
    local: Local = Field(default=Local(), description="what a client does in a round")
    population: Population
    server: Server = Server()
    rounds: RoundsChoice = Field(description="kind synchronous, hierarchical or asynchronous")
    selection: PolicyChoice = Field(default="random", description="who is asked, see `edgesim policies`")
    aggregation: PolicyChoice = Field(default="fedavg", description="how answers become a model, see `edgesim policies`")
    compression: CompressionChoice = Field(default="none", description="of updates: int8, top_k, sketch, or {kind: top_k, keep: 1 %}")
    secure_aggregation: SecureAggregation | None = None
    privacy: Privacy | None = None
    download_bytes: ByteCount | None = Field(default=None, alias="download", description="of what is sent to clients; the weights that are trained if absent")
    upload_bytes: ByteCount | None = Field(default=None, alias="upload", description="of an update; what the compression makes of the weights if absent")
    losses: AssumedLosses = Field(default=AssumedLosses(), description="what selections that look at losses are told")
    learning: Learning | None = Field(default=None, description="real training in the rounds: {split: {kind: dirichlet, alpha: 0.3}}; time only if absent")
    budgets: FederatedBudgets = FederatedBudgets()

    @property
    def update_compression(self) -> UpdateCompression | None:
        """How updates are made smaller; None: they are not."""
        if isinstance(self.compression, UpdateCompression):
            return self.compression
        return None if self.compression == "none" else UpdateCompression(kind=self.compression)

    @property
    def ring_bits(self) -> int | None:
        """Of an element before masking; None without secure aggregation."""
        if self.secure_aggregation is None:
            return None
        return INT8_BITS if self.update_compression is not None else self.secure_aggregation.bits


class FederatedStudy(Study):
    """Clients that train one model together, without sending their data."""

    federated: Federated
