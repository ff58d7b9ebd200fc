"""A finished run as the document that run files hold and pages show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sim.report.html.charts_section import charts_section
from sim.report.html.energy_section import energy_section
from sim.report.html.findings_section import findings_section
from sim.report.html.latency_section import latency_section
from sim.report.html.models_section import models_section
from sim.report.html.sources_section import sources_section
from sim.report.html.timeline_section import timeline_section
from sim.report.page import Page
from sim.report.run_file.document import FORMAT, RunDocument, Section
from sim.report.safe_text import printable
from sim.report.scenario_yaml import scenario_text

# parts of a document in the order of their making; a new part is one file here and one view in the page
SECTIONS: dict[str, Callable[[Page], Section]] = {
    "findings": findings_section,
    "timeline": timeline_section,
    "charts": charts_section,
    "latency": latency_section,
    "models": models_section,
    "energy": energy_section,
    "sources": sources_section,
}


def run_document(page: Page, result: dict[str, Any], directory: Path) -> RunDocument:
    """``result``: what :func:`sim.report.metrics_json.result_data` gives. ``directory``: where the scenario's relative paths are looked for."""
    scenario = page.result.scenario
    data: dict[str, Any] = {
        "format": FORMAT,
        "title": printable(scenario.name, 200),
        "description": printable(scenario.description),
        "device": {"name": page.result.device.name, "title": printable(page.result.device.title), "category": page.result.device.category},
        "seed": page.result.seed,
        "scenario_yaml": scenario_text(scenario, directory, directory),
        "result": result,
    }
    columns: dict[str, np.ndarray] = {}
    for name, make in SECTIONS.items():
        section = make(page)
        data[name] = _finite(section.data)
        columns |= section.columns
    return RunDocument(data, columns)


def _finite(data: Any) -> Any:
    """JSON has no word for infinity; what is not a number is unknown."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and data - data != 0 else data
