"""Search a text in time that grows linearly with its length, whatever the pattern.

The tree of a pattern becomes a non-deterministic automaton, which is simulated with sets of states.
Each step is computed once, so that a search needs one look-up per character. The work is
counted, not timed: a pattern that needs too much fails in the same way on every machine.

Input: the tree of a regular pattern and texts. Output: whether a text holds a match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain

from torc_tui.patterns.syntax import (
    Alternatives,
    Boundary,
    Character,
    Irregular,
    Node,
    Repeat,
    Sequence,
)

MAX_STATES = 100_000
MAX_VISITS = 5_000_000
"""Number of states that all searches with one automaton may visit: about two seconds."""

_LAST_NEWLINE = "\n$"
"""Stands for a line break that ends the text: ``$`` matches before it."""
_END = ""


class TooComplex(Exception):
    """A pattern that is too large, or whose search needs too much work."""


class _State:
    """A set of states of the non-deterministic automaton between two characters."""

    __slots__ = ("before", "members", "moves")

    def __init__(self, members: frozenset[int], before: str) -> None:
        self.members = members
        self.before = before
        self.moves: dict[str, _State | None] = {}
        """The state after each character; None where a match is complete before it."""


class Automaton:
    """The automaton of one pattern."""

    def __init__(self, tree: Node) -> None:
        """Build the automaton; raise TooComplex if it would be too large."""
        self._splits: list[tuple[int, ...]] = []
        self._tests: list[Character | Boundary | None] = []
        """What each state requires, as the node of the pattern."""
        self._states: dict[tuple[frozenset[int], str], _State] = {}
        self._work = 0
        self._final = self._new()
        self._first = self._build(tree, self._final)
        self._start = self._state(frozenset(), _END)

    def search(self, text: str) -> bool:
        """Return whether the text holds a match; raise TooComplex after too much work."""
        state = self._start
        ends_line = text.endswith("\n")
        characters: Iterable[str] = text[:-1] if ends_line else text
        for character in chain(characters, (_LAST_NEWLINE, _END) if ends_line else (_END,)):
            try:
                following = state.moves[character]
            except KeyError:
                following = state.moves[character] = self._step(state, character)
            if following is None:
                return True
            state = following
        return False

    # -- building ----------------------------------------------------------------------------------

    def _new(self, splits: tuple[int, ...] = (), test: Character | Boundary | None = None) -> int:
        if len(self._splits) >= MAX_STATES:
            raise TooComplex("it is too large")
        self._splits.append(splits)
        self._tests.append(test)
        return len(self._splits) - 1

    def _build(self, node: Node, after: int) -> int:
        """Return the state from which ``node`` leads to the state ``after``."""
        match node:
            case Character() | Boundary():
                return self._new((after,), node)
            case Sequence(parts):
                for part in reversed(parts):
                    after = self._build(part, after)
                return after
            case Alternatives(branches):
                return self._new(tuple(self._build(branch, after) for branch in branches))
            case Repeat(part, low, high):
                return self._build_repeat(part, low, high, after)
            case Irregular():
                raise TooComplex("it needs backtracking")

    def _build_repeat(self, part: Node, low: int, high: int | None, after: int) -> int:
        if high is None:
            loop = self._new()
            self._splits[loop] = (self._build(part, loop), after)
            after = loop
        else:
            end = after
            for _ in range(high - low):
                after = self._new((self._build(part, after), end))
        for _ in range(low):
            after = self._build(part, after)
        return after

    # -- searching ---------------------------------------------------------------------------------

    def _step(self, state: _State, character: str) -> _State | None:
        """Return the state after a character; None where a match is complete before it."""
        reached = self._closure(state, character)
        if self._final in reached:
            return None
        if character == _END:
            return state
        character = character[0]  # without the mark of the last newline
        following: set[int] = set()
        for number in reached:
            test = self._tests[number]
            if isinstance(test, Character) and _is_matched(test.source, test.flags, character):
                following.update(self._splits[number])
        return self._state(frozenset(following), _kind(character))

    def _closure(self, state: _State, character: str) -> set[int]:
        """Return all states that are reached without a character, in front of ``character``."""
        reached: set[int] = set()
        waiting = [self._first, *state.members]
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            test = self._tests[number]
            if test is None or (
                isinstance(test, Boundary)
                and _holds(test.source, test.flags, state.before, character)
            ):
                waiting.extend(self._splits[number])
        self._work += len(reached)
        if self._work > MAX_VISITS:
            raise TooComplex("the search needs too much work")
        return reached

    def _state(self, members: frozenset[int], before: str) -> _State:
        key = (members, before)
        if key not in self._states:
            self._states[key] = _State(members, before)
        return self._states[key]


@lru_cache(maxsize=4096)
def _matcher(source: str, flags: int) -> Callable[[str], re.Match[str] | None]:
    return re.compile(source, flags).fullmatch


@lru_cache(maxsize=65_536)
def _is_matched(source: str, flags: int, character: str) -> bool:
    return _matcher(source, flags)(character) is not None


@lru_cache(maxsize=4096)
def _holds(source: str, flags: int, before: str, character: str) -> bool:
    """Return whether a boundary lies between two characters; ``re`` itself decides."""
    after = (
        "\n" if character == _LAST_NEWLINE else f"{character}x" if character == "\n" else character
    )
    return re.compile(source, flags).match(before + after, len(before)) is not None


def _kind(character: str) -> str:
    """Return a character that every boundary treats as it treats this one."""
    if character == "\n":
        return "\n"
    if character.isalnum() or character == "_":
        return "a" if character.isascii() else "é"
    return " "
