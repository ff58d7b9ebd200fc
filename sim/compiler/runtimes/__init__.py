"""Runtimes (inference engines): one YAML file each says what its delegates run, how it fuses, and what its calls cost."""

from sim.compiler.runtimes.loading import describe, runtime, runtime_names
from sim.compiler.runtimes.spec import Delegate, Limit, PrecisionRule, Runtime

__all__ = ["Delegate", "Limit", "PrecisionRule", "Runtime", "describe", "runtime", "runtime_names"]
