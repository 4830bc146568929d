"""Find and word the first mistake in a text that is not JSON or not JSON5.

*Input*: a text that a parser has refused. *Output*: the place of the first mistake, and what is
wrong there. *Invariants*: pure; no word comes from a parser, so a message does not change with its
version.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from torc_tui.tuples import NamedTuple

    _Step = Callable[[], "_Step | None"]

    class JsonError(NamedTuple):
        """What is wrong in a text, and where. ``line`` and ``column`` count from 1."""

        message: str
        line: int
        column: int
        offset: int
else:
    # The same without ``typing``, whose import costs a third of a whole ``torc user-data update``.
    from collections import namedtuple

    JsonError = namedtuple("JsonError", "message line column offset")


def find_json_error(text: str, *, json5: bool = False, detail: str = "") -> JsonError:
    """Return the first mistake of a text. ``detail`` is the message of the parser.

    The detail is shown only where nothing is wrong with the text by the rules known here.
    """
    found = known_json_error(text, json5=json5)
    if found is not None:
        return found
    message = f"this is not {'JSON5' if json5 else 'JSON'}"
    return at_offset(f"{message} ({detail})" if detail else message, text, 0)


def known_json_error(text: str, *, json5: bool = False) -> JsonError | None:
    """Return the first mistake of a text, or None if nothing is wrong by the rules known here."""
    reader = _TokenReader(text, _JSON5 if json5 else _JSON)
    try:
        reader.read()
    except _Found as found:
        return at_offset(found.message, text, found.offset)
    return None


def refuse_constant(word: str) -> NoReturn:
    """Let ``json.loads`` refuse NaN and Infinity, which are not JSON (``parse_constant``)."""
    raise ValueError(word)


def json_error(text: str, error: Exception) -> JsonError:
    """Return where and why ``json.loads`` has refused a text with this error."""
    if isinstance(error, RecursionError):
        return at_offset("it is nested too deeply", text, 0)
    detail = getattr(error, "msg", "")
    if detail or known_json_error(text) is not None:
        return find_json_error(text, detail=detail)
    return at_offset("a number in it is too long", text, 0)


def why_no_json(text: str, error: Exception) -> str:
    """Return in one line why ``json.loads`` has refused a text with this error."""
    found = json_error(text, error)
    place = f"line {found.line}, column {found.column}: " if hasattr(error, "msg") else ""
    return f"{place}{found.message}"


def at_offset(message: str, text: str, offset: int) -> JsonError:
    """Return a mistake with its line and column."""
    line = text.count("\n", 0, offset) + 1
    return JsonError(message, line, offset - text.rfind("\n", 0, offset), offset)


class _Found(Exception):
    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class _Grammar:
    """The tokens of one dialect. A pattern matches a whole token, or nothing."""

    def __init__(
        self, blank: str, string: str, number: str, key: str, quotes: str, comma: bool
    ) -> None:
        self.blank = re.compile(blank, re.DOTALL)
        self.string = re.compile(string)
        self.number = re.compile(number)
        self.key = re.compile(key)
        self.quotes = quotes
        self.trailing_comma = comma


_JSON = _Grammar(
    blank=r"[ \t\n\r]*",
    string=r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"',
    number=r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.+-])",
    key=r"(?!)",
    quotes='"',
    comma=False,
)
_ESCAPE = r"\\(?:\r\n|[^1-9xu]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})"
_JSON5 = _Grammar(
    blank=r"(?:\s|\ufeff|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*",
    string=rf"""(?s:"(?:[^"\\\n\r]|{_ESCAPE})*"|'(?:[^'\\\n\r]|{_ESCAPE})*')""",
    number=r"[-+]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN"
    r"|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?![\w.+-])",
    key=r"(?:[^\W\d]|\$|\\u[0-9a-fA-F]{4})(?:[\w$\u200c\u200d]|\\u[0-9a-fA-F]{4})*",
    quotes="\"'",
    comma=True,
)
_CONSTANT = re.compile(r"(?:true|false|null)(?![\w.])")
_WORD = re.compile(r"[\w.$+-]+")
_OTHER_SPELLING = {
    "True": "true",
    "False": "false",
    "None": "null",
    "nil": "null",
    "undefined": "null",
}
_CLOSING = {"{": "}", "[": "]"}
_SHOWN = 40
"""Characters of a wrong token that a message shows."""


class _TokenReader:
    """Read a text token by token and raise _Found at the first mistake.

    Each step reads a little and returns the step that must follow, so that no nesting exhausts the
    stack.
    """

    def __init__(self, text: str, grammar: _Grammar) -> None:
        self.text = text
        self.grammar = grammar
        self.at = 0
        self.open: list[str] = []
        """The brackets that are not closed yet."""
        self.after_comma = False

    def read(self) -> None:
        if not self._sign():
            raise self._found("there is no value; null stands for nothing")
        step: _Step | None = self._value
        while step is not None:
            step = step()
        if self._sign():
            raise self._found("the value ended before this")

    def _found(self, message: str, at: int | None = None) -> _Found:
        return _Found(message, self.at if at is None else at)

    def _sign(self) -> str:
        """Skip blanks; return the next character, or an empty text at the end."""
        found = self.grammar.blank.match(self.text, self.at)
        self.at = found.end() if found else self.at
        sign = self.text[self.at : self.at + 1]
        if sign == "/" and self.grammar is _JSON5:
            closed = not self.text.startswith("/*", self.at)
            raise self._found(
                "a comment starts with // or /*" if closed else "this comment is not closed"
            )
        return sign

    def _value(self) -> _Step | None:
        """Read a scalar, or the opening bracket of an object or array."""
        sign = self._sign()
        if sign not in _CLOSING:
            self._scalar(sign)
            return self._after_value if self.open else None
        self.open.append(sign)
        self.at += 1
        self.after_comma = False
        if self._sign() == _CLOSING[sign]:
            return self._leave()
        return self._key if sign == "{" else self._value

    def _leave(self) -> _Step | None:
        self.open.pop()
        self.at += 1
        return self._after_value if self.open else None

    def _after_value(self) -> _Step | None:
        """Read a closing bracket, or a comma."""
        sign = self._sign()
        bracket = self.open[-1]
        closing = _CLOSING[bracket]
        if sign == closing:
            return self._leave()
        if not sign:
            raise self._found(f"the text ends where a comma or the closing {closing} should follow")
        if sign != ",":
            raise self._found(f"a comma or the closing {closing} is missing before this")
        self.at += 1
        self.after_comma = True
        if self.grammar.trailing_comma and self._sign() == closing:
            return self._leave()
        return self._key if bracket == "{" else self._value

    def _key(self) -> _Step | None:
        """Read a key and its colon."""
        sign = self._sign()
        if sign and sign in self.grammar.quotes:
            self._string()
        elif found := self.grammar.key.match(self.text, self.at):
            self.at = found.end()
        else:
            raise self._found(self._wrong_key(sign))
        sign = self._sign()
        if sign != ":":
            raise self._found(
                "a colon is missing before this" if sign else "the text ends after a key"
            )
        self.at += 1
        self.after_comma = False
        return self._value

    def _wrong_key(self, sign: str) -> str:
        if not sign:
            return "the text ends where a key should follow"
        if sign == "}" and self.after_comma:
            return "a key is missing before }: remove the comma before it"
        kind = "a key" if self.grammar is _JSON5 else "a key in double quotes"
        return f"{kind} is expected here"

    def _string(self) -> None:
        found = self.grammar.string.match(self.text, self.at)
        if found:
            self.at = found.end()
            return
        raise self._wrong_string()

    def _wrong_string(self) -> _Found:
        """Return what is wrong with the string that starts here."""
        quote = self.text[self.at]
        at = self.at + 1
        while at < len(self.text) and self.text[at] != quote:
            sign = self.text[at]
            if sign in "\n\r" or (sign < " " and self.grammar is _JSON):
                return self._found(
                    "an end of line or tab inside a string is written \\n or \\t", at
                )
            if sign == "\\":
                escape = self._escape(at)
                if at + 1 < len(self.text) and not self.grammar.string.fullmatch(
                    quote + escape + quote
                ):
                    message = "this escape is not known in a string; a backslash is written \\\\"
                    return self._found(message, at)
                at += 1
            at += 1
        return self._found("this string is not closed")

    def _escape(self, at: int) -> str:
        length = {"u": 6, "x": 4, "\r": 3}.get(self.text[at + 1 : at + 2], 2)
        return self.text[at : at + length]

    def _scalar(self, sign: str) -> None:
        if not sign:
            raise self._found("the text ends where a value should follow")
        if sign in self.grammar.quotes:
            self._string()
            return
        found = _CONSTANT.match(self.text, self.at) or self.grammar.number.match(self.text, self.at)
        if found:
            self.at = found.end()
            return
        raise self._found(self._wrong_scalar(sign))

    def _wrong_scalar(self, sign: str) -> str:
        if sign == "'":
            return "strings stand in double quotes"
        if sign in "}],:":
            cause = ": remove the comma before it" if self.after_comma and sign in "}]" else ""
            return f"a value is missing before {sign}{cause}"
        found = _WORD.match(self.text, self.at)
        word = found[0] if found else sign
        if word in ("NaN", "Infinity", "-Infinity"):
            return f"{word} is not a JSON value"
        if word in _OTHER_SPELLING:
            return f"{word} is written {_OTHER_SPELLING[word]}"
        shown = word[:_SHOWN] + "…" if len(word) > _SHOWN else word
        if word[0] in "+-.0123456789":
            return f"{shown} is not a number"
        shown = shown if shown.isprintable() else ascii(shown)[1:-1]
        return f"{shown} is not a value; text stands in double quotes"
