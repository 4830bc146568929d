"""Read KDL, version 2 or 1.

Input: a text. Output: a document, or SpecSyntaxError with the place. The tables of ``schema`` say
which nodes are lists, mappings or blocks. A node that they do not know keeps its name, and is
reported as an unknown key later.
"""

from __future__ import annotations

import json

import ckdl

from torc_tui.errors import Problem
from torc_tui.json_errors import why_no_json
from torc_tui.model import Json
from torc_tui.quoting import quoted, shorten
from torc_tui.workflow_file.document import Document, List, Map, duplicate_key, syntax_error
from torc_tui.workflow_file.kdl_places import NodePlace, find_error, find_places
from torc_tui.workflow_file.key_tables import Key, KeyTable
from torc_tui.workflow_file.schema import WORKFLOW


def read_kdl(text: str, file: str | None = None) -> Document:
    """Return the document; raise SpecSyntaxError with the innermost node that cannot be read."""
    # A string may be a command, and bash does not accept a carriage return.
    text = text.replace("\r\n", "\n")
    try:
        nodes = ckdl.parse(text, version="any").nodes
    except (ckdl.ParseError, ValueError) as error:
        at, reason = find_error(text, file, str(error))
        line = text.count("\n", 0, at) + 1
        column = at - text.rfind("\n", 0, at)
        hint = "KDL 2 writes #true, #false and #null; a text with special signs needs quotes"
        raise syntax_error(reason, file=file, line=line, column=column, hint=hint) from None
    if not any(WORKFLOW.nodes.get(node.name, node.name) in WORKFLOW.keys for node in nodes):
        message = "no node of this file belongs to a workflow"
        raise syntax_error(message, file=file, hint="a workflow has at least one node 'job'")
    builder = _KdlBuilder(text, file)
    value = Map(1)
    builder.children(value, nodes, find_places(text, file), WORKFLOW)
    return Document(value, "kdl", file, builder.problems)


class _KdlBuilder:
    """Build the values of one document from its nodes."""

    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self.seen = 0
        self.line = 1

    def line_of(self, place: NodePlace | None) -> int | None:
        """Return the line of a place; fast if places are requested in their order."""
        if place is None:
            return None
        if place.start < self.seen:
            self.seen, self.line = 0, 1
        self.line += self.text.count("\n", self.seen, place.start)
        self.seen = place.start
        return self.line

    def problem(self, message: str, line: int | None, key: str, hint: str | None = None) -> None:
        """Add a problem of a node."""
        self.problems.append(
            Problem(message, file=self.file, line=line, key=shorten(key), hint=hint)
        )

    def children(
        self, target: Map, nodes: list[ckdl.Node], places: list[NodePlace], table: KeyTable | None
    ) -> None:
        """Add nodes as keys of a mapping; without a table, every node is a free key."""
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
        inner: list[NodePlace],
        line: int | None,
        key: Key,
    ) -> None:
        """Add a node to a list."""
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
        """Add a key to a mapping."""
        if name in target:
            self.problems.append(duplicate_key(name, self.file, line, target.lines.get(name)))
        target[name] = value
        target.lines[name] = line or target.line or 1

    def value(self, node: ckdl.Node, inner: list[NodePlace], line: int | None, key: Key) -> Json:
        """Return the value of a node whose key is known."""
        may_be_short = key.table is not None and key.table.is_short and len(node.args) == 1
        if key.shape == "record" and (node.children or not may_be_short):
            return self.record(node, inner, line, key.table)
        if key.shape == "map":
            return self.map(node, inner, line)
        if key.shape == "json":
            return self.json_value(node, inner, line)
        if len(node.args) != 1 or node.properties or node.children:
            self.problem(f"{quoted(node.name)} takes exactly one value", line, node.name)
            return None
        return _plain(node.args[0])

    def json_value(self, node: ckdl.Node, inner: list[NodePlace], line: int | None) -> Json:
        """Return the JSON that a string contains, or that the parts of a node make up."""
        text = node.args[0] if len(node.args) == 1 else None
        if not isinstance(text, str) or node.name == "metadata":
            return self.free(node, inner, line)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"{quoted(node.name)} must hold JSON: {why_no_json(text, error)}"
            hint = 'a string needs two pairs of quotes: "\\"text\\""'
            self.problem(message, line, node.name, hint)
            return None

    def record(
        self, node: ckdl.Node, inner: list[NodePlace], line: int | None, table: KeyTable | None
    ) -> Map:
        """Return a block: its argument is the name, properties and children are its keys."""
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

    def map(self, node: ckdl.Node, inner: list[NodePlace], line: int | None) -> Map:
        """Return a block of free keys."""
        found = Map(line)
        if node.args:
            self.problem(f"{quoted(node.name)} takes a block {{ … }} of keys", line, node.name)
        for key, value in node.properties.items():
            self.put(found, key, _plain(value), line)
        self.children(found, node.children, inner, None)
        return found

    def free(self, node: ckdl.Node, inner: list[NodePlace], line: int | None) -> Json:
        """Return the value of a node with a free key: a mapping, a list, one value, or null."""
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
