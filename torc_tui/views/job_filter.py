"""The filter language of the job table. In: a line of text. Out: a test for rows, or an error with
its place.

``train eval`` names with both words · ``status:failed,terminated`` · ``cpus>4`` ``memory>=2g``
``exit!=0`` ``time>10m`` · ``name~regex`` · ``group:x`` · ``gpu:1`` · ``after:prep`` (what depends
on it) · ``before:eval`` · joined by a space (and), ``or``, ``-`` or ``not``, parentheses; quotes
take away every special meaning.

Never done here: looking at rows other than the one given; what a row does not know comes from the
`Context`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from torc_tui.errors import UsageError
from torc_tui.model import Job, ResourceRequirements
from torc_tui.patterns import Pattern, PatternError, is_found
from torc_tui.status import JobStatus

Predicate = Callable[[Job], bool]


class FilterError(UsageError):
    """A filter that cannot be understood. ``column`` counts from 1; ``expected`` says what could
    stand there.
    """

    def __init__(self, message: str, column: int, expected: str) -> None:
        super().__init__(f"column {column}: {message}", hint=f"expected {expected}")
        self.column = column
        self.expected = expected


def _nothing(_job: Job) -> Sequence[str]:
    return ()


def _silent(_job: Job) -> str:
    return ""


def _nobody(_name: str) -> Collection[int]:
    return frozenset()


@dataclass(slots=True, kw_only=True)
class Context:
    """What rows do not say themselves. ``after`` and ``before`` give the ids downstream and
    upstream of the jobs of a name (or pattern with ``*``); ``gpus`` the indices or uuids of the
    GPUs that a job holds.
    """

    requirements: Mapping[int, ResourceRequirements] = field(default_factory=dict)
    now: float = 0.0
    why: Callable[[Job], str] = _silent
    gpus: Callable[[Job], Sequence[str]] = _nothing
    after: Callable[[str], Collection[int]] = _nobody
    before: Callable[[str], Collection[int]] = _nobody


class Word(NamedTuple):
    """A bare word: part of the name, whatever the case."""

    text: str


class Term(NamedTuple):
    """``key op value`` as checked; ``value`` is converted for its key."""

    key: str
    op: str
    value: Any


class Not(NamedTuple):
    of: Node


class All(NamedTuple):
    of: tuple[Node, ...]


class Any_(NamedTuple):
    of: tuple[Node, ...]


Node = Word | Term | Not | All | Any_

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ":": eq, "=": eq, "!=": ne, ">": gt, "<": lt, ">=": ge, "<=": le,
}  # fmt: skip
_NUMBERS = frozenset(_COMPARE)
_TEXTS = frozenset({":", "=", "!=", "~", "!~"})
_SETS = frozenset({":", "="})

KEYS: Mapping[str, tuple[frozenset[str], str]] = {
    "status": (frozenset({":", "=", "!="}), "state, or several with commas"),
    "name": (_TEXTS, "name of the job"),
    "group": (_TEXTS, "job group, as named in the workflow file"),
    "why": (_TEXTS, "what the column why says"),
    "id": (_NUMBERS, "number of the job"),
    "cpus": (_NUMBERS, "CPUs asked for"),
    "memory": (_NUMBERS, "memory asked for, as 2g"),
    "gpus": (_NUMBERS, "GPUs asked for"),
    "runtime": (_NUMBERS, "time asked for, as 10m"),
    "time": (_NUMBERS, "time it has run, as 10m"),
    "priority": (_NUMBERS, "priority"),
    "attempt": (_NUMBERS, "number of the attempt"),
    "exit": (_NUMBERS, "exit code"),
    "held": (_SETS, "yes or no"),
    "gpu": (_SETS, "index or uuid of a GPU that it holds"),
    "after": (_SETS, "what depends on this job"),
    "before": (_SETS, "what this job depends on"),
}
"""The words before an operator, what may follow them, and what they mean."""

_TERM = re.compile(r"([A-Za-z_]+)(!=|!~|>=|<=|[:=<>~])")
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class _Token(NamedTuple):
    kind: str  # word, term, or, and, not, (, ), end
    column: int
    text: str = ""
    key: str = ""
    op: str = ""
    at: int = 0  # column of the value


def parse(text: str) -> Node:
    """The filter as a tree; an empty one takes everything. FilterError says where it cannot be
    understood.
    """
    return _Parser(_tokens(text)).whole()


def compile_filter(text: str, context: Context) -> Predicate:
    """The filter as a test for rows. ``context`` is read now for after and before, and for the rest
    at each call.
    """
    return _compile(parse(text), context)


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    position, end = 0, len(text)
    while position < end:
        char = text[position]
        column = position + 1
        if char.isspace():
            position += 1
        elif char in "()":
            out.append(_Token(char, column))
            position += 1
        elif char == "-" and position + 1 < end and not text[position + 1].isspace():
            out.append(_Token("not", column))
            position += 1
        elif found := _TERM.match(text, position):
            name, op = found.groups()
            value, position = _value(text, found.end())
            key = _key(name, op, column)
            if key is None:
                out.append(_Token("word", column, f"{name}{op}{value}"))
            else:
                out.append(_Token("term", column, value, key, op, found.end() + 1))
        else:
            quoted = char in "\"'"
            value, position = _value(text, position)
            kind = "word" if quoted or value.lower() not in ("or", "and", "not") else value.lower()
            out.append(_Token(kind, column, value))
    out.append(_Token("end", end + 1))
    return out


def _value(text: str, start: int) -> tuple[str, int]:
    """The word that starts here, and where it ends: at a space or a parenthesis that it did not
    open.
    """
    if start < len(text) and text[start] in "\"'":
        close = text.find(text[start], start + 1)
        if close < 0:
            raise FilterError("the quote is not closed", start + 1, f"a second {text[start]}")
        return text[start + 1 : close], close + 1
    depth, position = 0, start
    while position < len(text) and not text[position].isspace():
        if text[position] == "(":
            depth += 1
        elif text[position] == ")":
            if depth == 0:
                break
            depth -= 1
        position += 1
    return text[start:position], position


def _key(name: str, op: str, column: int) -> str | None:
    """The key of that name or unique beginning. None: it is no key, and the whole is a word, as in
    ``train_lr=1``.
    """
    word = name.lower()
    if word in KEYS:
        return word
    found = [key for key in KEYS if key.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise FilterError(f"{name} can mean several things", column, " or ".join(found))
    if op == "=":
        return None
    raise FilterError(
        f"{name} is nothing that can be asked",
        column,
        f"one of {', '.join(KEYS)}, or quotes around",
    )


class _Parser:
    """Recursive descent over the tokens: or binds weaker than and, which binds weaker than not."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def whole(self) -> Node:
        if self.token.kind == "end":
            return All(())
        node = self.either()
        if self.token.kind != "end":
            raise FilterError(
                "this parenthesis closes nothing", self.token.column, "a word or the end"
            )
        return node

    def either(self) -> Node:
        parts = [self.both()]
        while self.token.kind == "or":
            self.position += 1
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def both(self) -> Node:
        parts = [self.one()]
        while self.token.kind not in ("end", "or", ")"):
            if self.token.kind == "and":
                self.position += 1
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Node:
        negated = False
        while self.token.kind == "not":
            negated = not negated
            self.position += 1
        token = self.token
        if token.kind == "(":
            self.depth += 1
            if self.depth > 50:
                raise FilterError("parentheses are nested too deep", token.column, "at most 50")
            self.position += 1
            node = self.either()
            if self.token.kind != ")":
                raise FilterError("a parenthesis is not closed", self.token.column, ")")
            self.depth -= 1
        elif token.kind == "word":
            node = Word(token.text)
        elif token.kind == "term":
            node = _term(token)
        else:
            what = (
                "here the filter ends"
                if token.kind == "end"
                else f"{token.text or token.kind} cannot stand here"
            )
            raise FilterError(what, token.column, "a word, key:value or (")
        self.position += 1
        return Not(node) if negated else node


def _term(token: _Token) -> Term:
    key, op, text = token.key, token.op, token.text
    allowed, meaning = KEYS[key]
    if op not in allowed:
        raise FilterError(
            f"{key} cannot be asked with {op}", token.at - len(op), " ".join(sorted(allowed))
        )
    if not text:
        raise FilterError(f"{key}{op} needs a value", token.at, meaning)
    if op in ("~", "!~"):
        try:
            return Term(key, op, Pattern(text, ignore_case=text == text.lower()))
        except PatternError as error:
            raise FilterError(
                f"no regular expression: {error}",
                token.at + (error.at or 0),
                "a regular expression",
            ) from None
    if key == "status":
        return Term(key, op, _statuses(text, token.at))
    if key == "held":
        if text.lower() not in ("yes", "no", "true", "false"):
            raise FilterError(f"held is yes or no, not {text}", token.at, "yes or no")
        return Term(key, op, text.lower() in ("yes", "true"))
    if key == "memory":
        return Term(key, op, _scaled(text, _SIZES, token, "a size as 512m or 2g", strip="ib"))
    if key in ("time", "runtime"):
        return Term(key, op, _scaled(text, _TIMES, token, "a time as 30s, 10m or 2h"))
    if allowed is _NUMBERS:
        return Term(key, op, _scaled(text, {"": 1}, token, "a number"))
    return Term(key, op, text)


def _statuses(text: str, column: int) -> frozenset[JobStatus]:
    out = set()
    for part in text.split(","):
        word = part.lower()
        found = [status for status in JobStatus if status.word == word]
        found = found or [status for status in JobStatus if word and status.word.startswith(word)]
        if len(found) != 1:
            message = (
                f"{part} can mean several states" if found else f"{part or 'nothing'} is no state"
            )
            raise FilterError(
                message, column, ", ".join(status.word for status in found or JobStatus)
            )
        out.add(found[0])
        column += len(part) + 1
    return frozenset(out)


def _scaled(
    text: str, units: Mapping[str, float], token: _Token, expected: str, strip: str = ""
) -> float:
    found = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?)([a-z]*)", text.lower())
    unit = found[2].rstrip(strip) if found else ""
    if found is None or unit not in units:
        raise FilterError(f"{text} is not {expected}", token.at, expected)
    return float(found[1]) * units[unit]


def _compile(node: Node, context: Context) -> Predicate:
    match node:
        case Word(text):
            word = text.lower()
            return lambda job: word in job.name.lower()
        case Not(of):
            inner = _compile(of, context)
            return lambda job: not inner(job)
        case All(of):
            tests = [_compile(part, context) for part in of]
            if not tests:
                return lambda job: True
            if len(tests) == 2:
                first, second = tests
                return lambda job: first(job) and second(job)
            return lambda job: all(test(job) for test in tests)
        case Any_(of):
            tests = [_compile(part, context) for part in of]
            return lambda job: any(test(job) for test in tests)
        case Term(key, op, value):
            return _test(key, op, value, context)


def _test(key: str, op: str, value: Any, context: Context) -> Predicate:
    if key == "status":
        wanted = value if op != "!=" else frozenset(JobStatus) - value
        return lambda job: job.status in wanted
    if key in ("after", "before"):
        ids = frozenset(context.after(value) if key == "after" else context.before(value))
        return lambda job: job.id in ids
    if key == "gpu":
        return lambda job: value in context.gpus(job)
    if key == "held":
        return lambda job: job.held is value
    if key in _TEXT_OF:
        return _text_test(_TEXT_OF[key](context), op, value)
    number, compare = _NUMBER_OF[key](context), _COMPARE[op]

    def test(job: Job) -> bool:
        found = number(job)
        return found is not None and compare(found, value)

    return test


def _text_test(text_of: Callable[[Job], str], op: str, value: Any) -> Predicate:
    if op == "~":
        return lambda job: is_found(value, text_of(job))
    if op == "!~":
        return lambda job: not is_found(value, text_of(job))
    word = value.lower()
    if op == ":":
        return lambda job: word in text_of(job).lower()
    if op == "=":
        return lambda job: text_of(job).lower() == word
    return lambda job: text_of(job).lower() != word


def _requirement(name: str) -> Callable[[Context], Callable[[Job], float | None]]:
    def of(context: Context) -> Callable[[Job], float | None]:
        values = {number: getattr(record, name) for number, record in context.requirements.items()}
        return lambda job: values.get(job.requirement_id)

    return of


def _time(context: Context) -> Callable[[Job], float | None]:
    def of(job: Job) -> float | None:
        if job.started_at is None:
            return None
        return (context.now if job.ended_at is None else job.ended_at) - job.started_at

    return of


_TEXT_OF: Mapping[str, Callable[[Context], Callable[[Job], str]]] = {
    "name": lambda context: lambda job: job.name,
    "group": lambda context: lambda job: job.group,
    "why": lambda context: lambda job: context.why(job),
}
_NUMBER_OF: Mapping[str, Callable[[Context], Callable[[Job], float | None]]] = {
    "id": lambda context: lambda job: job.id,
    "cpus": _requirement("num_cpus"),
    "memory": _requirement("memory"),
    "gpus": _requirement("num_gpus"),
    "runtime": _requirement("runtime"),
    "time": _time,
    "priority": lambda context: lambda job: job.priority,
    "attempt": lambda context: lambda job: job.attempt_id,
    "exit": lambda context: lambda job: job.return_code,
}
