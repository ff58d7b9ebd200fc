"""What README.md shows works as it stands: its shell commands, its Python, its scenario.

A comment behind a command may say how it ends: ``# ... exits with 1``. Installing and running the tests is left to whoever runs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim import load_scenario

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_NOT_RUN = re.compile(r"\bpip install\b|\bpytest\b|\bpython3? -m venv\b|^(cd|git|source|\.) ")


def blocks(language: str) -> list[str]:
    """The code of every fenced block of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command of the shell blocks, continued lines joined, without what installs or tests."""
    lines = [line.strip() for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#") and not _NOT_RUN.search(line)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like the checkout as the reader sees it: the scenarios, and ``edgesim`` on the path."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    program = tmp_path / "bin" / "edgesim"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sim.cli.main "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    shutil.copytree(program.parent, tmp_path / ".venv" / "bin")
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def test_there_is_something_to_run() -> None:
    assert any(command.startswith("edgesim run") for command in commands())
    assert blocks("python") and blocks("yaml")


@pytest.mark.parametrize("command", commands())
def test_shell_commands(command: str, folder: Path) -> None:
    said = re.search(r"#.*\bexits with (\d+)", command)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == (int(said[1]) if said else 0), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [block for block in blocks("yaml") if "workloads:" in block])
def test_scenarios(text: str) -> None:
    assert load_scenario(text).scenario.workloads


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:|#)([^)]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target.split("#")[0]).exists()
