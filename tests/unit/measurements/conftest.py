"""Text as a file of measurements, read by the reader its content asks for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.measurements.formats import FORMATS, read_text_source
from sim.measurements.measurement import Readings
from sim.measurements.source import text_source


@pytest.fixture
def read() -> Callable[..., Readings]:
    def reading(text: str, file: str = "rows.csv", where: tuple[tuple[str, str], ...] = ()) -> Readings:
        return read_text_source(text_source(file, text, where))

    return reading


@pytest.fixture
def format_of() -> Callable[[str], str | None]:
    def name(text: str) -> str | None:
        source = text_source("x", text)
        return next((name for name, known in FORMATS.items() if known.recognises(source)), None)

    return name
