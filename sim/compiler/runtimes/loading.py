"""The shipped runtimes, read from the YAML files in this folder on first use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sim.compiler.runtimes.spec import Runtime
from sim.errors import EdgesimError
from sim.registry import near_names

_FOLDER = Path(__file__).resolve().parent


@cache
def runtime_names() -> tuple[str, ...]:
    """Names of the shipped runtimes, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def runtime(name: str) -> Runtime:
    """A runtime by name. Raises EdgesimError for an unknown one."""
    if name not in runtime_names():
        raise EdgesimError(f"unknown runtime {name!r}; {near_names(name, runtime_names())}")
    return Runtime.model_validate(_merged(name))


def _merged(name: str) -> dict[str, Any]:
    """A file's content; with ``base: NAME``, that of the runtime it is like with its own keys in their place, and sources added."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with (_FOLDER / f"{name}.yaml").open(encoding="utf-8") as file:
        raw: dict[str, Any] = yaml.load(file, Loader=loader)  # a safe loader either way
    if "base" not in raw:
        return raw
    like = _merged(raw.pop("base"))
    return {**like, **raw, "sources": {**like["sources"], **raw["sources"]}}


def describe(name: str) -> dict[str, object]:
    """What a runtime is, as plain data for listings: title, delegates with unit kinds and formats, pipeline, sources."""
    engine = runtime(name)
    return {
        "name": engine.name,
        "title": engine.title,
        "description": engine.description,
        "prefers": list(engine.prefer),
        "precisions": list(engine.precisions),
        "delegates": [
            {
                "name": delegate.name,
                "units": list(delegate.units),
                "formats": list(delegate.formats),
                "operators": delegate.operators if isinstance(delegate.operators, str) else len(delegate.operators),
                "entry_s": delegate.entry_s,
                "switch_s": delegate.switch_s,
                "prepare_s": delegate.prepare_s,
            }
            for delegate in engine.delegates
        ],
        "pipeline": [step if isinstance(step, str) else next(iter(step)) for step in engine.pipeline],
        "sources": dict(engine.sources),
    }
