"""Everything that can go wrong, as one tree.

TorcError
├── UsageError            wrong use of a command
├── SettingsError         a torc.toml or an environment variable that cannot be used
├── SpecError             the user's workflow file; carries every problem found, each with its place
│   ├── SpecSyntaxError   the text cannot be read in its format
│   ├── UnknownName       something is named that nothing declares
│   ├── DependencyCycle   jobs that wait for each other, as a path
│   └── DuplicateProducer two jobs that write the same file or record
└── StoreError            the shared truth
    ├── NotFound          no such workflow, job, record
    ├── Conflict          the thing changed since it was read (compare-and-set)
    ├── Refused           the state of the thing does not allow this act
    ├── SchemaMismatch    the database is newer, older or not one of ours
    └── StoreUnavailable  locked, gone, read-only, full

Only the outermost layer turns these into text and exit codes. What becomes of a job is a value,
never an exception.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class _Fields(NamedTuple):
        message: str
        file: str | None = None
        line: int | None = None
        column: int | None = None
        key: str | None = None
        hint: str | None = None
        kind: str = "invalid"
else:
    # The same without ``typing``, whose import costs a third of a whole ``torc user-data get``.
    from collections import namedtuple

    _Fields = namedtuple(
        "_Fields", "message file line column key hint kind", defaults=(*[None] * 5, "invalid")
    )


class Problem(_Fields):
    """One thing that is wrong (or doubtful) in a file of the user.

    ``line`` and ``column`` count from 1; None where the place is not known. ``kind`` is a stable
    word such as ``unknown-key``, ``unknown-name``, ``cycle``, ``duplicate-producer`` for programs
    that read JSON output.
    """

    __slots__ = ()

    def __str__(self) -> str:
        place = ":".join(
            str(part) for part in (self.file, self.line, self.column) if part is not None
        )
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class TorcError(Exception):
    """Base of all errors that a user is told about: one message, and the way out in ``hint``."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TorcError):
    """A command was called in a way that it does not understand."""


class SettingsError(TorcError):
    """A setting that cannot be used; the message names the file or variable."""


class SpecError(TorcError):
    """A workflow file that cannot be used. ``problems`` holds all that was found, in the order of
    the file.

    ``partial`` is the workflow without what was not understood, where that makes sense: so that
    whoever reads on can tell in one go what else is wrong. Never to be used for anything else.
    ``unsure`` are the sections of it that may lack names.
    """

    partial: object = None
    unsure: frozenset[str] = frozenset()

    def __init__(self, problems: Problem | list[Problem]) -> None:
        self.problems = tuple([problems] if isinstance(problems, Problem) else problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SpecSyntaxError(SpecError):
    """The text is not what its format asks for."""


class UnknownName(SpecError):
    """A name that nothing declares."""


class DependencyCycle(SpecError):
    """Jobs that wait for each other; the message shows the path."""


class DuplicateProducer(SpecError):
    """Two jobs that write the same file or record."""


class StoreError(TorcError):
    """The store could not do what was asked."""


class NotFound(StoreError):
    """No such workflow, job, file, record."""


class Conflict(StoreError):
    """Somebody else changed the thing since it was read; nothing was written."""


class Refused(StoreError):
    """The state of the thing does not allow this act; nothing was changed."""


class SchemaMismatch(StoreError):
    """The database is of another version of the schema, or no store at all."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked for too long, is read-only or full."""


class DatabaseBug(Exception):
    """The database refused a row that torc must not write: a bug of torc, never the user's fault.

    It is no `TorcError`, because nobody can wait for it or correct it.
    """
