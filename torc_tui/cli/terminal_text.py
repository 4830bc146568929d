"""Make any text safe for a terminal, print values as JSON, and tell ids from names.

Never: printing, or an import that takes time; error messages pass through this module.
"""

from __future__ import annotations

import sys

from torc_tui import fast_json
from torc_tui.settings import MOST_INTEGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def sanitize(text: str, keep: str = "") -> str:
    """Return the text with every character escaped that does not print, except those in ``keep``.

    These are controls, escape sequences, direction marks and lone surrogates: a terminal shows them
    and does nothing else.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escape(char) for char in text)


def _escape(char: str) -> str:
    number = ord(char)
    if "\udc80" <= char <= "\udcff":  # a byte that is not UTF-8, as Python keeps it in a path
        number -= 0xDC00
    return _SHORT.get(char) or (f"\\x{number:02x}" if number < 256 else f"\\u{{{number:x}}}")


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return a value as JSON, with escapes only for what standard output cannot carry.

    Control characters are always escaped: JSON requires it below 32, and the others would reach the
    terminal.
    """
    if indent == 2:
        text = fast_json.indented(value, _other)
    else:
        import json

        text = json.dumps(value, indent=indent, ensure_ascii=False, default=_other)
    if text.isascii() and "\x7f" not in text:
        return text
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        import json

        text = json.dumps(value, indent=indent, default=_other)
    if all(char.isprintable() or char == "\n" for char in text):
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else _json_escape(char) for char in text
    )


def _other(value: object) -> str:
    """Return what JSON prints for a value that is not JSON: a reason as its sentence."""
    from torc_tui.reasons import Reason
    from torc_tui.wording import sentence

    return sentence(value) if isinstance(value, Reason) else str(value)


def _json_escape(char: str) -> str:
    import json

    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def is_id(text: str) -> bool:
    """Return whether the text can be an id: a number that a database can hold, in ASCII digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 10 and 0 < int(text) <= MOST_INTEGER
