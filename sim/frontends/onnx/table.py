"""The table of ONNX operators: (domain, type) -> handler. A new one is a decorated function in its family's file."""

from __future__ import annotations

from collections.abc import Callable

from sim.frontends.onnx.node import Handler

CONTRIB = "com.microsoft"  # operators of ONNX Runtime
HANDLERS: dict[tuple[str, str], Handler] = {}


def handles(*types: str, domain: str = "") -> Callable[[Handler], Handler]:
    """Enter a handler for these operator types of a domain (``""``: the ONNX standard)."""

    def enter(handler: Handler) -> Handler:
        for type in types:
            HANDLERS[domain, type] = handler
        return handler

    return enter


def find_handler(domain: str, type: str) -> Handler | None:
    """The handler of an operator, if it has one."""
    return HANDLERS.get(("" if domain == "ai.onnx" else domain, type))
