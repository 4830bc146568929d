"""A scene for other programs: Mermaid, DOT, SVG, text. In: `Scene`. Out: the whole document as
text.

Names of jobs are anybody's text: each format quotes them by its own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torc_tui.status import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_drawing import Drawing, no_sign
from torc_tui.views.graph_layout import Direction
from torc_tui.views.graph_scene import Scene
from torc_tui.views.graph_svg import COLORS, label_of, svg

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
    """The scene in that format. ``lit``, a path, and the links along it are drawn strong;
    ``plain``: ASCII text.
    """
    match format:
        case "mermaid":
            return mermaid(scene, direction=direction)
        case "dot":
            return dot(scene, title=title, direction=direction)
        case "svg":
            return svg(scene, title=title, direction=direction, lit=lit)
        case "text":
            return text(scene, direction=direction, plain=plain)


def mermaid(scene: Scene, *, direction: Direction = "down") -> str:
    """A Mermaid flowchart, with a class per state."""
    shapes = {"job": '("{}")', "more": '("{}")', "file": '[/"{}"/]', "user_data": '[("{}")]'}
    out = ["flowchart TD" if direction == "down" else "flowchart LR"]
    used: dict[str, list[str]] = {}
    for at, node in enumerate(scene.nodes):
        # Mermaid knows entities by number between # and ;
        label = "".join(
            char if char.isalnum() or char in " _-.,×{}()=+/" else f"#{ord(char)};"
            for char in label_of(node)
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
        out.append(f"    n{at} [label={quoted(label_of(node))}, shape={shapes[node.kind]}{color}];")
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
