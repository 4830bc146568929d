"""Read YAML from the events of libyaml.

Input: a text. Output: a document, or SpecSyntaxError with the place. Scalars follow the core schema
of YAML 1.2: ``yes``, ``1:10`` (a range) and dates are strings. Aliases and merge keys work; what
they multiply is bounded. Nothing here is recursive, so no text can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.lazy_regex import compiled_late, regex
from torc_tui.model import Json
from torc_tui.quoting import quoted
from torc_tui.workflow_file.document import (
    MAX_DEPTH,
    MAX_PROBLEMS,
    Document,
    List,
    Map,
    duplicate_key,
    syntax_error,
    too_deep,
)
from torc_tui.workflow_file.yaml_errors import yaml_error

with compiled_late():  # only its scanner in Python uses them: 5 ms
    import yaml

_MAX_ALIASED = 64 << 20
"""Characters that aliases may stand for in one file."""

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = regex(r"[-+]?[0-9]+")
_BASED = regex(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = regex(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"
_USUAL = ("true", "false")
_SCALAR_WEIGHT = 8
"""Counted for each scalar in addition to its characters."""


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "height", "key", "merges", "start", "value")

    def __init__(self, value: Map | List, anchor: str | None, start: int) -> None:
        self.value: Any = value
        self.anchor = anchor
        self.start = start
        self.height = 1
        self.key: str | None = None
        self.merges: list[Map] = []

    def expects_key(self) -> bool:
        return self.key is None and type(self.value) is Map


class _Anchored:
    """A value that aliases can repeat, with what it adds to the size and the depth of the file."""

    __slots__ = ("height", "spelling", "value", "weight")

    def __init__(self, value: Json, weight: int, height: int, spelling: str | None = None) -> None:
        self.value = value
        self.weight = weight
        self.height = height
        self.spelling = spelling


def plain_scalar(text: str) -> Json:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _INFINITE.fullmatch(text):
            return float(text.replace(".", ""))
    return text


def read_yaml(text: str, file: str | None = None) -> Document:
    """Return the document; raise SpecSyntaxError for all but one document of YAML."""
    problems: list[Problem] = []
    try:
        value = _YamlBuilder(file, problems).build(text)
    except yaml.MarkedYAMLError as error:
        mark, opened = error.problem_mark or error.context_mark, error.context_mark
        detail = error.problem or error.context or type(error).__name__
        raise yaml_error(
            text, file, mark.index if mark else 0, opened.index if opened else None, detail
        ) from None
    except yaml.reader.ReaderError as error:
        at = max(text.find(chr(error.character)), 0) if isinstance(error.character, int) else 0
        line = text.count("\n", 0, at) + 1
        sign = f"the character U+{ord(text[at]):04X}" if text else "a character"
        raise syntax_error(f"YAML does not allow {sign}", file=file, line=line) from None
    return Document(value, "yaml", file, problems)


class _YamlBuilder:
    """Build the values of one document, event by event."""

    def __init__(self, file: str | None, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.read = 0
        self.aliased = 0
        self.documents = 0
        self.root: Json = None

    def build(self, text: str) -> Json:
        """Return the value of the document."""
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.start,
            yaml.SequenceStartEvent: self.start,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
        return self.root

    # -- events ------------------------------------------------------------------------------------

    def document(self, event: Any) -> None:
        """Refuse a second document."""
        self.documents += 1
        if self.documents > 1:
            raise self.error(event, "a second document begins; a file holds one workflow")

    def start(self, event: Any) -> None:
        """Begin a mapping or a list."""
        line = _line(event)
        if len(self.frames) >= MAX_DEPTH:
            raise too_deep(self.file, line)
        if self.frames and self.frames[-1].expects_key():
            raise self.error(event, "a key must be a string")
        if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise self.unknown_tag(event)
        container = Map(line) if type(event) is yaml.MappingStartEvent else List(line)
        self.frames.append(_Frame(container, event.anchor, self.read))

    def end(self, _event: Any) -> None:
        """Finish a mapping or a list."""
        frame = self.frames.pop()
        if frame.merges:
            _merge(frame.value, frame.merges)
        if frame.anchor:
            weight = self.read - frame.start
            self.anchors[frame.anchor] = _Anchored(frame.value, weight, frame.height)
        self.put(frame.value, frame.value.line or 1, frame.height)

    def scalar(self, event: Any) -> None:
        """Add a key or a value."""
        text: str = event.value
        line = event.start_mark.line + 1
        self.read += len(text) + _SCALAR_WEIGHT
        if self.frames:
            frame = self.frames[-1]
            if frame.key is None and type(frame.value) is Map:
                self.key(event, frame, text, line)
                return
        value, spelling = text, None
        if event.tag is not None:
            value = self.tagged(event)
        elif event.implicit[0]:
            try:
                value = plain_scalar(text)
            except ValueError:
                raise self.error(event, "this number is too long") from None
            if value is not text and value is not None and not _is_usual(value, text):
                spelling = text
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, len(text) + _SCALAR_WEIGHT, 0, spelling)
        self.put(value, line, 0, spelling)

    def key(self, event: Any, frame: _Frame, text: str, line: int) -> None:
        """Begin the entry of a mapping."""
        lines = frame.value.lines
        if text in lines:
            self.problems.append(duplicate_key(text, self.file, line, lines[text]))
            if len(self.problems) > MAX_PROBLEMS:
                raise SpecSyntaxError(self.problems)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(text, len(text) + _SCALAR_WEIGHT, 0)
        frame.key = text
        lines[text] = line

    def alias(self, event: Any) -> None:
        """Repeat the value of an anchor."""
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            inside = any(frame.anchor == event.anchor for frame in self.frames)
            what = "stands inside itself" if inside else "has no anchor before it"
            raise self.error(event, f"the alias {quoted('*' + event.anchor)} {what}")
        self.read += anchored.weight
        self.aliased += anchored.weight
        if self.aliased > _MAX_ALIASED:
            raise self.error(event, "the aliases of this file stand for too much text")
        line = _line(event)
        if len(self.frames) + anchored.height > MAX_DEPTH:
            raise too_deep(self.file, line)
        if self.frames and self.frames[-1].expects_key():
            if not isinstance(anchored.value, str):
                raise self.error(event, "a key must be a string")
            frame = self.frames[-1]
            frame.key = anchored.value
            frame.value.lines[anchored.value] = line
            return
        self.put(anchored.value, line, anchored.height, anchored.spelling)

    # -- values ------------------------------------------------------------------------------------

    def tagged(self, event: Any) -> Json:
        """Return the value of a scalar with a tag."""
        if event.tag in ("!", _TAG + "str"):
            return event.value
        expected = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.get(
            event.tag.removeprefix(_TAG)
        )
        if expected is None:
            raise self.unknown_tag(event)
        value = plain_scalar(event.value)
        if not isinstance(value, expected):  # type: ignore[arg-type]  # a tuple of types is fine here
            raise self.error(event, f"{quoted(event.value)} does not fit its tag")
        return value

    def put(self, value: Json, line: int, height: int, spelling: str | None = None) -> None:
        """Add a value to the innermost mapping or list."""
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        if height >= frame.height:
            frame.height = height + 1
        container = frame.value
        if type(container) is List:
            container.append(value)
            container.lines.append(line)
            if spelling is not None:
                container.spell(len(container) - 1, spelling)
            return
        key = frame.key
        frame.key = None
        if key == "<<":
            self.merge(frame, value, line)
            return
        container[key] = value
        if spelling is not None:
            container.spell(key, spelling)

    def merge(self, frame: _Frame, value: Json, line: int) -> None:
        """Note the mappings of a merge key, which are added when their mapping ends."""
        merged = value if type(value) is List else [value]
        if not all(type(one) is Map for one in merged):
            raise syntax_error(
                "'<<' takes a mapping or a list of mappings", file=self.file, line=line
            )
        del frame.value.lines["<<"]
        frame.merges.extend(merged)

    def error(self, event: Any, message: str) -> SpecSyntaxError:
        """Return an error at the line of an event."""
        return syntax_error(message, file=self.file, line=_line(event))

    def unknown_tag(self, event: Any) -> SpecSyntaxError:
        """Return the error for a tag that is not one of YAML's own."""
        return self.error(event, f"the tag {quoted(event.tag)} is not known")


def _is_usual(value: Json, text: str) -> bool:
    """Return whether a number or boolean is written in the usual way, as JSON would write it."""
    return text in _USUAL if isinstance(value, bool) else type(value) is int and str(value) == text


def _merge(target: Map, sources: list[Map]) -> None:
    for source in sources:
        for key, value in source.items():
            if key not in target:
                target[key] = value
                target.lines[key] = source.lines.get(key, source.line or 1)
                spelling = source.spelling(key)
                if spelling is not None:
                    target.spell(key, spelling)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
