"""Write a scene for other programs: Mermaid, DOT, SVG, text.

Input: `Scene`. Output: the document as text. Names of jobs may hold any characters; each format
quotes them by its own rules. An SVG picture needs nothing from outside; its shapes carry the colors
for a light background, and a style sheet replaces them where a dark one is preferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal

from torc_tui.status import WAITING, JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_layout import Direction, layout
from torc_tui.views.graph_scene import GraphNode, Scene
from torc_tui.views.status_bar import strip
from torc_tui.views.text_cells import shorten, width_of

COLORS: dict[JobStatus, tuple[str, str]] = {
    JobStatus.UNINITIALIZED: ("#8c959f", "#6e7681"),
    JobStatus.BLOCKED: ("#8c959f", "#6e7681"),
    JobStatus.READY: ("#0969da", "#58a6ff"),
    JobStatus.PENDING: ("#bf8700", "#d29922"),
    JobStatus.RUNNING: ("#bf8700", "#e3b341"),
    JobStatus.COMPLETED: ("#1a7f37", "#3fb950"),
    JobStatus.FAILED: ("#cf222e", "#f85149"),
    JobStatus.CANCELED: ("#8250df", "#a371f7"),
    JobStatus.TERMINATED: ("#bc4c00", "#f0883e"),
    JobStatus.DISABLED: ("#afb8c1", "#484f58"),
    JobStatus.PENDING_FAILED: ("#bc4c00", "#f0883e"),
}
"""The color of each status on a light and on a dark background."""

_BACKGROUND, _TEXT, _FAINT = "#ffffff", "#1f2328", "#59636e"
_LINE, _BOX, _LIT = "#8c959f", "#f6f8fa", "#0969da"
_DARK = """
.ground { fill: #0d1117 } .text { fill: #e6edf3 } .soft { fill: #9198a1 } .box { fill: #161b22 }
.wire, .data { stroke: #6e7681 } .tip, .track { fill: #6e7681 }
.lit { stroke: #58a6ff } .littip { fill: #58a6ff }
"""
_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.0, 9.0, 24
_FONT = "ui-sans-serif, system-ui, Helvetica, Arial, sans-serif"
_BAR_CELLS = 40
_CORNER_RADIUS = 6.0

Point = tuple[float, float]


def label_of(node: GraphNode) -> str:
    """Return the name of a box, and how many jobs it shows."""
    label = one_line(node.label)
    return f"{label} ×{node.count}" if node.kind in ("job", "more") and node.count > 1 else label


def svg(
    scene: Scene, *, title: str = "", direction: Direction = "down", lit: Sequence[int] = ()
) -> str:
    """Return the picture; ``lit`` are the boxes of a path in order."""
    labels = [shorten(label_of(node), 40) for node in scene.nodes]
    sizes = [(max(12, width_of(label) + 5), 5) for label in labels]
    places = layout(sizes, scene.links, direction=direction, gap=4)
    width = f"{places.width * _CELL_WIDTH + 2 * _MARGIN:.0f}"
    height = f"{places.height * _CELL_HEIGHT + 2 * _MARGIN:.0f}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}" font-size="13">',
        f"<title>{escape(one_line(title) or 'workflow')}</title>",
        f"<style>@media (prefers-color-scheme: dark) {{{_DARK}{_dark_statuses()}}}</style>",
        f"<defs>{_marker('tip', _LINE)}{_marker('littip', _LIT)}</defs>",
        f'<rect class="ground" width="100%" height="100%" fill="{_BACKGROUND}"/>',
    ]
    steps = frozenset(pairwise(lit))
    lines = [(scene.links[link] in steps, path) for link, path in places.paths().items()]
    out += [_line(path, direction, is_lit) for is_lit, path in sorted(lines, key=itemgetter(0))]
    for at, (node, box) in enumerate(zip(scene.nodes, places.boxes, strict=True)):
        x, y = box.x * _CELL_WIDTH + _MARGIN, box.y * _CELL_HEIGHT + _MARGIN
        area = (x, y, box.w * _CELL_WIDTH, box.h * _CELL_HEIGHT)
        out += _box(node, labels[at], area, at in lit)
    return "\n".join([*out, "</svg>"]) + "\n"


def _line(path: Sequence[tuple[int, int]], direction: Direction, lit: bool) -> str:
    """Return a link that ends with a tip at its box, one cell after the end of the path."""
    x, y = path[-1]
    corners = [*path[:-1], (x, y + 1) if direction == "down" else (x + 1, y)]
    look = f'class="lit" stroke="{_LIT}"' if lit else f'class="wire" stroke="{_LINE}"'
    tip, width = ("littip", 2.4) if lit else ("tip", 1.4)
    shape = _rounded([_pixel(*corner, direction) for corner in corners])
    return f'<path {look} fill="none" stroke-width="{width}" marker-end="url(#{tip})" d="{shape}"/>'


def _box(
    node: GraphNode, label: str, area: tuple[float, float, float, float], lit: bool
) -> list[str]:
    x, y, w, h = area
    status = node.status
    stroke = _LINE if status is None else COLORS[status][0]
    kind = "data" if status is None else f"s-{status.word}"
    corner = {"job": 8, "more": 8, "file": 1, "user_data": 20}[node.kind]
    dashes = ' stroke-dasharray="4 3"' if node.kind == "more" else ""
    frame = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{corner}"'
    look = f'fill="{_BOX}" stroke="{stroke}" stroke-width="{3 if lit else 1.5}"{dashes}'
    middle = f'x="{x + w / 2:.1f}" text-anchor="middle"'
    out = [
        f"<g><title>{escape(one_line(node.label, 500))}</title>",
        f'<rect class="box {kind}" {frame} {look}/>',
        f'<text class="text" fill="{_TEXT}" y="{y + 20:.1f}" {middle}>{escape(label)}</text>',
    ]
    if status is not None and node.count > 1:
        return [*out, *_bar(node, x + 10, y + h - 15, w - 20), "</g>"]
    word = status.word if status is not None else node.state or node.kind
    shape = f'class="soft" fill="{_FAINT}" font-size="11" y="{y + 35:.1f}"'
    return [*out, f"<text {shape} {middle}>{escape(word.replace('_', ' '))}</text>", "</g>"]


def _marker(name: str, color: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        f' orient="auto" markerUnits="userSpaceOnUse"><path class="{name}" fill="{color}"'
        ' d="M0 0.5L8 4L0 7.5z"/></marker>'
    )


def _dark_statuses() -> str:
    return "".join(
        f".s-{status.word} {{ stroke: {dark} }} .b-{status.word} {{ fill: {dark} }}\n"
        for status, (_, dark) in COLORS.items()
    )


def _pixel(x: int, y: int, direction: Direction) -> Point:
    """Return the middle of a cell across the links, and its edge along them."""
    middle = (0.5, 0.0) if direction == "down" else (0.0, 0.5)
    return (x + middle[0]) * _CELL_WIDTH + _MARGIN, (y + middle[1]) * _CELL_HEIGHT + _MARGIN


def _rounded(points: Sequence[Point]) -> str:
    """Return a line with rounded corners as the data of a path."""
    corners = [point for point, _ in groupby(points)]
    out = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        start, end = _toward(at, before), _toward(at, after)
        out.append(
            f"L{start[0]:.1f} {start[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        )
    return "".join([*out, f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}"])


def _toward(corner: Point, goal: Point) -> Point:
    """Return where the rounding of a corner ends, at most half way to the goal."""
    dx, dy = goal[0] - corner[0], goal[1] - corner[1]
    part = min(0.5, _CORNER_RADIUS / (abs(dx) + abs(dy) or 1.0))
    return corner[0] + dx * part, corner[1] + dy * part


def _bar(node: GraphNode, x: float, y: float, width: float) -> list[str]:
    """Return a bar that shows the statuses of the jobs."""
    shape = f'y="{y:.1f}" height="6" rx="3"'
    track = f'class="track" fill="{_LINE}" opacity="0.3"'
    out = [f'<rect {track} {shape} x="{x:.1f}" width="{width:.1f}"/>']
    step, at = width / _BAR_CELLS, 0
    for status, cells in groupby(strip(node.counts, _BAR_CELLS), key=itemgetter(1)):
        count = len(list(cells))
        if status not in WAITING:
            look = f'class="b-{status.word}" fill="{COLORS[status][0]}"'
            out.append(f'<rect {look} {shape} x="{x + at * step:.1f}" width="{count * step:.1f}"/>')
        at += count
    return out


Format = Literal["mermaid", "dot", "svg", "text"]


def export(
    scene: Scene,
    format: Format,
    *,
    title: str = "",
    direction: Direction = "down",
    lit: Sequence[int] = (),
    plain: bool = False,
) -> str:
    """Return the scene in a format.

    ``lit`` are the boxes of a path, which SVG highlights. ``plain`` text is ASCII.
    """
    match format:
        case "mermaid":
            return _mermaid(scene, direction)
        case "dot":
            return _dot(scene, title, direction)
        case "svg":
            return svg(scene, title=title, direction=direction, lit=lit)
        case "text":
            lines = GraphDrawing(scene, direction=direction, plain=plain).lines()
            return (
                "".join("".join(run.text for run in line).rstrip() + "\n" for line in lines) or "\n"
            )


def _mermaid(scene: Scene, direction: Direction) -> str:
    """Return a Mermaid flowchart, with a class per status."""
    shapes = {"job": '("{}")', "more": '("{}")', "file": '[/"{}"/]', "user_data": '[("{}")]'}
    out = ["flowchart TD" if direction == "down" else "flowchart LR"]
    used: dict[JobStatus, list[str]] = {}
    for at, node in enumerate(scene.nodes):
        # Mermaid knows entities by number between # and ;
        label = "".join(
            char if char.isalnum() or char in " _-.,×{}()=+/" else f"#{ord(char)};"
            for char in label_of(node)
        )
        out.append(f"    n{at}{shapes[node.kind].format(label)}")
        if node.status is not None:
            used.setdefault(node.status, []).append(f"n{at}")
    out += [f"    n{source} --> n{target}" for source, target in scene.links]
    for status, names in used.items():
        out.append(f"    classDef {status.word} stroke:{COLORS[status][0]},stroke-width:2px")
        out.append(f"    class {','.join(names)} {status.word}")
    return "\n".join(out) + "\n"


def _dot(scene: Scene, title: str, direction: Direction) -> str:
    """Return a digraph for Graphviz."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    shapes = {"job": "box", "more": "box", "file": "note", "user_data": "cylinder"}
    out = [
        f"digraph {quoted(one_line(title) or 'workflow')} {{",
        f"    rankdir={'TB' if direction == 'down' else 'LR'};",
        '    node [style=rounded, fontname="sans-serif"];',
    ]
    for at, node in enumerate(scene.nodes):
        color = f', color="{COLORS[node.status][0]}"' if node.status is not None else ""
        out.append(f"    n{at} [label={quoted(label_of(node))}, shape={shapes[node.kind]}{color}];")
    out += [f"    n{source} -> n{target};" for source, target in scene.links]
    return "\n".join([*out, "}"]) + "\n"
