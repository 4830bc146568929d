"""Replace the characters of a text that could mislead a reader or control a terminal.

Input: text without escape sequences. Output: text in which directions are visible and invisible
characters are removed.
"""

from __future__ import annotations

import re

SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0300-\u036f\u061c\u115f\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\ufe20-\ufe2f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters of a text that is not shown as it is."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]")
_INVISIBLE = re.compile(
    "[\xad\u115f\u180b-\u180f\u200b\u200c\u2060-\u2065\ufeff\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_COMBINING = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200d]"
_MANY_MARKS = re.compile(f"({_COMBINING}{{4}}){_COMBINING}+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """Return a text without controls as one that any terminal can show."""
    if SUSPECT.search(text) is None:
        return text
    text = _SURROGATES.sub("\ufffd", text)
    text = _DIRECTIONS.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return _INVISIBLE.sub("", text)


def caret(char: str) -> str:
    """Return a control character in caret notation: ``^G``, or ``<85>`` above ASCII."""
    code = ord(char)
    return f"^{chr(code ^ 64)}" if code < 128 else f"<{code:02X}>"


def with_few_marks(text: str) -> str:
    """Return a text with at most four combining marks on a character."""
    return text if text.isascii() else _MANY_MARKS.sub(r"\1", text)
