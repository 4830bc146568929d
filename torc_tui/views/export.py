"""A scene for other programs: Mermaid, DOT, SVG, text. In: `Scene`. Out: the whole document as text.

Names of jobs are anybody's text: each format quotes them by its own rules. The SVG needs nothing from outside, and
follows the reader's light or dark preference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import escape
from typing import Literal

from torc_tui.model import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.drawing import Drawing, no_sign
from torc_tui.views.graph import Node, Scene
from torc_tui.views.layout import Direction, layout
from torc_tui.views.strip import fit, strip, width_of

Format = Literal["mermaid", "dot", "svg", "text"]

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


def _label(node: Node) -> str:
    label = one_line(node.label)
    return f"{label} ×{node.count}" if node.kind in ("job", "more") and node.count > 1 else label


def export(
    scene: Scene,
    format: Format,
    *,
    title: str = "",
    direction: Direction = "down",
    lit: Collection[int] = (),
    plain: bool = False,
) -> str:
    """The scene in that format. ``lit`` nodes and the links between them are drawn strong; ``plain``: ASCII text."""
    match format:
        case "mermaid":
            return mermaid(scene, direction=direction)
        case "dot":
            return dot(scene, title=title, direction=direction)
        case "svg":
            return svg(scene, title=title, direction=direction, lit=lit)
        case "text":
            return text(scene, direction=direction, plain=plain)


_CLEAR = frozenset(" _-.,×{}()=+/")


def mermaid(scene: Scene, *, direction: Direction = "down") -> str:
    """A Mermaid flowchart, with a class per state."""
    shapes = {"job": '("{}")', "more": '("{}")', "file": '[/"{}"/]', "user_data": '[("{}")]'}
    out = ["flowchart TD" if direction == "down" else "flowchart LR"]
    used: dict[str, list[str]] = {}
    for at, node in enumerate(scene.nodes):
        # Mermaid knows entities by number between # and ;
        label = "".join(
            char if char.isalnum() or char in " _-.,×{}()=+/" else f"#{ord(char)};" for char in _label(node)
        )
        out.append(f"    n{at}{shapes[node.kind].format(label)}")
        if node.status is not None:
            used.setdefault(node.status.word, []).append(f"n{at}")
    out += [f"    n{source} --> n{target}" for source, target in scene.links]
    for word, names in used.items():
        color = COLORS[JobStatus.from_word(word)][0]
        out.append(f"    classDef {word} stroke:{color},stroke-width:2px")
        out.append(f"    class {','.join(names)} {word}")
    return "\n".join(out) + "\n"


def dot(scene: Scene, *, title: str = "", direction: Direction = "down") -> str:
    """A digraph for Graphviz."""

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
        out.append(f"    n{at} [label={quoted(_label(node))}, shape={shapes[node.kind]}{color}];")
    out += [f"    n{source} -> n{target};" for source, target in scene.links]
    return "\n".join([*out, "}"]) + "\n"


def text(
    scene: Scene,
    *,
    direction: Direction = "down",
    plain: bool = False,
    sign: Callable[[JobStatus], str] = no_sign,
) -> str:
    """The drawing of the terminal; ``plain`` in ASCII."""
    made = Drawing(scene, direction=direction, plain=plain, sign=sign)
    return "\n".join("".join(run.text for run in line).rstrip() for line in made.lines()) + "\n"


_UNIT_X, _UNIT_Y, _EDGE = 8.0, 9.0, 24
_STYLE = """
svg { background: var(--ground); --ground: #ffffff; --text: #1f2328; --soft: #59636e; --line: #8c959f; --box: #f6f8fa;
  --lit: #0969da; font: 13px ui-sans-serif, system-ui, sans-serif }
text { fill: var(--text) } .soft { fill: var(--soft); font-size: 11px }
.box { fill: var(--box); stroke-width: 1.5 } .data { stroke: var(--line); stroke-dasharray: none }
.more { stroke-dasharray: 4 3 } .wire { fill: none; stroke: var(--line); stroke-width: 1.4 }
.tip { fill: var(--line) } .wire.lit { stroke: var(--lit); stroke-width: 2.2 }
.track { fill: var(--line); opacity: .25 }
"""


def svg(scene: Scene, *, title: str = "", direction: Direction = "down", lit: Collection[int] = ()) -> str:
    """A picture that stands alone: boxes with a bar of states, round-cornered lines with tips."""
    labels = [fit(_label(node), 40) for node in scene.nodes]
    sizes = [(max(12, width_of(label) + 5), 5) for label in labels]
    place = layout(sizes, scene.links, direction=direction, gap=4)
    width, height = place.width * _UNIT_X + 2 * _EDGE, place.height * _UNIT_Y + 2 * _EDGE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(one_line(title) or 'workflow')}</title>",
        f"<style>{_STYLE}{_state_styles()}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0.5L8 4L0 7.5z"/></marker></defs>',
    ]
    paths: dict[int, list[tuple[int, int]]] = {}
    for hop in place.hops:
        turn = [] if hop.track is None else [(hop.track, hop.exit), (hop.track, hop.entry)]
        end = hop.end + (1 if hop.arrives else 0)
        paths.setdefault(hop.link, []).extend([(hop.start, hop.exit), *turn, (end, hop.entry)])
    for link, points in paths.items():
        source, target = scene.links[link]
        strong = " lit" if source in lit and target in lit else ""
        corners = [_pixel(*(point if direction == "right" else point[::-1]), direction) for point in points]
        out.append(f'<path class="wire{strong}" marker-end="url(#tip)" d="{_rounded(corners)}"/>')
    for at, (node, box) in enumerate(zip(scene.nodes, place.boxes, strict=True)):
        x, y = box.x * _UNIT_X + _EDGE, box.y * _UNIT_Y + _EDGE
        w, h = box.w * _UNIT_X, box.h * _UNIT_Y
        status = node.status
        kind = f"s-{status.word}" if status is not None else "data"
        corner = {"job": 8, "more": 8, "file": 1, "user_data": 18}[node.kind]
        more = " more" if node.kind == "more" else ""
        strong = ' stroke-width="3"' if at in lit else ""
        out.append(f"<g><title>{escape(one_line(node.label, 500))}</title>")
        frame = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{corner}"'
        out.append(f'<rect class="box {kind}{more}"{strong} {frame}/>')
        out.append(f'<text x="{x + w / 2:.1f}" y="{y + 20:.1f}" text-anchor="middle">{escape(labels[at])}</text>')
        if status is not None and node.count > 1:
            out += _bar(node, x + 10, y + h - 14, w - 20)
        else:
            word = status.word if status is not None else node.state or node.kind.replace("_", " ")
            middle = f'x="{x + w / 2:.1f}" y="{y + 36:.1f}" text-anchor="middle"'
            out.append(f'<text class="soft" {middle}>{escape(word)}</text>')
        out.append("</g>")
    return "\n".join([*out, "</svg>"]) + "\n"


def _state_styles() -> str:
    light = "".join(f".s-{s.word} {{ stroke: {c[0]} }} .b-{s.word} {{ fill: {c[0]} }}\n" for s, c in COLORS.items())
    dark = "".join(f".s-{s.word} {{ stroke: {c[1]} }} .b-{s.word} {{ fill: {c[1]} }}\n" for s, c in COLORS.items())
    return (
        f"{light}@media (prefers-color-scheme: dark) {{ svg {{ --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; "
        f"--line: #6e7681; --box: #161b22; --lit: #58a6ff }}\n{dark}}}\n"
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
        out.append(f"L{toward[0]:.1f} {toward[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {away[0]:.1f} {away[1]:.1f}")
    out.append(f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}")
    return "".join(out)


def _shift(start: tuple[float, float], goal: tuple[float, float], radius: float) -> tuple[float, float]:
    """From start towards goal, half the way at most."""
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    part = min(0.5, radius / (abs(dx) + abs(dy) or 1.0))
    return start[0] + dx * part, start[1] + dy * part


def _bar(node: Node, x: float, y: float, width: float) -> list[str]:
    cells = strip(node.counts, 40)
    out = [f'<rect class="track" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="6" rx="3"/>']
    step, at = width / 40, 0
    while at < len(cells):
        end = at
        while end < len(cells) and cells[end][1] is cells[at][1]:
            end += 1
        if cells[at][1] not in (JobStatus.BLOCKED, JobStatus.UNINITIALIZED):
            out.append(
                f'<rect class="b-{cells[at][1].word}" x="{x + at * step:.1f}" y="{y:.1f}" '
                f'width="{(end - at) * step:.1f}" height="6" rx="3"/>'
            )
        at = end
    return out
