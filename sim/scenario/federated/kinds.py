"""Alternatives told apart by ``kind``, of which one is meant where nothing is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def by_kind(default: str) -> Callable[[Any], str]:
    """The tag of an alternative. It is called as the key it looks at, so that a mistake is shown there."""

    def kind(raw: Any) -> str:
        said = raw.get("kind", default) if isinstance(raw, dict) else getattr(raw, "kind", default)
        return said if isinstance(said, str) else default

    return kind
