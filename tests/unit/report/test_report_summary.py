"""The report on screen, over the hand-made run."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from sim.report.budgets import judge
from sim.report.console import PIPED_WIDTH, console, print_lines, report_width
from sim.report.glyphs import ASCII, UNICODE, Glyphs
from sim.report.metrics import measure
from sim.report.model_section import model_lines
from sim.report.page import Page
from sim.report.summary import summary
from sim.report.window import chosen_window, interesting_window, parse_window


def page(run: Any, width: int = 100, glyphs: Glyphs = UNICODE) -> Page:
    metrics = measure(run)
    return Page(run, metrics, judge(metrics, run.scenario, run.device), width, glyphs)


def text(run: Any, width: int = 100, glyphs: Glyphs = UNICODE) -> str:
    shown = page(run, width, glyphs)
    return "\n".join(line.plain.rstrip() for line in summary(shown, interesting_window(run.trace, shown.metrics), 0.5))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_line_is_wider_than_the_page(run: Any, width: int, glyphs: Glyphs) -> None:
    lines = text(run, width, glyphs).splitlines()
    assert max(map(len, lines)) <= width
    assert glyphs is UNICODE or all(line.isascii() for line in lines)


def test_what_there_is_to_see(run: Any) -> None:
    shown = text(run)
    for part in (
        "hand_made",
        "Round Device",
        "25 degC",
        "seed 0",
        "×20",
        "INVALID",
        "3 of 4 budgets held",
        "latency p99",
        "53 ms",
        "> 33 ms",
        "npu throttled to 500 MHz from 6 s",
    ):
        assert part in shown, part
    for part in (
        "pre",
        "detector",
        "nms",
        "9 %",
        "30 %",
        "40.0 degC",
        "500 MHz",
        "10/s",
        "10 %",
        "20 J",
        "5.25 inferences/J",
        "100 MiB",
        "typically within 10 %",
    ):
        assert part in shown, part


def test_timeline_blocks_are_where_they_ran(run: Any) -> None:
    shown = page(run)
    from sim.report.gantt import draw_row, rows, stage_titles, stages_shown
    from sim.report.time_axis import TimeAxis

    axis = TimeAxis(0.0, 0.040, 40)  # a cell per millisecond
    chart = rows(run.trace, axis)
    cpu, npu = (draw_row(row, axis, ASCII, stages_shown(chart), stage_titles(run.trace)).plain for row in chart)
    assert cpu == "|####" + " " * 30 + "|%%" + "  "
    assert npu == " " * 5 + "|========= detector ==========" + " " * 5
    assert shown.width == 100


def test_chosen_window(run: Any) -> None:
    shown = page(run)
    lines = summary(shown, chosen_window(run.trace, *parse_window("1 s..2 s")), None)
    assert any("the chosen window" in line.plain for line in lines)


def test_a_run_without_spans_says_so(run: Any) -> None:
    from sim.trace import Trace

    run.trace.spans = Trace([], [], [], []).spans
    assert "no spans to show" in text(run)


def test_an_empty_run(run: Any) -> None:
    from sim.trace import Trace

    run.trace = Trace(["cpu", "npu"], ["camera", "voice"], [], [], end_s=0.0)
    shown = text(run)
    assert "0 s simulated" in shown and "0 arrived" in shown


def test_markup_and_control_characters_in_names_stay_text(run: Any) -> None:
    from dataclasses import replace

    run.trace.stages[1] = "camera/[red]x[/red]\x1b[2J"
    run.trace.units[0] = "c\x1bpu"
    run.programs["detector"] = replace(run.programs["detector"], runtime="[link=x]\x07", notes=("\x1b[1m",))
    shown = text(run)
    assert "\x1b" not in shown and "\x07" not in shown and "[link=x]\\x07" in shown
    stream = io.StringIO()
    made = page(run)
    print_lines(console(stream), summary(made, interesting_window(run.trace, made.metrics)))
    assert "\x1b" not in stream.getvalue() and "[red]x[/red]" in stream.getvalue()


class Terminal(io.StringIO):
    """A terminal as far as rich looks."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def test_colours_on_a_terminal_only_and_not_with_no_color(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    made = page(run)
    lines = summary(made, interesting_window(run.trace, made.metrics))

    def printed(stream: io.StringIO) -> str:
        print_lines(console(stream), lines)
        return stream.getvalue()

    assert "\x1b[" in printed(Terminal())
    assert "\x1b[" not in printed(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(Terminal())  # bold may stay, colours may not


def test_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert report_width(io.StringIO()) == PIPED_WIDTH == report_width(Terminal())
    for columns, width in (("80", 80), ("20", 60), ("1000", 160), ("x", PIPED_WIDTH), ("", PIPED_WIDTH)):
        monkeypatch.setenv("COLUMNS", columns)
        assert report_width(io.StringIO()) == width


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_fallbacks_of_a_model_fit_the_page(run: Any, width: int, glyphs: Glyphs) -> None:
    """Long reasons wrap beside the model's name, the two that weigh most are spelt out, the rest counted."""
    program = run.programs["detector"]
    (segment,) = program.segments
    reasons = (
        "Softmax is not supported by the vendor delegate in float32, and its input of shape [1, 16, 4096, 4096] is too large",
        "x" * 300,
        "third",
        "fourth",
    )
    fallen = tuple(replace(segment, index=index + 1, unit="cpu", why=f"fallback: {why}; too small") for index, why in enumerate(reasons))
    many = replace(run, programs={**run.programs, "detector": replace(program, segments=(segment, *fallen))})
    lines = [line.plain.rstrip() for line in model_lines(page(many, width, glyphs))]
    assert max(map(len, lines)) <= width
    told = [number for number, line in enumerate(lines) if "fallback of" in line]
    assert len(told) == 2 and any("and 2 more reasons for fallbacks" in line for line in lines)
    indent = len(lines[told[0]]) - len(lines[told[0]].lstrip())
    assert "fallback of 3 kernels to cpu: Softmax is" in lines[told[0]] and indent > 0
    wrapped = lines[told[0] : told[1]]
    assert all(line.startswith(" " * indent) for line in wrapped) and (len(wrapped) > 1 or width >= 160)
    joined = " ".join(line.strip() for line in wrapped)
    assert reasons[0] in joined  # nothing of it is lost between the lines


def test_a_model_without_fallbacks_says_nothing_of_them(run: Any) -> None:
    assert not any("fallback" in line.plain for line in model_lines(page(run, 80)))
