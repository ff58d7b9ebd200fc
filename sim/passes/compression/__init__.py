"""Compression techniques, one file each. Importing this package fills the table :data:`COMPRESSIONS`.

:func:`compress` applies a list of them to a graph and says what each of them changed.
"""

from sim.passes.compression import (  # noqa: F401  (they fill the table)
    cluster,
    distill,
    low_rank,
    mixed_precision,
    prune,
    quantize,
    to_spiking,
)
from sim.passes.compression.apply import Compressed, compress
from sim.passes.compression.base import COMPRESSIONS, Compression, Cost, Means

__all__ = ["COMPRESSIONS", "Compressed", "Compression", "Cost", "Means", "compress"]
