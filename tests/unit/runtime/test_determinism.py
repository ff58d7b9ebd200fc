"""The same scenario and seed give the same bytes in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import synthetic
workloads = {n: {"arrival": {"kind": "poisson", "rate": "40 Hz"}, "pipeline": [{"model": n}, {"model": "c", "probability": 0.5}]} for n in ("a", "b")}
programs = [synthetic.program(n, synthetic.segment(u, synthetic.costs([1e-3] * 5, [1e-3] * 5))) for n, u in (("a", "cpu"), ("b", "npu"), ("c", "cpu"))]
trace = synthetic.run(synthetic.scenario(workloads, 2.0, seed=int(sys.argv[2])), synthetic.device(governor="schedutil"), programs)
digest = hashlib.sha256()
for table in trace.tables().values():
    for column in table.columns().values():
        digest.update(column.tobytes())
digest.update(repr((trace.energy_j, trace.totals)).encode())
print(digest.hexdigest())
"""


def _digest(hash_seed: str, seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    folder = str(Path(__file__).resolve().parents[2])
    return subprocess.run([sys.executable, "-c", _SCRIPT, folder, str(seed)], env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.timeout(120)
def test_same_bytes_in_any_process() -> None:
    first = _digest("0", 1)
    assert len(first) == 65
    assert first == _digest("12345", 1)
    assert first != _digest("0", 2)
