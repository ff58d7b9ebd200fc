"""Every number of the device with its kind and source."""

from __future__ import annotations

from device_models.catalog.catalog import sources
from device_models.provenance import figures
from device_models.units import format_quantity
from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.safe_text import printable


def sources_section(page: Page) -> Section:
    """Rows ``[path, value as text, kind, source, number of the note]``; notes and sources stand once."""
    rows, citations = figures(page.result.device), sources()
    notes = {note: number for number, note in enumerate(dict.fromkeys(row.note for row in rows if row.note))}
    return Section(
        {
            "figures": [
                [printable(row.path, 200), format_quantity(row.value, row.dimension, 4), row.kind, printable(row.source, 80), notes.get(row.note, -1)]
                for row in rows
            ],
            "notes": [printable(note) for note in notes],
            "sources": {printable(row.source, 80): printable(citations.get(row.source, "")) for row in rows if row.source},
        }
    )
