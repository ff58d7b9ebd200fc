"""Secure aggregation (Bonawitz et al., Practical secure aggregation for privacy-preserving machine learning, CCS 2017): bytes and work.

Bytes of a client follow the paper's section on communication: with ``n`` clients that mask each other, keys of ``a_K`` and shares of
``a_S`` bits, ``2 n a_K + (5 n - 4) a_S + m ceil(log2 R)`` for ``m`` elements, where ``R`` holds a sum of ``n``. With 256 bits for both
that gives the published expansions, 1.73 (n = 2^10, m = 2^20) and 1.98 (n = 2^14, m = 2^24) over 16-bit elements. Work grows with
``n m`` at the client and, for clients that fell out, with ``n m`` each at the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

from sim.policies.aggregation import ElementWork

KEY_BITS = SHARE_BITS = 256
EXCHANGES = 4  # of the protocol: keys, shares, masked input, unmasking
# estimated: AES in counter mode on one core without wide vectors takes about 2 cycles a byte; a mask element has up to 4 bytes, is reduced and added
_MASK_OPERATIONS = 12.0
_MASK_BYTES = 8.0
# estimated: a key agreement on a 256-bit curve takes about 0.1 ms at 3 GHz on one core, and each pair of clients makes two of them
_PAIR_OPERATIONS = 6e5
# estimated: evaluating or interpolating a polynomial of degree t at n places, about 20 operations for each multiplication in the field
_SHARE_OPERATIONS = 20.0


@dataclass(frozen=True)
class Masked:
    """One client's part in a group of ``group``. ``update_bytes``: its masked update; ``extra_bytes``: keys and shares, both directions together."""

    update_bytes: float
    extra_bytes: float
    client: ElementWork


def masked(elements: int, group: int, bits: int) -> Masked:
    """What masking adds for each client."""
    update_bytes = elements * sum_bits(group, bits) / 8
    extra_bytes = (2 * group * KEY_BITS + (5 * group - 4) * SHARE_BITS) / 8
    pairs = group - 1
    work = ElementWork(
        _MASK_OPERATIONS * (pairs + 1) * elements + _PAIR_OPERATIONS * pairs + _SHARE_OPERATIONS * 2.0 * group * group, _MASK_BYTES * (pairs + 1) * elements
    )
    return Masked(update_bytes, extra_bytes, work)


def sum_bits(group: int, bits: int) -> int:
    """Of one element of a sum of ``group`` elements of ``bits``."""
    return ceil(log2(group * (2.0**bits - 1.0) + 1.0) - 1e-12)


def unmasking_work(elements: int, group: int, answered: int, asked: int) -> ElementWork:
    """Of the server: one mask for each answer; for each client that fell out its masks with the others of its group, keys put together again."""
    fallen, others = asked - answered, min(group, asked)
    masks = answered + fallen * others
    shares = asked * others
    return ElementWork(_MASK_OPERATIONS * masks * elements + _SHARE_OPERATIONS * shares + _PAIR_OPERATIONS * fallen * others, _MASK_BYTES * masks * elements)
