"""Part of ``edgesim run``: a run played on the terminal, at a pace of one's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from sim.report.live_frame import LiveView
    from sim.report.page import Page

FRAMES_PER_S = 12.0
WHOLE_RUN_S = 20.0  # of the viewer's time, unless a speed is asked for
WINDOW_S = 2.0  # of the viewer's time: the stretch of the timeline that is seen
KEYS = "space pauses, arrows: speed and time, q ends"
_BACK_S = 2.0  # of the viewer's time, for each stroke of an arrow key


@dataclass
class Player:
    """Where playing stands: simulated time, simulated seconds a second, whether it pauses. Keys change it."""

    end_s: float
    speed: float
    time_s: float = 0.0
    paused: bool = False
    stopped: bool = False

    def advance(self, wall_s: float) -> None:
        """Let time pass."""
        if not self.paused:
            self.time_s = min(self.time_s + wall_s * self.speed, self.end_s)

    def press(self, key: str) -> None:
        """A key: ``space``, ``q``, ``up``, ``down``, ``left``, ``right``; others mean nothing."""
        if key == "q":
            self.stopped = True
        elif key == "space":
            self.paused = not self.paused
        elif key in ("up", "down"):
            self.speed *= 2.0 if key == "up" else 0.5
        elif key in ("left", "right"):
            step_s = _BACK_S * self.speed * (1 if key == "right" else -1)
            self.time_s = min(max(self.time_s + step_s, 0.0), self.end_s)

    @property
    def window_s(self) -> float:
        """The stretch of simulated time that is shown."""
        return min(WINDOW_S * self.speed, self.end_s)

    @property
    def status(self) -> str:
        """Such as ``x0.5, paused``."""
        return f"x{self.speed:.3g}{', paused' if self.paused else ''}   {KEYS}"


def parse_speed(text: str) -> float:
    """``10`` or ``10x``: simulated seconds a second. Raises EdgesimError."""
    from math import isfinite

    from sim.errors import EdgesimError

    try:
        speed = float(text.strip().lower().strip("x"))
    except ValueError:
        speed = 0.0
    if not (isfinite(speed) and speed > 0):
        raise EdgesimError(f"--speed {text!r}: expected simulated seconds a second, for example 10 or 0.1")
    return speed


def play_run(page: Page, speed: float | None) -> None:
    """Play a run on the terminal; where standard output is none, say so and go on."""
    from sim.report.console import console
    from sim.report.live_frame import LiveView

    if not sys.stdout.isatty():
        print("--live needs a terminal; the run is not played", file=sys.stderr)
        return
    view = LiveView(page)
    player = Player(view.end_s, speed or max(view.end_s / WHOLE_RUN_S, 1e-9))
    with _keys() as pressed:
        play(view, player, console(), pressed)


def play(
    view: LiveView,
    player: Player,
    screen: Console,
    pressed: Callable[[float], str],
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Repaint until the end of the run or ``q``; returns how many frames were drawn.

    ``pressed(wait_s)`` waits at most that long for a key and names it, or gives "".
    """
    from rich.live import Live
    from rich.text import Text

    frames, before_s = 0, clock()
    with Live(console=screen, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        while not player.stopped:
            live.update(Text("\n").join(view.frame(player.time_s, player.window_s, player.status)), refresh=True)
            frames += 1
            if player.time_s >= player.end_s and not player.paused:
                break
            key = pressed(1.0 / FRAMES_PER_S)
            now_s = clock()
            player.advance(now_s - before_s)
            before_s = now_s
            player.press(key)
    return frames


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Single keys from the terminal, as far as it can give them; else only the wait."""
    try:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        kept = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError):  # no terminal on standard input, or a system without such terminals
        yield _wait
        return
    tty.setcbreak(descriptor)
    try:
        yield lambda wait_s: _key(descriptor, wait_s)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, kept)


def _wait(wait_s: float) -> str:
    time.sleep(wait_s)
    return ""


_NAMES = {" ": "space", "q": "q", "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "+": "up", "-": "down"}


def _key(descriptor: int, wait_s: float) -> str:
    import os
    import select

    ready, _, _ = select.select([descriptor], [], [], wait_s)
    return _NAMES.get(os.read(descriptor, 8).decode(errors="replace"), "") if ready else ""
