"""Fleets: their models compiled into tables, and the study run."""
