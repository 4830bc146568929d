"""YAML, from the events of libyaml. In: a text. Out: a document, or SpecSyntaxError with the place.

Scalars follow the core schema of YAML 1.2: ``yes`` is a text, ``1:10`` is a text (a range), dates
are texts. Aliases and merge keys work; what they multiply is bounded. Built without recursion, so
no text can exhaust the stack.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from torc_tui.errors import Problem, SpecSyntaxError
from torc_tui.model import Json
from torc_tui.workflow_file.document import (
    MAX_DEPTH,
    SHOWN,
    Document,
    List,
    Map,
    duplicate_key,
    quoted,
    syntax_error,
    too_deep,
)
from torc_tui.workflow_file.yaml_errors import yaml_error

_BORROWED = 64 << 20
"""Characters that aliases may stand for in one file."""

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"


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


def plain_scalar(text: str) -> Json:
    """The value of an unquoted scalar."""
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
    """The document; SpecSyntaxError for anything that is not one document of YAML."""
    problems: list[Problem] = []
    try:
        value = _Builder(file, problems).build(text)
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


class _Builder:
    def __init__(self, file: str | None, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.frames: list[_Frame] = []
        self.anchors: dict[str, tuple[Json, int, int]] = {}
        self.read = 0
        self.borrowed = 0
        self.documents = 0
        self.root: Json = None

    def build(self, text: str) -> Json:
        frames = self.frames
        event: Any  # its attributes depend on its class
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                line = event.start_mark.line + 1
                if len(frames) >= MAX_DEPTH:
                    raise too_deep(self.file, line)
                if frames and type(frames[-1].value) is Map and frames[-1].key is None:
                    raise syntax_error("a key must be a plain text", file=self.file, line=line)
                if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
                    raise self.unknown_tag(event)
                container = Map(line) if kind is yaml.MappingStartEvent else List(line)
                frames.append(_Frame(container, event.anchor, self.read))
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                frame = frames.pop()
                if frame.merges:
                    _merge(frame.value, frame.merges)
                if frame.anchor:
                    self.anchors[frame.anchor] = (
                        frame.value,
                        self.read - frame.start,
                        frame.height,
                    )
                self.put(frame.value, frame.value.line or 1, frame.height)
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    line = event.start_mark.line + 1
                    raise syntax_error(
                        "a second document begins; a file holds one workflow",
                        file=self.file,
                        line=line,
                    )
        return self.root

    def scalar(self, event: Any) -> None:
        text: str = event.value
        line: int = event.start_mark.line + 1
        self.read += len(text) + 8
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.key is None and type(frame.value) is Map:
            lines = frame.value.lines
            if text in lines:
                self.problems.append(duplicate_key(text, self.file, line, lines[text]))
                if len(self.problems) > SHOWN:
                    raise SpecSyntaxError(self.problems)
            if event.anchor:
                self.anchors[event.anchor] = (text, len(text) + 8, 0)
            frame.key = text
            lines[text] = line
            return
        tag = event.tag
        if tag is None:
            try:
                value = plain_scalar(text) if event.implicit[0] else text
            except ValueError:
                raise syntax_error("this number is too long", file=self.file, line=line) from None
        else:
            value = self.tagged(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, len(text) + 8, 0)
        self.put(value, line, 0)

    def tagged(self, event: Any) -> Json:
        if event.tag in ("!", _TAG + "str"):
            return event.value
        expected = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.get(
            event.tag.removeprefix(_TAG)
        )
        if expected is None:
            raise self.unknown_tag(event)
        value = plain_scalar(event.value)
        if not isinstance(value, expected):  # type: ignore[arg-type]  # a tuple of types is fine here
            raise syntax_error(
                f"{quoted(event.value)} does not fit its tag", file=self.file, line=_line(event)
            )
        return value

    def alias(self, event: Any) -> None:
        line = _line(event)
        if event.anchor not in self.anchors:
            inside = any(frame.anchor == event.anchor for frame in self.frames)
            what = "stands inside itself" if inside else "has no anchor before it"
            raise syntax_error(
                f"the alias {quoted('*' + event.anchor)} {what}", file=self.file, line=line
            )
        value, weight, height = self.anchors[event.anchor]
        self.read += weight
        self.borrowed += weight
        if self.borrowed > _BORROWED:
            raise syntax_error(
                "aliases multiply this file beyond all measure", file=self.file, line=line
            )
        if len(self.frames) + height > MAX_DEPTH:
            raise too_deep(self.file, line)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.key is None and type(frame.value) is Map:
            if not isinstance(value, str):
                raise syntax_error("a key must be a plain text", file=self.file, line=line)
            frame.key = value
            frame.value.lines[value] = line
            return
        self.put(value, line, height)

    def put(self, value: Json, line: int, height: int) -> None:
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
            return
        key = frame.key
        frame.key = None
        if key == "<<":
            merged = value if type(value) is List else [value]
            if not all(type(one) is Map for one in merged):
                raise syntax_error(
                    "'<<' takes a mapping or a list of mappings", file=self.file, line=line
                )
            del container.lines["<<"]
            frame.merges.extend(merged)
        else:
            container[key] = value

    def unknown_tag(self, event: Any) -> Exception:
        return syntax_error(
            f"the tag {quoted(event.tag)} is not known", file=self.file, line=_line(event)
        )


def _merge(target: Json, sources: list[Map]) -> None:
    for source in sources:
        for key, value in source.items():
            if key not in target:
                target[key] = value
                target.lines[key] = source.lines.get(key, source.line or 1)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
