"""A scene as a picture: SVG. In: `Scene`. Out: the whole document as text.

The picture needs nothing from outside. Colours stand at the shapes, for the simplest of readers, in
their light form; a style sheet gives the dark ones to those that prefer them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from torc_tui.status import WAITING, JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_layout import Direction, layout
from torc_tui.views.graph_scene import Node, Scene
from torc_tui.views.status_bar import fit, strip, width_of

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
"""The colour of each state on light and on dark ground."""

GROUND, TEXT, SOFT, LINE, BOX, LIT = (
    "#ffffff",
    "#1f2328",
    "#59636e",
    "#8c959f",
    "#f6f8fa",
    "#0969da",
)
_DARK = """
.ground { fill: #0d1117 } .text { fill: #e6edf3 } .soft { fill: #9198a1 } .box { fill: #161b22 }
.wire, .data { stroke: #6e7681 } .tip, .track { fill: #6e7681 } .lit { stroke: #58a6ff } .littip { fill: #58a6ff }
"""
_UNIT_X, _UNIT_Y, _EDGE = 8.0, 9.0, 24
_FONT = "ui-sans-serif, system-ui, Helvetica, Arial, sans-serif"


def label_of(node: Node) -> str:
    """What a box is called: the name, and of how many."""
    label = one_line(node.label)
    return f"{label} ×{node.count}" if node.kind in ("job", "more") and node.count > 1 else label


def svg(
    scene: Scene, *, title: str = "", direction: Direction = "down", lit: Sequence[int] = ()
) -> str:
    """A picture that stands alone: boxes with a bar of states, round-cornered lines with tips."""
    labels = [fit(label_of(node), 40) for node in scene.nodes]
    sizes = [(max(12, width_of(label) + 5), 5) for label in labels]
    place = layout(sizes, scene.links, direction=direction, gap=4)
    width, height = place.width * _UNIT_X + 2 * _EDGE, place.height * _UNIT_Y + 2 * _EDGE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="{_FONT}" font-size="13">',
        f"<title>{escape(one_line(title) or 'workflow')}</title>",
        f"<style>@media (prefers-color-scheme: dark) {{{_DARK}{_dark_states()}}}</style>",
        f"<defs>{_marker('tip', LINE)}{_marker('littip', LIT)}</defs>",
        f'<rect class="ground" width="100%" height="100%" fill="{GROUND}"/>',
    ]
    paths: dict[int, list[tuple[int, int]]] = {}
    for hop in place.hops:
        turn = [] if hop.track is None else [(hop.track, hop.exit), (hop.track, hop.entry)]
        end = hop.end + (1 if hop.arrives else 0)
        paths.setdefault(hop.link, []).extend([(hop.start, hop.exit), *turn, (end, hop.entry)])
    steps = frozenset(pairwise(lit))
    for strong in (False, True):
        for link, points in paths.items():
            if (scene.links[link] in steps) is strong:
                corners = [
                    _pixel(*(point if direction == "right" else point[::-1]), direction)
                    for point in points
                ]
                look = f'class="lit" stroke="{LIT}"' if strong else f'class="wire" stroke="{LINE}"'
                tip = "littip" if strong else "tip"
                size = 2.4 if strong else 1.4
                shape = f'fill="none" stroke-width="{size}" marker-end="url(#{tip})" d="{_rounded(corners)}"'
                out.append(f"<path {look} {shape}/>")
    for at, (node, box) in enumerate(zip(scene.nodes, place.boxes, strict=True)):
        x, y = box.x * _UNIT_X + _EDGE, box.y * _UNIT_Y + _EDGE
        out += _box(node, labels[at], (x, y, box.w * _UNIT_X, box.h * _UNIT_Y), at in lit)
    return "\n".join([*out, "</svg>"]) + "\n"


def _box(node: Node, label: str, place: tuple[float, float, float, float], lit: bool) -> list[str]:
    x, y, w, h = place
    status = node.status
    stroke = LINE if status is None else COLORS[status][0]
    kind = "data" if status is None else f"s-{status.word}"
    corner = {"job": 8, "more": 8, "file": 1, "user_data": 20}[node.kind]
    dashes = ' stroke-dasharray="4 3"' if node.kind == "more" else ""
    frame = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{corner}" fill="{BOX}" stroke="{stroke}"'
    middle = f'x="{x + w / 2:.1f}" text-anchor="middle"'
    out = [
        f"<g><title>{escape(one_line(node.label, 500))}</title>",
        f'<rect class="box {kind}" {frame} stroke-width="{3 if lit else 1.5}"{dashes}/>',
        f'<text class="text" fill="{TEXT}" y="{y + 20:.1f}" {middle}>{escape(label)}</text>',
    ]
    if status is not None and node.count > 1:
        out += _bar(node, x + 10, y + h - 15, w - 20)
    else:
        word = (
            status.word.replace("_", " ")
            if status is not None
            else node.state or node.kind.replace("_", " ")
        )
        shape = f'class="soft" fill="{SOFT}" font-size="11" y="{y + 35:.1f}"'
        out.append(f"<text {shape} {middle}>{escape(word)}</text>")
    return [*out, "</g>"]


def _marker(name: str, color: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" '
        f'markerUnits="userSpaceOnUse"><path class="{name}" fill="{color}" d="M0 0.5L8 4L0 7.5z"/></marker>'
    )


def _dark_states() -> str:
    return "".join(
        f".s-{s.word} {{ stroke: {c[1]} }} .b-{s.word} {{ fill: {c[1]} }}\n"
        for s, c in COLORS.items()
    )


def _pixel(x: int, y: int, direction: Direction) -> tuple[float, float]:
    """A corner in the middle of its cell across, at the edge of its cell along."""
    if direction == "down":
        return (x + 0.5) * _UNIT_X + _EDGE, y * _UNIT_Y + _EDGE
    return x * _UNIT_X + _EDGE, (y + 0.5) * _UNIT_Y + _EDGE


def _rounded(points: list[tuple[float, float]], radius: float = 6.0) -> str:
    corners = [points[0]]
    for point in points[1:]:
        if point != corners[-1]:
            corners.append(point)
    out = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        toward = _shift(at, before, radius)
        away = _shift(at, after, radius)
        out.append(
            f"L{toward[0]:.1f} {toward[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {away[0]:.1f} {away[1]:.1f}"
        )
    out.append(f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}")
    return "".join(out)


def _shift(
    start: tuple[float, float], goal: tuple[float, float], radius: float
) -> tuple[float, float]:
    """From start towards goal, half the way at most."""
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    part = min(0.5, radius / (abs(dx) + abs(dy) or 1.0))
    return start[0] + dx * part, start[1] + dy * part


def _bar(node: Node, x: float, y: float, width: float) -> list[str]:
    cells = strip(node.counts, 40)
    shape = f'y="{y:.1f}" height="6" rx="3"'
    out = [
        f'<rect class="track" fill="{LINE}" opacity="0.3" {shape} x="{x:.1f}" width="{width:.1f}"/>'
    ]
    step, at = width / 40, 0
    while at < len(cells):
        end, status = at, cells[at][1]
        while end < len(cells) and cells[end][1] is status:
            end += 1
        if status not in WAITING:
            look = f'class="b-{status.word}" fill="{COLORS[status][0]}"'
            out.append(
                f'<rect {look} {shape} x="{x + at * step:.1f}" width="{(end - at) * step:.1f}"/>'
            )
        at = end
    return out
