"""Explain a workflow: its failures by reason, and what its other jobs wait for.

Input: a workflow. Output: one line per reason, or JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.cli import failures, output
from torc_tui.cli.call import Call
from torc_tui.cli.cluster_reading import read_cluster_now
from torc_tui.cli.diagnostics import after_failure, print_stderr, without_runner
from torc_tui.cli.runners import print_absent
from torc_tui.model import Workflow
from torc_tui.operations.failures import failure_groups
from torc_tui.operations.job_facts import JobFacts
from torc_tui.status import NOT_STARTED, TROUBLED, JobStatus, number_of
from torc_tui.store import runner_liveness, sql, workflows
from torc_tui.tuples import NamedTuple
from torc_tui.views import why
from torc_tui.views.why import Facts
from torc_tui.wording import count, standing, status_counts, with_timestamps

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState

_SAMPLES = 100
"""How many jobs of one request are read to find a job that is not held."""


class _Waiting(NamedTuple):
    """The jobs of one status that wait for the same reason, with one of them as a sample."""

    status: JobStatus
    number: int
    job_id: int
    name: str
    reason: str


def explain_workflow(call: Call, workflow_id: int) -> None:
    """Print why jobs of a workflow failed, and why its other jobs wait."""
    cluster = read_cluster_now(call, workflow_id)
    facts = JobFacts(call.store, workflow_id)
    workflow = facts.workflow
    waiting = _waiting(call, facts)
    with call.store.read() as conn:
        absent = runner_liveness.reports(conn, workflow_id)
        held = workflows.holds(conn, workflow_id)
    groups = failure_groups(call.store, workflow_id)
    if call.json:
        output.json_value(
            {
                "workflow_id": workflow_id,
                "name": workflow.name,
                "state": workflow.state.value,
                "failures": [with_timestamps(failures.record_of(group)) for group in groups],
                "waiting": [{**one._asdict(), "status": one.status.word} for one in waiting],
                "held": [{**reason.to_json(), "number": number} for reason, number in held],
                "runners_not_alive": [reason.to_json() for reason in absent],
                **_allocations(cluster),
            }
        )
        return
    output.line(_heading(workflow))
    for one in waiting:
        jobs = count(one.number, f"{one.status.word} job")
        output.line(f"  {jobs}, such as {one.name} (job {one.job_id}): {one.reason}")
    for text in output.holds(held, workflow_id):
        output.line(f"  {text}")
    for text in failures.summary_lines(call.store, workflow_id, groups):
        output.line(f"  {text}")
    if cluster is not None:
        from torc_tui.operations.cluster_summary import summary

        output.line(f"  Allocations: {summary(cluster)}")
    print_absent(absent)
    if cluster is None and workflow.counts.get(JobStatus.READY) and not facts.lacks.runners:
        print_stderr(without_runner(call.store, workflow_id))
    elif number_of(workflow.counts, TROUBLED):
        print_stderr(after_failure(call.store, workflow_id))


def _allocations(cluster: ClusterState | None) -> dict[str, Any]:
    if cluster is None:
        return {}
    from torc_tui.operations.cluster_summary import state_record

    return state_record(cluster)


def _heading(workflow: Workflow) -> str:
    counts = status_counts(workflow.counts)
    known = f"Workflow {workflow.id} ({workflow.name})"
    return f"{known} {standing(workflow.state)}: {counts or 'no jobs'}"


def _waiting(call: Call, facts: JobFacts) -> list[_Waiting]:
    """Return the jobs that wait, by status and reason; jobs that are held are left out."""
    workflow_id = facts.workflow.id
    with call.store.read() as conn:
        rows = conn.rows(sql.REMAINING_JOBS, workflow_id=workflow_id)
        rows = [row for row in rows if row.status in NOT_STARTED and not row.held]
        jobs = [workflows.names(conn, workflow_id, row, _SAMPLES) for row in rows]
    found: dict[tuple[JobStatus, str], _Waiting] = {}
    for row, names in zip(rows, jobs, strict=True):
        one = _first(facts, names)
        if one is None:
            continue
        # Each blocked job waits for other jobs; one sample is enough for all.
        key = row.status, "" if row.status is JobStatus.BLOCKED else why.why(one)
        known = found.get(key) or _Waiting(row.status, 0, one.job.id, one.job.name, why.why(one))
        found[key] = known._replace(number=known.number + row.number)
    return sorted(found.values(), key=lambda one: (-one.status, -one.number))


def _first(facts: JobFacts, jobs: Sequence[tuple[int, str]]) -> Facts | None:
    """Return the facts of the first job that is not held."""
    for job_id, _ in jobs:
        found = facts.of(job_id)
        if found is not None and not found.job.held:
            return found
    return None
