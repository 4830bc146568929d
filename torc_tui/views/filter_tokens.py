"""Split a line of the filter language into tokens, and list the keys of the language.

Input: a line of text, and the names of parameters. Output: tokens with their columns, or an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torc_tui.errors import UsageError
from torc_tui.tuples import NamedTuple


class FilterError(UsageError):
    """A filter that cannot be parsed.

    ``column`` counts from 1; ``expected`` describes what is expected there.
    """

    def __init__(self, message: str, column: int, expected: str) -> None:
        super().__init__(f"column {column}: {message}", hint=f"expected {expected}")
        self.column = column
        self.expected = expected


NUMBERS = frozenset({":", "=", "!=", ">", "<", ">=", "<="})
TEXTS = frozenset({":", "=", "!=", "~", "!~"})
SETS = frozenset({":", "="})
ORDERS = frozenset({">", "<", ">=", "<="})

KEYS: Mapping[str, tuple[frozenset[str], str]] = {
    "status": (
        frozenset({":", "=", "!="}),
        "one or more statuses, with commas",
    ),
    "name": (TEXTS, "name of the job"),
    "group": (TEXTS, "job group, as named in the workflow file"),
    "label": (TEXTS, "labels of the job, with commas"),
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
_PARAMETER = re.compile(r"([A-Za-z_]\w*)(!=|!~|>=|<=|[:=<>~])")


class FilterToken(NamedTuple):
    """One token: its kind, its first column and its text; a term also has a key and an operator."""

    kind: str  # word, term, or, and, not, (, ), end
    column: int
    text: str = ""
    key: str = ""
    op: str = ""
    at: int = 0  # column of the value
    parameter: bool = False


def tokens_of(text: str, parameters: Collection[str]) -> list[FilterToken]:
    """Return the tokens of a line; ``parameters`` are the names of the parameters of jobs."""
    out: list[FilterToken] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char.isspace():
            position += 1
        elif char in "()":
            out.append(FilterToken(char, position + 1))
            position += 1
        elif char == "-" and text[position + 1 : position + 2].strip():
            out.append(FilterToken("not", position + 1))
            position += 1
        else:
            term = _parameter_token(text, position, parameters) or _term_token(text, position)
            token, position = term or _word_token(text, position)
            out.append(token)
    return [*out, FilterToken("end", len(text) + 1)]


def _parameter_token(
    text: str, start: int, parameters: Collection[str]
) -> tuple[FilterToken, int] | None:
    """Return the parameter term that starts here, and its end; None if there is none."""
    found = _PARAMETER.match(text, start)
    if found is None or found[1] not in parameters or found[1] in KEYS:
        return None
    name, op = found.groups()
    value, end = _value(text, found.end())
    return FilterToken("term", start + 1, value, name, op, found.end() + 1, parameter=True), end


def _term_token(text: str, start: int) -> tuple[FilterToken, int] | None:
    """Return the term that starts here, and its end; None if there is none."""
    found = _TERM.match(text, start)
    if found is None:
        return None
    name, op = found.groups()
    value, end = _value(text, found.end())
    key = _key(name, op, start + 1)
    if key is None:
        return FilterToken("word", start + 1, f"{name}{op}{value}"), end
    return FilterToken("term", start + 1, value, key, op, found.end() + 1), end


def _word_token(text: str, start: int) -> tuple[FilterToken, int]:
    value, end = _value(text, start)
    is_operator = text[start] not in "\"'" and value.lower() in ("or", "and", "not")
    return FilterToken(value.lower() if is_operator else "word", start + 1, value), end


def _value(text: str, start: int) -> tuple[str, int]:
    """Return the word that starts here, and its end.

    It ends at a space or at an unmatched closing parenthesis.
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
    """Return the key with that name or unique prefix.

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
