"""KDL (version 2, and 1). In: a text. Out: a document, or SpecSyntaxError with the place.

``ckdl`` reads the values but tells no place, not even that of an error. A walk over the tokens of
the text gives the line of every node, and finds the innermost node that ``ckdl`` refuses. The
tables of ``schema`` say which nodes are lists, mappings or blocks; a node they do not know keeps
its own name, so that ``parse`` reports it as an unknown key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import ckdl

from torc_tui.errors import Problem
from torc_tui.json_errors import why_no_json
from torc_tui.model import Json
from torc_tui.workflow_file.document import (
    MAX_DEPTH,
    Document,
    List,
    Map,
    clip,
    duplicate_key,
    quoted,
    syntax_error,
    too_deep,
)
from torc_tui.workflow_file.schema import WORKFLOW, Key, Table

_TOKEN = re.compile(
    r'(?P<raw>r?(?P<hashes>\#+)(?P<quotes>"""|").*?(?P=quotes)(?P=hashes)|r"[^"]*")'
    r'|(?P<long>"""(?:[^"\\]|\\.|"(?!""))*""")'
    r'|(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")'
    r"|(?P<comment>//[^\n\r]*)"
    r"|(?P<open>/\*)"
    r"|(?P<dash>/-)"
    r"|(?P<joined>\\[^\S\n]*(?://[^\n\r]*)?(?:\r?\n|$))"
    r"|(?P<end>[;\n\r\x0b\x0c\x85\u2028\u2029])"
    r"|(?P<brace>[{}])"
    r"|(?P<word>[^\s;{}\"/\\]+|.)",
    re.DOTALL,
)
_UNENDED = re.compile(r'(?:r?#*)"')
_SEARCHED = 1_000_000
"""In a wrong text, the place of the mistake is looked for in so many characters."""

_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(slots=True)
class _Place:
    """Where a node stands in the text."""

    start: int
    end: int = 0
    children: list[_Place] = field(default_factory=list)


def read_kdl(text: str, file: str | None = None) -> Document:
    """The document; SpecSyntaxError with the line of the innermost node that cannot be read."""
    text = text.replace(
        "\r\n", "\n"
    )  # a text over several lines is a command, and bash knows no carriage return
    try:
        nodes = ckdl.parse(text, version="any").nodes
    except (ckdl.ParseError, ValueError) as error:
        head = text[:_SEARCHED]
        places = _places(head, file)
        at, reason = _unclosed(head) or _refused(head, places, str(error))
        line = text.count("\n", 0, at) + 1
        column = at - text.rfind("\n", 0, at)
        hint = "KDL 2 writes #true, #false and #null; a text with special signs needs quotes"
        raise syntax_error(reason, file=file, line=line, column=column, hint=hint) from None
    if not any(WORKFLOW.nodes.get(node.name, node.name) in WORKFLOW.keys for node in nodes):
        raise syntax_error(
            "no node of this file is one of a workflow", file=file, hint="it needs a name and jobs"
        )
    builder = _Builder(text, file)
    value = Map(1)
    builder.children(value, nodes, _places(text, file), WORKFLOW)
    return Document(value, "kdl", file, builder.problems)


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of what matters; comments that may nest are skipped here."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return
        kind = match.lastgroup or "word"
        if match["raw"] is not None:
            kind = "text"
        end = match.end()
        if kind == "open":
            depth = 1
            while depth:
                edge = _COMMENT_EDGE.search(text, end)
                if edge is None:
                    return
                depth += 1 if edge[0] == "/*" else -1
                end = edge.end()
        elif kind == "word" and _UNENDED.match(text, at):
            yield kind, at, len(text)  # a string without an end: nothing after it can be told apart
            return
        elif kind not in ("comment", "joined") and not (kind == "word" and match[0].isspace()):
            yield kind, match.start(), end
        at = end


def _places(text: str, file: str | None) -> list[_Place]:
    """The nodes of the text as a tree, without those after ``/-``. For a text that is wrong: as far
    as it goes."""
    root: list[_Place] = []
    levels = [root]
    owners: list[_Place | None] = [None]
    hidden: list[bool] = [False]
    node: _Place | None = None
    dash = False
    skip_node = False
    for kind, start, end in _tokens(text):
        sign = text[start] if kind == "brace" else ""
        if sign == "{":
            if len(levels) >= MAX_DEPTH:
                raise too_deep(file, text.count("\n", 0, start) + 1)
            hide = dash or skip_node or node is None
            levels.append([] if hide or node is None else node.children)
            owners.append(node)
            hidden.append(skip_node)
            node, dash, skip_node = None, False, False
        elif sign == "}":
            if len(levels) > 1:
                if node is not None:
                    node.end = start
                levels.pop()
                node = owners.pop()
                skip_node = hidden.pop()
                if node is not None:
                    node.end = end
        elif kind == "end":
            if not dash:
                node, skip_node = None, False
        elif kind == "dash":
            if node is None:
                skip_node = True
            else:
                dash = True
        elif node is None:
            node = _Place(start, end)
            if not skip_node:
                levels[-1].append(node)
            dash = False
        else:
            node.end = end
            dash = False
    for open_node in (*owners, node):
        if open_node is not None:
            open_node.end = len(text)
    return root


def _unclosed(text: str) -> tuple[int, str] | None:
    """Return the place of a quote or brace without its counterpart, and what is wrong there."""
    opened: list[tuple[int, int]] = []
    node = -1
    for kind, start, _ in _tokens(text):
        sign = text[start] if kind == "brace" else ""
        if kind == "word" and _UNENDED.match(text, start):
            return start, "this quote is not closed"
        if sign == "{":
            opened.append((start if node < 0 else node, start))
        elif sign == "}":
            if not opened:
                return start, "this } closes no block"
            opened.pop()
        if sign or kind == "end":
            node = -1
        elif node < 0 and kind != "dash":
            node = start
    if not opened:
        return None
    at, brace = opened[-1]
    return (
        at,
        f"the block of the node {quoted(text[at:brace].strip(), 40)} is not closed: }} is missing",
    )


def _refused(text: str, places: list[_Place], detail: str) -> tuple[int, str]:
    """Return the start of the innermost node that cannot be read, and the message for it."""
    for place in places:
        try:
            ckdl.parse(text[place.start : place.end or len(text)], version="any")
        except (ckdl.ParseError, ValueError) as error:
            at, inner = _refused(text, place.children, "")
            if inner:
                return at, inner
            shown = quoted(text[place.start : place.end], 40)
            return place.start, f"the node {shown} cannot be read ({error})"
    return (places[-1].end if places else 0), f"this is not KDL ({detail})" if detail else ""


class _Builder:
    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self.seen = 0
        self.line = 1

    def line_of(self, place: _Place | None) -> int | None:
        if place is None:
            return None
        if place.start < self.seen:
            self.seen, self.line = 0, 1
        self.line += self.text.count("\n", self.seen, place.start)
        self.seen = place.start
        return self.line

    def problem(self, message: str, line: int | None, key: str, hint: str | None = None) -> None:
        self.problems.append(Problem(message, file=self.file, line=line, key=clip(key), hint=hint))

    def children(
        self, target: Map, nodes: list[ckdl.Node], places: list[_Place], table: Table | None
    ) -> None:
        """The nodes as keys of the mapping; without a table every node is a free key."""
        known = places if len(places) == len(nodes) else [None] * len(nodes)
        for node, place in zip(nodes, known, strict=True):
            line = self.line_of(place)
            inner = place.children if place is not None else []
            if table is None:
                self.put(target, node.name, self.free(node, inner, line), line)
                continue
            name = table.nodes.get(node.name, node.name)
            key = table.keys.get(table.aliases.get(name, name))
            if key is None:
                self.put(target, name, None, line)
            elif key.shape in ("list", "records"):
                self.add(target, name, node, inner, line, key)
            else:
                self.put(target, name, self.value(node, inner, line, key), line)

    def add(
        self,
        target: Map,
        name: str,
        node: ckdl.Node,
        inner: list[_Place],
        line: int | None,
        key: Key,
    ) -> None:
        found = target.get(name)
        if not isinstance(found, List):
            found = List(line)
            target[name] = found
            target.lines[name] = line or 1
        if key.shape == "records":
            found.append(self.record(node, inner, line, key.table))
            found.lines.append(line or 1)
            return
        if node.properties or (node.children and name != "datasets"):
            self.problem(f"{quoted(node.name)} takes values only", line, node.name)
        items = (
            [self.free(node, inner, line)] if node.children else [_plain(one) for one in node.args]
        )
        found.extend(items)
        found.lines.extend([line or 1] * len(items))

    def put(self, target: Map, name: str, value: Json, line: int | None) -> None:
        if name in target:
            self.problems.append(duplicate_key(name, self.file, line, target.lines.get(name)))
        target[name] = value
        target.lines[name] = line or target.line or 1

    def value(self, node: ckdl.Node, inner: list[_Place], line: int | None, key: Key) -> Json:
        if key.shape == "record":
            return self.record(node, inner, line, key.table)
        if key.shape == "map":
            return self.map(node, inner, line)
        if (
            key.shape == "json"
            and len(node.args) == 1
            and isinstance(node.args[0], str)
            and node.name != "metadata"
        ):
            try:
                return json.loads(node.args[0])
            except (ValueError, RecursionError) as error:
                hint = 'a text stands in two pairs of quotes: "\\"text\\""'
                self.problem(
                    f"{quoted(node.name)} must hold JSON: {why_no_json(node.args[0], error)}",
                    line,
                    node.name,
                    hint,
                )
                return None
        if key.shape == "json":
            return self.free(node, inner, line)
        if len(node.args) != 1 or node.properties or node.children:
            self.problem(f"{quoted(node.name)} takes exactly one value", line, node.name)
            return None
        return _plain(node.args[0])

    def record(
        self, node: ckdl.Node, inner: list[_Place], line: int | None, table: Table | None
    ) -> Map:
        """A block: its one argument is the name, properties and children are its keys."""
        found = Map(line)
        if node.args:
            named = table is not None and "name" in table.keys
            if not named or len(node.args) > 1:
                self.problem(
                    f"{quoted(node.name)} takes {'one name' if named else 'no value'}",
                    line,
                    node.name,
                )
            if named:
                self.put(found, "name", _plain(node.args[0]), line)
        for key, value in node.properties.items():
            self.put(found, table.nodes.get(key, key) if table else key, _plain(value), line)
        self.children(found, node.children, inner, table)
        return found

    def map(self, node: ckdl.Node, inner: list[_Place], line: int | None) -> Map:
        found = Map(line)
        if node.args:
            self.problem(f"{quoted(node.name)} takes a block {{ … }} of keys", line, node.name)
        for key, value in node.properties.items():
            self.put(found, key, _plain(value), line)
        self.children(found, node.children, inner, None)
        return found

    def free(self, node: ckdl.Node, inner: list[_Place], line: int | None) -> Json:
        """A node of a free mapping: a mapping, a list, one value, or null."""
        if node.children or node.properties:
            return self.map(node, inner, line)
        if len(node.args) > 1:
            found = List(line)
            found.extend(_plain(one) for one in node.args)
            found.lines.extend([line or 1] * len(found))
            return found
        return _plain(node.args[0]) if node.args else None


def _plain(value: Json) -> Json:
    return value.value if isinstance(value, ckdl.Value) else value
