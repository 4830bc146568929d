"""Parse the filter language of the job table.

Input: a line of text. Output: a tree of words and terms, or an error with its column.

``train eval`` are names with both words. Terms are ``status:failed,terminated``, ``cpus>4``,
``memory>=2g``, ``exit!=0``, ``time>10m``, ``name~regex``, ``group:x``, ``gpu:1``, ``after:prep``
(the jobs that depend on it) and ``before:eval``. They are joined by a space (and) or ``or``,
negated by ``-`` or ``not``, and grouped by parentheses. Quotes make any text a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torc_tui.errors import UsageError
from torc_tui.patterns import Pattern, PatternError
from torc_tui.status import JobStatus


class FilterError(UsageError):
    """A filter cannot be parsed.

    ``column`` counts from 1; ``expected`` names what could stand there.
    """

    def __init__(self, message: str, column: int, expected: str) -> None:
        super().__init__(f"column {column}: {message}", hint=f"expected {expected}")
        self.column = column
        self.expected = expected


class Word(NamedTuple):
    """A part of the name, in upper or lower case."""

    text: str


class Term(NamedTuple):
    """``key op value``; the value has the type of its key."""

    key: str
    op: str
    value: Any


class Not(NamedTuple):
    """The opposite of a node."""

    of: Node


class All(NamedTuple):
    """All of these nodes; without any, everything."""

    of: tuple[Node, ...]


class Either(NamedTuple):
    """At least one of these nodes."""

    of: tuple[Node, ...]


Node = Word | Term | Not | All | Either

NUMBERS = frozenset({":", "=", "!=", ">", "<", ">=", "<="})
TEXTS = frozenset({":", "=", "!=", "~", "!~"})
SETS = frozenset({":", "="})

KEYS: Mapping[str, tuple[frozenset[str], str]] = {
    "status": (frozenset({":", "=", "!="}), "one or more statuses, with commas"),
    "name": (TEXTS, "name of the job"),
    "group": (TEXTS, "job group, as named in the workflow file"),
    "why": (TEXTS, "text of the column why"),
    "id": (NUMBERS, "id of the job"),
    "cpus": (NUMBERS, "CPUs requested"),
    "memory": (NUMBERS, "memory requested, such as 2g"),
    "gpus": (NUMBERS, "GPUs requested"),
    "runtime": (NUMBERS, "runtime requested, such as 10m"),
    "time": (NUMBERS, "time the job has run, such as 10m"),
    "priority": (NUMBERS, "priority"),
    "attempt": (NUMBERS, "number of the attempt"),
    "exit": (NUMBERS, "exit code"),
    "held": (SETS, "yes or no"),
    "suspended": (SETS, "yes or no"),
    "gpu": (SETS, "index or UUID of a GPU that the job holds"),
    "after": (SETS, "jobs that depend on this job"),
    "before": (SETS, "jobs that this job depends on"),
}
"""The keys, with the operators that may follow them and their meanings."""

_TERM = re.compile(r"([A-Za-z_]+)(!=|!~|>=|<=|[:=<>~])")
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS: Mapping[str, tuple[Mapping[str, float], str]] = {
    "memory": (_SIZES, "a size such as 512m or 2g"),
    "time": (_TIMES, "a time such as 30s, 10m or 2h"),
    "runtime": (_TIMES, "a time such as 30s, 10m or 2h"),
}
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}
_MOST_NESTED = 50


class _Token(NamedTuple):
    kind: str  # word, term, or, and, not, (, ), end
    column: int
    text: str = ""
    key: str = ""
    op: str = ""
    at: int = 0  # column of the value


def parse(text: str) -> Node:
    """Return the filter as a tree; an empty filter matches everything."""
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char.isspace():
            position += 1
        elif char in "()":
            out.append(_Token(char, position + 1))
            position += 1
        elif char == "-" and text[position + 1 : position + 2].strip():
            out.append(_Token("not", position + 1))
            position += 1
        else:
            token, position = _term_token(text, position) or _word_token(text, position)
            out.append(token)
    return [*out, _Token("end", len(text) + 1)]


def _term_token(text: str, start: int) -> tuple[_Token, int] | None:
    """Return the term that starts here and where it ends; None if it is no term."""
    found = _TERM.match(text, start)
    if found is None:
        return None
    name, op = found.groups()
    value, end = _value(text, found.end())
    key = _key(name, op, start + 1)
    if key is None:
        return _Token("word", start + 1, f"{name}{op}{value}"), end
    return _Token("term", start + 1, value, key, op, found.end() + 1), end


def _word_token(text: str, start: int) -> tuple[_Token, int]:
    value, end = _value(text, start)
    is_operator = text[start] not in "\"'" and value.lower() in ("or", "and", "not")
    return _Token(value.lower() if is_operator else "word", start + 1, value), end


def _value(text: str, start: int) -> tuple[str, int]:
    """Return the word that starts here and where it ends.

    It ends at a space, or at a parenthesis that it did not open.
    """
    if start < len(text) and text[start] in "\"'":
        close = text.find(text[start], start + 1)
        if close < 0:
            raise FilterError("the quote is not closed", start + 1, f"a second {text[start]}")
        return text[start + 1 : close], close + 1
    depth, position = 0, start
    while position < len(text) and not text[position].isspace():
        depth += (text[position] == "(") - (text[position] == ")")
        if depth < 0:
            break
        position += 1
    return text[start:position], position


def _key(name: str, op: str, column: int) -> str | None:
    """Return the key of that name or unique prefix.

    None if the term is a word, such as ``train_lr=1``.
    """
    word = name.lower()
    if word in KEYS:
        return word
    found = [key for key in KEYS if key.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise FilterError(f"{name} is ambiguous", column, " or ".join(found))
    if op == "=":
        return None
    raise FilterError(f"unknown key {name}", column, f"one of {', '.join(KEYS)}, or quotes around")


class _Parser:
    """Recursive descent: ``or`` binds weaker than ``and``, which binds weaker than ``not``."""

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
            raise FilterError("unmatched parenthesis", self.token.column, "a word or the end")
        return node

    def either(self) -> Node:
        parts = [self.both()]
        while self.token.kind == "or":
            self.position += 1
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Node:
        parts = [self.one()]
        while self.token.kind not in ("end", "or", ")"):
            self.position += self.token.kind == "and"
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Node:
        negated = False
        while self.token.kind == "not":
            negated = not negated
            self.position += 1
        token = self.token
        if token.kind == "(":
            node = self.parentheses()
        elif token.kind == "word":
            node = Word(token.text)
        elif token.kind == "term":
            node = _term(token)
        else:
            message = f"unexpected {token.text or token.kind}"
            if token.kind == "end":
                message = "the filter ends too early"
            raise FilterError(message, token.column, "a word, key:value or (")
        self.position += 1
        return Not(node) if negated else node

    def parentheses(self) -> Node:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise FilterError(
                "parentheses are nested too deeply", self.token.column, f"at most {_MOST_NESTED}"
            )
        self.position += 1
        node = self.either()
        if self.token.kind != ")":
            raise FilterError("a parenthesis is not closed", self.token.column, ")")
        self.depth -= 1
        return node


def _term(token: _Token) -> Term:
    allowed, meaning = KEYS[token.key]
    if token.op not in allowed:
        raise FilterError(
            f"{token.key} cannot be used with {token.op}",
            token.at - len(token.op),
            " ".join(sorted(allowed)),
        )
    if not token.text:
        raise FilterError(f"{token.key}{token.op} needs a value", token.at, meaning)
    return Term(token.key, token.op, _converted(token))


def _converted(token: _Token) -> Any:
    """Return the value of a term with the type of its key."""
    if token.op in ("~", "!~"):
        return _pattern(token)
    if token.key == "status":
        return _statuses(token)
    if token.key in ("held", "suspended"):
        if token.text.lower() not in _TRUTH:
            raise FilterError(f"{token.key} is yes or no, not {token.text}", token.at, "yes or no")
        return _TRUTH[token.text.lower()]
    if KEYS[token.key][0] is NUMBERS:
        return _number(token, *_UNITS.get(token.key, ({"": 1}, "a number")))
    return token.text


def _pattern(token: _Token) -> Pattern:
    try:
        return Pattern(token.text, ignore_case=token.text == token.text.lower())
    except PatternError as error:
        at = token.at + (error.at or 0)
        message = f"not a regular expression: {error}"
        raise FilterError(message, at, "a regular expression") from None


def _statuses(token: _Token) -> frozenset[JobStatus]:
    found: set[JobStatus] = set()
    column = token.at
    for part in token.text.split(","):
        word = part.lower()
        exact = [status for status in JobStatus if status.word == word]
        near = exact or [one for one in JobStatus if word and one.word.startswith(word)]
        if len(near) != 1:
            message = f"{part} is ambiguous" if near else f"unknown status {part}".rstrip()
            raise FilterError(message, column, ", ".join(one.word for one in near or JobStatus))
        found.add(near[0])
        column += len(part) + 1
    return frozenset(found)


def _number(token: _Token, units: Mapping[str, float], expected: str) -> float:
    found = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?)([a-z]*)", token.text.lower())
    unit = found[2] if found else ""
    if units is _SIZES:
        unit = unit.rstrip("ib")
    if found is None or unit not in units:
        raise FilterError(f"{token.text} is not {expected}", token.at, expected)
    return float(found[1]) * units[unit]
