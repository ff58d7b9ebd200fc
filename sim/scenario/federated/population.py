"""The clients of a federated study as typed objects: their devices, speeds, links, when they are there, and their batteries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.federated.kinds import by_kind
from sim.scenario.model import DeviceChoice, RadioChoice, Temperature
from sim.scenario.part import Name, Part, PositiveTime, Probability, Time, Whole

ClientCount = Annotated[Whole, Field(ge=1, le=20_000_000)]
Bandwidth = Annotated[Figure, Quantity("bandwidth", gt=0, le=1e15)]
Power = Annotated[Figure, Quantity("power", ge=0)]
_Spread = Annotated[Figure, Quantity("ratio", ge=0, le=5)]
_Factor = Annotated[Figure, Quantity("ratio", gt=0, le=1e4)]
_Amount = Annotated[Figure, Quantity("count", ge=1, le=1e9)]


class Lognormal(Part):
    """A lognormal distribution, given by its median and the standard deviation of the logarithm."""

    kind: Literal["lognormal"] = "lognormal"
    sigma: _Spread = Field(description="standard deviation of the natural logarithm, such as 0.4")


class FactorSpread(Lognormal):
    """Factors of the training time, scattered about a median."""

    median: _Factor = Field(default=Figure(1.0), description="half of the clients are faster")


class MeasuredFactors(Part):
    """Factors as published training latencies spread about their median."""

    kind: Literal["measured"]
    data: Literal["flhetbench_resnet"] = Field(default="flhetbench_resnet", description="published latencies of a training step on about 900 phone models")


_distribution = by_kind("lognormal")


def kind(raw: Any) -> str:
    """Of factors: a mapping without a kind is a distribution, what is neither that nor one of the types a number."""
    return _distribution(raw) if isinstance(raw, dict | MeasuredFactors | FactorSpread) else "a number"


FactorChoice = Annotated[
    Annotated[_Factor, Tag("a number")] | Annotated[MeasuredFactors, Tag("measured")] | Annotated[FactorSpread, Tag("lognormal")],
    Discriminator(kind),
]


class SampleSpread(Lognormal):
    """Training samples of a client, scattered about a median."""

    median: _Amount = Field(description="half of the clients have fewer")
    most: _Amount | None = Field(default=None, description="no client uses more")


def _number_tag(raw: Any) -> str:
    return "kind lognormal" if isinstance(raw, dict | SampleSpread) else "a number"


SampleChoice = Annotated[Annotated[_Amount, Tag("a number")] | Annotated[SampleSpread, Tag("kind lognormal")], Discriminator(_number_tag)]


class StatedLinks(Part):
    """Rates of a client's own link, the same for all or scattered."""

    kind: Literal["stated"] = "stated"
    up_bytes_per_s: Bandwidth = Field(alias="up", description="median rate of sending, such as 5 Mbit/s")
    down_bytes_per_s: Bandwidth = Field(alias="down", description="median rate of receiving")
    sigma: _Spread = Field(default=Figure(0.0), description="standard deviation of the rates' natural logarithm over the clients, both directions together")


class MeasuredLinks(Part):
    """Rates as published; each client has one of the published pairs of rates."""

    kind: Literal["measured"]
    data: Literal["flash", "mobiperf_wifi", "mobiperf_cellular"] = Field(
        description="flash: pairs of both directions; mobiperf_*: of receiving, with up_share of it for sending"
    )
    up_share: Annotated[Figure, Quantity("ratio", gt=0, le=10)] = Field(
        default=Figure(0.5, source="none", kind="estimated", note="most access links are slower upwards"), description="of mobiperf_*: rate up by rate down"
    )


LinkChoice = Annotated[Annotated[StatedLinks, Tag("stated")] | Annotated[MeasuredLinks, Tag("measured")], Discriminator(by_kind("stated"))]


class Sessions(Part):
    """A client is there for a session, then away, again and again; each at a phase of its own."""

    kind: Literal["sessions"] = "sessions"
    fraction: Annotated[Figure, Quantity("ratio", gt=0, le=1)] = Field(description="share of its time that the median client is there, such as 10 %")
    session_s: PositiveTime = Field(alias="session", description="median length of a session, such as 30 min")
    sigma: _Spread = Field(default=Figure(0.0), description="standard deviation of the session length's natural logarithm over the clients")


class MeasuredSessions(Part):
    """Sessions as recorded: each client has the share of time and the median session of one of 710 recorded devices."""

    kind: Literal["measured"]
    data: Literal["flhetbench"] = "flhetbench"


class AlwaysThere(Part):
    """No client ever leaves."""

    kind: Literal["always"]


class ClientBattery(Part):
    """Batteries of the clients' devices (their own capacity); a device without one has mains power."""

    initial_low: Probability = Field(default=Figure(0.3), description="states of charge at the start are uniform from here")
    initial_high: Probability = Field(default=Figure(1.0), description="to here")
    drain_w: Power = Field(
        default=Figure(0.25, source="none", kind="estimated", note="a phone that lasts two to three days in light use: 15 Wh in 60 h"),
        alias="drain",
        description="mean power of all that has nothing to do with the study",
    )
    charger_w: Power = Field(default=Figure(10.0), alias="charger", description="power into the battery while it charges")
    charging_s: Time = Field(default=Figure(25200.0), alias="charging", description="length of the daily charging window, at a phase of each client's own")
    minimum: Probability = Field(default=Figure(0.2), description="below it a client takes part only while it charges")

    @model_validator(mode="after")
    def _in_order(self) -> ClientBattery:
        if float(self.initial_low) > float(self.initial_high):
            raise ValueError(f"initial_low ({float(self.initial_low):.0%}) is above initial_high ({float(self.initial_high):.0%})")
        if float(self.charging_s) > 86400:
            raise ValueError("charging: a daily window is at most 24 h long")
        return self


class ClientDevices(Part):
    """A part of the population: one type of device."""

    device: DeviceChoice = Field(description="a catalogue name, a path to a device file, or {base: NAME, ...changed fields}")
    share: Probability = Field(description="of the population; the shares of all groups make 100 %")
    ambient_c: Temperature | None = Field(default=None, alias="ambient", description="air around it; the device's default if absent")
    compute: FactorChoice = Field(
        default=Figure(1.0), description="factor of the training time: a number, {kind: lognormal, sigma: 0.4}, or {kind: measured}; above 1 is slower"
    )
    links: LinkChoice | None = Field(default=None, description="of this group; the population's if absent")
    radio: RadioChoice | None = Field(default=None, description="whose power sending and receiving take; the population's if absent")


class Population(Part):
    """All clients."""

    count: ClientCount = Field(description="how many clients there are")
    devices: dict[Name, ClientDevices] = Field(min_length=1, max_length=100, description="groups of devices by a name of your own")
    samples: SampleChoice = Field(default=Figure(100.0), description="training samples of a client: a number, or {kind: lognormal, median: 100, sigma: 1}")
    links: LinkChoice = Field(description="{up: 5 Mbit/s, down: 20 Mbit/s, sigma: 0.5} or {kind: measured, data: flash}")
    radio: RadioChoice | None = Field(default=None, description="a radio of the catalogue or a description; no radio energy if absent")
    availability: Annotated[
        Annotated[Sessions, Tag("sessions")] | Annotated[MeasuredSessions, Tag("measured")] | Annotated[AlwaysThere, Tag("always")],
        Discriminator(by_kind("sessions")),
    ] = Field(default=AlwaysThere(kind="always"), description="{fraction: 10 %, session: 30 min}, {kind: measured}; {kind: always} if absent")
    battery: ClientBattery | None = Field(default=None, description="{} counts the devices' batteries; not looked at if absent")
    only_charging: bool = Field(default=False, description="clients take part only while they charge; needs battery")
    failures_s: PositiveTime | None = Field(default=None, alias="failures", description="mean time until the network of a client that takes part fails")
