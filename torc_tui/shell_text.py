"""Follow a bash text as far as its quotes go, and tell how an invocation script is used.

Input: a command. Output: its parts, each with the context in which bash reads it. Comments,
backslashes, ``$(…)`` inside double quotes and here-documents are followed; everything else of the
grammar is not. Text in single quotes, and in a here-document whose delimiter is quoted, is read as
a bash text of its own, one level deeper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Literal

from torc_tui.lazy_regex import regex
from torc_tui.tuples import NamedTuple

_HEREDOC = regex(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|(\\?)([A-Za-z_][\w.-]*))")
_ORDINARY = regex(r"[^\\$\"'`#()<\n]+")
_ORDINARY_QUOTED = regex(r"[^\\$\"`]+")
_ARITHMETIC = regex(r"\(\([^()]*(?:\([^()]*\)[^()]*)*\)\)|\[\[.*?\]\]", re.DOTALL)
_ARRAY = regex(r"=\([^()]*\)")
HIDDEN = "\0"
"""Stands for a character that `plain_text` hides."""


class QuoteContext(Enum):
    """How bash reads a part of a text."""

    PLAIN = ")"
    DOUBLE = '"'
    BACKQUOTE = "`"
    HEREDOC = "<<"
    COMMENT = "#"


class QuotedPart(NamedTuple):
    """A part of a text; ``level`` counts the single quotes around it."""

    start: int
    end: int
    context: QuoteContext
    level: int


class _Heredoc(NamedTuple):
    delimiter: str
    strips_tabs: bool
    is_literal: bool


def shell_parts(text: str, whole: Mapping[int, int] | None = None) -> Iterator[QuotedPart]:
    """Yield the parts of a text in their order, most of them one character long.

    ``whole`` maps the start of a part that is not to be looked into to its end.
    """
    yield from _Follower(text, 0, len(text), 0, whole or {}).parts()


def plain_text(text: str) -> str:
    """Return the text with everything hidden that bash does not read as commands and arguments.

    Quoted text, here-documents, comments, ``((…))``, ``[[…]]`` and the items of arrays are hidden.
    The length stays the same, and so do line breaks.
    """
    shown = "".join(
        text[part.start : part.end]
        if part.level == 0 and part.context is QuoteContext.PLAIN
        else _hidden(text[part.start : part.end])
        for part in shell_parts(text)
    )
    for pattern in (_ARITHMETIC, _ARRAY):
        shown = pattern.sub(lambda match: _hidden(match.group()), shown)
    return shown


def _hidden(text: str) -> str:
    return "\n".join(HIDDEN * len(line) for line in text.split("\n"))


class _Follower:
    """Follows one level of a text."""

    def __init__(
        self, text: str, start: int, end: int, level: int, whole: Mapping[int, int]
    ) -> None:
        self.text = text
        self.at = start
        self.end = end
        self.level = level
        self.whole = whole
        self.contexts = [QuoteContext.PLAIN]
        self.parentheses = [0]  # open ones, of each plain context
        self.heredocs: list[_Heredoc] = []

    def parts(self) -> Iterator[QuotedPart]:
        """Yield the parts of this level and of those below."""
        while self.at < self.end:
            if self.at in self.whole:
                yield self.take(min(self.whole[self.at], self.end) - self.at)
                continue
            sign = self.text[self.at]
            if sign == "'" and self.contexts[-1] is not QuoteContext.DOUBLE:
                yield from self.single_quotes()
            elif sign == "\n" and self.heredocs and self.contexts[-1] is not QuoteContext.DOUBLE:
                yield self.take(1)
                yield from self.here_documents()
            else:
                yield self.step(sign)

    def take(self, length: int, context: QuoteContext | None = None) -> QuotedPart:
        """Go on by a number of characters."""
        start = self.at
        self.at = min(self.at + length, self.end)
        return QuotedPart(start, self.at, context or self.contexts[-1], self.level)

    def step(self, sign: str) -> QuotedPart:
        """Take what begins with a character, and enter or leave a context."""
        inner = self.contexts[-1]
        if sign == "\\":
            return self.take(2)
        if self.text.startswith("$(", self.at):
            return self.enter(QuoteContext.PLAIN, 2)
        if sign == inner.value and inner is not QuoteContext.PLAIN:
            return self.leave()
        if sign == "`" or (sign == '"' and inner is not QuoteContext.DOUBLE):
            return self.enter(QuoteContext(sign), 1)
        if inner is QuoteContext.DOUBLE:
            return self.run(_ORDINARY_QUOTED)
        if sign == "#" and (self.at == 0 or self.text[self.at - 1] in " \t\n;&|("):
            newline = self.text.find("\n", self.at, self.end)
            return self.take((self.end if newline < 0 else newline) - self.at, QuoteContext.COMMENT)
        if sign in "()" and inner is QuoteContext.PLAIN:
            return self.parenthesis(sign)
        return self.redirection() if sign == "<" else self.run(_ORDINARY)

    def run(self, ordinary: re.Pattern[str]) -> QuotedPart:
        """Take one character, or as many as have no meaning here."""
        match = ordinary.match(self.text, self.at, self.end)
        return self.take(match.end() - self.at if match else 1)

    def enter(self, context: QuoteContext, length: int) -> QuotedPart:
        """Enter a context by its first characters."""
        self.contexts.append(context)
        self.parentheses.append(0)
        return self.take(length)

    def leave(self) -> QuotedPart:
        """Leave the innermost context by its last character."""
        part = self.take(1)
        self.contexts.pop()
        self.parentheses.pop()
        return part

    def parenthesis(self, sign: str) -> QuotedPart:
        """Count a parenthesis; the last one ends a substitution."""
        self.parentheses[-1] += 1 if sign == "(" else -1
        if self.parentheses[-1] >= 0:
            return self.take(1)
        self.parentheses[-1] = 0
        return self.leave() if len(self.contexts) > 1 else self.take(1)

    def redirection(self) -> QuotedPart:
        """Take ``<``, ``<<<`` or the start of a here-document."""
        if self.text.startswith("<<<", self.at):
            return self.take(3)
        match = _HEREDOC.match(self.text, self.at, self.end)
        if match is None:
            return self.take(1)
        dash, single, double, backslash, word = match.groups()
        literal = bool(single or double or backslash)
        self.heredocs.append(_Heredoc(single or double or word, bool(dash), literal))
        return self.take(match.end() - self.at)

    def single_quotes(self) -> Iterator[QuotedPart]:
        """Yield the parts of a text in single quotes, or in ``$'…'``."""
        is_ansi = self.at > 0 and self.text[self.at - 1] == "$"
        opening = self.at
        close = opening + 1
        while close < self.end and self.text[close] != "'":
            skipped = close + 2 if is_ansi and self.text[close] == "\\" else close + 1
            close = self.whole.get(close) or skipped
        close = min(close, self.end)
        yield QuotedPart(opening, opening + 1, QuoteContext.DOUBLE, self.level)
        yield from self.deeper(opening + 1, close)
        yield QuotedPart(close, min(close + 1, self.end), QuoteContext.DOUBLE, self.level)
        self.at = close + 1

    def deeper(self, start: int, end: int) -> Iterator[QuotedPart]:
        """Yield the parts of a text that is a separate bash text."""
        return _Follower(self.text, start, end, self.level + 1, self.whole).parts()

    def here_documents(self) -> Iterator[QuotedPart]:
        """Yield the parts of the here-documents that begin on this line."""
        waiting, self.heredocs = self.heredocs, []
        for heredoc in waiting:
            start, close = self.at, self.end_of(heredoc)
            if heredoc.is_literal:
                yield from self.deeper(start, close)
            else:
                yield from self.expanded(start, close)
            newline = self.text.find("\n", close, self.end)
            self.at = self.end if newline < 0 else newline
            yield QuotedPart(close, self.at, QuoteContext.HEREDOC, self.level)

    def expanded(self, start: int, end: int) -> Iterator[QuotedPart]:
        """Yield a here-document in which bash expands variables, up to each part of ``whole``."""
        at = start
        for inner in sorted(one for one in self.whole if start <= one < end):
            yield QuotedPart(at, inner, QuoteContext.HEREDOC, self.level)
            at = min(self.whole[inner], end)
            yield QuotedPart(inner, at, QuoteContext.HEREDOC, self.level)
        yield QuotedPart(at, end, QuoteContext.HEREDOC, self.level)

    def end_of(self, heredoc: _Heredoc) -> int:
        """Return the start of the line that ends a here-document."""
        at = self.at + (self.text[self.at : self.at + 1] == "\n")
        while at < self.end:
            newline = self.text.find("\n", at, self.end)
            line_end = self.end if newline < 0 else newline
            line = self.text[at:line_end]
            if (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.delimiter:
                break
            at = min(line_end + 1, self.end)
        return at


def invocation_kind(script: str) -> Literal["script", "shell", "prefix"]:
    """Return how an invocation script is used.

    A ``script`` begins with ``#!`` and is a separate program. A ``shell`` contains ``"$@"`` and
    is run by bash. Both get ``bash -c COMMAND`` as arguments. Anything else, such as ``srun`` or
    ``time``, is a ``prefix``: it is put in front of the command, separated by a space.
    """
    if script.startswith("#!"):
        return "script"
    return "shell" if '"$@"' in script else "prefix"


def interpreter(script: str) -> list[str]:
    """Return the interpreter in the first line of a ``script``, and its argument.

    There is at most one argument: the kernel does not split the rest of the line.
    """
    return script.split("\n", 1)[0][2:].strip().split(None, 1)
