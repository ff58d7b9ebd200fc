"""Scenarios that come with edgesim: found beside the package, in a checkout as in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import sim
from sim.errors import EdgesimError
from sim.registry import near_names

FOLDER = Path(sim.__file__).resolve().parents[1] / "scenarios"


def shipped_scenarios() -> dict[str, Path]:
    """Name (the file's, without suffix) -> file, sorted by name."""
    return {path.stem: path for path in sorted(FOLDER.rglob("*.yaml"), key=lambda path: path.stem)}


def scenario_path(text: str) -> Path:
    """The file a user means: a path, or the name of a shipped scenario.

    A file of that name in the current folder comes first. Raises EdgesimError for a name that is neither.
    """
    path = Path(text)
    if looks_like_path(text) or path.exists():
        return path
    shipped = shipped_scenarios()
    if text not in shipped:
        raise EdgesimError(f"no file and no shipped scenario {text!r}; {near_names(text, shipped)}")
    return shipped[text]


def looks_like_path(text: str) -> bool:
    """Whether a text names a file rather than a shipped scenario."""
    return "/" in text or "\\" in text or text.lower().endswith((".yaml", ".yml", ".json"))
