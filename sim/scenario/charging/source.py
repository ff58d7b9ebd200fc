"""What every kind of charging says: the power that comes, in steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from device_models.figure import Figure, Quantity

SupplyPower = Annotated[Figure, Quantity("power", gt=0, le=1e6)]
SupplyTime = Annotated[Figure, Quantity("time", ge=0, le=3.2e9)]
LaterTime = Annotated[Figure, Quantity("time", gt=0, le=3.2e9)]


class ChargingSource(BaseModel):
    """Power at the device's supply input. The device's load is fed first; the battery takes the rest, as far as it can."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    def steps(self, directory: Path) -> Iterator[tuple[float, float]]:
        """``(time, power)`` pairs, times ascending from 0, seconds and watts: the power that holds from that time on. May be endless.

        ``directory``: where relative files are. Raises EdgesimError where one cannot be read.
        """
        raise NotImplementedError

    def problem(self) -> tuple[str, str] | None:
        """A key and what is wrong with it, where its values do not fit together; or None."""
        return None
