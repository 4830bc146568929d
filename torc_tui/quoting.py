"""Show a text of a user inside a message: on one line, printable, and not longer than fits.

Every message that repeats a name, a value or a pattern does so through this module: a name may have
70,000 letters, line breaks or control characters.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.lazy_regex import regex

CONTROL = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that a name cannot hold: control characters, line breaks and lone surrogates."""

HINT_LENGTH = 300
"""Characters of a hint that a message shows."""

MOST_NAME = 1000
"""Largest number of characters of a name."""

NAME_LENGTH = 60
"""Characters of a name or a value that a message shows."""

_MANY_NAMES = 2_000
"""Number of names above which only names with the same beginning or end are compared."""


def wrong_name(name: str) -> str | None:
    """Return what is wrong with a name, to continue a message; None if it is valid."""
    if CONTROL.search(name):
        return "holds a line break or a control character"
    if len(name) > MOST_NAME:
        return f"has {len(name):,} characters; a name may have at most {MOST_NAME:,}"
    return None


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


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most similar to a misspelled one, ignoring case; None if none is similar.

    Among many names, only those with the same beginning or end are compared.
    """
    import difflib  # needed only after a mistake

    name = name[:200].lower()
    known = {other.lower(): other for other in names}
    near = list(known)
    if len(near) > _MANY_NAMES:
        near = [one for one in near if one[:3] == name[:3] and abs(len(one) - len(name)) <= 3]
        near = ([one for one in near if one[-3:] == name[-3:]] or near)[:_MANY_NAMES]
    found = difflib.get_close_matches(name, near, 1)
    return known[found[0]] if found else None
