"""A fleet as typed objects: groups of devices, links, servers, and the tasks that go between them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.batching import Spread
from sim.scenario.model import Arrival, DeviceChoice, ModelUse, RadioChoice, Rate, Temperature
from sim.scenario.part import ByteCount, Name, Part, PositiveTime, Probability, SmallCount, Time, Whole
from sim.scenario.study import Study

Bandwidth = Annotated[Figure, Quantity("bandwidth", ge=0, le=1e15)]
Price = Annotated[Figure, Quantity("count", ge=0)]
LOCAL = "local"


class LinkTrace(Part):
    """A recorded rate of a link: Mahimahi delivery times, or columns of seconds and a rate."""

    file: str = Field(description="the trace, relative to the study")
    format: Literal["mahimahi", "columns", "csv"] = Field(
        description="mahimahi: milliseconds of 1500-byte packets; columns: seconds and Mbit/s; csv: with a header"
    )
    column: str | None = Field(default=None, description="of csv: the column of the rate, such as DL_bitrate")
    time_column: str | None = Field(default=None, description="of csv: the column of seconds; rows a second apart if absent")
    unit: Literal["bit/s", "kbit/s", "Mbit/s", "B/s"] = Field(default="kbit/s", description="of csv: the unit of the rate")
    step_s: PositiveTime = Field(default=Figure(0.1), alias="step", description="of mahimahi: the rate is taken over such steps, whose bytes are exact")
    offset_s: Time = Field(default=Figure(0.0), alias="offset", description="where in the trace the run begins")

    @model_validator(mode="after")
    def _has_a_column(self) -> LinkTrace:
        if self.format == "csv" and self.column is None:
            raise ValueError("format csv needs column: the name of the rate's column, such as DL_bitrate")
        return self


class Outage(Part):
    """A time in which a link carries nothing: a tunnel, a hand-over."""

    at_s: Time = Field(alias="at", description="when it begins")
    length_s: PositiveTime = Field(alias="length", description="how long it lasts")
    every_s: PositiveTime | None = Field(default=None, alias="every", description="again after such a time; once if absent")


class FleetLink(Part):
    """A connection between two nodes, with a rate of its own in both directions. Up is from the first to the second."""

    between: tuple[Name, Name] = Field(description="two nodes: groups of devices, servers, or names of points between them")
    up_bytes_per_s: Bandwidth | None = Field(default=None, alias="up", description="rate from the first node to the second, such as 20 Mbit/s")
    down_bytes_per_s: Bandwidth | None = Field(default=None, alias="down", description="rate back; that of up if absent")
    up_trace: LinkTrace | None = Field(default=None, description="instead of up: a recorded rate")
    down_trace: LinkTrace | None = Field(default=None, description="instead of down: a recorded rate")
    latency_s: Time = Field(default=Figure(0.0), alias="latency", description="one way")
    jitter_s: Time = Field(default=Figure(0.0), alias="jitter", description="the most a transfer takes longer, uniform, each way")
    loss: Annotated[Figure, Quantity("ratio", ge=0, le=0.99)] = Field(default=Figure(0.0), description="share of packets that are lost and sent again")
    shared: bool = Field(default=True, description="false: every device of the group at its end has such a link of its own")
    outages: tuple[Outage, ...] = Field(default=(), description="times in which it carries nothing")

    @model_validator(mode="after")
    def _has_a_rate(self) -> FleetLink:
        if self.up_bytes_per_s is None and self.up_trace is None:
            raise ValueError("a link needs up (a rate, such as 20 Mbit/s) or up_trace")
        if self.up_bytes_per_s is not None and self.up_trace is not None:
            raise ValueError("give either up or up_trace")
        if self.down_bytes_per_s is not None and self.down_trace is not None:
            raise ValueError("give either down or down_trace")
        if self.between[0] == self.between[1]:
            raise ValueError("a link joins two different nodes")
        if not self.shared and (self.up_trace or self.down_trace or self.outages):
            raise ValueError("shared: false goes with constant rates only; traces and outages are of a shared link")
        return self


class HandOver(Part):
    """A moment from which a group is connected to another node next to it; what is on its way pauses and goes on by the new way."""

    at_s: Time = Field(alias="at", description="when; a group begins at the node of its first hand-over, at 0 s or later")
    to: Name = Field(description="the node it is connected to from then on; a link leads there")
    outage_s: Time = Field(default=Figure(0.0), alias="outage", description="how long nothing passes")
    every_s: PositiveTime | None = Field(default=None, alias="every", description="again after such a time; once if absent")


class Roaming(Part):
    """Each device moves between nodes next to the group by itself; what is on its way pauses and goes on by the new way."""

    nodes: tuple[Name, ...] = Field(min_length=2, description="where devices stay; each begins at one of them by chance, and goes on to any other")
    dwell_s: PositiveTime = Field(alias="dwell", description="mean time at a node")
    kind: Literal["exponential", "even"] = Field(
        default="exponential", description="exponential: stays of any length; even: all stays as long, each device beginning somewhere within its first"
    )
    outage_s: Time = Field(default=Figure(0.0), alias="outage", description="how long nothing passes to or from a device that moves")

    @model_validator(mode="after")
    def _can_move(self) -> Roaming:
        if len(set(self.nodes)) < len(self.nodes):
            raise ValueError("a node stands among the nodes more than once")
        if float(self.outage_s) >= float(self.dwell_s):
            raise ValueError(
                f"the outage ({float(self.outage_s):g} s) is not shorter than the stay at a node ({float(self.dwell_s):g} s): hardly anything would pass"
            )
        return self


class FleetDevices(Part):
    """A group of equal devices."""

    device: DeviceChoice = Field(description="a catalogue name, a path to a device file, or {base: NAME, ...changed fields}")
    count: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(default=1, description="how many")
    radio: RadioChoice | None = Field(default=None, description="the radio they send by; no radio energy if absent")
    hand_overs: tuple[HandOver, ...] = Field(default=(), description="the group moves between nodes: [{at: 0 s, to: cell_a}, {at: 30 s, to: cell_b}]")
    roaming: Roaming | None = Field(default=None, description="instead: each device moves by itself, {nodes: [cell_a, cell_b], dwell: 2 min, outage: 100 ms}")
    ambient_c: Temperature | None = Field(
        default=None, alias="ambient", description="air around them; the device's default if absent. What heats up while it runs is told by full: true only"
    )
    full: bool = Field(
        default=False, description="true: each device is simulated in full, with governors, heat and memory, instead of by a table made of it while idle"
    )


class FleetBatching(Part):
    """Tasks of one kind that a replica serves together."""

    max_size: Annotated[Whole, Field(ge=1, le=1024)] = Field(default=1, description="tasks in a batch, at most")
    max_delay_s: Time = Field(default=Figure(0.0), alias="max_delay", description="how long a task waits for others")


class Autoscale(Part):
    """Replicas that come and go with the load."""

    most: SmallCount = Field(description="replicas, at most; the server's own number is the least")
    interval_s: PositiveTime = Field(default=Figure(10.0), alias="interval", description="how often the load is looked at")
    high: Probability = Field(default=Figure(0.8), description="one more is started when a larger share is busy")
    low: Probability = Field(default=Figure(0.3), description="one is stopped when a smaller share is busy")
    cold_start_s: Time = Field(default=Figure(0.0), alias="cold_start", description="from the decision until a new replica serves")

    @model_validator(mode="after")
    def _in_order(self) -> Autoscale:
        if float(self.low) >= float(self.high):
            raise ValueError(f"low ({float(self.low):.0%}) is not below high ({float(self.high):.0%}): replicas would be started and stopped all the time")
        return self


class Failures(Part):
    """Replicas that fail and are repaired; both times are exponential."""

    mtbf_s: PositiveTime = Field(alias="mtbf", description="mean time between failures of a replica")
    mttr_s: PositiveTime = Field(alias="mttr", description="mean time to repair")


class Pricing(Part):
    """What a server costs, in any currency."""

    per_hour: Price = Field(default=Figure(0.0), description="of one replica")
    per_gb: Price = Field(default=Figure(0.0), description="of what it receives and sends")


class FleetServer(Part):
    """A server: replicas of one device behind one queue."""

    device: DeviceChoice = Field(description="what a replica is: a catalogue name, a path, or {base: NAME, ...}")
    replicas: SmallCount = Field(default=1, description="that are always there")
    batching: FleetBatching = FleetBatching()
    queue_limit: SmallCount | None = Field(default=None, description="tasks that may wait; more are refused")
    autoscale: Autoscale | None = None
    failures: Failures | None = None
    price: Pricing = Pricing()


class Policy(Part):
    """An offloading policy and values of its tunables."""

    name: Name
    tunables: dict[str, Any] = Field(default_factory=dict, description="tunable -> value, see `edgesim policies`")


def _policy_tag(raw: Any) -> str:
    return "policy name" if isinstance(raw, str) else "policy with tunables"


PolicyChoice = Annotated[Annotated[Name, Tag("policy name")] | Annotated[Policy, Tag("policy with tunables")], Discriminator(_policy_tag)]


class Cuts(Part):
    """Where a model may be divided between device and server."""

    at: tuple[str, ...] | None = Field(default=None, description="operators after which the server goes on; the best ones at any rate if absent")
    bits: Annotated[Figure, Quantity("count", ge=1, le=32)] | None = Field(
        default=None, description="per element of what is sent at a cut; as the device holds it if absent"
    )


def _cuts_tag(raw: Any) -> str:
    return "a word" if isinstance(raw, str) else "cuts"


CutsChoice = Annotated[Annotated[Literal["none"], Tag("a word")] | Annotated[Cuts, Tag("cuts")], Discriminator(_cuts_tag)]


class FleetTask(Part):
    """A stream of equal tasks on every device of a group."""

    on: Name = Field(description="the group of devices")
    model: Name = Field(description="one of the models: what the device runs")
    remote_model: Name | None = Field(default=None, description="what the server runs; the device's own if absent")
    arrival: Arrival = Field(description="when tasks come to each device: kind periodic, poisson or trace")
    input_bytes: ByteCount = Field(alias="input", description="of the whole input when it is sent, such as 150 kB")
    output_bytes: ByteCount = Field(default=Figure(0.0), alias="output", description="of the answer when it is sent back")
    servers: tuple[Name, ...] | None = Field(default=None, description="where it may go; all that can be reached if absent")
    cuts: CutsChoice = Field(default="none", description="divide the model: {} at the best places, {at: [...], bits: 8}")
    policy: PolicyChoice = Field(default=LOCAL, description="an offloading policy, see `edgesim policies`, or {name: ..., tunables: {...}}")
    deadline_s: PositiveTime | None = Field(default=None, alias="deadline", description="from arrival to the answer; later is a miss")
    spread: Spread | None = Field(default=None, description="how the work of single tasks scatters, here and there: {kind: exponential}; all alike if absent")
    timeout_s: PositiveTime | None = Field(default=None, alias="timeout", description="after which the device does it itself; it waits for ever if absent")


class FleetBudgets(Part):
    """Limits the fleet is judged by; latencies are of the worst kind of task."""

    latency_p50_s: PositiveTime | None = Field(default=None, alias="latency_p50", description="median latency, at most")
    latency_p90_s: PositiveTime | None = Field(default=None, alias="latency_p90", description="90th percentile, at most")
    latency_p99_s: PositiveTime | None = Field(default=None, alias="latency_p99", description="99th percentile, at most")
    miss_rate: Probability | None = Field(default=None, description="share of tasks late, refused or unanswered, at most")
    energy_per_task_j: Annotated[Figure, Quantity("energy", gt=0)] | None = Field(
        default=None, alias="energy_per_task", description="devices' energy by finished tasks, at most"
    )
    device_power_w: Annotated[Figure, Quantity("power", gt=0)] | None = Field(default=None, alias="device_power", description="mean of a device, at most")
    cost_per_hour: Price | None = Field(default=None, description="of all servers, at most")
    throughput_hz: Rate | None = Field(default=None, alias="throughput", description="tasks answered per second, at least")


class Fleet(Part):
    """Devices, links, servers and tasks."""

    duration_s: PositiveTime = Field(alias="duration", description="simulated time, such as 10 min")
    warmup_s: Time = Field(default=Figure(0.0), alias="warmup", description="tasks that come earlier do not count")
    models: dict[Name, ModelUse] = Field(default_factory=dict, description="the networks by a name of your own")
    devices: dict[Name, FleetDevices] = Field(min_length=1, description="groups of devices by a name of your own")
    servers: dict[Name, FleetServer] = Field(default_factory=dict, description="servers by a name of your own")
    links: dict[Name, FleetLink] = Field(default_factory=dict, description="connections by a name of your own")
    tasks: dict[Name, FleetTask] = Field(min_length=1, description="streams of tasks by a name of your own")
    budgets: FleetBudgets = Field(default=FleetBudgets(), description="the limits of the verdict")


class FleetStudy(Study):
    """A fleet of devices that share links and servers, on which tasks run here, there, or divided."""

    fleet: Fleet
