"""Sweeps in processes of their own, to be ended from outside, and what they leave behind."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.exploration.store.export import write_csv
from sim.exploration.store.store import Store

COUNT = 200
_DRIVER = Path(__file__).with_name("sweep_driver.py")


def csv_of(path: Path) -> str:
    with Store.read(path) as store:
        stream = io.StringIO()
        write_csv(store.table(), stream)
        return stream.getvalue()


@contextmanager
def driver(db: Path, engine: str = "local", count: int = COUNT, seconds: float = 0.005) -> Iterator[subprocess.Popen[str]]:
    """The sweep in its own process, ended here if it has not ended itself."""
    command = [sys.executable, str(_DRIVER), str(db), str(count), str(seconds), engine]
    # a shell that runs jobs in the background has them ignore Ctrl-C
    interruptible = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **interruptible)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def acknowledged(process: subprocess.Popen[str], count: int) -> tuple[set[int], set[int]]:
    """Positions of the next ``count`` acknowledged points, and the workers' process numbers."""
    assert process.stdout is not None
    lines = [line.split() for line in (process.stdout.readline() for _ in range(count)) if line]
    assert len(lines) == count, process.stderr and process.stderr.read()
    return {int(line[0]) for line in lines}, {int(pid) for line in lines for pid in line[1:] if pid != "None"}


def finish(db: Path, engine: str = "local") -> None:
    with driver(db, engine) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors


def gone(pids: set[int], within_s: float = 10.0) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
