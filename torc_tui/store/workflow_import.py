"""Store an exported document as a new workflow.

Input: a document of `export_workflow`, or of upstream's program. Output: a new workflow. It is
created like any other, through a plan: new ids, all jobs ``uninitialized``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.model import Json
from torc_tui.store import event_log, spawned, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.creation import create
from torc_tui.store.database import Store
from torc_tui.store.document_entries import JobOrigin
from torc_tui.store.encoding import dumps
from torc_tui.store.plan_rows import ADDED
from torc_tui.store.workflow_document import read_document
from torc_tui.store.workflow_export import export_workflow as export_workflow


def import_workflow(
    store: Store,
    data: Mapping[str, Json],
    *,
    user: str,
    directory: str,
    at: float,
    name: str | None = None,
    actor: str | None = None,
) -> int:
    """Create a workflow of ``user`` from a document, with its results and events; return its id.

    Raise UsageError, and store nothing, if the document is not an exported workflow or refers to
    entries that it does not contain.
    """
    transfer = read_document(data)
    workflow_id = create(
        store, transfer.plan, user=user, directory=directory, at=at, name=name, actor=actor
    )
    if not (transfer.origins or transfer.results or transfer.events):
        return workflow_id
    try:
        with store.write() as conn:
            first = conn.value(sql.FIRST_JOB, workflow_id=workflow_id) or 0
            _set_origins(conn, first, transfer.origins)
            _add_results(conn, workflow_id, first, transfer.results)
            for kind, job, values, moment, who in transfer.events:
                entry = (kind, None if job is None else first + job, values)
                event_log.append(conn, workflow_id, [entry], at=moment, actor=who)
    except BaseException:
        workflows.delete(store, [workflow_id])
        raise
    return workflow_id


def _set_origins(conn: Connection, first: int, origins: Mapping[int, JobOrigin]) -> None:
    """Store how jobs were added, as if they had been added here."""
    conn.many(
        sql.SET_ORIGIN,
        [
            {
                "id": first + place,
                "spawned_by": None if parent is None else first + parent,
                "spawn": None if spawn is None else spawned.encode(spawn),
                "edited": ADDED,
            }
            for place, (parent, spawn) in origins.items()
        ],
    )


def _add_results(
    conn: Connection, workflow_id: int, first: int, results: Sequence[Mapping[str, Any]]
) -> None:
    """Store the results; run numbers continue after them, since a result has a run of its own."""
    unknown = dict.fromkeys(("compute_node_id", "output_dir", "log_stem", "signature"))
    conn.many(
        sql.ADD_RESULT,
        [
            {
                **unknown,
                **result,
                "workflow_id": workflow_id,
                "job_id": first + result["job_id"],
                "allocation": None if allocation is None else dumps(allocation),
            }
            for result in results
            for allocation in [result["allocation"]]
        ],
    )
    if results:
        last = max(result["run_id"] for result in results)
        conn.execute(sql.SET_RUN, workflow_id=workflow_id, run_id=last)
