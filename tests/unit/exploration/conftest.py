"""Makes ``exploring`` importable, here and in the worker processes that inherit this path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table of the sweep of ``sweeping`` as it is when nothing happens."""
    from sweeping import COUNT, csv_of, finish

    db = tmp_path_factory.mktemp("undisturbed") / "sweep.db"
    finish(db)
    text = csv_of(db)
    assert text.count("\n") == COUNT + 1
    return text
