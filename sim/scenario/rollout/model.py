"""A roll-out as typed objects: the update, the devices that fetch it, the stages it is given out in, and when it is taken back."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from device_models.figure import Figure, Quantity
from sim.scenario.federated.population import AlwaysThere, ClientCount, LinkChoice, MeasuredSessions, Sessions
from sim.scenario.model import ModelUse, RadioChoice
from sim.scenario.part import ByteCount, Part, PositiveTime, Probability, Time, Whole
from sim.scenario.study import Study

Bandwidth = Annotated[Figure, Quantity("bandwidth", gt=0, le=1e15)]
Power = Annotated[Figure, Quantity("power", ge=0)]
Price = Annotated[Figure, Quantity("count", ge=0)]
Share = Annotated[Figure, Quantity("ratio", gt=0, le=1)]


class FullUpdate(Part):
    """The whole new model."""

    kind: Literal["full"] = "full"


class DeltaUpdate(Part):
    """Only the tensors that have changed."""

    kind: Literal["delta"]
    changed: Share = Field(description="share of the model's bytes that differ, such as 15 % for a new head")
    compressed: Share = Field(default=Figure(1.0), description="what compression leaves of them")


class PatchUpdate(Part):
    """The difference between two files, computed for real: their bytes subtracted and compressed (zlib)."""

    kind: Literal["patch"]
    old: str = Field(description="the file that devices have, relative to the study")
    new: str = Field(description="the file they get")


Update = Annotated[FullUpdate | DeltaUpdate | PatchUpdate, Field(discriminator="kind")]


def _sessions_tag(raw: object) -> str:
    kind = raw.get("kind", "sessions") if isinstance(raw, dict) else getattr(raw, "kind", "sessions")
    return {"measured": "measured sessions", "always": "always"}.get(str(kind), "sessions")


SessionChoice = Annotated[
    Annotated[Sessions, Tag("sessions")] | Annotated[MeasuredSessions, Tag("measured sessions")] | Annotated[AlwaysThere, Tag("always")],
    Discriminator(_sessions_tag),
]


class UpdatedDevices(Part):
    """The devices."""

    count: ClientCount = Field(description="how many there are")
    links: LinkChoice = Field(description="rates of their own links: {up: 5 Mbit/s, down: 20 Mbit/s, sigma: 0.6}, or {kind: measured, data: flash}")
    availability: SessionChoice = Field(
        default=AlwaysThere(kind="always"), description="when they can be reached: {fraction: 30 %, session: 2 h}; always if absent"
    )
    wifi: Share = Field(default=Figure(1.0), description="share of the devices' sessions that are on Wi-Fi")
    radio: RadioChoice | None = Field(default=None, description="whose power receiving takes; not counted if absent")
    install_s: Time = Field(default=Figure(30.0), alias="install", description="unpacking, checking, switching over")
    install_w: Power = Field(default=Figure(0.0), alias="install_power", description="of the device above its idle power meanwhile")


class Stage(Part):
    """A share of the devices that may have the update, and how long they are watched before the next stage."""

    share: Share = Field(description="of all devices, those of the stages before included; the last stage has 100 %")
    hold_s: Time = Field(default=Figure(0.0), alias="hold", description="from the stage's begin until the next; the last stage has none")


class Risks(Part):
    """What goes wrong."""

    interrupted: Literal["resume", "restart"] = Field(default="resume", description="a download cut off by the session's end goes on later, or begins anew")
    corrupt: Probability = Field(default=Figure(0.0), description="downloads that turn out damaged and begin anew")
    install: Probability = Field(default=Figure(0.0), description="installations that fail")
    attempts: Annotated[Whole, Field(ge=1, le=100)] = Field(default=3, description="downloads and installations tried before a device gives up")
    crash: Probability = Field(default=Figure(0.0), description="devices that report trouble after the update")
    tolerated: Probability = Field(default=Figure(1.0), description="share of troubled among the updated at which the update is taken back")
    least_reports: Annotated[Whole, Field(ge=1)] = Field(default=20, description="updated devices without which no share is believed")


class UpdateServer(Part):
    """What gives the update out."""

    bandwidth_bytes_per_s: Bandwidth | None = Field(default=None, alias="bandwidth", description="shared max-min fairly; no limit if absent")
    price_per_gb: Price = Field(default=Figure(0.0), description="of what is sent, in any currency")
    joules_per_byte: Annotated[Figure, Quantity("energy_per_byte", ge=0)] | None = Field(
        default=None, alias="energy_per_byte", description="of server and network; unknown if absent"
    )


class RolloutBudgets(Part):
    """Limits the roll-out is judged by."""

    time_to_50_s: PositiveTime | None = Field(default=None, alias="time_to_50", description="until half of the devices are updated, at most")
    time_to_95_s: PositiveTime | None = Field(default=None, alias="time_to_95", description="until 95 % are, at most")
    time_to_99_s: PositiveTime | None = Field(default=None, alias="time_to_99", description="until 99 % are, at most")
    updated: Probability | None = Field(default=None, description="share of the devices that are updated at the end, at least")
    traffic_bytes: ByteCount | None = Field(default=None, alias="traffic", description="sent by the server, at most")
    device_energy_j: Annotated[Figure, Quantity("energy", gt=0)] | None = Field(default=None, alias="device_energy", description="mean of a device, at most")
    troubled: Probability | None = Field(default=None, description="share of all devices that ever had trouble, at most")


class Rollout(Part):
    """An update on its way to a fleet."""

    duration_s: PositiveTime = Field(alias="duration", description="simulated time, such as 7 days")
    size_bytes: ByteCount | None = Field(default=None, alias="size", description="of the whole model; instead of model")
    model: ModelUse | None = Field(default=None, description="whose stored size is shipped: {source: mobilenet_v2, precision: int8}")
    update: Update = Field(default=FullUpdate(), description="{kind: full}, {kind: delta, changed: 15 %} or {kind: patch, old: FILE, new: FILE}")
    devices: UpdatedDevices
    wifi_only: bool = Field(default=False, description="nothing is downloaded in sessions without Wi-Fi")
    stages: tuple[Stage, ...] = Field(
        default=(Stage(share=Figure(1.0)),), min_length=1, max_length=100, description="[{share: 1 %, hold: 24 h}, {share: 100 %}]"
    )
    risks: Risks = Risks()
    server: UpdateServer = UpdateServer()
    step_s: PositiveTime | None = Field(default=None, alias="step", description="resolution of the simulation; a two-thousandth of the duration if absent")
    budgets: RolloutBudgets = RolloutBudgets()

    @model_validator(mode="after")
    def _ships_something(self) -> Rollout:
        patched = isinstance(self.update, PatchUpdate)
        if patched and (self.size_bytes is not None or self.model is not None):
            raise ValueError("update: a patch has its size from its files; take out size and model")
        if not patched and (self.size_bytes is None) == (self.model is None):
            raise ValueError("give either size (such as 25 MB) or model (whose stored size is shipped)")
        shares = [float(stage.share) for stage in self.stages]
        if any(later <= earlier for earlier, later in pairwise(shares)):
            raise ValueError("stages: each share must be larger than the one before")
        if shares[-1] < 1.0:
            raise ValueError("stages: the last one must have share: 100 %")
        return self


class RolloutStudy(Study):
    """A model update shipped to a fleet in stages."""

    rollout: Rollout
