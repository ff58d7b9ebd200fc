"""Fields of JSON nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def mappings(data: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(position, object) of a list's objects; anything else in it, or no list, gives nothing."""
    if isinstance(data, list):
        yield from ((index, item) for index, item in enumerate(data) if isinstance(item, dict))


def mapping(data: Any, key: str) -> Mapping[str, Any]:
    """The object under a key, empty if there is none."""
    inner = data.get(key) if isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else {}


def text(data: Mapping[str, Any], *keys: str) -> str:
    """The first of the keys that holds text, else empty."""
    return next((value for key in keys if isinstance(value := data.get(key), str)), "")
