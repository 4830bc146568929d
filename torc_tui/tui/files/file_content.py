"""The content of a file as lines and rows: bytes, first characters, tables, directories. Pure.

Input: a `FileContent`. Output: drawings for the canvas, and rows for the table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from torc_tui.records import replace
from torc_tui.tui.files.file_kind import View
from torc_tui.tui.files.read_file import FileContent, not_shown, read_file
from torc_tui.tui.look.text_layout import Line, fit, sanitize, width_of, without_start
from torc_tui.tui.widgets.line_canvas import TextDrawing
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.wording import moment, size

EXCERPT = 16 * 1024
"""Bytes of the start and of the end of a text without lines that are shown."""
ROWS = 5000
"""Rows of the start and of the end of a table that are shown."""
COLUMNS = 200
WIDEST = 32
"""Cells of a column of a table, at most, if there is no room left."""
MEASURED = 200
"""Rows by which the columns are made."""


# -- bytes -----------------------------------------------------------------------------------------


class HexDrawing:
    """Bytes as hexadecimal numbers and characters; only lines on screen are written."""

    def __init__(self, content: FileContent, width: int) -> None:
        self._per_line = 16 if width >= 77 else 8 if width >= 44 else 4
        self._head = content.head
        begin = (content.disk.size or len(content.head)) - len(content.tail)
        lost = -begin % self._per_line if content.tail else 0
        self._tail = content.tail[lost:]
        self._tail_begin = begin + lost
        self._gap = not_shown(content, len(self._head) + len(self._tail))
        self._head_lines = -(-len(self._head) // self._per_line)
        self._tail_lines = -(-len(self._tail) // self._per_line)

    @property
    def size(self) -> tuple[int, int]:
        return 12 + 4 * self._per_line, self._head_lines + bool(self._gap) + self._tail_lines

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        last = min(y + height, self.size[1])
        return [without_start(self._line(number), x) for number in range(y, last)]

    def _line(self, number: int) -> Line:
        step = self._per_line
        if number < self._head_lines:
            return self._bytes(number * step, self._head[number * step : (number + 1) * step])
        number -= self._head_lines
        if self._gap and not number:
            return [(f"  ⋯ {self._gap} ⋯", "muted")]
        number -= bool(self._gap)
        at = number * step
        return self._bytes(self._tail_begin + at, self._tail[at : at + step])

    def _bytes(self, offset: int, data: bytes) -> Line:
        shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in data)
        numbers = data.hex(" ").ljust(3 * self._per_line - 1)
        return [
            (f" {offset:08x}  ", "faint"),
            (numbers, "text"),
            ("  ", ""),
            (shown, "json-string"),
        ]

    def hit(self, x: int, y: int) -> None:
        return None


# -- a text without lines --------------------------------------------------------------------------


def excerpt(content: FileContent, width: int) -> TextDrawing:
    """Return the start and the end of a text, broken to the width."""
    head = content.head[:EXCERPT]
    tail = content.tail[-EXCERPT:] or content.head[len(head) :][-EXCERPT:]
    lines = _broken(head, width)
    gap = not_shown(content, len(head) + len(tail))
    if tail:
        lines += [[(f"  ⋯ {gap} ⋯", "muted")] if gap else [], *_broken(tail, width)]
    return TextDrawing(lines)


def _broken(data: bytes, width: int) -> list[Line]:
    room = max(8, width - 3)
    lines: list[Line] = []
    for text in data.decode("utf-8", "replace").splitlines():
        text = sanitize(text)
        wide = 2 if width_of(text) > len(text) else 1
        step = max(1, room // wide)
        lines += [[("  ", ""), (text[at : at + step], "text")] for at in range(0, len(text), step)]
    return lines


# -- tables ----------------------------------------------------------------------------------------


def table_rows(content: FileContent) -> ListRows | None:
    """Return a file of separated values as rows; None if it is none after all."""
    head = _records(content.head, content.kind.delimiter, cut_end=bool(content.tail))
    if not head or max(map(len, head[:MEASURED])) > COLUMNS:
        return None
    tail = _records(content.tail, content.kind.delimiter, cut_start=True)
    if tail is None:
        return None
    names, rows = head[0], head[1:]
    shown: list[tuple[str, Sequence[str]]] = [
        (str(number), row) for number, row in enumerate(rows[:ROWS], start=1)
    ]
    more = not_shown(content, len(content.head) + len(content.tail))
    if len(rows) > ROWS or more:
        rest = f"⋯ {more or f'{len(rows) - ROWS:,} rows not shown'} ⋯"
        shown.append(("⋯", [rest]))
    shown += [("", row) for row in tail[-ROWS:]]
    columns = _columns(names, rows[:MEASURED], len(str(len(rows))))
    return ListRows(columns, _cell, _sort_key, list(enumerate(shown)))


def _records(
    data: bytes, delimiter: str, *, cut_start: bool = False, cut_end: bool = False
) -> list[list[str]] | None:
    """Return the records of a part of a file, without those that are cut; None if it has none."""
    text = data.decode("utf-8-sig" if not cut_start else "utf-8", "replace")
    if cut_start:
        text = text.partition("\n")[2]
    try:
        found = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row
        ]
    except csv.Error:
        return None
    return found[:-1] if cut_end and len(found) > 1 else found


def _columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], digits: int
) -> Sequence[TableColumn]:
    wide = max([len(names), *map(len, rows)])
    columns = [TableColumn("#", "", digits, importance=0, align="right", sortable=False)]
    for place in range(wide):
        name = names[place] if place < len(names) else ""
        cells = [row[place] for row in rows if place < len(row)]
        width = max([4, width_of(sanitize(name)) + 1, *(width_of(sanitize(one)) for one in cells)])
        numeric = bool(cells) and all(_number(one) is not None for one in cells if one)
        columns.append(
            TableColumn(
                str(place),
                sanitize(name),
                min(width, WIDEST),
                minimum=min(width, 8),
                importance=place + 1,
                grow=1 if width > WIDEST else 0,
                align="right" if numeric else "left",
            )
        )
    return columns


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text_at(row: Sequence[str], column: str) -> str:
    place = int(column)
    return row[place] if place < len(row) else ""


def _cell(record: tuple[str, Sequence[str]], column: str, width: int) -> Cell:
    number, row = record
    if column == "#":
        return (number, "faint")
    return (_text_at(row, column), "muted" if number == "⋯" else "text")


def _sort_key(record: tuple[str, Sequence[str]], column: str) -> Any:
    """Return what a row is sorted by; numbers come before texts."""
    text = _text_at(record[1], column)
    number = _number(text)
    if not text:
        return None
    return (1, 0.0, text) if number is None or number != number else (0, number, "")


def record_lines(names: Sequence[str], row: Sequence[str], width: int) -> list[Line]:
    """Return one row of a table, a column per line."""
    label = min(max([4, *map(width_of, names)]), 24)
    room = max(10, width - label - 2)
    lines: list[Line] = []
    for place, text in enumerate(row):
        name = names[place] if place < len(names) else ""
        text = sanitize(text)
        for at in range(0, max(1, len(text)), room):
            head = fit("" if at else name, label)
            lines.append([(head, "muted"), ("  ", ""), (text[at : at + room], "text")])
    return lines


# -- directories -----------------------------------------------------------------------------------


_ENTRY_COLUMNS = (
    TableColumn("name", "name", 24, minimum=10, importance=0, grow=1),
    TableColumn("kind", "kind", 14, minimum=9, importance=3),
    TableColumn("size", "size", 10, minimum=8, importance=1, align="right"),
    TableColumn("modified", "modified", 19, importance=2),
)


def directory_rows(content: FileContent) -> ListRows:
    """Return the entries of a directory as rows; their names are the keys."""
    records = [(one.name, one._asdict()) for one in content.entries]
    return ListRows(_ENTRY_COLUMNS, _entry_cell, lambda record, column: record[column], records)


def _entry_cell(record: dict[str, Any], column: str, width: int) -> Cell:
    value = record[column]
    is_directory = record["kind"] == "directory"
    match column:
        case "name":
            return (value + "/", "accent") if is_directory else (value, "text")
        case "size":
            return ("" if value is None or is_directory else size(value), "muted")
        case "modified":
            return ("" if value is None else moment(value), "faint")
    return (value, "muted")


class ShownFile(NamedTuple):
    """What was read of a file, and its rows if it is a table or a directory."""

    content: FileContent
    rows: ListRows | None


def read_shown(path: str) -> ShownFile:
    """Read a file and prepare its rows; called in a reader thread."""
    content = read_file(path)
    if content.kind.view is View.DIRECTORY:
        return ShownFile(content, directory_rows(content))
    if content.kind.view is not View.TABLE:
        return ShownFile(content, None)
    rows = table_rows(content)
    if rows is None:
        kind = content.kind._replace(view=View.TEXT, word="text")
        return ShownFile(replace(content, kind=kind), None)
    return ShownFile(content, rows)


def views_of(content: FileContent) -> Sequence[View]:
    """Return the ways to show a file, the best first."""
    kind = content.kind
    if kind.view in (View.NOTHING, View.DIRECTORY):
        return (kind.view,)
    if kind.view is View.IMAGE:
        return (View.IMAGE, *((View.TEXT,) if kind.is_drawn_text else ()), View.BYTES)
    if kind.view is View.TABLE:
        return (View.TABLE, View.TEXT, View.BYTES)
    return (View.BYTES,) if kind.view is View.BYTES else (kind.view, View.BYTES)
