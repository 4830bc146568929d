"""Compute the signature of a failed attempt: what it has in common with others.

Input: how the attempt ended, and the end of its log. Output: a `Signature`; attempts with equal
`Signature.key` failed for the same reason. Texts are plain, without control sequences.

Invariants
* Time grows linearly with the length of the log.
* `decode` never fails; what it cannot read has no signature.
* The log counts only where the program ended by itself. The last line of a program that was
  stopped, by its time limit or by a user, does not say why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from torc_tui.model import Cause
from torc_tui.reasons import Kind, Reason
from torc_tui.tuples import NamedTuple
from torc_tui.views.error_lines import NOTHING, ErrorLine, find_error, shown
from torc_tui.views.failure_patterns import SPELLED_OUT, template

TAIL = 16384
"""Bytes of the end of a log that are read."""
_OWN = frozenset({Cause.EXIT, Cause.SIGNAL})
"""Ends of the program's own making."""
_LONGEST = 200
"""Characters of a message."""
_CONTEXT = 3
"""Lines that are kept."""


class Log(NamedTuple):
    """The end of a log: its last bytes, where they start in the file, and which stream it is."""

    data: bytes = b""
    start: int = 0
    stream: str = ""


class End(NamedTuple):
    """How an attempt ended."""

    cause: str
    code: int | None
    reason: Reason | None = None


class Signature(NamedTuple):
    """The signature that failed attempts share, and its place in the log of this attempt.

    ``message`` is a template for all these attempts, ``literal`` the message of this attempt if it
    differs. ``line`` counts from 1; it is None if only the end of a long log was read. ``offset``
    is the start of the line, in bytes.
    """

    cause: str
    code: int | None
    kind: str = ""
    error: str = ""
    message: str = ""
    text: str = ""
    stream: str = ""
    offset: int | None = None
    line: int | None = None
    context: tuple[str, ...] = ()
    literal: str = ""

    @property
    def key(self) -> tuple[str, int | None, str, str, str]:
        """Return what is equal for all attempts that failed for the same reason."""
        return self[:5]

    @property
    def own(self) -> Signature:
        """Return the signature with the message of this attempt instead of the template."""
        return self._replace(message=self.literal) if self.literal else self

    def encode(self) -> str:
        """Return the signature as compact JSON, for a column of the database."""
        values = {name: value for name, value in self._asdict().items() if value not in ("", ())}
        del values["cause"], values["code"]  # the result has them
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def decode(stored: str | None, cause: str | None, code: int | None) -> Signature | None:
    """Return the signature that a result holds; None if it has none."""
    if not stored:
        return None
    try:
        values: Any = json.loads(stored)
        context = tuple(map(str, values.pop("context", ())))
        return Signature(cause or "", code, **values, context=context)
    except (ValueError, TypeError, AttributeError):
        return None


class LogExcerpt(NamedTuple):
    """The lines of a log that may explain a failure, whatever its cause."""

    found: ErrorLine | None = None
    message: str = ""
    stream: str = ""
    offset: int | None = None
    line: int | None = None
    context: tuple[str, ...] = ()


def read_excerpt(log: Log, names: Iterable[str] = ()) -> LogExcerpt:
    """Return the lines that may explain a failure; ``names`` are those of the job and its host."""
    segments = log.data.split(b"\n")
    if log.start and len(segments) > 1:
        head, *segments = segments  # the rest of a line that was cut
        log = log._replace(start=log.start + len(head) + 1)
    found = find_error(segments)
    if found is None:
        return LogExcerpt()
    message = template(found.message, names, keep_quoted=found.kind in SPELLED_OUT)
    return LogExcerpt(
        found,
        message[:_LONGEST],
        log.stream,
        log.start + found.offset,
        found.place + 1 if log.start == 0 else None,
        _context(segments, found.place),
    )


def signature_of(end: End, excerpt: LogExcerpt | None = None) -> Signature:
    """Return the signature of an attempt; without an excerpt, of one that left no log."""
    text = _message_of_end(end)
    message = template(text)[:_LONGEST]
    signature = Signature(
        end.cause, end.code, _kind_of_end(end), "", message, literal=_literal(text, message)
    )
    if excerpt is None or excerpt.found is None:
        return signature
    found = excerpt.found
    # The last line of a program that was killed is any line.
    if end.cause in _OWN and not (found.rank == NOTHING and end.cause == Cause.SIGNAL):
        signature = signature._replace(
            kind=found.kind,
            error=found.error[:_LONGEST],
            message=excerpt.message,
            literal=_literal(found.message, excerpt.message),
        )
    return signature._replace(
        text=found.text[:_LONGEST],
        stream=excerpt.stream,
        offset=excerpt.offset,
        line=excerpt.line,
        context=excerpt.context,
    )


def _kind_of_end(end: End) -> str:
    """Return the kind of an end that is not of the program's making."""
    if end.cause in _OWN:
        return ""
    if end.cause == Cause.MISSING_OUTPUT and end.reason is not None:
        return end.reason.kind.value
    return end.cause


def _message_of_end(end: End) -> str:
    """Return why a program could not be started."""
    if end.reason is None or end.reason.kind is not Kind.LAUNCH:
        return ""
    return str(end.reason["error"] or end.reason["problem"] or "")


def _literal(text: str, message: str) -> str:
    """Return a text on one line, or "" if it is equal to the template."""
    text = " ".join(text[:_LONGEST].split())
    return "" if text == message else text


def _context(segments: list[bytes], index: int) -> tuple[str, ...]:
    """Return the line with its neighbors."""
    last = min(index + 2, len(segments))
    while last > index + 1 and not segments[last - 1].strip():
        last -= 1
    return tuple(
        shown(raw)[:_LONGEST] for raw in segments[max(0, last - _CONTEXT) : last] if raw.strip()
    )
