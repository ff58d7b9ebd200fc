"""What feeds the battery while the device runs, one file per kind: ``charging: {kind: usb, power: 10 W}``.

A kind is one class below and its name in ``Charging``; it says how much power comes when, in steps.
"""

from typing import Annotated

from pydantic import Field

from sim.scenario.charging.profile import ChargingProfile
from sim.scenario.charging.solar import Solar
from sim.scenario.charging.source import ChargingSource
from sim.scenario.charging.usb import Usb

Charging = Annotated[Usb | Solar | ChargingProfile, Field(discriminator="kind")]

__all__ = ["Charging", "ChargingProfile", "ChargingSource", "Solar", "Usb"]
