"""What a runner has to know of its workflow before it starts a job: read once, and again when
others have written.

What comes in: a connection inside a transaction. What goes out: one record. Nothing is written
here, but the mark of an action that a runner takes on itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torc_tui.model import ExecutionConfig, FailureRule, Json, ResourceRequirements
from torc_tui.store.connection import Connection
from torc_tui.store.creation import execution_of
from torc_tui.store.database import Statement
from torc_tui.store.event_log import no_workflow
from torc_tui.store.workflows import read_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAction:
    """Commands to run when something happens; ``executed`` in the present run already."""

    id: int
    trigger_type: str
    job_ids: Sequence[int]
    commands: Sequence[str]
    persistent: bool
    executed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """A workflow as its runner sees it. ``rules`` are those of each failure handler, by its id."""

    workflow_id: int
    name: str
    run_id: int
    directory: str
    env: Mapping[str, str]
    execution: ExecutionConfig
    use_pending_failed: bool
    require_user_data: bool
    settings: Mapping[str, Json]
    requirements: Mapping[int, ResourceRequirements]
    rules: Mapping[int, Sequence[FailureRule]]
    actions: Sequence[StoredAction]


WORKFLOW = Statement(
    "SELECT name, run_id, directory, env, execution_config, use_pending_failed, require_user_data, settings"
    " FROM workflow WHERE id = ?"
)
HANDLERS = Statement("SELECT id, rules FROM failure_handler WHERE workflow_id = ?")
ACTIONS = Statement(
    "SELECT id, trigger_type, job_ids, commands, persistent, executed_run_id FROM action"
    " WHERE workflow_id = ? AND action_type = 'run_commands' ORDER BY id"
)


def read(conn: Connection, workflow_id: int) -> RunContext:
    """The context of a workflow; NotFound."""
    row = WORKFLOW.run(conn, (workflow_id,)).fetchone()
    if row is None:
        raise no_workflow(workflow_id)
    name, run_id, directory, env, execution, use_pending_failed, require_user_data, settings = row
    handlers = HANDLERS.run(conn, (workflow_id,)).fetchall()
    actions = ACTIONS.run(conn, (workflow_id,)).fetchall()
    return RunContext(
        workflow_id=workflow_id,
        name=name,
        run_id=run_id,
        directory=directory,
        env=json.loads(env),
        execution=execution_of(json.loads(execution)),
        use_pending_failed=bool(use_pending_failed),
        require_user_data=bool(require_user_data),
        settings=json.loads(settings),
        requirements=read_requirements(conn, workflow_id),
        rules={handler_id: _rules(json.loads(rules)) for handler_id, rules in handlers},
        actions=[
            StoredAction(
                id=action_id,
                trigger_type=trigger,
                job_ids=json.loads(job_ids),
                commands=json.loads(commands),
                persistent=bool(persistent),
                executed=executed == run_id,
            )
            for action_id, trigger, job_ids, commands, persistent, executed in actions
        ],
    )


def _rules(values: Sequence[Mapping[str, Any]]) -> list[FailureRule]:
    return [FailureRule(**{**value, "exit_codes": tuple(value["exit_codes"])}) for value in values]


CLAIM_ACTION = Statement(
    "UPDATE action SET executed_run_id = ?, executed_at = ?"
    " WHERE id = ? AND (persistent OR executed_run_id IS NULL OR executed_run_id <> ?)"
)
WITH_REFERENCES = Statement(
    "SELECT name, env FROM job WHERE workflow_id = ? AND env LIKE ?"
    " AND (status IN (0, 1, 2, 3, 4) OR stop_requested = 'stopped') ORDER BY id"
)
STATUS_OF = Statement("SELECT status FROM job WHERE id = ?")


def environments_with_references(conn: Connection, workflow_id: int) -> list[tuple[str, str]]:
    """Return (job name, `env` as JSON) of the jobs that may still run and whose `env` has a $."""
    return [(row[0], row[1]) for row in WITH_REFERENCES.run(conn, (workflow_id, "%$%"))]


def claim_action(conn: Connection, action_id: int, run_id: int, at: float) -> bool:
    """Take an action on oneself; False when another runner was quicker."""
    return CLAIM_ACTION.run(conn, (run_id, at, action_id, run_id)).rowcount > 0


def statuses(conn: Connection, job_ids: Sequence[int]) -> list[int]:
    """The states of these jobs, in their order; of those that exist."""
    rows = (STATUS_OF.run(conn, (job_id,)).fetchone() for job_id in job_ids)
    return [row[0] for row in rows if row is not None]
