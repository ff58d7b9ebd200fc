"""Specifications of heat: the RC network, trip points, power control at them, fans, and the cooling variants of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from device_models.figure import Figure, Quantity
from device_models.spec_base import NONE_STATED, Celsius, JoulesPerKelvin, KelvinPerWatt, Seconds, Spec, Watt

KelvinDifference = Annotated[Figure, Quantity("temperature_difference", ge=0)]
WattPerKelvin = Annotated[Figure, Quantity("power_per_kelvin", ge=0, le=1e6)]
CoolingState = Annotated[int, Field(ge=0, le=10_000)]


class ThermalNode(Spec):
    """One heat capacity; ``units`` heat it directly (unit name, ``base``, ``memory``, ``storage``, ``fan``, ``radio.NAME``)."""

    heat_capacity_j_per_k: JoulesPerKelvin = Field(alias="heat_capacity")
    heated_by: tuple[str, ...] = ()
    is_skin: bool = False


class ThermalLink(Spec):
    """A thermal resistance between two nodes, or a node and ``ambient``."""

    between: tuple[str, str]
    resistance_k_per_w: KelvinPerWatt = Field(alias="resistance")


class PowerControl(Spec):
    """How thermal governors that allocate power hold a trip's temperature; what is absent the governor estimates by its own rule."""

    sustainable_w: Watt | None = Field(default=None, alias="sustainable_power", description="power that can be drawn for ever at the trip's temperature")
    k_po_w_per_k: WattPerKelvin | None = Field(default=None, alias="k_po", description="proportional gain above the temperature")
    k_pu_w_per_k: WattPerKelvin | None = Field(default=None, alias="k_pu", description="proportional gain below the temperature")
    k_i_w_per_k: WattPerKelvin | None = Field(default=None, alias="k_i", description="integral gain, per poll")
    k_d_w_per_k: WattPerKelvin | None = Field(default=None, alias="k_d", description="differential gain, per kelvin and second")
    integral_cutoff_k: KelvinDifference | None = Field(default=None, alias="integral_cutoff", description="the integral grows only when nearer than this")
    integral_max_w: Watt | None = Field(default=None, alias="integral_max", description="bound of the integral term")
    min_w: Watt | None = Field(default=None, alias="min_power", description="the least that is allocated")
    max_w: Watt | None = Field(default=None, alias="max_power", description="the most that is allocated")
    weights: dict[str, Annotated[Figure, Quantity("ratio", ge=0)]] = Field(default_factory=dict, description="DVFS domain -> weight of its share; 1 if absent")


class Trip(Spec):
    """A passive trip point: at ``temperature`` of ``node`` the domains' highest allowed operating point steps down.

    ``limits`` and ``ceilings`` are cooling states (operating points taken from the top) by domain: what is taken at once, and the
    most that power control may take, while this is the highest trip that is exceeded.
    """

    node: str
    temperature_c: Celsius = Field(alias="temperature")
    hysteresis_k: KelvinDifference = Field(
        default=Figure(2.0, source="none", kind="estimated", note="as most trip points of Linux device trees"), alias="hysteresis", description="kelvin"
    )
    polling_s: Seconds = Field(default=Figure(0.25, source="none", kind="estimated", note="as most thermal zones of Linux device trees"), alias="polling")
    domains: tuple[str, ...]
    governor: str | None = Field(default=None, description="thermal governor of this trip; the device's if absent")
    limits: dict[str, CoolingState] = Field(default_factory=dict)
    ceilings: dict[str, CoolingState] = Field(default_factory=dict)
    control: PowerControl | None = None

    @model_validator(mode="after")
    def _of_its_domains(self) -> Trip:
        weights = () if self.control is None else self.control.weights
        if strange := sorted({*self.limits, *self.ceilings, *weights} - set(self.domains)):
            raise ValueError(f"limits, ceilings and weights are of the trip's domains {', '.join(self.domains)}; got {', '.join(strange)}")
        return self


class FanState(Spec):
    """From ``temperature`` on the fan runs like this, until ``hysteresis`` below it."""

    temperature_c: Celsius = Field(alias="temperature")
    hysteresis_k: KelvinDifference = Field(
        default=Figure(5.0, source="none", kind="estimated", note="as the Raspberry Pi 5's fan"), alias="hysteresis", description="kelvin"
    )
    resistance_k_per_w: KelvinPerWatt = Field(alias="resistance", description="of the fan's link while it runs like this")
    power_w: Watt = Field(default=NONE_STATED, alias="power")


class FanSpec(Spec):
    """A fan that lowers one thermal resistance; while it stands the link has its own."""

    node: str = Field(description="whose temperature turns it on and off")
    link: tuple[str, str] = Field(description="the two ends of the link whose resistance it changes")
    states: tuple[FanState, ...] = Field(min_length=1, max_length=50)
    polling_s: Seconds = Field(
        default=Figure(1.0, source="none", kind="estimated", note="thermal zones with a fan are polled about once a second"), alias="polling"
    )
    governor: str = Field(default="bang_bang", description="fan governor")

    @model_validator(mode="after")
    def _rising(self) -> FanSpec:
        temperatures = [float(state.temperature_c) for state in self.states]
        if sorted(set(temperatures)) != temperatures:
            raise ValueError("states of a fan must be in ascending temperature, each temperature once")
        return self


class Cooling(Spec):
    """A variant of the cooling path: what it changes of the network. Links are found by their two ends, new ones are added."""

    description: str = ""
    links: tuple[ThermalLink, ...] = ()
    heat_capacities_j_per_k: dict[str, JoulesPerKelvin] = Field(default_factory=dict, alias="heat_capacities", description="node -> heat capacity")
    fan: FanSpec | None = None


class ThermalSpec(Spec):
    """An RC network, its trip points, its fan, and the cooling variants of the device."""

    nodes: dict[str, ThermalNode] = Field(min_length=1)
    links: tuple[ThermalLink, ...] = Field(min_length=1)
    trips: tuple[Trip, ...] = ()
    governor: str = Field(default="step_wise", description="thermal governor of trips that name none")
    fan: FanSpec | None = None
    cooling: dict[str, Cooling] = Field(default_factory=dict, description="variants a scenario can choose by `cooling:`")
    default_cooling: str | None = Field(default=None, description="the variant that nodes, links and fan above describe")

    @field_validator("cooling", mode="before")
    @classmethod
    def _from_catalogue(cls, raw: Any) -> Any:
        """The name of a file of ``catalog/cooling``, or several, stand for the variants in them."""
        from device_models.catalog.catalog import cooling_variants

        names = [raw] if isinstance(raw, str) else raw if isinstance(raw, list) else None
        return raw if names is None else {name: variant for file in names for name, variant in cooling_variants(file).items()}

    @model_validator(mode="after")
    def _consistent(self) -> ThermalSpec:
        self._check_names()
        self._check_connected()
        for name, variant in self.cooling.items():
            if strange := sorted(set(variant.heat_capacities_j_per_k) - set(self.nodes)):
                raise ValueError(f"cooling {name}: no node {', '.join(strange)}; nodes: {', '.join(sorted(self.nodes))}")
            self.cooled(name)
        return self

    def cooled(self, name: str) -> ThermalSpec:
        """The network with the cooling variant ``name``. Raises KeyError for an unknown name, ValueError for a broken network."""
        if name == self.default_cooling:
            return self
        variant = self.cooling[name]
        changed = {frozenset(link.between): link for link in (*self.links, *variant.links)}
        nodes = {
            node: spec.model_copy(update={"heat_capacity_j_per_k": variant.heat_capacities_j_per_k.get(node, spec.heat_capacity_j_per_k)})
            for node, spec in self.nodes.items()
        }
        cooled = self.model_copy(update={"nodes": nodes, "links": tuple(changed.values()), "fan": variant.fan, "cooling": {}, "default_cooling": name})
        try:
            cooled._check_names()
            cooled._check_connected()
        except ValueError as error:
            raise ValueError(f"cooling {name}: {error}") from None
        return cooled

    def with_base(self, parts: Sequence[str]) -> ThermalSpec:
        """The network where each of ``parts`` that heats no node heats those the base power heats: it is on the board."""
        heating = {part for node in self.nodes.values() for part in node.heated_by}
        missing = [part for part in parts if part not in heating]
        if not missing:
            return self
        nodes = {
            name: node.model_copy(update={"heated_by": (*node.heated_by, *missing)}) if "base" in node.heated_by else node for name, node in self.nodes.items()
        }
        return self.model_copy(update={"nodes": nodes})

    def coolings(self) -> tuple[str, ...]:
        """Names a scenario may choose, the device as it stands first."""
        return tuple(dict.fromkeys([*([] if self.default_cooling is None else [self.default_cooling]), *self.cooling]))

    def with_fan_state(self, state: int) -> ThermalSpec:
        """The network while the fan is in ``state``; 0 is off."""
        if not state:
            return self
        assert self.fan is not None
        ends, resistance = frozenset(self.fan.link), self.fan.states[state - 1].resistance_k_per_w
        links = tuple(link.model_copy(update={"resistance_k_per_w": resistance}) if frozenset(link.between) == ends else link for link in self.links)
        return self.model_copy(update={"links": links})

    def _check_names(self) -> None:
        known = {*self.nodes, "ambient"}
        for link in self.links:
            for end in link.between:
                if end not in known:
                    raise ValueError(f"link between {link.between[0]} and {link.between[1]}: no node {end!r}; nodes: {', '.join(sorted(known))}")
        for trip in self.trips:
            if trip.node not in self.nodes:
                raise ValueError(f"trip on node {trip.node!r}, which does not exist; nodes: {', '.join(sorted(self.nodes))}")
        if self.fan is None:
            return
        if self.fan.node not in self.nodes:
            raise ValueError(f"fan on node {self.fan.node!r}, which does not exist; nodes: {', '.join(sorted(self.nodes))}")
        if frozenset(self.fan.link) not in {frozenset(link.between) for link in self.links}:
            raise ValueError(f"fan on the link between {self.fan.link[0]} and {self.fan.link[1]}, which does not exist")

    def _check_connected(self) -> None:
        known, reached, frontier = {*self.nodes, "ambient"}, {"ambient"}, ["ambient"]
        while frontier:
            end = frontier.pop()
            for link in self.links:
                if end in link.between:
                    other = link.between[1] if link.between[0] == end else link.between[0]
                    if other not in reached:
                        reached.add(other)
                        frontier.append(other)
        if stranded := sorted(known - reached):
            raise ValueError(f"no path of thermal links from {', '.join(stranded)} to ambient")
