"""Parse the filter language of the job table.

Input: a line of text. Output: a tree of words and terms, or an error with its column.

``train eval`` matches names with both words. Terms are ``status:failed,terminated``, ``cpus>4``,
``memory>=2g``, ``exit!=0``, ``time>10m``, ``name~regex``, ``group:x``, ``gpu:1``, ``after:prep``
(the jobs that depend on it) and ``before:eval``, and terms for parameters: ``lr:0.1``, ``lr>0.01``,
``model~^res``. They are joined by a space (and) or ``or``, negated by ``-`` or ``not``, and grouped
by parentheses. Quotes turn any text into a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from torc_tui.patterns import Pattern, PatternError
from torc_tui.status import NOT_STARTED, JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.filter_tokens import KEYS, NUMBERS, ORDERS, FilterError, FilterToken, tokens_of


class Word(NamedTuple):
    """A part of the name, in upper or lower case."""

    text: str


class Term(NamedTuple):
    """``key op value``; the value has the type of its key."""

    key: str
    op: str
    value: Any


class ParameterTerm(NamedTuple):
    """``name op value`` for a parameter of jobs; the value is a pattern for ``~`` and ``!~``."""

    name: str
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


Node = Word | Term | ParameterTerm | Not | All | Either

_WAITING = "waiting"
"""Stands for all statuses before the start."""
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS: Mapping[str, tuple[Mapping[str, float], str]] = {
    "memory": (_SIZES, "a size such as 512m or 2g"),
    "time": (_TIMES, "a time such as 30s, 10m or 2h"),
    "runtime": (_TIMES, "a time such as 30s, 10m or 2h"),
}
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}
_MOST_NESTED = 50


def parse(text: str, parameters: Collection[str] = ()) -> Node:
    """Return the filter as a tree; an empty filter matches everything.

    ``parameters`` are the names of the parameters of jobs; keys take precedence over them.
    """
    return _Parser(tokens_of(text, parameters)).whole()


class _Parser:
    """Recursive descent: ``or`` binds weaker than ``and``, which binds weaker than ``not``."""

    def __init__(self, tokens: list[FilterToken]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> FilterToken:
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


def _term(token: FilterToken) -> Term | ParameterTerm:
    if token.parameter:
        return _parameter_term(token)
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


def _parameter_term(token: FilterToken) -> ParameterTerm:
    if not token.text:
        message = f"{token.key}{token.op} needs a value"
        raise FilterError(message, token.at, f"a value of the parameter {token.key}")
    if token.op in ORDERS:
        return ParameterTerm(token.key, token.op, _number(token, {"": 1}, "a number"))
    value = _pattern(token) if token.op in ("~", "!~") else token.text
    return ParameterTerm(token.key, token.op, value)


def _converted(token: FilterToken) -> Any:
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


def _pattern(token: FilterToken) -> Pattern:
    try:
        return Pattern(token.text, ignore_case=token.text == token.text.lower())
    except PatternError as error:
        at = token.at + (error.at or 0)
        message = f"not a regular expression: {error}"
        raise FilterError(message, at, "a regular expression") from None


def _statuses(token: FilterToken) -> frozenset[JobStatus]:
    found: set[JobStatus] = set()
    column = token.at
    for part in token.text.split(","):
        word = part.lower()
        if word == _WAITING:
            found |= NOT_STARTED
            column += len(part) + 1
            continue
        exact = [status for status in JobStatus if status.word == word]
        near = exact or [one for one in JobStatus if word and one.word.startswith(word)]
        if len(near) != 1:
            message = f"{part} is ambiguous" if near else f"unknown status {part}".rstrip()
            raise FilterError(message, column, ", ".join(one.word for one in near or JobStatus))
        found.add(near[0])
        column += len(part) + 1
    return frozenset(found)


def _number(token: FilterToken, units: Mapping[str, float], expected: str) -> float:
    found = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)([a-z]*)", token.text.lower())
    unit = found[2] if found else ""
    if units is _SIZES:
        unit = unit.rstrip("ib")
    if found is None or unit not in units:
        raise FilterError(f"{token.text} is not {expected}", token.at, expected)
    return float(found[1]) * units[unit]
