"""Selection of clients for federated rounds. One file each; importing the package fills ``CLIENT_SELECTION``."""

from sim.policies.client_selection import availability, battery, oort, power_of_choice, random
from sim.policies.client_selection.policy import CLIENT_SELECTION, ClientSelection, SelectionView

__all__ = ["CLIENT_SELECTION", "ClientSelection", "SelectionView", "availability", "battery", "oort", "power_of_choice", "random"]
