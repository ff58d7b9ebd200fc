"""edgesim: will this model, on this device, hold its latency, energy, memory and heat budget?

``from sim import load_scenario, simulate``. Names are imported when they are first used, so that ``import sim`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing for it would cost more than everything else here
if TYPE_CHECKING:
    from typing import Any

    from sim.api import Result, load_scenario, simulate
    from sim.errors import EdgesimError, ModelError

__all__ = ["EdgesimError", "ModelError", "Result", "load_scenario", "simulate"]

_HOME = {"Result": "sim.api", "load_scenario": "sim.api", "simulate": "sim.api", "EdgesimError": "sim.errors", "ModelError": "sim.errors"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
