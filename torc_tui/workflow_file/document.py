"""What every format is turned into: plain values whose mappings and lists remember their lines.

In: what the readers (``yaml_text``, ``json_text``, ``kdl``) put together. Out: ``Document``. Never
done here: deciding what a key means. A reader raises ``SpecSyntaxError`` for a text that it cannot
read at all, and adds to ``problems`` what is wrong in a text that it can read (a key given twice).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.model import Json

MAX_DEPTH = 64
"""Deeper nesting is refused: nobody writes it, and everything after may walk the values
recursively."""

SHOWN = 100
"""More problems than this are only counted."""

_LENGTH = 160


class Map(dict[str, Json]):
    """A mapping of the file. ``lines`` has the line of each key, ``line`` that of the mapping
    itself (1-based)."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class List(list[Json]):
    """A list of the file; ``lines`` has the line of each item, where the format tells it
    cheaply."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


@dataclass(slots=True)
class Document:
    """One file as read. ``value`` is built of Map, List and scalars."""

    value: Json
    format: str
    file: str | None = None
    problems: list[Problem] = field(default_factory=list)


def syntax_error(
    message: str,
    *,
    file: str | None,
    line: int | None = None,
    column: int | None = None,
    hint: str | None = None,
) -> SpecSyntaxError:
    return SpecSyntaxError(
        Problem(clip(message), file=file, line=line, column=column, hint=hint, kind="syntax"),
    )


def too_deep(file: str | None, line: int | None) -> SpecSyntaxError:
    return syntax_error(f"nested deeper than {MAX_DEPTH} levels", file=file, line=line)


def duplicate_key(key: str, file: str | None, line: int | None, first: int | None) -> Problem:
    where = f" (first in line {first})" if first is not None and first != line else ""
    return Problem(
        f"the key {quoted(key)} is given twice{where}",
        file=file,
        line=line,
        key=clip(key),
        kind="duplicate-key",
    )


def clip(text: str, length: int = _LENGTH) -> str:
    """The text on one line, without control characters, and not longer than fits a message."""
    shown = text[:length] + "…" if len(text) > length else text
    if shown.isprintable():
        return shown
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown
    )


def quoted(text: str, length: int = 60) -> str:
    return f"'{clip(text, length)}'"
