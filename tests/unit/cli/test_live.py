"""The live view: what a frame shows is what had happened by then; the player obeys its keys; a real terminal is left as it was."""

from __future__ import annotations

import io
import os
import sys

import numpy as np
import pytest

from sim.api import simulate
from sim.cli.live import Player, parse_speed, play
from sim.errors import EdgesimError
from sim.report.budgets import judge
from sim.report.glyphs import ASCII, UNICODE
from sim.report.live_frame import LiveView
from sim.report.page import Page
from sim.trace import Status


def view_of(overrides: dict | None = None, width: int = 80, glyphs=UNICODE) -> LiveView:
    scenario = {
        "name": "live",
        "device": "pixel_6",
        "duration": "2 s",
        "models": {"net": {"source": "mobilenet_v2"}},
        "workloads": {"camera": {"arrival": {"kind": "periodic", "rate": "30 Hz"}, "deadline": "20 ms", "pipeline": [{"model": "net"}]}},
        **(overrides or {}),
    }
    result = simulate(scenario)
    return LiveView(Page(result, result.metrics, judge(result.metrics, result.scenario, result.device, None), width, glyphs))


@pytest.fixture(scope="module")
def view() -> LiveView:
    return view_of()


def text(lines) -> str:
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("time_s", [0.0, 0.013, 1.0, 2.0])
def test_a_frame_counts_what_was_answered_by_then(view, time_s):
    requests = view.page.result.trace.requests.columns()
    answered = int((np.isin(requests["status"], (Status.DONE, Status.LATE)) & (requests["end_s"] <= time_s)).sum())
    late = int(((requests["status"] == Status.LATE) & (requests["end_s"] <= time_s)).sum())
    shown = text(view.frame(time_s, 0.2))
    assert f"{answered} answered" in shown
    assert (f"{late} late" in shown) is bool(late)


def test_the_last_frame_shows_the_percentiles_of_the_summary(view):
    from sim.report.numbers import seconds

    latency = view.page.metrics.workloads["camera"].latency
    assert latency is not None
    assert f"p50 {seconds(latency.p50_s)}" in text(view.frame(view.end_s, 0.2))


def test_nothing_of_the_future_is_in_a_frame():
    """Two runs that differ only after 1 s have the same frame until then, the scale of the charts apart."""
    stages = [{"name": "work", "work": {"operations": "20 M"}}]

    def frame_of(until: str) -> list[str]:
        arrival = {"kind": "periodic", "rate": "10 Hz"}
        workloads = {
            "a": {"arrival": arrival, "pipeline": stages},
            "b": {"arrival": {"kind": "periodic", "rate": "0.5 Hz", "offset": until}, "pipeline": stages},
        }
        found = view_of({"workloads": workloads, "models": {}})
        lines = [line.plain for line in found.frame(0.95, 0.5)]
        return lines[next(at for at, line in enumerate(lines) if "last" in line) : next(at for at, line in enumerate(lines) if "├" in line)]

    assert frame_of("1.2 s") == frame_of("1.7 s")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_no_line_is_longer_than_the_page(width, glyphs):
    found = view_of({"name": "x" * 90}, width, glyphs)
    for time_s in (0.0, 0.5, 2.0):
        lines = found.frame(time_s, 0.3, "x1 " * 20)
        assert all(line.cell_len <= width for line in lines)
        assert glyphs is UNICODE or text(lines).isascii()


def test_a_run_without_spans_or_requests_still_has_frames():
    assert "no spans to show" in text(view_of({"trace": "requests"}).frame(1.0, 0.2))
    summarised = text(view_of({"trace": "summary"}).frame(1.0, 0.2))
    assert "no spans to show" in summarised
    assert "power" in summarised


def test_the_units_share_of_the_window_is_its_busy_time(view):
    trace = view.page.result.trace
    spans = trace.spans.columns()
    unit = trace.units[int(spans["unit"][0])]
    rows = spans["unit"] == trace.units.index(unit)
    inside = np.clip(spans["end_s"][rows], 0.4, 1.4) - np.clip(spans["start_s"][rows], 0.4, 1.4)
    assert view._busy(unit, 0.4, 1.4) == pytest.approx(inside.sum(), rel=1e-9)


def test_keys_change_how_it_is_played():
    player = Player(end_s=10.0, speed=2.0)
    player.advance(1.0)
    assert player.time_s == 2.0
    player.press("space")
    player.advance(1.0)
    assert player.time_s == 2.0
    player.press("space")
    player.press("up")
    player.advance(0.5)
    assert (player.speed, player.time_s) == (4.0, 4.0)
    player.press("left")
    assert player.time_s == 0.0
    player.press("right")
    assert player.time_s == 8.0
    player.press("right")
    assert player.time_s == 10.0
    player.press("?")
    assert not player.stopped
    player.press("q")
    assert player.stopped


def test_playing_takes_as_long_as_the_speed_says(view):
    from rich.console import Console

    now = [0.0]

    def waited(wait_s: float) -> str:
        now[0] += wait_s
        return ""

    frames = play(view, Player(view.end_s, speed=1.0), Console(file=io.StringIO(), force_terminal=True, width=80), waited, lambda: now[0])
    assert now[0] == pytest.approx(view.end_s, abs=0.1)
    assert frames == pytest.approx(view.end_s * 12, abs=2)


@pytest.mark.parametrize(("given", "speed"), [("10", 10.0), ("0.5x", 0.5), ("x3", 3.0)])
def test_a_speed_is_simulated_seconds_a_second(given, speed):
    assert parse_speed(given) == speed


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "fast", ""])
def test_a_speed_that_is_none_is_told(given):
    with pytest.raises(EdgesimError, match="simulated seconds a second"):
        parse_speed(given)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_is_played_on_and_left_as_it_was(tmp_path):
    import pty
    import subprocess
    import termios
    import threading

    main, other = pty.openpty()
    before = termios.tcgetattr(other)
    command = [sys.executable, "-m", "sim.cli.main", "run", "telemetry_radio", "--live", "--speed", "1e9", "--no-interval"]
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}, close_fds=True)
    seen = bytearray()

    def read() -> None:
        while process.poll() is None or not seen.endswith(b"\n"):
            try:
                seen.extend(os.read(main, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert process.wait(timeout=120) in (0, 1)
    reader.join(timeout=5)
    shown = seen.decode(errors="replace")
    assert "requests so far" in shown
    assert "space pauses" in shown
    assert shown.rindex("energy and memory") > shown.rindex("requests so far")  # the summary comes after the play
    assert termios.tcgetattr(other)[3] == before[3]
    os.close(main)
    os.close(other)


def test_where_there_is_no_terminal_the_summary_comes_at_once(capsys):
    from sim.cli.main import main

    assert main(["run", "telemetry_radio", "--live", "--no-interval", "--quiet"]) in (0, 1)
    assert "needs a terminal" in capsys.readouterr().err
    assert main(["run", "telemetry_radio", "--speed", "2"]) == 2
    assert main(["run", "cameras_sharing_an_uplink", "--live"]) == 2
