"""Render Markdown for a terminal: tables never cut a word, and blocks are one empty line apart.

Rich shortens code in narrow cells with an ellipsis. Names of keys and commands must stay whole, so
the cells fold instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement, TableElement
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text


class FoldingTable(TableElement):
    """A table whose cells continue on the next line where they are too narrow."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        table = Table(
            box=box.SIMPLE,
            show_edge=False,
            pad_edge=False,
            style="markdown.table.border",
            expand=False,
        )
        if self.header is not None and self.header.row is not None:
            for title in self.header.row.cells:
                heading = title.content.copy()
                heading.stylize("markdown.table.header")
                table.add_column(heading, overflow="fold")
        body = self.body.rows if self.body is not None else []
        rows: list[list[Text]] = [[cell.content for cell in row.cells] for row in body]
        for row in rows:
            for text in row:
                text.overflow = "fold"
            table.add_row(*row)
        heads = [str(column.header) for column in table.columns]
        texts = [heads, *([cell.plain for cell in row] for row in rows)]
        for column, width in zip(table.columns, _widths(texts, options.max_width), strict=True):
            column.width = width + 1  # Rich takes one cell of the first column for the edge
        yield table


class IndentedCode(CodeBlock):
    """A code block without empty lines of its own."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the code."""
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, padding=(0, 1))


class DocumentPage(Markdown):
    """A page of the documentation."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "table_open": FoldingTable,
        "fence": IndentedCode,
        "code_block": IndentedCode,
    }


_GAP = 4
"""Cells of padding and frame that Rich adds to a column, at most."""
_NARROWEST = 24
"""Width that the last column keeps, so that its sentences can be read."""


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the width of each column: words stay whole, and the last column gets the rest."""
    columns = list(zip(*rows, strict=True))
    room -= _GAP * len(columns)
    natural = [max(map(len, column)) for column in columns]
    if sum(natural) <= room:
        return natural
    words = [max(len(word) for text in column for word in text.split()) for column in columns[:-1]]
    excess = max(0, sum(words) + _NARROWEST - room)
    words[0] = max(8, words[0] - excess)
    return [*words, max(_NARROWEST, min(natural[-1], room - sum(words)))]
