"""Turn values into text as the file writes them, and text into numbers; report unusable values.

Input: values of the document, with their spelling where it is unusual. Output: strings that keep
the spelling (``007``, ``3.10``), the numbers that strings spell, or an exception whose message
continues the name of a key, with a hint.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from torc_tui.lazy_regex import regex
from torc_tui.model import Json, Value
from torc_tui.quoting import nearest, quoted, wrong_name
from torc_tui.units import printed, shortest


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


def suggestion(value: Json, words: Collection[str], otherwise: str | None = None) -> str | None:
    """Return a hint with the nearest word, or another hint where none is near."""
    near = nearest(value, words) if isinstance(value, str) else None
    return f"did you mean {quoted(near)}?" if near is not None else otherwise


INTEGER = regex(r"[-+]?[0-9]{1,18}")
NUMBER = regex(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,2})?")
SURROGATE = regex(r"[\ud800-\udfff]")


def string(value: Json) -> str:
    """Return a string that the database and the operating system can hold."""
    if type(value) is not str:
        hint = 'put it in quotes: "…"' if isinstance(value, (int, float)) else None
        raise InvalidValue(f"must be a string, not {kind_of(value)}", hint)
    if "\0" in value:
        raise InvalidValue("holds a NUL character")
    if not value.isascii() and SURROGATE.search(value):
        raise InvalidValue(f"{quoted(value)} is not valid Unicode text")
    return value


def label(value: Json) -> str:
    """Return a label of a job or runner; raise InvalidValue if it is not valid."""
    checked = string(value)
    if not checked or checked != checked.strip() or "," in checked or not checked.isprintable():
        hint = "labels hold no commas, and no spaces at their ends"
        raise InvalidValue(f"{quoted(checked)} is not a valid label", hint)
    wrong = wrong_name(checked)
    if wrong is not None:
        raise InvalidValue(f"{quoted(checked)} {wrong}")
    return checked


def as_written(value: Json, spelling: str | None) -> str:
    """Return a string, number or boolean as its text; ``spelling`` is that of the file."""
    if spelling is not None:
        return spelling
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            raise InvalidValue(f"must be a string, not {value}")
        return str(value) if isinstance(value, int) else shortest(value)
    return string(value)


def typed(text: str) -> Value:
    """Return the number whose usual spelling is this text; otherwise the text itself."""
    number = number_of(text)
    return text if number is None or printed(number) != text else number


def number_of(value: Value) -> int | float | None:
    """Return a value as a number; None if neither the value nor its text is a number."""
    if not isinstance(value, str):
        return value
    if INTEGER.fullmatch(value):
        return int(value)
    return float(value) if NUMBER.fullmatch(value) else None
