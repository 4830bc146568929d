"""The line below the graph: what is selected and shown, and what the shapes mean. Pure.

Input: the picture, and what the user chose. Output: parts of the line, each with its importance; 0
is always shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.status import JobStatus
from torc_tui.tui.graph.graph_picture import GraphPicture, style_of
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, sanitize
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_critical import CriticalChain
from torc_tui.views.graph_scene import GraphNode
from torc_tui.views.text_cells import shorten
from torc_tui.wording import count, duration, status_counts

Part = tuple[int, Line]

_LONGEST = 60
"""Width of the longest name that is shown in full."""
_SHAPES = {
    "job": ("╭╮", "[]", "job"),
    "group": ("▕█▏", "×n", "job group"),
    "file": ("┌┐", "()", "file"),
    "user_data": ("╔╗", "{}", "user data"),
}
"""The sign of a shape with frames, its sign with names alone, and its meaning."""


def shown_parts(picture: GraphPicture, about: str, chain: CriticalChain | None) -> list[Part]:
    """Return what is selected, ``about`` the part of the graph that is shown, and the chain."""
    parts: list[Part] = []
    if picture.selected is not None:
        parts.append((2, _selected(picture.scene.nodes[picture.selected.node], picture.selected)))
    if about:
        parts.append((1, [(about, "warning")]))
    if chain is not None:
        parts.append((0, [("━ critical path ", "accent"), (chain_words(chain), "muted")]))
    return parts or [(0, [(count(len(picture.scene.nodes), "box", "boxes"), "muted")])]


def _selected(node: GraphNode, spot: Spot) -> list[Span]:
    status, label = node.status, node.label
    if node.grid is not None and spot.job is not None:
        status, label = node.grid.status(spot.job), node.grid.name(spot.job)
    name = (shorten(sanitize(label), _LONGEST, "middle"), "strong")
    if status is None:
        word = node.kind.replace("_", " ")
        return [name, (f" {word} {node.state}".rstrip(), "muted")]
    if node.count == 1 or spot.job is not None:
        sign = STATUS[status]
        return [(f"{sign.sign} ", sign.style), name, (f" {sign.word}", sign.style)]
    counts = dict(zip(JobStatus, node.counts, strict=True))
    return [name, (f" {count(node.count, 'job')}: {status_counts(counts)}", "muted")]


def chain_words(chain: CriticalChain) -> str:
    """Return the length of the critical path: ``5 jobs, about 12 min``."""
    jobs = count(len(chain.jobs), "job")
    if chain.unknown == len(chain.jobs):
        return f"{jobs}, duration unknown"
    at_least = "at least " if chain.unknown else "about " if chain.estimated else ""
    return f"{jobs}, {at_least}{duration(chain.seconds)}"


def legend_parts(picture: GraphPicture) -> list[Part]:
    """Return the shapes that occur, and their meaning."""
    found = dict.fromkeys(_shapes(picture.scene.nodes))
    parts: list[Part] = []
    for importance, (shape, (framed, bare, meaning)) in enumerate(_SHAPES.items(), 3):
        if shape in found and len(found) > 1:
            sign = framed if picture.drawing.zoom else bare
            parts.append((importance, [(sign, style_of(shape)), (f" {meaning}", "muted")]))
    return parts


def _shapes(nodes: Iterable[GraphNode]) -> Iterable[str]:
    for node in nodes:
        yield "group" if node.kind in ("job", "more") and node.count > 1 else node.kind
