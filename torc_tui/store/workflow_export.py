"""A stored workflow as one JSON document (shape: reference facts, 9.7), to be taken to another
store.

What comes in: the id of a workflow. What goes out: the document. Beside upstream's keys it has
``gates`` and ``dependencies`` ([waits, waits for, kind, via]; minus a number is a gate), and the
``script`` of jobs, which tells the ids of records from other numbers in their commands. Nothing is
written here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.model import Json
from torc_tui.store import events, queries, workflows
from torc_tui.store.creation import execution_dict
from torc_tui.store.database import Statement, Store
from torc_tui.store.encoding import loads
from torc_tui.store.relations import EDGES

EXPORT_VERSION = "1.0"
_ALL = 1 << 31

Document = dict[str, Json]

_SOURCE = Statement(
    "SELECT w.file, w.format, t.text FROM workflow w LEFT JOIN workflow_text t ON t.workflow_id = w.id WHERE w.id = ?"
)
_JOBS = Statement(
    "SELECT id, name, command, invocation_script, script, priority, cancel_on_blocking_job_failure, "
    "supports_termination, requirement_id, failure_handler_id, scheduler, family, parameter_values, env, stdio, "
    "require_user_data, input_files, output_files, input_user_data, output_user_data "
    "FROM job WHERE workflow_id = ? ORDER BY id"
)
_FILE_GROUPS = Statement(
    "SELECT group_id, file_id FROM file_group WHERE file_id IN (SELECT id FROM file WHERE workflow_id = ?)"
)
_DATA_GROUPS = Statement(
    "SELECT group_id, user_data_id FROM user_data_group "
    "WHERE user_data_id IN (SELECT id FROM user_data WHERE workflow_id = ?)"
)
_DATA = Statement(
    "SELECT id, name, is_ephemeral, data, declared, json_schema FROM user_data WHERE workflow_id = ? ORDER BY id"
)
_GATES = Statement("SELECT id, via FROM gate WHERE workflow_id = ? ORDER BY id")


def export_workflow(
    store: Store, workflow_id: int, *, include_results: bool = False, include_events: bool = False
) -> Document:
    """The workflow as a document, read in one transaction. NotFound."""
    with store.read() as conn:
        workflow = workflows.read_workflow(conn, workflow_id)
        source = _SOURCE.run(conn, (workflow_id,)).one()
        file_groups = _grouped(_FILE_GROUPS.run(conn, (workflow_id,)))
        data_groups = _grouped(_DATA_GROUPS.run(conn, (workflow_id,)))
        document: Document = {
            "export_version": EXPORT_VERSION,
            "exported_at": queries.timestamp(time.time()),
            "workflow": {
                "id": workflow.id,
                "name": workflow.name,
                "user": workflow.user,
                "description": workflow.description,
                "project": workflow.project,
                "metadata": workflow.metadata,
                "directory": workflow.directory,
                "env": dict(workflow.env),
                "execution_config": execution_dict(workflow.execution_config),
                "use_pending_failed": workflow.use_pending_failed,
                "require_user_data": workflow.require_user_data,
                "settings": dict(workflow.settings),
                "file": source[0],
                "format": source[1],
                "text": source[2],
            },
            "files": queries.list_files(store, workflow_id, limit=_ALL),
            "user_data": [
                {
                    "id": row[0],
                    "name": row[1],
                    "is_ephemeral": bool(row[2]),
                    "data": loads(row[3]),
                    "declared": bool(row[4]),
                    "schema": loads(row[5]),
                }
                for row in _DATA.run(conn, (workflow_id,))
            ],
            "resource_requirements": queries.list_requirements(store, workflow_id),
            "slurm_schedulers": [
                {"id": row[0], "name": row[1], "settings": loads(row[2])}
                for row in Statement(
                    "SELECT id, name, settings FROM slurm_scheduler WHERE workflow_id = ?"
                ).run(conn, (workflow_id,))
            ],
            "local_schedulers": [],
            "failure_handlers": queries.list_failure_handlers(store, workflow_id),
            "jobs": [
                _job(row, file_groups, data_groups) for row in _JOBS.run(conn, (workflow_id,))
            ],
            "gates": [{"id": row[0], "via": row[1]} for row in _GATES.run(conn, (workflow_id,))],
            "dependencies": [list(row) for row in EDGES.run(conn, (workflow_id, workflow_id))],
            "workflow_actions": queries.list_actions(store, workflow_id),
        }
        if include_results:
            document["results"] = queries.list_results(
                store, workflow_id, all_runs=True, limit=_ALL
            )
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
                for event in events.list_events(store, workflow_id)
            ]
    return document


def _grouped(rows: Any) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for group, member in rows:
        found.setdefault(group, []).append(member)
    return found


def _job(
    row: Sequence[Any], files: Mapping[int, list[int]], data: Mapping[int, list[int]]
) -> Document:
    script = loads(row[4])
    if script is not None and [_text(part) for part in script] != [row[2], row[3]]:
        script = None  # the command was changed since
    return {
        "id": row[0],
        "name": row[1],
        "command": row[2],
        "invocation_script": row[3],
        "script": script,
        "priority": row[5],
        "cancel_on_blocking_job_failure": bool(row[6]),
        "supports_termination": bool(row[7]),
        "resource_requirements_id": row[8],
        "failure_handler_id": row[9],
        "scheduler": row[10],
        "family": row[11],
        "parameters": loads(row[12]),
        "env": loads(row[13]),
        "stdio": loads(row[14]),
        "require_user_data": None if row[15] is None else bool(row[15]),
        "input_file_ids": files.get(row[16], []),
        "output_file_ids": files.get(row[17], []),
        "input_user_data_ids": data.get(row[18], []),
        "output_user_data_ids": data.get(row[19], []),
    }


def _text(script: list[str | int] | str | None) -> str | None:
    return "".join(map(str, script)) if isinstance(script, list) else script
