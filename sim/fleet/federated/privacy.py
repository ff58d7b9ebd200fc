"""Differential privacy (McMahan et al., Learning differentially private recurrent language models, ICLR 2018): clipping and noise."""

from __future__ import annotations

from sim.policies.aggregation import ElementWork

# estimated: a normal number from two uniform ones (Box and Muller) takes a logarithm, a root, a sine or cosine: about 40 operations
_NOISE_OPERATIONS = 40.0


def clipping_work(elements: int) -> ElementWork:
    """Norm, then scale: read, read, written."""
    return ElementWork(3.0 * elements, 12.0 * elements)


def noise_work(elements: int) -> ElementWork:
    """A normal number added to each element."""
    return ElementWork((_NOISE_OPERATIONS + 1.0) * elements, 8.0 * elements)
