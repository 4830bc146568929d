"""Report a value that cannot be used, and suggest a similar one.

Input: the value. Output: an exception whose message continues the name of a key, and hints.
"""

from __future__ import annotations

from collections.abc import Collection

from torc_tui.model import Json
from torc_tui.quoting import quoted


class InvalidValue(Exception):
    """A value that cannot be used.

    ``item`` is the index in a list, or the key in a mapping, of the part that is wrong.
    """

    def __init__(
        self, message: str, hint: str | None = None, item: int | str | None = None
    ) -> None:
        """Take the message, which continues the name of the key, and a hint."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.item = item


def kind_of(value: Json) -> str:
    """Return what a value is, for a message: ``null``, ``the number 7``, ``a list``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {str(value)[:40]}"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"


def nearest(value: Json, words: Collection[str]) -> str | None:
    """Return the word that is most similar to a wrong one; None if none is similar."""
    from difflib import get_close_matches  # only a mistake needs it

    if not isinstance(value, str):
        return None
    lowered = {word.lower(): word for word in words}
    found = get_close_matches(value.lower()[:80], lowered, 1, 0.6)
    return lowered[found[0]] if found else None


def suggestion(value: Json, words: Collection[str], otherwise: str | None = None) -> str | None:
    """Return a hint with the nearest word, or another hint where none is near."""
    near = nearest(value, words)
    return f"did you mean {quoted(near)}?" if near is not None else otherwise
