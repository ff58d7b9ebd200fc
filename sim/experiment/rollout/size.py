"""How much of a model goes over the links: all of it, what has changed, or a patch between two files computed for real."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.errors import EdgesimError, Problem
from sim.frontends.load import load_model
from sim.graph.storage import stored_file_bytes
from sim.scenario.model import ModelUse
from sim.scenario.rollout.model import DeltaUpdate, PatchUpdate, Rollout

_LARGEST_BYTES = 2_000_000_000
_LEVEL = 9
_ANY_RUNTIME = "onnxruntime"


def update_bytes(rollout: Rollout, directory: Path) -> float:
    """Bytes that each device downloads. Raises EdgesimError with paths below the roll-out."""
    if isinstance(rollout.update, PatchUpdate):
        return float(len(patch_between(directory / rollout.update.old, directory / rollout.update.new)))
    whole = float(rollout.size_bytes) if rollout.size_bytes is not None else model_bytes(rollout.model, directory)
    if isinstance(rollout.update, DeltaUpdate):
        return whole * float(rollout.update.changed) * float(rollout.update.compressed)
    return whole


def model_bytes(use: ModelUse | None, directory: Path) -> float:
    """The stored size of a model in its precision, as its runtime's converter writes it."""
    assert use is not None and use.source is not None
    graph = load_model(use.source, directory=directory, options=use.options, shapes=use.shapes, name="model")
    lowered = lower_model(graph, resolve_runtime(use.runtime or _ANY_RUNTIME), use.precision)
    return float(stored_file_bytes(lowered.flow.graph))


def patch_between(old: Path, new: Path) -> bytes:
    """What turns one file into the other: its bytes less the old ones, compressed. :func:`patched` is its inverse."""
    before, after = _read(old, "old"), _read(new, "new")
    same = min(len(before), len(after))
    difference = after.copy()
    difference[:same] -= before[:same]
    return zlib.compress(difference.tobytes(), _LEVEL)


def patched(old: bytes, patch: bytes) -> bytes:
    """The new file from the old one and the patch."""
    difference = np.frombuffer(zlib.decompress(patch), dtype=np.uint8).copy()
    before = np.frombuffer(old, dtype=np.uint8)
    same = min(len(before), len(difference))
    difference[:same] += before[:same]
    return difference.tobytes()


def _read(path: Path, key: str) -> np.ndarray:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise EdgesimError(Problem(path=f"update.{key}", what=f"{path.name} is larger than {_LARGEST_BYTES / 1e9:g} GB"))
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise EdgesimError(Problem(path=f"update.{key}", what=f"cannot be read: {error.strerror or error}")) from None
