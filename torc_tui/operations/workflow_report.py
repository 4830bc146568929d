"""Collect what a report says about a workflow.

Input: a database, a workflow. Output: `Report`. Files are only read.
"""

from __future__ import annotations

import time

from torc_tui.model import Workflow
from torc_tui.operations.failures import failure_groups
from torc_tui.operations.report_files import marked_files
from torc_tui.operations.rerun import plan_rerun
from torc_tui.operations.run_attempts import run_attempts, runners
from torc_tui.operations.usage_plots import machine_plots
from torc_tui.store import queries, relations, user_data_records, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.job_use import read_use
from torc_tui.views.graph_export import svg
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.report import (
    CriticalStep,
    DataRecord,
    Report,
    StaleJob,
    Version,
    critical_path,
    span_of,
)
from torc_tui.views.usage_plot import UsagePlot
from torc_tui.wording import sentence

_RECORDS, _VERSIONS = 100, 10
"""Records of user data, and versions of each, that a report shows."""
_MACHINES, _DRAWN_SECONDS = 8, 30.0
"""Machines that a report draws, and how long they must have been measured."""
_BOXES = 400
"""A graph with more boxes is not drawn: nobody could read it."""


def workflow_report(store: Store, workflow_id: int, program: str) -> Report:
    """Return the report on the present state of a workflow; raise NotFound."""
    found = workflows.snapshot(store, workflow_id)
    workflow, now = found.workflow, time.time()
    names = {job.id: job.name for job in found.jobs}
    with store.read() as conn:
        use = read_use(conn, workflow_id)
        attempts = run_attempts(conn, workflow_id, workflow.run_id, names, now)
        data, more = _data(conn, workflow_id)
    edges = list(relations.edges(store, workflow_id))
    path = critical_path(attempts, [(edge.job, edge.depends_on) for edge in edges])
    plan = plan_rerun(store, workflow_id)
    files = [(one["name"], one["path"]) for one in queries.list_files(store, workflow_id)]
    return Report(
        workflow=workflow,
        made_at=now,
        program=program,
        jobs=found.jobs,
        use=use.jobs,
        requirements=use.requirements,
        attempts=attempts,
        nodes=runners(store, workflow_id),
        path=path,
        graph=_graph(JobGraph(found.jobs, edges), workflow.name, path),
        failures=failure_groups(store, workflow_id),
        data=data,
        more_data=more,
        stale=[
            StaleJob(one.name, "; ".join(map(sentence, one.reasons)), one.certain)
            for one in plan.stale
        ],
        unknown=len(plan.unknown),
        files=marked_files(workflow.settings, files, workflow.directory),
        machines=_machines(store, workflow),
        span=span_of(attempts),
    )


def _machines(store: Store, workflow: Workflow) -> list[UsagePlot]:
    """Return the first machines of the last run that were measured for long enough to draw."""
    plots = machine_plots(store, workflow.id)
    own = [one for one in plots if one.record["run_id"] == workflow.run_id]
    return [one for one in own if one.seconds >= _DRAWN_SECONDS][:_MACHINES]


def _graph(graph: JobGraph, title: str, path: list[CriticalStep]) -> str:
    """Return the graph with the critical path, for an HTML page; empty if it is too large."""
    scene = graph.scene().direct()
    if not scene.links or len(scene.nodes) > _BOXES:
        return ""
    boxes = (scene.node_of(step.job_id) for step in path)
    lit = list(dict.fromkeys(box for box in boxes if box is not None))
    picture = svg(scene, title=title, lit=lit if len(lit) > 1 else ())
    return picture.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)


def _data(conn: Connection, workflow_id: int) -> tuple[list[DataRecord], int]:
    """Return the first records that were written, and the number of the others."""
    written = [one for one in user_data_records.overview(conn, workflow_id) if one["version"]]
    found = []
    for one in written[:_RECORDS]:
        versions = user_data_records.versions(conn, one["id"])[:_VERSIONS]
        found.append(
            DataRecord(
                one["name"],
                one["version"],
                one["head"] or "null",
                [
                    Version(row["version"], row["written_at"], row["writer"], row["size"])
                    for row in versions
                ],
            )
        )
    return found, max(0, len(written) - _RECORDS)
