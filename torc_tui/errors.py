"""Define the exceptions that are reported to users.

TorcError
├── UsageError            wrong use of a command
├── SettingsError         a configuration file or a variable that cannot be used
├── SpecError             a workflow file that cannot be used; carries every problem with its place
│   ├── SpecSyntaxError   the text cannot be parsed
│   ├── UnknownName       a name that is not defined
│   ├── DependencyCycle   jobs that depend on each other, as a path
│   └── DuplicateProducer two jobs that write the same file or record
└── StoreError            the database
    ├── NotFound          no such workflow, job or record
    ├── Conflict          it changed since it was read (compare-and-set)
    ├── Refused           its state does not allow the action
    ├── SchemaMismatch    the database is newer, older, or not a database of torc
    └── StoreUnavailable  locked, missing, read-only, full

Only the outermost layer turns these into text and exit codes. What becomes of a job is a value,
never an exception. Messages contain no passwords.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.tuples import NamedTuple

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
    """One error or warning about a file of the user.

    ``line`` and ``column`` start at 1 and are None where they are not known. ``kind`` is a stable
    word for programs that read JSON, such as ``unknown-key``, ``cycle`` or ``duplicate-producer``.
    """

    __slots__ = ()

    def __str__(self) -> str:
        place = ":".join(
            str(part) for part in (self.file, self.line, self.column) if part is not None
        )
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class TorcError(Exception):
    """Base of all errors that are reported to users; ``hint`` says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _without_passwords(message)
        self.hint = hint and _without_passwords(hint)
        super().__init__(self.message)


class UsageError(TorcError):
    """A command was used in a wrong way."""


class SettingsError(TorcError):
    """A setting cannot be used; the message names the file or the variable."""


class SpecError(TorcError):
    """A workflow file cannot be used; ``problems`` are all errors, in the order of the file.

    ``partial`` is the workflow without the wrong parts, if there is one, so that a later step can
    report its errors too; it must not be used for anything else. ``unsure`` are the sections of it
    in which names may be missing.
    """

    partial: object = None
    unsure: frozenset[str] = frozenset()

    def __init__(self, problems: Problem | list[Problem]) -> None:
        self.problems = tuple([problems] if isinstance(problems, Problem) else problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SpecSyntaxError(SpecError):
    """The text of a workflow file cannot be parsed."""


class UnknownName(SpecError):
    """A name is not defined."""


class DependencyCycle(SpecError):
    """Jobs depend on each other; the message shows the path."""


class DuplicateProducer(SpecError):
    """Two jobs write the same file or record."""


class StoreError(TorcError):
    """The database did not do what was requested."""


class NotFound(StoreError):
    """There is no such workflow, job, file or record."""


class Conflict(StoreError):
    """It was changed by another process since it was read; nothing was written."""


class Refused(StoreError):
    """Its state does not allow the action; nothing was changed."""


class SchemaMismatch(StoreError):
    """The database has another version of the schema, or is not a database of torc."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked for too long, is read-only or full."""


class DatabaseBug(Exception):
    """The database refused a row that torc must not write: a bug of torc, never the user's fault.

    It is not a `TorcError`, because a user can neither wait for it nor correct it.
    """


def _without_passwords(text: str) -> str:
    from torc_tui.redaction import may_contain_secret, redact

    return redact(text) if may_contain_secret(text) else text
