"""Encode values as text that a column can hold: JSON, and paths of any bytes.

Nothing slow is imported here, such as ``json``.
"""

from __future__ import annotations

from torc_tui import fast_json
from torc_tui.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _refuse(value: Any) -> Any:
    raise TypeError(f"JSON has no type {type(value).__name__}")


_encode = fast_json.encoder(_refuse, allow_nan=False)


def dumps(value: Any) -> str:
    """Return compact JSON text, keys in their order.

    Raise UsageError for a value that JSON cannot hold, such as NaN.
    """
    try:
        text = _encode(value)
    except ValueError:
        raise UsageError(
            "this cannot be stored as JSON: a number is not finite",
            hint="JSON has no NaN, Infinity or numbers from 1.8e308; write a string",
        ) from None
    except RecursionError:
        raise UsageError("this cannot be stored as JSON: it is nested too deeply") from None
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: only its escape can be stored
        import json

        return json.dumps(value, separators=(",", ":"))
    return text


def loads(text: str | None) -> Any:
    """Return the value of a JSON text; None for None."""
    return None if text is None else fast_json.loads(text)


_BYTES = "file://"
"""Begins a path that is not UTF-8; its bytes follow, percent-encoded."""


def encode_path(path: str | None) -> str | None:
    """Return a path as text: as it is, unless it is not UTF-8; `decode_path` is the inverse."""
    if path is None or (path.isascii() and not path.startswith(_BYTES)):
        return path
    try:
        path.encode()
    except UnicodeEncodeError:
        pass
    else:
        if not path.startswith(_BYTES):
            return path
    from urllib.parse import quote_from_bytes

    return _BYTES + quote_from_bytes(path.encode("utf-8", "surrogateescape"))


def decode_path(text: str | None) -> str | None:
    """Return the path of a text; bytes that are not UTF-8 as in `os.fsdecode`."""
    if text is None or not text.startswith(_BYTES):
        return text
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text[len(_BYTES) :]).decode("utf-8", "surrogateescape")
