"""``torc graph``: what depends on what, as text, Mermaid, DOT, SVG or JSON.

What comes in: a workflow. What goes out: its graph on standard output, families folded unless ``--no-fold``.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call


def graph(call: Call) -> None:
    from torc_tui.store import records, workflows
    from torc_tui.views.graph import Graph

    workflow_id = call.workflow_id(call.options.workflow)
    found = workflows.snapshot(call.store, workflow_id)
    edges = list(records.edges(call.store, workflow_id))
    whole = Graph(found.jobs, edges)
    raise NotImplementedError(whole, Any, output)
