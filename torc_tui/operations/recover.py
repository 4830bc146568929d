"""Retry the jobs of a workflow that failed, with more memory or time where they lacked it.

Input: a database, a workflow, rules. Output: what was done with each job that failed. The verdicts
are in `lifecycle.failure_classes`; all jobs are changed and retried in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.lifecycle.failure_classes import Recovery, RecoveryRules, plan_recovery
from torc_tui.lifecycle.failure_policy import Policies
from torc_tui.model import Gpu, Machine
from torc_tui.operations.jobs import retry_jobs
from torc_tui.operations.lost_runners import sync_status
from torc_tui.records import dataclass, field, replace
from torc_tui.resources.detect import detect_machine
from torc_tui.status import TROUBLED
from torc_tui.store import queries, run_context, sql
from torc_tui.store.database import Store
from torc_tui.store.job_use import workflow_use


@dataclass(slots=True)
class Recovered:
    """What a recovery did: the verdicts, the retried jobs, dependents, and refusals by id."""

    verdicts: Sequence[Recovery]
    retried: list[int] = field(default_factory=list)
    dependents: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def plan(store: Store, workflow_id: int, rules: RecoveryRules) -> list[Recovery]:
    """Return what a recovery would do with each job that failed."""
    use = workflow_use(store, workflow_id)
    policies = _policies(store, workflow_id, [job.id for job in use.jobs if job.status in TROUBLED])
    machine = _largest(store, workflow_id)
    return list(plan_recovery(use.jobs, use.requirements, rules, machine, policies))


def _policies(store: Store, workflow_id: int, job_ids: Sequence[int]) -> dict[int, Policies]:
    """Return the rules for jobs, by id."""
    found = {}
    with store.read() as conn:
        context = run_context.read(conn, workflow_id)
        for job_id in job_ids:
            row = conn.one(sql.RULES_OF_JOB, job_id=job_id)
            if row is not None:
                found[job_id] = context.policies(row.failure_handler_id, row.options)
    return found


def recover(
    store: Store, workflow_id: int, rules: RecoveryRules, *, actor: str | None = None
) -> Recovered:
    """Free the jobs of lost runners, then retry the jobs that failed."""
    sync_status(store, workflow_id, actor=actor)
    verdicts = plan(store, workflow_id, rules)
    chosen = [one for one in verdicts if one.is_retried]
    if not chosen:
        return Recovered(verdicts)
    grown = {
        one.job.id: one.growth.requirements for one in chosen if one.growth.requirements is not None
    }
    done = retry_jobs(store, [one.job.id for one in chosen], grown=grown, actor=actor)
    return Recovered(verdicts, done.moved, done.dependents, done.refused)


def _largest(store: Store, workflow_id: int) -> Machine:
    """Return the largest machine that has run the workflow, or this one if that is larger."""
    machine = detect_machine()
    for runner in queries.list_compute_nodes(store, workflow_id):
        gpus = tuple(
            Gpu(uuid=gpu["uuid"], index=gpu["index"], memory=gpu.get("memory") or 0)
            for gpu in runner["gpus"]
        )
        memory = max(machine.memory, runner["memory_bytes"])
        machine = replace(machine, memory=memory, gpus=(*machine.gpus, *gpus))
    return machine
