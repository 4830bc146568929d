"""Read what a runner needs to know about its workflow before it starts a job.

Input: a connection inside a transaction. Output: one record, which the runner reads again when
others have written. Nothing is written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.lifecycle.failure_policy import Policies
from torc_tui.model import (
    Allocation,
    AttemptKey,
    ExecutionConfig,
    FailureRule,
    Gpu,
    Json,
    ResourceRequirements,
)
from torc_tui.records import dataclass
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.creation import execution_of
from torc_tui.store.event_log import no_workflow
from torc_tui.store.plan_rows import failure_rule
from torc_tui.store.relations import no_job
from torc_tui.store.scheduling import decode_allocation
from torc_tui.store.workflows import read_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAction:
    """Commands to run at an event; ``executed`` is set if this run has executed them."""

    id: int
    trigger_type: str
    job_ids: Sequence[int]
    commands: Sequence[str]
    persistent: bool
    executed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a runner knows about its workflow; ``rules`` are by the id of the failure handler."""

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
    has_canaries: bool
    """Whether jobs are held until others of their entry have succeeded."""
    may_have_children: bool
    """Whether jobs may have added others with `torc spawn`."""

    def shell(self, invocation_script: str | None, own: str | None) -> str | None:
        """Return the program that gets the command of a job; None for ``bash -c``.

        ``own`` are the options of the job, as the database holds them. An invocation script gets
        ``bash -c``: it takes the place of a shell of the workflow.
        """
        found: str | None = None if invocation_script else self.option(own, "shell")
        return found

    def script(self, invocation_script: str | None, own: str | None) -> str | None:
        """Return what runs the command of a job: its invocation script, or its shell."""
        return invocation_script or self.shell(None, own)

    def policies(
        self,
        handler_id: int | None,
        own: str | None,
        of_runner: Mapping[str, FailureRule | None] | None = None,
    ) -> Policies:
        """Return the rules for a job with a failure handler and options, as stored in the database.

        For ``on_oom`` and ``on_timeout``, the job overrides the workflow, which overrides the
        runner.
        """
        at_end = dict(of_runner or {})
        for key in ("on_oom", "on_timeout"):
            if (stored := self.option(own, key)) is not None:
                at_end[key] = failure_rule(stored)
        rules = self.rules.get(handler_id or 0, ())
        return Policies(rules, at_end.get("on_oom"), at_end.get("on_timeout"))

    def attempt_key(self, job_id: int, attempt_id: int) -> AttemptKey:
        """Return the key of an attempt in this run."""
        return AttemptKey(self.workflow_id, job_id, self.run_id, attempt_id)

    def option(self, own: str | None, key: str) -> Any:
        """Return an option of a job: its own, or that of the workflow; None where neither is set.

        ``own`` are the options of the job, as the database holds them.
        """
        found = self.settings.get(key)
        return json.loads(own).get(key, found) if own else found


def read(conn: Connection, workflow_id: int) -> RunContext:
    """Return the context of a workflow; raise NotFound."""
    row = conn.one(sql.RUN_CONTEXT, workflow_id=workflow_id)
    if row is None:
        raise no_workflow(workflow_id)
    handlers = conn.rows(sql.HANDLER_RULES, workflow_id=workflow_id)
    actions = conn.rows(sql.COMMAND_ACTIONS, workflow_id=workflow_id)
    return RunContext(
        workflow_id=workflow_id,
        name=row.name,
        run_id=row.run_id,
        directory=row.directory,
        env=json.loads(row.env),
        execution=execution_of(json.loads(row.execution_config)),
        use_pending_failed=row.use_pending_failed,
        require_user_data=row.require_user_data,
        settings=json.loads(row.settings),
        requirements=read_requirements(conn, workflow_id),
        rules={
            handler.id: [failure_rule(rule) for rule in json.loads(handler.rules)]
            for handler in handlers
        },
        actions=[
            StoredAction(
                id=action.id,
                trigger_type=action.trigger_type,
                job_ids=json.loads(action.job_ids),
                commands=json.loads(action.commands),
                persistent=action.persistent,
                executed=action.executed_run_id == row.run_id,
            )
            for action in actions
        ],
        has_canaries=bool(conn.rows(sql.GROUPS_BEHIND_CANARIES, workflow_id=workflow_id)),
        may_have_children=conn.one(sql.ANY_CHILD) is not None,
    )


def statuses(conn: Connection, job_ids: Sequence[int]) -> list[int]:
    """Return the statuses of these jobs, in their order; jobs that do not exist are left out."""
    found = (conn.value(sql.STATUS_OF_JOB, job_id=job_id) for job_id in job_ids)
    return [status for status in found if status is not None]


def last_attempt(conn: Connection, job_id: int) -> tuple[sql.JobSettingRow, Allocation, list[Gpu]]:
    """Return a job, the allocation that it holds or held last, and the GPUs of that machine.

    Raise NotFound if there is no such job.
    """
    row = conn.one(sql.JOB_SETTING, job_id=job_id)
    if row is None:
        raise no_job(job_id)
    held, node = row.allocation, row.compute_node_id
    if held is None:
        last = conn.one(sql.LAST_ALLOCATION, job_id=job_id)
        held, node = (last.allocation, last.compute_node_id) if last else (None, None)
    known = conn.value(sql.GPUS_OF_NODE, node_id=node) if node is not None else None
    gpus = [
        Gpu(
            uuid=gpu["uuid"],
            index=gpu["index"],
            memory=gpu.get("memory", 0),
            virtual=gpu.get("virtual", False),
        )
        for gpu in (json.loads(known or "null") or [])
    ]
    return row, decode_allocation(held), gpus
