"""How long the command line takes to start, as ratios to a bare interpreter. Run: ``python tests/benchmarks/startup.py``.

CPU seconds of child processes (user and system), the least of several runs: what the clock on the wall says depends on what
else the machine does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 15


def cpu_s(arguments: list[str], runs: int = RUNS) -> float:
    """The least CPU time of a child process, seconds. Raises CalledProcessError if it fails (exit codes 0 and 1 do not)."""
    best = float("inf")
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 1):
            raise subprocess.CalledProcessError(done.returncode, arguments, stderr=done.stderr)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    """Print each command's CPU time and its ratio to ``python -c pass``."""
    bare = cpu_s(["-c", "pass"])
    print(f"{'python -c pass':44} {1000 * bare:8.1f} ms")
    command = ["-m", "sim.cli.main"]
    for arguments, runs in (
        (["--help"], RUNS),
        (["run", "--help"], RUNS),
        (["devices"], 3),
        (["run", "phone_camera", "--quiet"], 3),
        (["run", "phone_camera"], 3),
    ):
        taken = cpu_s([*command, *arguments], runs)
        print(f"{'edgesim ' + ' '.join(arguments):44} {1000 * taken:8.1f} ms   {taken / bare:6.2f} x")


if __name__ == "__main__":
    main()
