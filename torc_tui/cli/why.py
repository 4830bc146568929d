"""Explain jobs: the chain of reasons down to their causes, and the last errors of failed jobs.

For a workflow: the failures by reason, and the reasons of the jobs that wait.

Input: a job, a glob or group of jobs, or a workflow. Output: small trees of sentences, lines, or
JSON.
`torc_tui.operations.job_facts` gathers the facts, `torc_tui.views.why` turns them into sentences.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.cluster_reading import read_cluster_now
from torc_tui.cli.diagnostics import after_failure, command_to_run, print_stderr, without_runner
from torc_tui.cli.targets import is_pattern
from torc_tui.operations import stderr_tail
from torc_tui.operations.job_facts import JobFacts
from torc_tui.reasons import Kind
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.store import queries, runner_liveness
from torc_tui.store.feed import warnings_of
from torc_tui.views import why as views
from torc_tui.wording import sentence

_LINES = 4


def why(call: Call) -> None:
    """Print why jobs have their status, or what a workflow waits for and why its jobs failed."""
    job, workflow = call.options.job, call.options.workflow
    if job is None or (workflow is None and call.means_workflow(job)):
        from torc_tui.cli.why_workflow import explain_workflow

        explain_workflow(call, call.workflow_id(workflow or job))
        return
    if is_pattern(job):
        from torc_tui.cli.job_filters import named_jobs  # for one job, 20 ms are saved

        job_ids = named_jobs(call, [job], workflow)
    else:
        job_ids = [call.job_id(job, workflow)]
    workflow_id = int(queries.get_job(call.store, job_ids[0])["workflow_id"])
    read_cluster_now(call, workflow_id)
    facts = JobFacts(call.store, workflow_id)
    chains = {job_id: views.explain(job_id, facts.of) for job_id in job_ids}
    with call.store.read() as conn:
        absent = [sentence(one) for one in runner_liveness.reports(conn, workflow_id)]
    if call.json:
        records = [
            {
                "job_id": job_id,
                **_as_json(chain),
                "warnings": [*_warnings(call, workflow_id, job_id), *absent],
            }
            for job_id, chain in chains.items()
        ]
        output.json_value(records if is_pattern(job) else records[0])
        return
    for position, (job_id, chain) in enumerate(chains.items()):
        if position:
            output.line("")
        _print_job(call, workflow_id, job_id, chain)
    for warning in absent:
        output.line(f"warning: {warning}")
    if any(_contains(chain, Kind.NO_RUNNER) for chain in chains.values()):
        print_stderr(without_runner(call.store, workflow_id))
    failed = [job_id for job_id, chain in chains.items() if chain.status in TROUBLED]
    if len(failed) == 1:
        status = chains[failed[0]].status
        print_stderr(_next_step(status, failed[0], command_to_run(call.store, workflow_id)))
    elif failed:
        print_stderr(after_failure(call.store, workflow_id))


def diagnose(call: Call) -> None:
    """Print what a workflow waits for, and why its jobs failed."""
    from torc_tui.cli.why_workflow import explain_workflow

    explain_workflow(call, call.workflow_id(call.options.workflow))


def _print_job(call: Call, workflow_id: int, job_id: int, chain: views.Explanation) -> None:
    for line in views.lines(chain, plain=not output.unicode()):
        output.line(line)
    for warning in _warnings(call, workflow_id, job_id):
        output.line(f"warning: {warning}")
    if chain.status in TROUBLED:
        _print_stderr_tail(call, job_id)


def _warnings(call: Call, workflow_id: int, job_id: int) -> list[str]:
    return [sentence(one) for one in warnings_of(call.store, workflow_id, job_id)]


def _next_step(status: JobStatus | None, job_id: int, command: str) -> str:
    """Return what to do about a job that ended badly."""
    if status is JobStatus.PENDING_FAILED:
        decide = f"`torc jobs classify {job_id} retry` or `torc jobs classify {job_id} fail`"
        return f"{decide} decides about the job"
    return f"`torc jobs retry {job_id}`, then {command} runs the job again"


def _contains(node: views.Explanation, kind: Kind) -> bool:
    """Return whether a reason of that kind is somewhere in the chain."""
    return node.kind is kind or any(_contains(child, kind) for child in node.children)


def _print_stderr_tail(call: Call, job_id: int) -> None:
    """Print the end of its standard error, if there is any."""
    tail = stderr_tail.of_job(call.store, job_id, _LINES)
    if tail is not None:
        output.line("")
        output.line(f"{tail.path}:")
        for line in tail.lines:
            output.line(f"    {line}")


def _as_json(node: views.Explanation) -> dict[str, Any]:
    return {
        "text": node.text,
        "kind": node.kind.value,
        "job_id": node.job_id,
        "status": None if node.status is None else node.status.word,
        "reasons": [_as_json(child) for child in node.children],
    }
