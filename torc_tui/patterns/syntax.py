"""Read a regular expression of Python into a tree, and bound the work of a backtracking search.

Input: a pattern that ``re.compile`` has accepted. Output: nodes, and a `Work` estimate. The tree
serves only to answer whether a text holds a match, so lazy and greedy repetition are the same.
"""

from __future__ import annotations

import re
from math import inf, log2

from torc_tui.lazy_regex import regex
from torc_tui.records import dataclass
from torc_tui.tuples import NamedTuple


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a text: a literal, an escape for a kind, a set, or the dot."""

    source: str
    flags: int


@dataclass(frozen=True, slots=True)
class Boundary:
    """A condition on a place of a text: ``^``, ``$``, the edge of a word and the like."""

    source: str
    flags: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts that follow each other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Alternatives, of which one must match."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part that occurs ``low`` to ``high`` times; ``high`` None: without a limit."""

    part: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Irregular:
    """A lookaround, back reference, atomic group or condition, which only ``re`` can match."""

    part: Node


Node = Character | Boundary | Sequence | Alternatives | Repeat | Irregular

_EMPTY = Sequence(())
_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_ESCAPE = (
    r"\\(?:N\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}"
    r"|0[0-7]{0,2}|[1-3][0-7]{2}|[1-9][0-9]?|.)"
)
_TOKEN = regex(
    rf"(?P<set>{_CLASS})|(?P<escape>{_ESCAPE})|(?P<comment>\(\?\#[^)]*\))"
    r"|(?P<backreference>\(\?P=[^)]*\))"
    r"|(?P<flags>\(\?(?P<only>[a-zA-Z]+)\))"
    r"|(?P<open>\((?:\?(?:P<[^>]*>|[=!>:]|<[=!]|\([^)]*\)|(?P<on>[a-zA-Z]*)(?P<off>-[a-zA-Z]+)?:))?)"
    r"|(?P<repeat>(?:[*+?]|\{(?!\})(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\})(?P<manner>[?+]?))"
    r"|(?P<other>.)",
    re.DOTALL,
)
_BOUNDARIES = frozenset("AbBZz")
_FLAGS = {"a": re.A, "i": re.I, "m": re.M, "s": re.S, "u": 0, "x": re.X}


class Unreadable(ValueError):
    """A pattern whose syntax this module does not know."""


class _Group:
    """A group that is being read: its finished alternatives and the parts of the current one."""

    __slots__ = ("branches", "flags", "irregular", "parts")

    def __init__(self, flags: int, irregular: bool) -> None:
        self.flags = flags
        self.irregular = irregular
        self.branches: list[Node] = []
        self.parts: list[Node] = []

    def end_branch(self) -> None:
        self.branches.append(self.parts[0] if len(self.parts) == 1 else Sequence(tuple(self.parts)))
        self.parts = []

    def node(self) -> Node:
        self.end_branch()
        found = self.branches[0] if len(self.branches) == 1 else Alternatives(tuple(self.branches))
        return Irregular(found) if self.irregular else found


def read_tree(pattern: str, flags: int = 0) -> Node:
    """Return the tree of a valid pattern; raise Unreadable for syntax that is not known here."""
    groups = [_Group(flags, irregular=False)]
    for match in _TOKEN.finditer(pattern):
        if match["open"] is not None:
            groups.append(_opened(match, groups[-1]))
        elif match["other"] == ")":
            done = groups.pop().node()
            if not groups:
                raise Unreadable("a parenthesis is not balanced")
            groups[-1].parts.append(done)
        elif match["comment"] is None:
            _add(match, groups[-1])
    if len(groups) != 1:
        raise Unreadable("a parenthesis is not balanced")
    return groups[0].node()


def _add(match: re.Match[str], group: _Group) -> None:
    """Add a token to a group, of which it is a part."""
    if match["repeat"] is not None:
        group.parts[-1:] = [_repeated(match, group)]
    elif match["flags"] is not None:
        group.flags = _with_flags(group.flags, match["only"], "")
    elif match["other"] == "|":
        group.end_branch()
    elif match["backreference"] is not None:
        group.parts.append(Irregular(_EMPTY))
    else:
        group.parts.append(_single(match.group(), group.flags))


def _opened(match: re.Match[str], outer: _Group) -> _Group:
    text = match["open"]
    flags = outer.flags
    if match["on"] or match["off"]:
        flags = _with_flags(flags, match["on"] or "", (match["off"] or "")[1:])
    irregular = text.startswith(("(?=", "(?!", "(?>", "(?<=", "(?<!", "(?("))
    return _Group(flags, irregular)


def _with_flags(flags: int, on: str, off: str) -> int:
    for letter in on:
        flags |= _flag(letter)
    for letter in off:
        flags &= ~_flag(letter)
    return flags


def _flag(letter: str) -> int:
    if letter not in _FLAGS or letter == "x":
        raise Unreadable(f"the flag {letter!r} is not supported")
    return int(_FLAGS[letter])


def _repeated(match: re.Match[str], group: _Group) -> Node:
    if not group.parts:
        raise Unreadable("there is nothing to repeat")
    low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(match["repeat"][0], (0, None))
    if match["repeat"][0] == "{":
        low = int(match["low"] or 0)
        high = int(match["high"]) if match["high"] else None if match["comma"] else low
    found = Repeat(group.parts[-1], low, high)
    return Irregular(found) if match["manner"] == "+" else found


def _single(text: str, flags: int) -> Node:
    if text in ("^", "$") or (text[0] == "\\" and text[1] in _BOUNDARIES):
        return Boundary(text, flags)
    if text[0] == "\\" and text[1] in "123456789" and len(text) < 4:
        return Irregular(_EMPTY)
    return Character(text, flags)


class Work(NamedTuple):
    """An upper bound for the ways to match *n* characters: ``2 ** bits * n ** exponent``."""

    bits: float
    exponent: float

    def search_bits(self, length: int) -> float:
        """Return the binary logarithm of a bound for the steps of a search in a text."""
        return self.bits + (self.exponent + 1) * log2(length + 1)


_ONE_WAY = Work(0, 0)


def work(node: Node) -> Work:
    """Return the bound of a tree; infinite where a repetition holds a part with several ways."""
    match node:
        case Sequence(parts):
            ways = [work(part) for part in parts]
            return Work(sum(one.bits for one in ways), sum(one.exponent for one in ways))
        case Alternatives(branches):
            ways = [work(branch) for branch in branches]
            return Work(_bits_of_sum([one.bits for one in ways]), max(one.exponent for one in ways))
        case Repeat(part, low, high):
            return _repeated_work(work(part), low, high)
        case Irregular(part):
            return work(part)
    return _ONE_WAY


def _repeated_work(inner: Work, low: int, high: int | None) -> Work:
    if low == high:
        return Work(inner.bits * low, inner.exponent * low) if low else _ONE_WAY
    if high == 1:
        return Work(_bits_of_sum([inner.bits, 0]), inner.exponent)
    return Work(0, 1) if inner == _ONE_WAY else Work(inf, inf)


def _bits_of_sum(bits: list[float]) -> float:
    """Return the binary logarithm of a sum of powers of 2."""
    most = max(bits)
    return most if most == inf else most + log2(sum(2 ** (one - most) for one in bits))


def is_regular(node: Node) -> bool:
    """Return whether the tree holds nothing that only ``re`` can match."""
    match node:
        case Sequence(parts) | Alternatives(parts):
            return all(map(is_regular, parts))
        case Repeat(part, _, _):
            return is_regular(part)
    return not isinstance(node, Irregular)
