"""What every part of a specification is made of: the frozen base class and the quantities with their units and bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from device_models.figure import Figure, Quantity

Hertz = Annotated[Figure, Quantity("frequency", gt=0, le=1e13)]
Volt = Annotated[Figure, Quantity("voltage", gt=0, le=1000)]
Watt = Annotated[Figure, Quantity("power", ge=0, le=1e6)]
Seconds = Annotated[Figure, Quantity("time", ge=0, le=1e10)]
Bytes = Annotated[Figure, Quantity("bytes", ge=0, le=1e16)]
BytesPerSecond = Annotated[Figure, Quantity("bandwidth", gt=0, le=1e16)]
JoulesPerByte = Annotated[Figure, Quantity("energy_per_byte", ge=0, le=1e-3)]
Farad = Annotated[Figure, Quantity("capacitance", gt=0)]
Celsius = Annotated[Figure, Quantity("temperature", ge=-100, le=400)]
KelvinPerWatt = Annotated[Figure, Quantity("thermal_resistance", gt=0)]
JoulesPerKelvin = Annotated[Figure, Quantity("heat_capacity", gt=0)]
Coulomb = Annotated[Figure, Quantity("charge", gt=0)]
Ratio = Annotated[Figure, Quantity("ratio", ge=0)]
Count = Annotated[Figure, Quantity("count", gt=0)]
OperationsPerSecond = Annotated[Figure, Quantity("compute_rate", gt=0)]


class Spec(BaseModel):
    """Base of every specification: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


NONE_STATED = Figure(0.0, source="none", kind="estimated", note="nobody publishes it: taken as none")
