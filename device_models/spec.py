"""Specifications of devices as frozen, validated data; every number is a :class:`~device_models.figure.Figure`.

A device has compute units (each in a DVFS domain), one shared memory, storage, base power, a thermal network and perhaps
radios and a battery. Quantities are SI inside; the field name carries the unit.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from device_models.battery_spec import BatterySpec
from device_models.figure import Figure, Quantity
from device_models.radio import RadioSpec
from device_models.spec_base import (
    NONE_STATED,
    Bytes,
    BytesPerSecond,
    Celsius,
    Count,
    Farad,
    Hertz,
    JoulesPerByte,
    OperationsPerSecond,
    Seconds,
    Spec,
    Volt,
    Watt,
)
from device_models.thermal_spec import ThermalSpec

__all__ = [
    "BatterySpec",
    "DeviceSpec",
    "DvfsDomain",
    "IdleState",
    "MemorySpec",
    "OperatingPoint",
    "Spec",
    "StorageSpec",
    "ThermalSpec",
    "UnitPower",
    "UnitSpec",
    "spread_points",
    "spread_provenance",
]

RADIO = "radio."  # before the name of a radio: a component that draws power and heats nodes
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"


def spread_provenance(raw: Any) -> Any:
    """One source for a whole table: ``{source, kind, note, values: {a: 1, b: 2}}`` -> ``{a: {value: 1, source, ...}, ...}``.

    A value that is itself ``{value: ...}`` keeps what it says. Anything without ``values`` passes unchanged.
    """
    if not (isinstance(raw, dict) and isinstance(raw.get("values"), dict)):
        return raw
    if unknown := set(raw) - {"values", "source", "kind", "note"}:
        raise ValueError(f"a sourced table has the keys values, source, kind, note; got also {', '.join(sorted(map(str, unknown)))}")
    common = {key: raw[key] for key in ("source", "kind", "note") if key in raw}
    return {name: {**common, **value} if isinstance(value, dict) else {"value": value, **common} for name, value in raw["values"].items()}


def spread_points(raw: Any) -> Any:
    """``{source, kind, note, table: [[frequency, voltage], ...]}`` -> operating points that each carry the source.

    ``voltage_source``, ``voltage_kind`` and ``voltage_note`` stand for the second column where it comes from elsewhere.
    """
    if not (isinstance(raw, dict) and "table" in raw):
        return raw
    allowed = {"table", "source", "kind", "note", "voltage_source", "voltage_kind", "voltage_note"}
    if unknown := set(raw) - allowed:
        raise ValueError(f"a table of operating points has the keys {', '.join(sorted(allowed))}; got also {', '.join(sorted(map(str, unknown)))}")
    if not (isinstance(raw["table"], list) and all(isinstance(row, list) and len(row) in (1, 2) for row in raw["table"])):
        raise ValueError("table must be a list of rows [frequency] or [frequency, voltage]")
    common = {key: raw[key] for key in ("source", "kind", "note") if key in raw}
    voltage = {**common, **{key.removeprefix("voltage_"): raw[key] for key in raw if key.startswith("voltage_")}}
    points = []
    for row in raw["table"]:
        point = {"frequency": {"value": row[0], **common}}
        if len(row) == 2:
            point["voltage"] = {"value": row[1], **voltage}
        points.append(point)
    return points


class OperatingPoint(Spec):
    """One frequency of a DVFS domain, with its voltage where that is published."""

    frequency_hz: Hertz = Field(alias="frequency")
    voltage_v: Volt | None = Field(default=None, alias="voltage")


class DvfsDomain(Spec):
    """Units that share a clock; operating points in ascending frequency."""

    operating_points: tuple[OperatingPoint, ...] = Field(min_length=1)
    transition_latency_s: Seconds = Field(default=NONE_STATED, alias="transition_latency")
    governor: str = "performance"

    @field_validator("operating_points", mode="before")
    @classmethod
    def _points_with_source(cls, raw: Any) -> Any:
        return spread_points(raw)

    @model_validator(mode="after")
    def _ascending(self) -> DvfsDomain:
        frequencies = [float(point.frequency_hz) for point in self.operating_points]
        if any(a >= b for a, b in itertools.pairwise(frequencies)):
            raise ValueError("operating_points must be in ascending frequency, each frequency once")
        missing = [f"{float(point.frequency_hz) / 1e6:g} MHz" for point in self.operating_points if point.voltage_v is None]
        if 0 < len(missing) < len(self.operating_points):
            raise ValueError(f"operating_points: no voltage at {', '.join(missing)}; give the voltage of every point, or of none")
        return self


class IdleState(Spec):
    """A state in which an idle unit draws less, as in Linux cpuidle; the first is entered from plain idling, each further is deeper."""

    name: str
    power_w: Watt = Field(alias="power", description="drawn in it, besides leakage")
    leakage_share: Annotated[Figure, Quantity("ratio", ge=0, le=1)] = Field(
        default=Figure(1.0, source="none", kind="estimated", note="taken as not power-gated"),
        description="of the leakage that goes on: 0 where the supply is cut",
    )
    entry_latency_s: Seconds = Field(default=NONE_STATED, alias="entry_latency", description="the unit draws its idle power meanwhile")
    exit_latency_s: Seconds = Field(default=NONE_STATED, alias="exit_latency", description="what wakes it waits so long; it draws running power")
    target_residency_s: Seconds = Field(alias="target_residency", description="the shortest stay that saves energy")


class UnitPower(Spec):
    """Power of one unit: ``C V^2 f * activity`` while it runs (C per active core), leakage always, idle in between.

    Where no voltage is published, ``dynamic_capacitance`` is per V^2 at the reference voltage 1 V. Where ``operation_energy`` is given,
    a run costs ``C V^2 f`` for as long as it takes and an energy for each multiply-accumulate, instead of the activity.
    """

    dynamic_capacitance_f: Farad = Field(alias="dynamic_capacitance")
    leakage_w: Watt = Field(default=NONE_STATED, alias="leakage", description="at 25 degC and the highest voltage")
    leakage_doubling_k: Annotated[Figure, Quantity("temperature_difference", gt=0)] = Field(
        default=Figure(25.0, source="none", kind="estimated", note="leakage of CMOS roughly doubles every 20 to 30 K"), alias="leakage_doubling"
    )
    idle_w: Watt = Field(default=NONE_STATED, alias="idle")
    operation_energy: dict[Literal["float", "integer"], Annotated[Figure, Quantity("energy", ge=0, le=1e-6)]] = Field(
        default_factory=dict,
        description="J a multiply-accumulate at the highest voltage by its number format; where given, the capacitance is switched at every moment of a run",
    )
    idle_states: tuple[IdleState, ...] = Field(default=(), max_length=15, description="deeper states of an idle unit, the shallowest first")

    @model_validator(mode="after")
    def _deeper_and_deeper(self) -> UnitPower:
        for shallow, deep in itertools.pairwise(self.idle_states):
            if float(deep.target_residency_s) <= float(shallow.target_residency_s):
                raise ValueError(f"idle_states: {deep.name!r} must have a longer target_residency than {shallow.name!r} before it")
        for state in self.idle_states:
            if float(state.target_residency_s) < float(state.entry_latency_s):
                raise ValueError(f"idle_states: the target_residency of {state.name!r} is shorter than its entry_latency")
        return self


class UnitSpec(Spec):
    """A compute unit: one CPU cluster, GPU, NPU or DSP.

    ``cost_class`` names a row of the structural parameters in ``catalog/cost_classes.yaml`` (its ``form`` says which law);
    ``parameters`` are this unit's own fitted deltas or absolute parameters by ``precision`` ("float", "int8", ...), each sourced.
    """

    kind: Literal["cpu", "gpu", "npu", "dsp", "mcu", "tiny_npu", "neuromorphic"]
    title: str = ""
    cost_class: str
    cores: Count = Figure(1.0, source="none", kind="estimated", note="counted as one")
    core: str = Field(default="", description="what the cores are called in the cost class's table `cores`: cortex_a76; empty: the class's mean")
    core_speeds: tuple[Annotated[Figure, Quantity("ratio", gt=0, le=1)], ...] = Field(
        default=(), description="speed of every core relative to the fastest, the fastest first; empty: all equal"
    )
    macs_per_cycle: dict[Literal["float32", "float16", "bfloat16", "int8", "int4", "int16"], Count] = Field(
        description="per core, peak, by number format; an absent format is not supported in hardware"
    )
    domain: str
    on_chip_bytes: Bytes = Field(alias="on_chip", description="last-level cache, VTCM, SRAM: what keeps traffic from memory")
    published_peak_ops: OperationsPerSecond | None = Field(
        default=None, alias="published_peak", description="operations per second (2 per MAC) as its maker states it"
    )
    published_peak_precision: str = "int8"
    sparse_peak: bool = Field(default=False, description="the published peak counts 2:4 sparsity")
    sparsity: dict[Literal["structured_2_4", "zero_skipping", "weight_decoder"], Count] = Field(
        default_factory=dict,
        description="what zeros in weights gain: structured_2_4, how many times faster two zeros in four are; zero_skipping, at most, where products with "
        "zeros are left out; weight_decoder, how many times fewer bytes of weights it reads at most, where they are compressed and unpacked on the fly",
    )
    parameters: dict[str, dict[str, Annotated[Figure, Quantity("ratio")]]] = Field(default_factory=dict)
    structure: dict[str, dict[str, Annotated[Figure, Quantity("ratio")]]] = Field(
        default_factory=dict, description="structural parameters that replace those of the cost class: `values`, or the name of one of its tables"
    )
    calibration: str = Field(default="zero-shot", description="zero-shot, 3-shot, or fitted on N networks")
    calibration_error: Annotated[Figure, Quantity("ratio", ge=0)] | None = Field(default=None, description="typical relative error of latency in this regime")
    power: UnitPower

    @model_validator(mode="after")
    def _a_speed_for_every_core(self) -> UnitSpec:
        speeds = [float(speed) for speed in self.core_speeds]
        if speeds and len(speeds) != int(self.cores):
            raise ValueError(f"core_speeds: {len(speeds)} speeds for {int(self.cores)} cores; give one for every core, or none")
        if speeds and (speeds[0] != 1.0 or speeds != sorted(speeds, reverse=True)):
            raise ValueError("core_speeds: the fastest core comes first and counts 1, slower ones follow")
        return self

    @field_validator("macs_per_cycle", mode="before")
    @classmethod
    def _formats_with_source(cls, raw: Any) -> Any:
        return spread_provenance(raw)

    @field_validator("parameters", "structure", mode="before")
    @classmethod
    def _parameters_with_source(cls, raw: Any) -> Any:
        return {name: spread_provenance(table) for name, table in raw.items()} if isinstance(raw, dict) else raw


class MemorySpec(Spec):
    """The memory all units share (DRAM; SRAM on a microcontroller)."""

    type: str
    bandwidth_bytes_per_s: BytesPerSecond = Field(alias="bandwidth")
    capacity_bytes: Bytes = Field(alias="capacity")
    reserved_bytes: Bytes = Field(default=NONE_STATED, alias="reserved", description="taken by the operating system")
    energy_j_per_byte: JoulesPerByte = Field(alias="energy")
    idle_w: Watt = Field(default=NONE_STATED, alias="idle")
    domain: str | None = Field(default=None, description="the DVFS domain of its clock, with which the bandwidth rises and falls; a fixed clock if absent")

    @model_validator(mode="after")
    def _leaves_some(self) -> MemorySpec:
        if self.reserved_bytes >= self.capacity_bytes:
            raise ValueError(f"reserved: {self.reserved_bytes:.0f} B of {self.capacity_bytes:.0f} B leave nothing for models")
        return self


class StorageSpec(Spec):
    """Where models are kept: read at load time. ``execute_in_place``: it is in the address space (NOR flash, on-chip flash or MRAM)."""

    type: str
    read_bytes_per_s: BytesPerSecond = Field(alias="read_bandwidth")
    capacity_bytes: Bytes = Field(alias="capacity")
    execute_in_place: bool = False
    read_w: Watt = Field(default=NONE_STATED, alias="read_power", description="drawn while it is read")
    idle_w: Watt = Field(default=NONE_STATED, alias="idle")


class DeviceSpec(Spec):
    """A device as the catalogue or a user's file describes it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    title: str
    category: Literal["phone", "board", "automotive", "microcontroller", "accelerator", "wearable", "headset", "server"]
    description: str = ""
    units: dict[str, UnitSpec] = Field(min_length=1)
    domains: dict[str, DvfsDomain] = Field(min_length=1)
    memory: MemorySpec
    storage: StorageSpec
    base_w: Watt = Field(alias="base_power", description="drawn whatever runs: regulators, board, idle SoC")
    thermal: ThermalSpec
    battery: BatterySpec | None = None
    radios: dict[Annotated[str, Field(pattern=NAME, max_length=40)], RadioSpec] = Field(
        default_factory=dict, description="by a name of one's own: a radio of the catalogue, or {base: NAME, ...changes}"
    )
    runtimes: tuple[str, ...] = Field(min_length=1, description="runtimes that exist for this device, the default first")
    default_ambient_c: Celsius = Field(default=Figure(25.0, source="none", kind="estimated", note="room temperature"), alias="default_ambient")

    @model_validator(mode="after")
    def _references(self) -> DeviceSpec:
        problems = [
            f"units.{name}: no domain {unit.domain!r}; domains: {', '.join(sorted(self.domains))}"
            for name, unit in self.units.items()
            if unit.domain not in self.domains
        ]
        if self.memory.domain is not None and self.memory.domain not in self.domains:
            problems.append(f"memory: no domain {self.memory.domain!r}; domains: {', '.join(sorted(self.domains))}")
        problems += [f"units.{name}: domain {unit.domain!r} is the memory's own" for name, unit in self.units.items() if unit.domain == self.memory.domain]
        heated = {*self.units, "base", "memory", "storage", "fan"}
        problems += [
            f"thermal.nodes.{name}: heated_by {part!r} is neither a unit nor base, memory, storage, fan, radio.NAME"
            for name, node in self.thermal.nodes.items()
            for part in node.heated_by
            if part not in heated and not part.startswith(RADIO)  # a scenario may bring the radio
        ]
        problems += [f"radios.{name}: a unit is called {RADIO}{name}" for name in self.radios if RADIO + name in self.units]
        problems += [f"thermal.trips: no domain {domain!r}" for trip in self.thermal.trips for domain in trip.domains if domain not in self.domains]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def unit_of_kind(self, kind: str) -> str | None:
        """The first unit of a kind, or None."""
        return next((name for name, unit in self.units.items() if unit.kind == kind), None)
