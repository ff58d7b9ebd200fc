"""The compiler: Graph x device x runtime -> Program."""

from sim.compiler.code import compile_code
from sim.compiler.compile import compile_model
from sim.compiler.pipeline import lower, pipeline_for

__all__ = ["compile_code", "compile_model", "lower", "pipeline_for"]
