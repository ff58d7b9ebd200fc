"""Results of ``edgesim fidelity`` as one page: tables, a plot per dataset, sources. Needs nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from sim.report.fidelity_plot import BAND, COLORS, limits, panels
from sim.report.fidelity_scores import METRICS, Point, by_group, by_kind, score_rows, worst
from sim.report.fidelity_tables import TextTable, kind_table, score_table, value_text, worst_table
from sim.report.safe_text import printable

SIDE, MARGIN = 320.0, 44.0  # pixels: of the plot's area, and around it
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2.5em; border-bottom: 1px solid #ccc; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .8em 0; font-variant-numeric: tabular-nums; }
th, td { padding: .15em .7em; text-align: left; white-space: nowrap; } th { border-bottom: 1px solid #999; }
td.right, th.right { text-align: right; } tr:nth-child(even) td { background: #f5f5f5; }
svg { background: #fff; } svg text { font-size: 11px; fill: #444; } .plots { display: flex; flex-wrap: wrap; gap: 1em; }
"""


def page_text(points: Sequence[Point], titles: Mapping[str, str], failures: Sequence[str], worst_count: int) -> str:
    """The page; the same text for the same points."""
    parts = [_part(name, title, [point for point in points if point.dataset == name], worst_count) for name, title in titles.items()]
    failed = f"<h2>Not predicted</h2><ul>{''.join(f'<li>{_text(line)}</li>' for line in failures)}</ul>" if failures else ""
    head = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = "edgesim: predictions against published measurements"
    return f"{head}<title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{''.join(parts)}{failed}</body></html>\n"


def _part(name: str, title: str, points: Sequence[Point], worst_count: int) -> str:
    if not points:
        return ""
    tables = [score_table(score_rows(points, by_group), True), kind_table(score_rows(points, by_kind))]
    tables += [worst_table(worst(points, worst_count), True)] if worst_count else []
    plots = "".join(scatter(members, metric) for (_, metric), members in panels(points).items())
    cited = "".join(f"<li>{_text(source)}</li>" for source in dict.fromkeys(point.source for point in points))
    body = "".join(_table(table) for table in tables)
    return f'<h2 id="{_text(name)}">{_text(title)}</h2>\n<div class="plots">{plots}</div>\n{body}<p>Sources:</p><ul>{cited}</ul>\n'


def _table(table: TextTable) -> str:
    def cell(tag: str, column: int, text: str) -> str:
        aligned = ' class="right"' if column in table.right else ""
        return f"<{tag}{aligned}>{_text(text)}</{tag}>"

    head = "".join(cell("th", column, text) for column, text in enumerate(table.head))
    rows = "".join(f"<tr>{''.join(cell('td', column, text) for column, text in enumerate(row))}</tr>\n" for row in table.rows)
    return f'<div class="scroll"><table><tr>{head}</tr>\n{rows}</table></div>\n'


def scatter(points: Sequence[Point], metric: str) -> str:
    """Predicted over measured of one metric as an SVG picture; each point says what it is when it is pointed at."""
    low, high = limits(points)
    scale = SIDE / math.log(high / low)

    def x(value: float) -> float:
        return round(MARGIN + scale * math.log(value / low), 1)

    def y(value: float) -> float:
        return round(MARGIN + SIDE - scale * math.log(value / low), 1)

    size = SIDE + 2 * MARGIN
    top, bottom = y(high), y(low)
    shapes = [f'<rect x="{MARGIN}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>']
    corners = ((low, low * (1 - BAND)), (high, high * (1 - BAND)), (high, high * (1 + BAND)), (low, low * (1 + BAND)))
    band = " ".join(f"{x(a)},{min(max(y(b), top), bottom)}" for a, b in corners)
    shapes += [f'<polygon points="{band}" fill="#eee"/>', f'<line x1="{x(low)}" y1="{bottom}" x2="{x(high)}" y2="{top}" stroke="#aaa"/>']
    for decade in range(round(math.log10(low)), round(math.log10(high)) + 1):
        value, label = 10.0**decade, value_text(10.0**decade, metric)
        shapes.append(f'<text x="{x(value)}" y="{bottom + 15}" text-anchor="middle">{_text(label)}</text>')
        shapes.append(f'<text x="{MARGIN - 4}" y="{y(value) + 4}" text-anchor="end">{_text(label)}</text>')
    regimes = [regime for regime in COLORS if any(point.regime == regime for point in points)]
    for regime in regimes:
        shapes.append(f'<g fill="{COLORS[regime]}" fill-opacity="0.6">')
        for point in points:
            if point.regime == regime:
                about = f"{point.model} on {point.device}: {value_text(point.predicted, metric)}, measured {value_text(point.measured, metric)}"
                shapes.append(f'<circle cx="{x(point.measured)}" cy="{y(point.predicted)}" r="2.5"><title>{_text(about)}</title></circle>')
        shapes.append("</g>")
    shapes += _legend(regimes)
    shapes.append(f'<text x="{size / 2}" y="{size - 6}" text-anchor="middle">measured {_text(METRICS[metric].label)}</text>')
    shapes.append(f'<text x="12" y="{MARGIN - 12}">predicted</text>')
    label = f'role="img" aria-label="predicted over measured {_text(METRICS[metric].label)}"'
    return f'<svg viewBox="0 0 {size} {size}" width="{size}" height="{size}" {label}>\n' + "\n".join(shapes) + "\n</svg>\n"


def _legend(regimes: Sequence[str]) -> list[str]:
    shapes = []
    for row, regime in enumerate(regimes):
        height = MARGIN + 14 + 15 * row
        shapes.append(f'<circle cx="{MARGIN + 10}" cy="{height - 4}" r="3.5" fill="{COLORS[regime]}"/>')
        shapes.append(f'<text x="{MARGIN + 18}" y="{height}">{_text(regime)}</text>')
    return shapes


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
