"""Export a stored workflow as one JSON document, which another database can import.

Input: the id of a workflow. Output: the document. In addition to the keys of upstream, it has
``gates``, ``dependencies`` ([job, depends on, kind, via]; a negative number is a gate), and for
jobs their ``script``, in which ids of records differ from other numbers, their ``patterns``, and
how they were ``added`` or spawned by other jobs. Nothing is written here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from torc_tui.lifecycle.spawning import Spawn
from torc_tui.model import Json
from torc_tui.store import feed, queries, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.creation import execution_dict
from torc_tui.store.database import Store
from torc_tui.store.prepared import record
from torc_tui.store.selection import ListSelection
from torc_tui.wording import timestamp

EXPORT_VERSION = "1.0"

Document = dict[str, Json]

_WORKFLOW = [
    "id",
    "name",
    "user",
    "description",
    "project",
    "metadata",
    "directory",
    "env",
    "execution_config",
    "use_pending_failed",
    "require_user_data",
    "settings",
    "file",
    "format",
]


def export_workflow(
    store: Store, workflow_id: int, *, include_results: bool = False, include_events: bool = False
) -> Document:
    """Return the workflow as a document, read in one transaction; raise NotFound."""
    with store.read() as conn:
        document: Document = {
            "export_version": EXPORT_VERSION,
            "exported_at": timestamp(time.time()),
            "workflow": _workflow(conn, workflow_id),
            "files": queries.list_files(store, workflow_id),
            "user_data": [
                record(row) for row in conn.rows(sql.EXPORT_USER_DATA, workflow_id=workflow_id)
            ],
            "resource_requirements": queries.list_requirements(store, workflow_id),
            "slurm_schedulers": [
                record(row) for row in conn.rows(sql.SLURM_SCHEDULERS, workflow_id=workflow_id)
            ],
            "local_schedulers": [],
            "failure_handlers": queries.list_failure_handlers(store, workflow_id),
            "jobs": _jobs(conn, workflow_id),
            "gates": [
                row._asdict() for row in conn.rows(sql.EXPORT_GATES, workflow_id=workflow_id)
            ],
            "dependencies": [list(row) for row in conn.rows(sql.EDGES, workflow_id=workflow_id)],
            "workflow_actions": queries.list_actions(store, workflow_id),
        }
        known = {job["id"] for job in document["jobs"]}  # without jobs that an update removed
        if include_results:
            wanted = ListSelection()
            found = queries.list_results(store, workflow_id, wanted)
            document["results"] = [_result(row) for row in found if row["job_id"] in known]
        if include_events:
            document["events"] = [
                {
                    "id": event.seq,
                    "timestamp": event.timestamp,
                    "event_type": event.kind,
                    "job_id": event.job_id,
                    "data": dict(event.data),
                    "actor": event.actor,
                }
                for event in feed.list_events(store, workflow_id)
                if event.job_id is None or event.job_id in known
            ]
    return document


def _workflow(conn: Connection, workflow_id: int) -> Document:
    workflow = workflows.read_workflow(conn, workflow_id)
    values = {name: getattr(workflow, name) for name in _WORKFLOW}
    return values | {
        "env": dict(workflow.env),
        "execution_config": execution_dict(workflow.execution_config),
        "settings": dict(workflow.settings),
        "text": conn.value(sql.WORKFLOW_TEXT, workflow_id=workflow_id),
    }


def _result(row: Document) -> Document:
    reason: Any = row["reason"]
    return row if reason is None else row | {"reason": reason.to_json()}


def _grouped(rows: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for group, member in rows:
        found.setdefault(group, []).append(member)
    return found


def _jobs(conn: Connection, workflow_id: int) -> list[Document]:
    files = _grouped(conn.rows(sql.EXPORT_FILE_GROUPS, workflow_id=workflow_id))
    data = _grouped(conn.rows(sql.EXPORT_DATA_GROUPS, workflow_id=workflow_id))
    rows = conn.rows(sql.EXPORT_JOBS, workflow_id=workflow_id)
    return [_job(record(row), files, data) for row in rows]


def _job(job: Document, files: Mapping[int, list[int]], data: Mapping[int, list[int]]) -> Document:
    script, edited = job["script"], job.pop("edited")
    if edited is not None and edited.get("name", "") is None:
        job["added"] = True  # no file has it
    if job["spawn"] is not None:
        job["spawn"] = Spawn(*job["spawn"])._asdict()
    commands = [job["command"], job["invocation_script"]]
    if script is not None and [_text(part) for part in script] != commands:
        job["script"] = None  # the command was changed since
    for key in ("input_file_ids", "output_file_ids"):
        job[key] = files.get(job[key], [])
    for key in ("input_user_data_ids", "output_user_data_ids"):
        job[key] = data.get(job[key], [])
    return job


def _text(script: Any) -> str | None:
    return "".join(map(str, script)) if isinstance(script, list) else script
