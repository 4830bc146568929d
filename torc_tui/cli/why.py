"""Explain a job: the chain of reasons down to its causes, and the last errors of a failed job.

For a workflow: the failures by reason, and the reasons of the jobs that wait.

Input: a job or a workflow. Output: a small tree of sentences, lines, or JSON.
`torc_tui.operations.job_facts` gathers the facts, `torc_tui.views.why` turns them into sentences.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import print_stderr, without_runner
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
    """Print why a job has its status, or what a workflow waits for and why its jobs failed."""
    job, workflow = call.options.job, call.options.workflow
    if job is None or (workflow is None and call.means_workflow(job)):
        from torc_tui.cli.why_workflow import explain_workflow

        explain_workflow(call, call.workflow_id(workflow or job))
        return
    job_id = call.job_id(job, workflow)
    workflow_id = int(queries.get_job(call.store, job_id)["workflow_id"])
    facts = JobFacts(call.store, workflow_id)
    chain = views.explain(job_id, facts.of)
    warnings = [sentence(one) for one in warnings_of(call.store, workflow_id, job_id)]
    with call.store.read() as conn:
        warnings += map(sentence, runner_liveness.reports(conn, workflow_id))
    if call.json:
        output.json_value({"job_id": job_id, **_as_json(chain), "warnings": warnings})
        return
    for line in views.lines(chain, plain=not output.unicode()):
        output.line(line)
    for warning in warnings:
        output.line(f"warning: {warning}")
    if _contains(chain, Kind.NO_RUNNER):
        print_stderr(without_runner(workflow_id))
    if chain.status in TROUBLED:
        _print_stderr_tail(call, job_id)
        print_stderr(_next_step(chain.status, job_id, workflow_id))


def _next_step(status: JobStatus | None, job_id: int, workflow_id: int) -> str:
    """Return what to do about a job that ended badly."""
    if status is JobStatus.PENDING_FAILED:
        decide = f"`torc jobs classify {job_id} retry` or `torc jobs classify {job_id} fail`"
        return f"{decide} decides about the job"
    return f"`torc jobs retry {job_id}`, then `torc run {workflow_id}` runs the job again"


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
