"""JSON and JSON5. In: a text. Out: a document, or SpecSyntaxError with the place. What a key means
is not known here.

The values come from the fast parsers (``json``, ``pyjson5``); a walk over the tokens of the text adds the lines and
finds keys that are given twice. ``json_errors`` says what is wrong with a text that they refuse.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

import pyjson5

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.json_errors import find_json_error
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

_TOKEN = re.compile(
    r""""[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|//[^\n\r\u2028\u2029]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"'/]+""",
    re.DOTALL,
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SMALL = 20_000


class _Constant(ValueError):
    """NaN or Infinity in a text that is to be JSON."""


def read_json(text: str, file: str | None = None) -> Document:
    """The document of strict JSON; SpecSyntaxError with line and column otherwise."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise _refused(text, file, detail=error.msg, hint=_json5_hint(text)) from None
    except _Constant as error:
        line = _line_at(text, text.find(str(error)))
        raise syntax_error(f"{error} is not JSON", file=file, line=line) from None
    except RecursionError:
        raise too_deep(file, None) from None
    except ValueError:
        raise syntax_error("a number in this file is too long", file=file) from None
    return _document(text, value, "json", file)


def read_json5(text: str, file: str | None = None) -> Document:
    """The document of JSON5; SpecSyntaxError with line and column otherwise."""
    try:
        value = pyjson5.decode(text, MAX_DEPTH + 1)
    except pyjson5.Json5NestingTooDeep:
        raise too_deep(file, None) from None
    except (pyjson5.Json5DecoderException, ValueError) as error:
        raise _refused(
            text, file, json5=True, detail=str(error.args[0] if error.args else error)
        ) from None
    return _document(text, value, "json5", file)


def _refuse(word: str) -> NoReturn:
    raise _Constant(word)


def _json5_hint(text: str) -> str | None:
    if len(text) > _SMALL:
        return None
    try:
        pyjson5.decode(text, MAX_DEPTH)
    except (pyjson5.Json5Exception, ValueError):
        return None
    return "comments, trailing commas and single quotes are JSON5: name the file .json5"


def _refused(
    text: str, file: str | None, *, json5: bool = False, detail: str, hint: str | None = None
) -> SpecSyntaxError:
    found = find_json_error(text, json5=json5, detail=detail)
    return syntax_error(found.message, file=file, line=found.line, column=found.column, hint=hint)


def _line_at(text: str, at: int) -> int:
    return text.count("\n", 0, max(at, 0)) + 1


def _document(text: str, value: Json, format: str, file: str | None) -> Document:
    problems: list[Problem] = []
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise syntax_error(
                "half a surrogate pair (\\ud800 to \\udfff) is no character", file=file
            ) from None
        except RecursionError:
            raise too_deep(file, None) from None
    shape = _shape(text, file, problems)
    return Document(_dress(shape, value), format, file, problems)


def _shape(text: str, file: str | None, problems: list[Problem]) -> Json:
    """The containers of the text with their lines; scalars are None. The text is known to be
    well-formed."""
    root: Json = None
    stack: list[Map | List] = []
    keys: list[str | None] = []
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        first = token[0]
        if first == "/" or first == "," or first == ":":
            continue
        if first == "}" or first == "]":
            stack.pop()
            keys.pop()
            continue
        start = match.start()
        line += text.count("\n", seen, start)
        seen = start
        top = stack[-1] if stack else None
        if type(top) is Map and keys[-1] is None:
            key = _key(token)
            if key in top.lines:
                problems.append(duplicate_key(key, file, line, top.lines[key]))
            top.lines[key] = line
            top[key] = None
            keys[-1] = key
            continue
        value: Map | List | None = None
        if first == "{":
            value = Map(line)
        elif first == "[":
            value = List(line)
        if type(top) is Map:
            key = keys[-1] or ""
            keys[-1] = None
            top[key] = value
        elif type(top) is List:
            top.append(value)
            top.lines.append(line)
        else:
            root = value
        if value is not None:
            if len(stack) >= MAX_DEPTH:
                raise too_deep(file, line)
            stack.append(value)
            keys.append(None)
    return root


def _key(token: str) -> str:
    if token[0] in "\"'":
        return str(pyjson5.decode(token)) if "\\" in token else token[1:-1]
    return str(next(iter(pyjson5.decode("{" + token + ":0}")))) if "\\" in token else token


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
