"""What the command line loads, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

HEAVY = ("numpy", "pydantic", "rich", "networkx", "yaml", "simpy", "onnx", "dataclasses", "sim.scenario", "sim.report")


def test_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
from sim.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "COMMAND" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["run", "profile", "validate", "compare", "schema", "scenarios", "devices", "models", "runtimes", "policies"])
def test_every_command_has_help(edgesim: Callable[..., Any], command: str) -> None:
    done = edgesim(command, "--help")
    assert done.code == 0 and "usage: edgesim " + command in done.out


def test_help_of_a_command_loads_nothing_heavy() -> None:
    code = f"""
import sys
from sim.cli.main import main
for command in ("run", "profile", "compare", "devices"):
    try:
        main([command, "--help"])
    except SystemExit:
        pass
print([name for name in {HEAVY[:7]!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_no_command_is_a_mistake(edgesim: Callable[..., Any]) -> None:
    assert edgesim().code == 2
    assert edgesim("runn").code == 2


def test_version(edgesim: Callable[..., Any]) -> None:
    done = edgesim("--version")
    assert done.code == 0 and done.out.startswith("edgesim ")


def test_interrupt_ends_with_130(edgesim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(args: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.cli.schema.run", interrupted)
    done = edgesim("schema")
    assert done.code == 130 and done.err == "interrupted\n"


def test_fault_of_edgesim_is_no_verdict(edgesim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(args: Any) -> int:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("sim.cli.schema.run", broken)
    done = edgesim("schema")
    assert done.code == 70 and "fault of edgesim" in done.err and "ZeroDivisionError" in done.err


def test_closed_pipe_is_quiet() -> None:
    process = subprocess.Popen([sys.executable, "-m", "sim.cli.main", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 141
    process.stderr.close()
