"""The page itself: one file with its scripts, styles and data, which loads nothing from anywhere.

A content security policy lets run only the script and the style that are in the file, by their hashes. Data stand in script elements of types
that no browser runs, with every character that could end the element escaped; scripts put names on the page as text, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np

from sim.report.html.packing import pack

# in the order in which they stand in the page; they share one scope
SCRIPTS = (
    "format.js",
    "data.js",
    "elements.js",
    "palette.js",
    "canvas.js",
    "time_view.js",
    "timeline_rows.js",
    "timeline.js",
    "timeline_details.js",
    "time_charts.js",
    "plot.js",
    "summary.js",
    "latency.js",
    "roofline.js",
    "energy.js",
    "buffers.js",
    "tables.js",
    "scatter.js",
    "parallel.js",
    "main.js",
)
STYLES = ("style.css", "print.css")
_TEMPLATE = "page.html"


def page_text(data: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> str:
    """The whole HTML file. ``data``: JSON values; ``columns``: what the browser unpacks."""
    index, stream = pack(columns)
    script = '"use strict";\n(() => {\n' + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();\n"
    style = "\n".join(_asset(name) for name in STYLES)
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    parts = {
        "TITLE": html.escape(str(data.get("title", "edgesim"))[:120]),
        "POLICY": html.escape(policy, quote=True).replace("&#x27;", "'"),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": embedded({**data, "columns": index}),
        "COLUMNS": base64.b64encode(stream).decode("ascii"),
    }
    text = _asset(_TEMPLATE)
    pieces = text.split("%%")  # text and names of parts in turn, so that no part is ever looked through for another
    return "".join(piece if position % 2 == 0 else parts[piece] for position, piece in enumerate(pieces))


def embedded(data: Any) -> str:
    """JSON that can stand in a script element: no ``<``, ``>``, ``&`` or line separator of JavaScript is left in it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return files("sim.report.html").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
