"""Search names with regular expressions of users, in bounded time.

The syntax is that of Python's ``re``. A pattern whose backtracking could take long (``^(a+)+$``) is
searched by an automaton instead, with the same result. Lookarounds and back references need
backtracking: they work while its bound is low, and are refused otherwise.

Input: patterns and names. Output: whether a pattern is found in a name (it is not anchored), or
`PatternError`, whose text says why a pattern cannot be used. No result depends on a clock.
"""

from __future__ import annotations

import re
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from torc_tui.patterns.automaton import Automaton

MAX_CHARACTERS = 100_000
"""Largest length of a pattern."""

_QUICK_BITS = 14
"""Up to 2 ** 14 steps of backtracking take less time than an automaton."""
_ALLOWED_BITS = 20
"""Up to 2 ** 20 steps of backtracking are allowed where no automaton is possible."""


class PatternError(ValueError):
    """A pattern that cannot be used; the text is the reason, ``at`` the index of the error."""

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.at = at


class Pattern:
    """A compiled regular expression; `search` takes bounded time."""

    __slots__ = ("_automaton", "_search", "_substitute", "_tree", "_work", "text")

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        """Compile a pattern; raise PatternError if it is not valid."""
        from torc_tui.patterns.syntax import Unreadable, read_tree, work  # few commands need it

        self.text = text
        flags = re.IGNORECASE if ignore_case else 0
        compiled = _compile(text, flags)
        self._search = compiled.search
        self._substitute = compiled.sub
        self._automaton: Automaton | None = None
        try:
            self._tree = read_tree(text, compiled.flags & ~re.UNICODE | flags)
            self._work = work(self._tree)
        except RecursionError:
            raise PatternError("it is nested too deeply") from None
        except Unreadable as error:
            raise PatternError(str(error)) from None

    def search(self, name: str) -> bool:
        """Return whether the pattern is found; raise PatternError if the search takes too long."""
        bits = self._work.search_bits(len(name))
        if bits <= _QUICK_BITS:
            return self._search(name) is not None
        return self._search_slowly(name, bits)

    def _search_slowly(self, name: str, bits: float) -> bool:
        from torc_tui.patterns.automaton import Automaton, TooComplex
        from torc_tui.patterns.syntax import is_regular

        if not is_regular(self._tree):
            if bits <= _ALLOWED_BITS:
                return self._search(name) is not None
            raise PatternError(
                f"it takes too long to search in a name of {len(name)} characters;"
                " simplify it, without lookarounds and back references"
            )
        try:
            if self._automaton is None:
                self._automaton = Automaton(self._tree)
            return self._automaton.search(name)
        except (TooComplex, RecursionError) as error:
            reason = str(error) if isinstance(error, TooComplex) else "it is nested too deeply"
            raise PatternError(f"{reason}; simplify it") from None

    def replaced(self, text: str, replacement: str, count: int = 1) -> str:
        r"""Return the text with the first matches replaced, all for a count of 0.

        ``\1`` in the replacement is the first group. Raise PatternError if that takes too long,
        or if the replacement is not valid.
        """
        if self._work.search_bits(len(text)) > _ALLOWED_BITS:
            raise PatternError("it takes too long to replace; simplify it")
        try:
            return self._substitute(replacement, text, count=count)
        except (re.error, IndexError) as error:
            raise PatternError(f"the replacement is not valid: {error}") from None

    def matching(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the indices of the names in which the pattern is found."""
        longest = max(map(len, names), default=0)
        search = self._search if self._work.search_bits(longest) <= _QUICK_BITS else self.search
        return tuple(index for index, name in enumerate(names) if search(name))


def is_found(pattern: Pattern, name: str) -> bool:
    """Return whether a pattern is found; a search that would take too long finds nothing."""
    try:
        return pattern.search(name)
    except PatternError:
        return False


def _compile(text: str, flags: int) -> re.Pattern[str]:
    if len(text) > MAX_CHARACTERS:
        raise PatternError(f"it has {len(text)} characters; at most {MAX_CHARACTERS} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about syntax that another version of Python may change
            return re.compile(text, flags)
    except re.error as error:
        raise PatternError(error.msg, error.pos) from None
    except (RecursionError, OverflowError):
        raise PatternError("it is nested too deeply or repeats too often") from None
