"""Every consumer has a random stream of its own, the same in any process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from sim.workload.streams import stream


def test_a_stream_depends_on_seed_and_name_alone():
    first = stream(7, "arrival/camera").random(5)
    stream(7, "arrival/microphone").random(100)
    assert np.array_equal(first, stream(7, "arrival/camera").random(5))
    assert not np.array_equal(first, stream(8, "arrival/camera").random(5))
    assert not np.array_equal(first, stream(7, "arrival/microphone").random(5))


def test_streams_of_different_names_are_not_correlated():
    draws = np.stack([stream(0, f"arrival/{n}").standard_normal(20_000) for n in range(6)])
    correlation = np.corrcoef(draws) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)


def test_the_bytes_are_the_same_in_another_process():
    program = "from sim.workload.streams import stream; print(stream(3, 'arrival/a').bytes(16).hex())"
    environment = {"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(sys.path)}
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert other.stdout.strip() == stream(3, "arrival/a").bytes(16).hex()


def test_the_largest_seed_is_accepted():
    assert 0 <= stream(2**63 - 1, "").random() < 1
