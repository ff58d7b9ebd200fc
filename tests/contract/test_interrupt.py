"""Ctrl-C in the middle of a long run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path


def test_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    outputs = ["--out", "out", "--json", "r.json", "--trace", "t.json"]
    command = [sys.executable, "-m", "sim.cli.main", "run", "phone_camera", "--set", "duration=1000000 s", *outputs]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(3)  # past the imports; the run itself would take half an hour
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "interrupted\n" and out == ""
    assert not list(tmp_path.iterdir())
