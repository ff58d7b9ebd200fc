"""Random streams by name: each consumer has its own, which no other consumer and no order of creation can disturb."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of one consumer, such as ``"arrival/camera"``: a function of ``seed`` and ``name`` alone, in any process.

    The name's SHA-256 is the spawn key of a child of ``SeedSequence(seed)``, so streams of different names are independent.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(key,))))
