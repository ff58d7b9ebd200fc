"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measurements and model files beside the project; tests that need it are skipped without it."""
    if not _SHARED.is_dir():
        pytest.skip("no ../shared folder beside the project")
    return _SHARED
