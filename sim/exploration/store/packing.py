"""Scenario texts made small: those of a sweep differ from its base scenario by a few words."""

from __future__ import annotations

import zlib

_LEVEL = 3


def packed(text: str, base: str) -> bytes:
    """``text`` compressed, with ``base`` as the dictionary that both sides know."""
    compressor = zlib.compressobj(_LEVEL, zdict=base.encode()) if base else zlib.compressobj(_LEVEL)
    return compressor.compress(text.encode()) + compressor.flush()


def unpacked(data: bytes, base: str) -> str:
    """The text again. Raises zlib.error where ``data`` or ``base`` is not what it was."""
    decompressor = zlib.decompressobj(zdict=base.encode()) if base else zlib.decompressobj()
    return (decompressor.decompress(data) + decompressor.flush()).decode()
