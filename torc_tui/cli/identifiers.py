"""Tell ids from names. Imported by the commands that jobs call often: nothing else is here."""

from __future__ import annotations

from torc_tui.settings import MOST_INTEGER


def is_id(text: str) -> bool:
    """Return whether the text can be an id: a number that a database can hold, in ASCII digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 10 and 0 < int(text) <= MOST_INTEGER
