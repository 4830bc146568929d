"""Read JSON and JSON5.

Input: a text. Output: a document, or SpecSyntaxError with the place. The values come from the fast
parsers ``json`` and ``pyjson5``; a walk over the tokens of the text adds the lines and finds keys
that are given twice. ``json_errors`` words the error of a text that they refuse.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.lazy_regex import regex
from torc_tui.model import Json
from torc_tui.workflow_file.document import (
    MAX_DEPTH,
    Document,
    List,
    Map,
    duplicate_key,
    syntax_error,
    too_deep,
)

if TYPE_CHECKING:
    from torc_tui.json_errors import JsonError

_TOKEN = regex(
    r""""[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'"""
    r"""|//[^\n\r\u2028\u2029]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"'/]+""",
    re.DOTALL,
)
_SURROGATE = regex(r"\\u[dD][89a-fA-F]")
_SMALL = 20_000


def read_json(text: str, file: str | None = None) -> Document:
    """Return the document of strict JSON; raise SpecSyntaxError with line and column."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise too_deep(file, None) from None
    except ValueError as error:
        from torc_tui.json_errors import json_error

        raise _refused(json_error(text, error), file, _json5_hint(text)) from None
    return _document(text, value, "json", file)


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def read_json5(text: str, file: str | None = None) -> Document:
    """Return the document of JSON5; raise SpecSyntaxError with line and column."""
    import pyjson5

    try:
        value = pyjson5.decode(text, MAX_DEPTH + 1)
    except pyjson5.Json5NestingTooDeep:
        raise too_deep(file, None) from None
    except (pyjson5.Json5DecoderException, ValueError) as error:
        value = _second_opinion(text, file, detail=str(error.args[0] if error.args else error))
    return _document(text, value, "json5", file)


def _second_opinion(text: str, file: str | None, *, detail: str) -> Json:
    """Return what the reference parser reads in a text that the fast one refuses.

    It is used only if no mistake was found, because it is a thousand times slower.
    """
    from torc_tui.json_errors import find_json_error, known_json_error

    if known_json_error(text, json5=True) is None and len(text) <= _SMALL:
        import json5

        try:
            return json5.loads(text)
        except (ValueError, RecursionError) as error:
            detail = str(error)
    raise _refused(find_json_error(text, json5=True, detail=detail), file)


def _json5_hint(text: str) -> str | None:
    if len(text) > _SMALL:
        return None
    import pyjson5

    try:
        pyjson5.decode(text, MAX_DEPTH)
    except (pyjson5.Json5Exception, ValueError):
        return None
    return "comments, trailing commas and single quotes are JSON5: name the file .json5"


def _refused(found: JsonError, file: str | None, hint: str | None = None) -> SpecSyntaxError:
    return syntax_error(found.message, file=file, line=found.line, column=found.column, hint=hint)


def _document(text: str, value: Json, format: str, file: str | None) -> Document:
    problems: list[Problem] = []
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise syntax_error(
                "half a surrogate pair (\\ud800 to \\udfff) is not a character", file=file
            ) from None
        except RecursionError:
            raise too_deep(file, None) from None
    shape = _shape(text, file, problems)
    return Document(_dress(shape, value), format, file, problems)


class _ShapeBuilder:
    """Build the containers of a well-formed text with their lines; scalars are None."""

    def __init__(self, file: str | None, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.root: Json = None
        self.stack: list[Map | List] = []
        self.keys: list[str | None] = []

    def add(self, token: str, line: int) -> None:
        """Add a key, a scalar or the beginning of a container."""
        top = self.stack[-1] if self.stack else None
        if type(top) is Map and self.keys[-1] is None:
            self.key(top, _key(token), line)
            return
        value: Map | List | None = None
        if token == "{":
            value = Map(line)
        elif token == "[":
            value = List(line)
        if type(top) is Map:
            top[self.keys[-1] or ""] = value
            self.keys[-1] = None
        elif type(top) is List:
            top.append(value)
            top.lines.append(line)
        else:
            self.root = value
        if value is not None:
            if len(self.stack) >= MAX_DEPTH:
                raise too_deep(self.file, line)
            self.stack.append(value)
            self.keys.append(None)

    def key(self, target: Map, key: str, line: int) -> None:
        """Begin the entry of a mapping."""
        if key in target.lines:
            self.problems.append(duplicate_key(key, self.file, line, target.lines[key]))
        target.lines[key] = line
        target[key] = None
        self.keys[-1] = key

    def end(self) -> None:
        """End a container."""
        self.stack.pop()
        self.keys.pop()


def _shape(text: str, file: str | None, problems: list[Problem]) -> Json:
    """Return the containers of a well-formed text with their lines; scalars are None."""
    builder = _ShapeBuilder(file, problems)
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        first = token[0]
        if first in "/,:":
            continue
        if first in "}]":
            builder.end()
            continue
        start = match.start()
        line += text.count("\n", seen, start)
        seen = start
        builder.add(token, line)
    return builder.root


def _key(token: str) -> str:
    is_quoted = token[0] in "\"'"
    if "\\" not in token:
        return token[1:-1] if is_quoted else token
    import pyjson5  # not needed for plain JSON, which jobs pass to `torc spawn`

    return str(pyjson5.decode(token) if is_quoted else next(iter(pyjson5.decode(f"{{{token}:0}}"))))


def _dress(shape: Json, value: Json) -> Json:
    if isinstance(value, dict):
        target = shape if type(shape) is Map else Map()
        for key, item in value.items():
            target[key] = _dress(target.get(key), item) if isinstance(item, (dict, list)) else item
        return target
    if isinstance(value, list):
        items = shape if type(shape) is List else List()
        shapes = list(items) if len(items) == len(value) else [None] * len(value)
        items[:] = [
            _dress(form, item) if isinstance(item, (dict, list)) else item
            for form, item in zip(shapes, value, strict=True)
        ]
        return items
    return value
