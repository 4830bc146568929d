"""Compile regular expressions at their first use.

Compiling the constants of the modules that every command imports takes longer than their import;
most commands use few of them.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_compile = re.compile
_METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")


class _LazyRegex:
    """Stands for a compiled pattern; keeps its methods as attributes once it is compiled."""

    def __init__(self, text: str, flags: int) -> None:
        self.pattern = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by copy and pickle
            raise AttributeError(name)
        if name in _METHODS:  # libraries keep the methods of their constants
            return lambda *values, **named: getattr(self._compiled(), name)(*values, **named)
        return getattr(self._compiled(), name)

    def _compiled(self) -> re.Pattern[str]:
        """Return the pattern; the first call compiles it."""
        found = vars(self).get("_found")
        if found is None:
            found = self._found = _compile(self.pattern, self._flags)
            for method in _METHODS:
                setattr(self, method, getattr(found, method))
        return found


def regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern like `re.compile`, which is compiled at its first use."""
    lazy: Any = _LazyRegex(text, flags)
    return lazy  # type: ignore[no-any-return]  # it has all that is used of a pattern


@contextmanager
def compiled_late() -> Iterator[None]:
    """Let a library that is imported here compile its own expressions at their first use."""
    re.compile = regex  # type: ignore[assignment]  # a pattern may also be of bytes
    try:
        yield
    finally:
        re.compile = _compile
