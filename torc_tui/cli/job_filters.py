"""Find the jobs that a command is about: by name, or by filters such as ``--failed``.

Input: the options of a command. Output: ids of jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from torc_tui.cli import output, targets
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import NotFound, UsageError
from torc_tui.model import Cause, cause_word
from torc_tui.records import dataclass
from torc_tui.status import RETRYABLE, JobStatus
from torc_tui.store import relations, sql
from torc_tui.store.database import Store
from torc_tui.store.workflows import snapshot
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.job_filter import Context, compile_filter
from torc_tui.views.job_parameters import parameter_names
from torc_tui.wording import sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = sql.JobsToChooseRow


def chosen_jobs(call: Call) -> list[int]:
    """Return the jobs that the options name or select; say so if a filter matches none.

    With a filter, the only word that may be given is the workflow.
    """
    options = call.options
    wanted = filter_of(call)
    if not wanted:
        if not options.jobs:
            hint = "name jobs, or select them with --failed, --status, --group, --cause, --where"
            raise UsageError("JOB is missing", hint=hint)
        return named_jobs(call, options.jobs, options.workflow)
    given = [*options.jobs, *([options.workflow] if options.workflow else [])]
    if len(given) > 1 or any(map(targets.is_pattern, given)):
        raise UsageError(
            "jobs and filters cannot be used together",
            hint="with a filter, name only the workflow: `torc rerun WORKFLOW --failed`, and jobs"
            " with --group 'train_*'",
        )
    workflow_id = call.workflow_id(given[0] if given else None)
    found = choose(call.store, workflow_id, wanted)
    if not found:
        report_none(call, workflow_id)
    return found


def named_jobs(call: Call, given: Sequence[str], workflow: str | None) -> list[int]:
    """Return the ids of jobs, each once, by name, id, glob (``train_*``) or group (``train_{i}``).

    NotFound if a word matches no job.
    """
    found: list[int] = []
    for text in given:
        if targets.is_pattern(text):
            found += _matching_names(call, text, workflow)
        else:
            found.append(call.job_id(text, workflow))
    return list(dict.fromkeys(found))


def _matching_names(call: Call, text: str, workflow: str | None) -> list[int]:
    if workflow is None:
        workflow, text = targets.split_workflow(call, text)
    workflow_id = call.workflow_id(workflow)
    found = choose(call.store, workflow_id, JobFilter(group=text))
    if not found:
        raise NotFound(
            f"no job of workflow {workflow_id} matches {text!r}",
            hint=f"`torc jobs list {workflow_id}` shows all jobs",
        )
    return found


def report_none(call: Call, workflow_id: int) -> None:
    """Say that no job passes the filter."""
    if call.json and getattr(call.options, "dry_run", False):
        output.json_value({"jobs": [], "dependents": [], "refused": []})
    elif call.json:
        output.json_value({"jobs": []} if call.wrapped else [])
    else:
        print_stderr(f"no job of workflow {workflow_id} matches; no changes made")


def filter_of(call: Call) -> JobFilter:
    """Return the filter that the options make; UsageError for an unknown status."""
    options = call.options
    return JobFilter(
        statuses=statuses_of(options.status),
        failed=options.failed,
        return_code=options.return_code,
        group=options.group,
        causes=None if options.cause is None else _causes(options.cause),
        where=options.where,
    )


def _causes(given: str) -> frozenset[str]:
    words = [cause.value for cause in Cause]
    found = frozenset(word.strip() for word in given.split(","))
    for word in found.difference(words):
        raise UsageError(f"unknown cause {word!r}", hint=f"one of {', '.join(words)}")
    return found


def statuses_of(given: str | None) -> frozenset[JobStatus] | None:
    """Return the statuses of ``failed,terminated``; UsageError for an unknown one."""
    if given is None:
        return None
    found = set()
    for word in given.split(","):
        try:
            found.add(JobStatus.from_word(word.strip().lower().replace("-", "_")))
        except KeyError:
            words = ", ".join(status.word for status in JobStatus)
            raise UsageError(f"there is no job status {word!r}", hint=f"one of {words}") from None
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """A job must pass all of these filters; a filter that is None passes every job.

    ``failed`` selects all finished jobs that did not succeed. ``group`` is the name of a job group
    (``train_{i}``) or a glob for names of jobs (``train_*``), ``causes`` are the accepted causes of
    the end of the last attempt, ``where`` is a filter of the app.
    """

    statuses: frozenset[JobStatus] | None = None
    failed: bool = False
    return_code: int | None = None
    group: str | None = None
    causes: frozenset[str] | None = None
    where: str | None = None

    def __bool__(self) -> bool:
        return self != JobFilter()


def choose(store: Store, workflow_id: int, wanted: JobFilter) -> list[int]:
    """Return the ids of the jobs that pass a filter."""
    with store.read() as conn:
        rows = conn.rows(sql.JOBS_TO_CHOOSE, workflow_id=workflow_id)
    checks = _checks(wanted)
    if wanted.where is not None:
        matching = _matching(store, workflow_id, wanted.where, time.time())
        checks.append(lambda row: row.id in matching)
    return [row.id for row in rows if all(check(row) for check in checks)]


def _checks(wanted: JobFilter) -> list[Callable[[Row], bool]]:
    statuses = frozenset(JobStatus) if wanted.statuses is None else wanted.statuses
    if wanted.failed:
        statuses &= RETRYABLE
    checks: list[Callable[[Row], bool]] = [lambda row: row.status in statuses]
    if wanted.return_code is not None:
        checks.append(lambda row: row.return_code == wanted.return_code)
    if (causes := wanted.causes) is not None:
        checks.append(lambda row: cause_word(row.cause) in causes)
    if (group := wanted.group) is not None:
        checks.append(lambda row: group in (row.group, row.name) or fnmatchcase(row.name, group))
    return checks


def _matching(store: Store, workflow_id: int, text: str, now: float) -> set[int]:
    """Return the ids of the jobs that match a filter of the app; FilterError for a wrong one."""
    found = snapshot(store, workflow_id)
    jobs = list(found.jobs)
    graph = JobGraph(jobs, relations.edges(store, workflow_id), [])
    context = Context(
        requirements=found.requirements,
        parameters=parameter_names(jobs),
        now=now,
        why=lambda job: sentence(job.reason) if job.reason else "",
        after=graph.after,
        before=graph.before,
    )
    matches = compile_filter(text, context)
    return {job.id for job in jobs if matches(job)}
