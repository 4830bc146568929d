"""Represent a workflow file of any format as plain values that remember their lines.

Input: the values that a reader (``yaml_text``, ``json_text``, ``kdl``) finds. Output: a `Document`.
A reader raises SpecSyntaxError for a text that it cannot read at all, and adds to ``problems`` what
is wrong in a text that it can read, such as a key that is given twice. Keys have no meaning here.
"""

from __future__ import annotations

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.model import Json
from torc_tui.quoting import quoted, shorten
from torc_tui.records import dataclass, field

MAX_DEPTH = 64
"""Levels of nesting. Values within this limit can be walked recursively."""

MAX_PROBLEMS = 100
"""Further problems of a file are only counted."""


class Map(dict[str, Json]):
    """A mapping of the file.

    ``line`` is the line of the mapping (from 1), ``lines`` has that of each key. ``spelled`` has
    the text of numbers and booleans that are not written in the usual way: ``007``, ``3.10``. It
    is None where there are none, as in nearly every mapping.
    """

    __slots__ = ("line", "lines", "spelled")

    def __init__(self, line: int | None = None) -> None:
        """Make an empty mapping that begins at a line."""
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.spelled: dict[str, str] | None = None

    def spelling(self, key: str) -> str | None:
        """Return the text of a value that is not written in the usual way."""
        return self.spelled.get(key) if self.spelled else None

    def spell(self, key: str, text: str) -> None:
        """Store the text of a value."""
        if self.spelled is None:
            self.spelled = {}
        self.spelled[key] = text


class List(list[Json]):
    """A list of the file; ``lines`` has the line of each item, if the format provides it.

    ``spelled`` has the same as in `Map`, by index.
    """

    __slots__ = ("line", "lines", "spelled")

    def __init__(self, line: int | None = None) -> None:
        """Make an empty list that begins at a line."""
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.spelled: dict[int, str] | None = None

    def spelling(self, index: int) -> str | None:
        """Return the text of an item that is not written in the usual way."""
        return self.spelled.get(index) if self.spelled else None

    def spell(self, index: int, text: str) -> None:
        """Store the text of an item."""
        if self.spelled is None:
            self.spelled = {}
        self.spelled[index] = text


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
    """Return the error for a text that cannot be read."""
    return SpecSyntaxError(
        Problem(shorten(message), file=file, line=line, column=column, hint=hint, kind="syntax")
    )


def too_deep(file: str | None, line: int | None) -> SpecSyntaxError:
    """Return the error for a text that is nested deeper than `MAX_DEPTH`."""
    return syntax_error(f"nested deeper than {MAX_DEPTH} levels", file=file, line=line)


def duplicate_key(key: str, file: str | None, line: int | None, first: int | None) -> Problem:
    """Return the problem of a key that a mapping holds twice."""
    where = f" (first in line {first})" if first is not None and first != line else ""
    return Problem(
        f"the key {quoted(key)} is given twice{where}",
        file=file,
        line=line,
        key=shorten(key),
        kind="duplicate-key",
    )
