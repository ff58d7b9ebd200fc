"""What pages have in common: headings, lines that flow, columns, and the verdict they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.glyphs import Glyphs

if TYPE_CHECKING:
    from rich.text import Text

    from sim.report.budgets import Verdict


class Sheet:
    """``width`` in characters; lines of a report are never longer, whatever names the scenario has."""

    width: int
    glyphs: Glyphs
    verdicts: tuple[Verdict, ...]

    def heading(self, title: str) -> Text:
        """A title with a rule to the end of the line."""
        from rich.text import Text

        title = title[: self.width - 6]
        rule = self.glyphs.rule
        return Text.assemble((rule * 2 + " ", "dim"), (title, "bold"), (" " + rule * (self.width - len(title) - 4), "dim"))

    def flow(self, items: Sequence[Text], indent: int = 1, gap: int = 3) -> list[Text]:
        """Items one after the other, as many in a line as fit; an item that is too long alone is cut."""
        from rich.text import Text

        lines: list[Text] = []
        for item in items:
            if lines and lines[-1].cell_len + gap + item.cell_len <= self.width:
                lines[-1].append(" " * gap)
                lines[-1].append_text(item)
                continue
            line = Text(" " * indent).append_text(item)
            line.truncate(self.width, overflow="crop")
            lines.append(line)
        return lines

    def columns(self, items: Sequence[Text], cells: int, indent: int = 1) -> list[Text]:
        """Items in columns of ``cells`` characters, read line by line."""
        from rich.text import Text

        # the last column needs no gap after it
        across = max((self.width - indent + 3) // cells, 1) if cells else 1
        lines = []
        for low in range(0, len(items), across):
            line = Text(" " * indent)
            for item in items[low : low + across]:
                line.append_text(item)
                line.pad_right(max(cells - item.cell_len, 0))
            line.truncate(self.width, overflow="crop")
            lines.append(line)
        return lines

    def facts(self, label: str, facts: Sequence[str], indent: int) -> list[Text]:
        """A bold label and short texts beside it; lines break between them."""
        from rich.text import Text

        lines = self.flow([Text(fact) for fact in facts], indent=indent)
        first = Text.assemble((" " + label.ljust(indent - 1), "bold"), lines[0].plain[indent:])
        return [first, *lines[1:]]

    def wrapped(self, label: str, text: str, indent: int, style: str = "") -> list[Text]:
        """A bold label and text beside it, over as many lines as it takes; ``indent``: where the text begins."""
        import textwrap

        from rich.text import Text

        pieces = textwrap.wrap(text, max(self.width - indent, 20)) or [""]
        first = Text.assemble((" " + label.ljust(indent - 1), "bold"), (pieces[0], style))
        return [first, *[Text(" " * indent + piece, style=style) for piece in pieces[1:]]]


@dataclass(frozen=True)
class StudySheet(Sheet):
    """The page of a study: its width, its characters, its verdict."""

    width: int
    glyphs: Glyphs
    verdicts: tuple[Verdict, ...] = ()
