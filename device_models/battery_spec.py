"""The specification of a battery: typed, validated, frozen; every number with its source.

Without a table and a resistance it is an ideal store of charge at its nominal voltage. ``cell: NAME`` takes a cell of the
catalogue (``catalog/batteries``) for everything that is not stated beside it.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from device_models.figure import Figure, Quantity
from device_models.spec_base import NONE_STATED, Coulomb, Spec, Volt

Ohm = Annotated[Figure, Quantity("resistance", ge=0, le=1e6)]
Share = Annotated[Figure, Quantity("ratio", ge=0, le=1)]


def spread_open_circuit(raw: Any) -> Any:
    """``{source, kind, note, table: [[state of charge, voltage], ...]}`` -> points that each carry the source."""
    if not (isinstance(raw, dict) and "table" in raw):
        return raw
    if unknown := set(raw) - {"table", "source", "kind", "note"}:
        raise ValueError(f"a table of open-circuit voltages has the keys table, source, kind, note; got also {', '.join(sorted(map(str, unknown)))}")
    if not (isinstance(raw["table"], list) and all(isinstance(row, list) and len(row) == 2 for row in raw["table"])):
        raise ValueError("table must be a list of rows [state of charge, voltage]")
    common = {key: raw[key] for key in ("source", "kind", "note") if key in raw}
    return [{"charge": {"value": charge, **common}, "voltage": {"value": voltage, **common}} for charge, voltage in raw["table"]]


class OpenCircuitPoint(Spec):
    """The voltage of the rested battery at one state of charge."""

    charge: Share = Field(description="state of charge, 0 % to 100 %")
    voltage_v: Volt = Field(alias="voltage")


class KineticWells(Spec):
    """Two wells of charge (Manwell and McGowan): a share feeds the terminals, the rest flows after it."""

    available: Annotated[Figure, Quantity("ratio", gt=0, le=0.999)] = Field(description="share of the capacity that feeds the terminals directly")
    rate_hz: Annotated[Figure, Quantity("frequency", gt=0)] = Field(alias="rate", description="k' of the model, such as 4.5e-5 /s")


class BatterySpec(Spec):
    """A battery; see :mod:`device_models.battery_voltage` and :mod:`device_models.battery_kinetic` for the laws."""

    cell: str = Field(default="", description="a cell of the catalogue, for everything that is not stated here")
    capacity_c: Coulomb = Field(alias="capacity")
    nominal_v: Volt = Field(alias="nominal_voltage")
    open_circuit: tuple[OpenCircuitPoint, ...] = Field(
        default=(), alias="open_circuit_voltage", description="from 0 % to 100 %, ascending; the nominal voltage throughout if absent"
    )
    resistance_ohm: Ohm = Field(default=NONE_STATED, alias="resistance", description="internal, of the whole battery")
    cutoff_v: Volt | None = Field(default=None, alias="cutoff_voltage", description="at the terminals: the device switches off below it")
    self_discharge: Annotated[Figure, Quantity("ratio", ge=0, le=100)] = Field(default=NONE_STATED, description="share of the capacity lost in a year")
    charge_current_a: Annotated[Figure, Quantity("current", gt=0)] | None = Field(default=None, alias="charge_current", description="while charging, at most")
    rechargeable: bool = True
    peukert_exponent: Annotated[Figure, Quantity("ratio", ge=1, le=2)] = Field(
        default=Figure(1.0, source="none", kind="estimated", note="no loss of capacity at high currents"), description="above the rated current"
    )
    rated_discharge_s: Annotated[Figure, Quantity("time", gt=0)] = Field(
        default=Figure(18000.0, source="none", kind="estimated", note="most cells are rated at a fifth of their capacity per hour"),
        alias="rated_discharge",
        description="how long the current lasts at which the capacity is stated; Peukert's law counts from there",
    )
    kinetic: KineticWells | None = Field(default=None, description="two wells of charge; for a battery of one open-circuit voltage")

    @model_validator(mode="before")
    @classmethod
    def _of_cell(cls, raw: Any) -> Any:
        from device_models.catalog.batteries import cell_data, cell_names

        if not isinstance(raw, dict) or raw.get("cell") not in cell_names():
            return raw
        return {**cell_data(raw["cell"]), **raw}

    @field_validator("cell")
    @classmethod
    def _known_cell(cls, cell: str) -> str:
        from device_models.catalog.batteries import cell_names

        if cell and cell not in cell_names():
            raise ValueError(f"unknown cell {cell[:60]!r}; known: {', '.join(cell_names())}")
        return cell

    @field_validator("open_circuit", mode="before")
    @classmethod
    def _points_with_source(cls, raw: Any) -> Any:
        return spread_open_circuit(raw)

    @field_validator("open_circuit")
    @classmethod
    def _ascending(cls, points: tuple[OpenCircuitPoint, ...]) -> tuple[OpenCircuitPoint, ...]:
        if not points:
            return points
        if float(points[0].charge) != 0.0 or float(points[-1].charge) != 1.0:
            raise ValueError("the table must begin at 0 % and end at 100 %")
        for low, high in itertools.pairwise(points):
            if float(high.charge) <= float(low.charge):
                raise ValueError(f"charge must ascend, but {float(high.charge):.4g} follows {float(low.charge):.4g}")
            if float(high.voltage_v) < float(low.voltage_v):
                raise ValueError(
                    f"voltage must not fall as charge rises: {float(high.voltage_v):g} V at {float(high.charge):.4g} follows "
                    f"{float(low.voltage_v):g} V at {float(low.charge):.4g}"
                )
        return points

    @field_validator("cutoff_v")
    @classmethod
    def _cutoff_below_full(cls, cutoff_v: Figure | None, info: ValidationInfo) -> Figure | None:
        points = info.data.get("open_circuit", ())
        full_v = points[-1].voltage_v if points else info.data.get("nominal_v")
        if cutoff_v is not None and full_v is not None and float(cutoff_v) >= float(full_v):
            raise ValueError(f"the cut-off of {float(cutoff_v):g} V is not below the {float(full_v):g} V of the full battery: it could never be used")
        return cutoff_v

    @field_validator("kinetic")
    @classmethod
    def _one_voltage(cls, kinetic: KineticWells | None, info: ValidationInfo) -> KineticWells | None:
        if kinetic is not None and info.data.get("open_circuit"):
            raise ValueError("two wells of charge are for one open-circuit voltage; leave out open_circuit_voltage, or kinetic")
        if kinetic is not None and info.data.get("peukert_exponent", 1.0) > 1.0:
            raise ValueError("give either two wells of charge or a Peukert exponent: both describe the same loss")
        return kinetic
