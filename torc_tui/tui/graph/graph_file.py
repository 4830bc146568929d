"""Export the graph of a workflow to a file.

Input: a scene; the user names the file, whose extension says the format. Output: the file, and the
command line that writes the same graph.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from torc_tui.model import Workflow
from torc_tui.tui.frame.external import absolute, file_name, write_new, written
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.dialogs import Ask
from torc_tui.views.graph_scene import Scene

if TYPE_CHECKING:
    from torc_tui.store.database import Store

Format = Literal["mermaid", "dot", "svg", "text"]
FORMATS: dict[str, Format] = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".md": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "text",
}
"""The format of a graph by the extension of its file."""


def export_graph(torc: AppPort, workflow: Workflow, scene: Scene) -> None:
    """Write the graph with its groups folded and opened as they are."""

    def check(text: str) -> str | None:
        known = Path(text).suffix.lower() in FORMATS
        return None if known else f"the extension must be one of {' '.join(FORMATS)}"

    def take(text: str | None) -> None:
        if text is None:
            return
        path = absolute(text)
        kind = FORMATS[path.suffix.lower()]

        def act(store: Store, actor: str) -> Path:
            from torc_tui.views import graph_export

            return write_new(path, graph_export.export(scene, kind, title=workflow.name))

        line = f"torc graph {workflow.id} -f {kind} > {shlex.quote(text.strip())}"
        torc.actions.run(act, line=line, report=written)

    name = f"{file_name(workflow.name)}.svg"
    about = ".svg, .mmd (Mermaid), .dot or .txt"
    torc.push(Ask(f"Graph of {workflow.name}", value=name, help=about, check=check), take)
