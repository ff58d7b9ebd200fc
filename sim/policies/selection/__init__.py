"""Selection policies. One file each; importing the package fills ``SELECTION``."""

from sim.policies.selection import by_battery, by_deadline, by_queue, by_temperature, by_time, least_waiting, random_choice, round_robin
from sim.policies.selection.options import selection_options, selection_problems
from sim.policies.selection.policy import SELECTION, SelectionOptions, SelectionPolicy, SelectionView, Staircase

__all__ = [
    "SELECTION",
    "SelectionOptions",
    "SelectionPolicy",
    "SelectionView",
    "Staircase",
    "by_battery",
    "by_deadline",
    "by_queue",
    "by_temperature",
    "by_time",
    "least_waiting",
    "random_choice",
    "round_robin",
    "selection_options",
    "selection_problems",
]
