"""Sweeps: the points of a scenario's axes, and what came of them as a table."""
