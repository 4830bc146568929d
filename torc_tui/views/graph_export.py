"""Write a scene for other programs: Mermaid, DOT, SVG, text.

Input: `Scene`. Output: the document as text. Names of jobs may hold any characters; each format
quotes them by its own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torc_tui.status import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_drawing import Drawing
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
            lines = Drawing(scene, direction=direction, plain=plain).lines()
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
