"""Show a JSON value as a tree whose rows open on demand.

Input: a value, or its text. Output: rows, paths, errors with places. Only opened parts become rows,
because a value may have 5 MB. `json_diff` compares two values, `json_schema` checks one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from torc_tui.json_errors import JsonError, at_offset, json_error, refuse_constant
from torc_tui.model import Json
from torc_tui.records import dataclass, field
from torc_tui.tuples import NamedTuple

Path = tuple[str | int, ...]
"""The keys and positions that lead to a value."""

_PREVIEW = 80
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PART = r"""\.?([^.\[\]"]+)|\.?\[(-?\d+)\]|\.?\[?"((?:[^"\\]|\\.)*)"\]?"""
"""A part of a path: a key, an index, or a key in quotes."""
_PATH = re.compile(rf"\.?|({_PART})+")


class TreeRow(NamedTuple):
    """One line of the tree."""

    path: Path
    key: str
    value: Json
    depth: int
    expandable: bool
    expanded: bool

    @property
    def kind(self) -> str:
        """Return the JSON type: object, array, string, number, boolean or null."""
        return kind_of(self.value)

    @property
    def preview(self) -> str:
        """Return the value in one short line."""
        return preview(self.value)


def kind_of(value: Json) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array"


def preview(value: Json, limit: int = _PREVIEW) -> str:
    """Return a value in one short line of JSON without odd characters, cut with ``…``."""
    out, room = _preview(value, limit)
    return out if room >= 0 else out[: limit - 1] + "…"


def _preview(value: Json, room: int) -> tuple[str, int]:
    """Return the text and the room that is left; stop when there is none."""
    if isinstance(value, dict):
        parts = []
        room -= 2
        for key, inner in value.items():
            if room < 0:
                break
            name = _clean(json.dumps(key[: room + 2], ensure_ascii=False))
            text, room = _preview(inner, room - len(name) - 4)
            parts.append(f"{name}: {text}")
        return "{" + ", ".join(parts) + "}", room
    if isinstance(value, list | tuple):
        parts = []
        room -= 2
        for inner in value:
            if room < 0:
                break
            text, room = _preview(inner, room - 2)
            parts.append(text)
        return "[" + ", ".join(parts) + "]", room
    if isinstance(value, str):
        text = _clean(json.dumps(value[: max(0, room) + 2], ensure_ascii=False))
    else:
        text = json.dumps(value)
    return text, room - len(text)


_RAW = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def _clean(text: str) -> str:
    """Escape controls, directions and invisible characters in JSON text."""
    return _RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def jq_path(path: Path) -> str:
    """Return the path as jq writes it: ``.a["b c"][0]``."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _NAME.match(part):
            out += f".{part}"
        else:
            out += f"[{json.dumps(part, ensure_ascii=False)}]"
    return out if out.startswith(".") else f".{out}"


def path_of(text: str) -> Path | None:
    """Return the path that a text such as ``.a[0]["a key"]`` means, or None."""
    if not _PATH.fullmatch(text):
        return None
    try:
        return tuple(
            int(index) if index else key or json.loads(f'"{quoted}"')
            for key, index, quoted in re.findall(_PART, text)
        )
    except ValueError:
        return None


def value_at(value: Json, path: Path) -> Json:
    """Return the value at a path; raise KeyError if there is none."""
    for part in path:
        try:
            if isinstance(value, str):
                raise TypeError
            value = value[part]
        except (LookupError, TypeError) as error:
            raise KeyError(jq_path(path)) from error
    return value


def dump(value: Json) -> str:
    """Return the text that an editor shows."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def parse(text: str) -> tuple[Json, JsonError | None]:
    """Return the value and None, or None and the error.

    NaN, Infinity and duplicate keys are errors, too.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=_once), None
    except _Duplicate as key:  # the parser gives no place; the last match is taken
        places = [found.start() for found in re.finditer(rf"{re.escape(str(key))}\s*:", text)]
        return None, at_offset(f"duplicate key {key}", text, places[-1] if places else 0)
    except (ValueError, RecursionError) as error:
        return None, json_error(text, error)


class _Duplicate(Exception):
    """A key that an object has twice, as JSON."""


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(json.dumps(key))
            seen.add(key)
    return made


@dataclass(slots=True)
class Tree:
    """The visible rows of a value. The root is open from the start."""

    value: Json
    rows: list[TreeRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = self._row((), "", self.value, True)
        self.rows = [root, *(self._children((), self.value) if root.expandable else ())]

    def toggle(self, index: int) -> int:
        """Open or close a row; return how many rows were added (negative: removed)."""
        row = self.rows[index]
        if not row.expandable:
            return 0
        end = self._end(index)
        self.rows[index] = row._replace(expanded=not row.expanded)
        if row.expanded:
            del self.rows[index + 1 : end]
            return index + 1 - end
        children = self._children(row.path, row.value)
        self.rows[index + 1 : index + 1] = children
        return len(children)

    def reveal(self, path: Path) -> int:
        """Open the rows above a path and return its row; KeyError if there is no such value."""
        value_at(self.value, path)
        index = 0
        for length in range(len(path) + 1):
            wanted = path[:length]
            while self.rows[index].path != wanted:
                index += 1
            if length < len(path) and not self.rows[index].expanded:
                self.toggle(index)
        return index

    def find(self, text: str, *, limit: int = 1000) -> list[Path]:
        """Return the paths whose key or simple value contains a text, in any case.

        A text such as ``.a.b[0]`` finds that path.
        """
        words = text.lower()
        out: list[Path] = []
        for path, value in walk(self.value):
            key = str(path[-1]).lower() if path else ""
            simple = not isinstance(value, dict | list)
            if (
                words in key
                or (simple and words in _simple(value))
                or (text.startswith(".") and jq_path(path) == text)
            ):
                out.append(path)
                if len(out) == limit:
                    break
        return out

    def _end(self, index: int) -> int:
        depth, end = self.rows[index].depth, index + 1
        while end < len(self.rows) and self.rows[end].depth > depth:
            end += 1
        return end

    def _children(self, path: Path, value: Json) -> list[TreeRow]:
        items: Sequence[tuple[str | int, Json]] = list(
            value.items() if isinstance(value, dict) else enumerate(value)
        )
        return [self._row((*path, key), str(key), inner, False) for key, inner in items]

    @staticmethod
    def _row(path: Path, key: str, value: Json, expanded: bool) -> TreeRow:
        expandable = isinstance(value, dict | list) and bool(value)
        return TreeRow(path, key, value, len(path), expandable, expanded and expandable)


def _simple(value: Json) -> str:
    return value.lower() if isinstance(value, str) else json.dumps(value)


def walk(value: Json) -> Iterator[tuple[Path, Json]]:
    """Yield all values in a value, itself first, in the order of the text."""
    stack: list[tuple[Path, Json]] = [((), value)]
    while stack:
        path, inner = stack.pop()
        yield path, inner
        if isinstance(inner, dict):
            stack += [((*path, key), child) for key, child in reversed(inner.items())]
        elif isinstance(inner, list):
            stack += [((*path, at), inner[at]) for at in range(len(inner) - 1, -1, -1)]
