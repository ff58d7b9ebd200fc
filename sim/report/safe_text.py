"""Text from files nobody vouches for (names of models, operators, paths), made harmless for a terminal.

Control characters, escape sequences, bidirectional overrides, zero-width and private characters are shown as ``\\x1b``-like
escapes, so that a name cannot move the cursor, change colours, hide text or fake a line of the report.
"""

from __future__ import annotations

_ELLIPSIS = "..."


def printable(text: object, limit: int = 4000) -> str:
    """``text`` on one line, every character that is not plainly visible escaped, cut to ``limit`` characters."""
    line = str(text)
    if not (line.isascii() and line.isprintable()):
        line = "".join(character if character.isprintable() else _escaped(character) for character in line)
    return line if len(line) <= limit else line[: max(limit - len(_ELLIPSIS), 0)] + _ELLIPSIS


def shortened(text: object, width: int) -> str:
    """``printable`` text in at most ``width`` characters; the middle goes first, because names differ at both ends."""
    line = printable(text)
    if len(line) <= width:
        return line
    if width < 8:
        return line[:width]
    tail = (width - 2) // 2
    return line[: width - 2 - tail] + ".." + line[-tail:]


def _escaped(character: str) -> str:
    # isprintable() is False for categories "Other" (control, format, surrogate, private) and separators but the space
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
