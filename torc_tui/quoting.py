"""Show a text of a user inside a message: on one line, printable, and not longer than fits.

Every message that repeats a name, a value or a pattern does so through this module: a name may have
70,000 letters, line breaks or control characters.
"""

from __future__ import annotations

import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that a name cannot hold: control characters, line breaks and lone surrogates."""

HINT_LENGTH = 300
"""Characters of a hint that a message shows."""

NAME_LENGTH = 60
"""Characters of a name or a value that a message shows."""


def shorten(text: str, most: int = 160) -> str:
    """Return at most ``most`` characters of a text, with control characters as escapes."""
    shown = f"{text[:most]}…" if len(text) > most else text
    if shown.isprintable():
        return shown
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown
    )


def quoted(text: str, most: int = NAME_LENGTH) -> str:
    """Return a shortened text in single quotes."""
    return f"'{shorten(text, most)}'"
