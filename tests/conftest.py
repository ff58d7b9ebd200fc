"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

# Before NumPy is loaded: small systems of equations are slowed down a hundredfold by threads on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# No time limit an example: shared machines are slow at times. Where CI is set, the same examples every time.
settings.register_profile("edgesim", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("edgesim")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measurements and model files beside the project; tests that need it are skipped without it."""
    if not _SHARED.is_dir():
        pytest.skip("no ../shared folder beside the project")
    return _SHARED
