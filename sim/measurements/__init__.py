"""Readers of measured latencies: edgesim's own table and what inference engines and benchmark tools print."""

from sim.measurements.formats import FORMATS, read_measurements
from sim.measurements.measurement import Measurement, OperatorTiming, Readings

__all__ = ["FORMATS", "Measurement", "OperatorTiming", "Readings", "read_measurements"]
