"""Find the places of the nodes of a KDL text.

``ckdl`` reads values but reports no positions, not even that of an error. A walk over the tokens of
the text gives the place of every node, and finds the innermost node that ``ckdl`` refuses.

Input: a text. Output: nodes as a tree of places, and the place and wording of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import ckdl

from torc_tui.quoting import quoted
from torc_tui.records import dataclass, field
from torc_tui.workflow_file.document import MAX_DEPTH, too_deep

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
_UNCLOSED_QUOTE = re.compile(r'(?:r?#*)"')
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ERROR_RANGE = 1_000_000
"""Number of characters in which the place of an error is searched."""


@dataclass(slots=True)
class NodePlace:
    """The place of a node in the text."""

    start: int
    end: int = 0
    children: list[NodePlace] = field(default_factory=list)


def find_places(text: str, file: str | None) -> list[NodePlace]:
    """Return the nodes of a text as a tree, without those after ``/-``.

    In a text with an error, the tree goes as far as the text can be followed.
    """
    tree = _PlaceTree(text, file)
    for kind, start, end in _tokens(text):
        if kind == "brace":
            if text[start] == "{":
                tree.open(start)
            else:
                tree.close(start, end)
        elif kind == "end":
            tree.end_node()
        elif kind == "dash":
            tree.hide()
        else:
            tree.extend(start, end)
    return tree.finish()


def find_error(text: str, file: str | None, detail: str) -> tuple[int, str]:
    """Return the place of the error in a text that ``ckdl`` refuses, and what is wrong there."""
    head = text[:_ERROR_RANGE]
    places = find_places(head, file)
    return _unclosed(head) or _refused(head, places, detail)


class _PlaceTree:
    """The tree of places while it is being built."""

    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file
        self.root: list[NodePlace] = []
        self.levels = [self.root]
        self.owners: list[NodePlace | None] = [None]
        self.hidden_owners = [False]
        self.node: NodePlace | None = None
        self.hides_next = False
        self.hides_node = False

    def open(self, start: int) -> None:
        """Begin the children of a node."""
        if len(self.levels) >= MAX_DEPTH:
            raise too_deep(self.file, self.text.count("\n", 0, start) + 1)
        node = self.node
        hidden = self.hides_next or self.hides_node or node is None
        self.levels.append([] if hidden or node is None else node.children)
        self.owners.append(node)
        self.hidden_owners.append(self.hides_node)
        self.node, self.hides_next, self.hides_node = None, False, False

    def close(self, start: int, end: int) -> None:
        """End the children of a node."""
        if len(self.levels) == 1:
            return
        if self.node is not None:
            self.node.end = start
        self.levels.pop()
        self.node = self.owners.pop()
        self.hides_node = self.hidden_owners.pop()
        if self.node is not None:
            self.node.end = end

    def end_node(self) -> None:
        """End a node at the end of its line."""
        if not self.hides_next:
            self.node, self.hides_node = None, False

    def hide(self) -> None:
        """Ignore what follows ``/-``: a node, or a part of one."""
        if self.node is None:
            self.hides_node = True
        else:
            self.hides_next = True

    def extend(self, start: int, end: int) -> None:
        """Add a word or a string: the name of a node, or a part of one."""
        if self.node is None:
            self.node = NodePlace(start, end)
            if not self.hides_node:
                self.levels[-1].append(self.node)
        else:
            self.node.end = end
        self.hides_next = False

    def finish(self) -> list[NodePlace]:
        """Return the tree; nodes that are still open end with the text."""
        for node in (*self.owners, self.node):
            if node is not None:
                node.end = len(self.text)
        return self.root


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, start, end) of each token, without comments, which may be nested."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return
        kind = "text" if match["raw"] is not None else match.lastgroup or "word"
        end = match.end()
        if kind == "open":
            end = _end_of_comment(text, end)
        elif kind == "word" and _UNCLOSED_QUOTE.match(text, at):
            yield kind, at, len(text)
            return
        elif kind not in ("comment", "joined") and not (kind == "word" and match[0].isspace()):
            yield kind, at, end
        at = end


def _end_of_comment(text: str, at: int) -> int:
    """Return the end of a comment whose beginning ends at ``at``."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


def _unclosed(text: str) -> tuple[int, str] | None:
    """Return the place of a quote or brace without its counterpart, and what is wrong there."""
    opened: list[tuple[int, int]] = []
    node = -1
    for kind, start, _ in _tokens(text):
        sign = text[start] if kind == "brace" else ""
        if kind == "word" and _UNCLOSED_QUOTE.match(text, start):
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
    name = quoted(text[at:brace].strip(), 40)
    return at, f"the block of the node {name} is not closed: }} is missing"


def _refused(text: str, places: list[NodePlace], detail: str) -> tuple[int, str]:
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
