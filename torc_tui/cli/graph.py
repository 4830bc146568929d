"""Print the dependency graph of a workflow as text, Mermaid, DOT, SVG or JSON.

Jobs of one job group with the same neighbors are one box, unless ``--no-fold`` is given. ``--data``
adds files and user data; ``--direct`` omits dependencies that follow from others.
"""

from __future__ import annotations

import sys
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.status import JobStatus
from torc_tui.store import relations, workflows
from torc_tui.views.graph_export import export
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_scene import Scene


def graph(call: Call) -> None:
    """Print the graph in the format of the call."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    found = workflows.snapshot(call.store, workflow_id)
    data = relations.artifacts(call.store, workflow_id) if options.data else ()
    whole = JobGraph(found.jobs, relations.edges(call.store, workflow_id), data)
    if options.no_fold:
        keys = [group.key for group in whole.groups]
        scene = whole.scene(expanded=keys, data=options.data, shown=max(1, len(found.jobs)))
    else:
        scene = whole.scene(data=options.data)
    if options.direct:
        scene = scene.direct()
    if call.json:
        output.json_value(as_json(scene))
        return
    text = export(scene, call.format, title=found.workflow.name, plain=not output.unicode())  # type: ignore[arg-type] # one of the command's formats
    sys.stdout.write(text)


def as_json(scene: Scene) -> dict[str, Any]:
    """Return boxes, and links as pairs of keys: (dependency, dependent)."""
    nodes = [
        {
            "key": node.key,
            "kind": node.kind,
            "label": node.label,
            "job_ids": list(node.jobs) if node.kind in ("job", "more") else [],
            "counts": {JobStatus(state).word: n for state, n in enumerate(node.counts)},
        }
        for node in scene.nodes
    ]
    links = [[scene.nodes[source].key, scene.nodes[target].key] for source, target in scene.links]
    return {"nodes": nodes, "links": links}
