"""Find the line of a log that says best why a program failed.

Input: the end of a log as bytes. Output: the line, its place, the class of the exception if there
is one, and the kind of the failure. Lines come out as plain text without control sequences.

Every line that contains a word for a failure gets a rank; of the lines with the highest rank the
last one counts. A line that only passes on the failure of another program (``make: *** Error 1``)
ranks below the message of that program.

Invariant: time grows linearly with the length of the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import plain
from torc_tui.views.failure_patterns import (
    HARMLESS,
    LONGEST,
    OOM_KILLS,
    PASSED_ON,
    contains,
    kind_of,
    template,
    without_prefix,
)

MOST_LINES = 400
"""Lines of the end of a log that are examined."""
MOST_CANDIDATES = 40
"""Different lines with a word for a failure that are examined, the last ones."""

NOTHING, WEAK, PASSED, WORD, KNOWN, EXCEPTION, KILL = range(7)
"""Ranks of lines, the lowest first; NOTHING is the last line of a log without any error."""

_STRONG_WORDS = (
    b"err", b"fail", b"exception", b"abort", b"kill", b"fault", b"denied", b"no such", b"cannot",
    b"can't", b"could not", b"unable", b"panic", b"terminat", b"assert", b"fatal", b"refused",
    b"halted", b"oom", b"not found", b"memory", b"licen", b"caused by", b"cuda", b"nccl", b"space",
)  # fmt: skip
_WEAK_WORDS = (
    b"invalid", b"quota", b"unbound", b"bad ", b"unknown", b"unrecogni", b"missing", b"undefined",
    b"illegal", b"exceed", b"violation", b"corrupt", b"unexpected", b"not allowed", b"not defined",
    b" at line", b" line ", b"free()", b"stack smashing", b"double free", b"gone",
)  # fmt: skip
_STRONG = tuple(word.decode() for word in _STRONG_WORDS)
_WEAK = tuple(word.decode() for word in _WEAK_WORDS)
_FRAME = re.compile(rb"\s+at \S|\s*\[\d+\] |\s+@ |\s*File \"|#\d+ ")
_STYLE = re.compile(rb"\x1b\[[0-9;]*m")
_TRACEBACK = b"Traceback (most recent call last)"
_ENDINGS = "Error|Exception|Interrupt|Failure|Fault|Timeout|Exit|NotFound|Panic"
_CLASS = re.compile(
    r"(?:Uncaught |Exception in thread [^:]{0,80} |Caused by: |ERROR: (?:LoadError: )*|Error: )?"
    rf"([A-Za-z_][\w.$]*(?:{_ENDINGS}))(?: with [^:]{{0,80}})?(?::\s*|\s*$)(.*)"
)
_RAISED = re.compile(r"([A-Za-z_][\w.]*)(?::\s+|$)(.*)")
_SPECIAL = (
    (re.compile(r"terminate called after throwing an instance of '([^']*)'()"), ""),
    (re.compile(r".{0,40}uncaught exception of type ([\w:]+)(?:: )?(.*)"), ""),
    (re.compile(r"thread '[^']*' (?:\(\d+\) )?panicked at ()(?:'(.*?)', )?"), "panic"),
    (re.compile(r"panic: ()(.*)"), "panic"),
    (re.compile(r"(?:At line \d+ .*)?Fortran runtime error: ()(.*)"), ""),
    (re.compile(r"forrtl: severe \(\d+\): ()(.*)"), ""),
    (re.compile(r"ERROR: LoadError: ()(.*)"), ""),
    (re.compile(r"Error in (?!rule )[^:].{0,200}? : ?()(.*)"), ""),
    (re.compile(r"Error: ()(.*)"), ""),
)
"""Ends of programs in their own words: class and message, or the class that they all have."""
_WRAPPERS = (
    "CalledProcessError", "ChildFailedError", "ProcessExitedException", "BrokenProcessPool",
    "SystemExit", "WorkflowError", "KeyboardInterrupt", "ProcessRaisedException",
)  # fmt: skip
_SHELL_END = re.compile(
    r"(?:.{0,200}?: line \d+: )?\s*\d* *(Killed|Segmentation fault|Aborted|Bus error"
    r"|Illegal instruction|Floating point exception|Terminated|Trace/breakpoint trap)\b(?!:)"
)


class ErrorLine(NamedTuple):
    """What was found: the line is segment ``place`` and starts at byte ``offset``."""

    rank: int
    place: int
    offset: int
    text: str
    error: str
    message: str
    kind: str


class _Line(NamedTuple):
    """A line that is examined; ``raised`` ends a traceback."""

    place: int
    raw: bytes
    raised: bool


def find_error(segments: Sequence[bytes]) -> ErrorLine | None:
    """Return the line that says best what went wrong; None if all lines are empty."""
    best: ErrorLine | None = None
    lines, highest = _candidates(segments)
    for line in lines:
        found = _examine(line, segments)
        if best is None or found.rank > best.rank:
            best = found
        if best.rank >= highest:
            break
    if best is None or best.rank == NOTHING:
        best = _last(segments)
    if best is None:
        return None
    return best._replace(offset=sum(map(len, segments[: best.place])) + best.place)


def shown(raw: bytes) -> str:
    """Return a line of a log as plain text."""
    raw = _STYLE.sub(b"", raw[: 4 * LONGEST])
    return plain(raw, cut=LONGEST).replace("\n", " ").rstrip()


def _candidates(segments: Sequence[bytes]) -> tuple[list[_Line], int]:
    """Return the lines that may tell the failure, the last one first, and their highest rank.

    They contain a word for a failure, or end a traceback.
    """
    start = max(0, len(segments) - MOST_LINES)
    lowered = b"\n".join(segments[start:]).lower()
    words = [word for word in (*_STRONG_WORDS, *_WEAK_WORDS) if word in lowered]
    different = {line.raw: line for line in _with_words(segments, start, words)}
    lines = sorted(different.values(), reverse=True)[:MOST_CANDIDATES]
    killed = any(text.encode() in lowered for text in OOM_KILLS)
    return lines, KILL if killed else EXCEPTION


def _with_words(segments: Sequence[bytes], start: int, words: Sequence[bytes]) -> Iterator[_Line]:
    in_traceback = False
    for index in range(start, len(segments)):
        raw = segments[index]
        if len(raw) < 3:
            continue
        if _TRACEBACK in raw:
            in_traceback = True
            continue
        if in_traceback:
            body = raw if raw[:1] != b"[" else without_prefix(raw[:80].decode("ascii", "replace"))
            if body[:1] in (b" ", b"\t", " ", "\t"):
                continue
            in_traceback = False
            yield _Line(index, raw, True)
            continue
        low = raw.lower()
        for word in words:
            if word in low:
                if _FRAME.match(raw) is None:
                    yield _Line(index, raw, False)
                break


def _examine(line: _Line, segments: Sequence[bytes]) -> ErrorLine:
    """Return a line with its rank."""
    text = shown(line.raw)
    body = without_prefix(text).strip()
    low = template(body).lower()  # a word in a path or a name tells nothing
    kind = kind_of(low)
    if contains(low, OOM_KILLS):
        return ErrorLine(KILL, line.place, 0, text, "", body, "oom")
    ended = _SHELL_END.match(body)
    if ended is not None:
        return ErrorLine(PASSED, line.place, 0, text, "", ended[1], kind)
    raised = _exception(body, line, segments)
    if raised is not None:
        error, message = raised
        wrapped = error.rpartition(".")[2] in _WRAPPERS
        kind = kind or kind_of(f"{error}: {template(message)}".lower())
        return ErrorLine(
            PASSED if wrapped else EXCEPTION, line.place, 0, text, error, message, kind
        )
    return ErrorLine(_rank(low, kind), line.place, 0, text, "", body, kind)


def _exception(body: str, line: _Line, segments: Sequence[bytes]) -> tuple[str, str] | None:
    """Return class and message, if a line is the end of a program in its own words."""
    found = _RAISED.match(body) if line.raised else None
    found = found or _CLASS.match(body)
    if found is not None:
        return found[1], found[2] or _other_line(line, body, segments)
    for pattern, error in _SPECIAL:
        found = pattern.match(body)
        if found is not None and not contains(body.lower(), PASSED_ON):
            message = found[2] or _following(line.place, segments)
            return found[1] or error, message.removeprefix("what():").strip()
    return None


def _other_line(line: _Line, body: str, segments: Sequence[bytes]) -> str:
    """Return a replacement for the message of an exception that has none in its line."""
    if line.raised:
        return _code_above(line, segments)
    return _following(line.place, segments) if body.endswith(":") else ""


def _following(index: int, segments: Sequence[bytes]) -> str:
    """Return the next line that is not empty: a message that has a line of its own."""
    for raw in segments[index + 1 : index + 3]:
        text = shown(raw).strip()
        if text:
            return text
    return ""


def _code_above(line: _Line, segments: Sequence[bytes]) -> str:
    """Return the statement that raised an exception without a message."""
    for raw in reversed(segments[max(0, line.place - 2) : line.place]):
        text = shown(raw).strip()
        if text.strip("^~ "):
            return text
    return ""


def _rank(low: str, kind: str) -> int:
    if contains(low, HARMLESS):
        return WEAK
    if contains(low, PASSED_ON):
        return PASSED
    if kind:
        return KNOWN
    return WORD if contains(low, _STRONG) else WEAK if contains(low, _WEAK) else NOTHING


def _last(segments: Sequence[bytes]) -> ErrorLine | None:
    for index in range(len(segments) - 1, -1, -1):
        text = shown(segments[index]) if segments[index] else ""
        if text.strip():
            body = without_prefix(text).strip()
            return ErrorLine(NOTHING, index, 0, text, "", body, "")
    return None
