"""Entries of a ZIP archive whose end, where the list of entries stands, is missing."""

from __future__ import annotations

import struct
import zlib

_LOCAL = b"PK\x03\x04"
_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7: signature, version, flags, method, time, date, crc, packed, unpacked, name, extra
_STORED, _DEFLATED = 0, 8


def salvaged(data: bytes, most_bytes: int) -> dict[str, bytes]:
    """Whole entries from the start of the archive until the first that is not, by name."""
    found: dict[str, bytes] = {}
    place = 0
    while place + _HEADER.size <= len(data):
        signature, _, _, method, _, _, crc, packed, unpacked, name_size, extra_size = _HEADER.unpack_from(data, place)
        start = place + _HEADER.size + name_size + extra_size
        if signature != _LOCAL or start + packed > len(data) or unpacked > most_bytes:
            break
        content = _unpacked(data[start : start + packed], method, unpacked)
        if content is None or zlib.crc32(content) != crc:
            break
        found[data[place + _HEADER.size : place + _HEADER.size + name_size].decode("utf-8", "replace")] = content
        place = start + packed
    return found


def _unpacked(packed: bytes, method: int, size: int) -> bytes | None:
    if method == _STORED:
        return packed
    if method != _DEFLATED:
        return None
    try:
        return zlib.decompressobj(-15).decompress(packed, size + 1)
    except zlib.error:
        return None
