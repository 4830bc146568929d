"""Define what a user action is, and the sentences and decisions that follow from one.

`torc_tui.operations.catalog` lists the actions. The command line and the app make their handlers,
menus, questions and answers from a `UserAction` and the functions here, so both say the same.

Input: an action, and the jobs or the workflow that it is about. Output: which of them it applies
to, questions, answers and refusals in words.

Never: a query, a change, or an import that takes time; the table of commands is made from this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from torc_tui.errors import Refused
from torc_tui.status import HELD, JobStatus, number_of
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.model import Job, Workflow
    from torc_tui.store.user_actions import JobState

ANY = frozenset(JobStatus)
"""The action is legal in every status."""
MANY = 20
"""An action on more jobs than this is confirmed, even if it destroys nothing."""


class Target(StrEnum):
    """What an action is about; its function gets the store and this."""

    JOBS = "jobs"
    """Ids of jobs. The function returns an `operations.jobs.Done`."""
    WORKFLOW = "workflow"
    """The id of one workflow."""
    WORKFLOWS = "workflows"
    """Ids of workflows."""
    RUNNER = "runner"
    """The id of a runner."""
    ALLOCATION = "allocation"
    """The id of an allocation."""
    QUEUE_GROUP = "queue group"
    """The id of a workflow and the name of one of its queue groups, as two arguments."""
    RECORD = "record"
    """The id or name of a record. The function gets a connection instead of the store."""
    NOTHING = "nothing"
    """The action creates what it is about."""


class Confirmation(NamedTuple):
    """Why an action is confirmed first, as a sentence; only if a job has one of the statuses."""

    reason: str
    when: frozenset[JobStatus] = ANY


class ActionArgument(NamedTuple):
    """The value that an action needs besides its target: its name and its help."""

    name: str
    kind: type
    help: str


class Flag(NamedTuple):
    """A choice that the command line offers as ``--NAME``: the function gets it by keyword."""

    name: str
    keyword: str
    help: str


class UserAction(NamedTuple):
    """One action of a user: a row of the catalog.

    The texts may contain ``{jobs}``, ``{workflow}``, ``{workflows}``, ``{runner}``,
    ``{allocation}``, ``{group}``, ``{record}`` and ``{argument}``. ``refusal`` may contain
    ``{standing}`` (``has already failed``) and
    ``{status}`` of a job, and ``{running}`` (``2 jobs are running``) of a workflow.
    """

    id: str
    target: Target
    function: str
    """``module:name`` below ``torc_tui``."""
    events: tuple[str, ...]
    """The kinds of events of which the action writes at least one."""
    commands: tuple[str, ...]
    """Names on the command line, the first one shown in help. Empty: only in the app."""
    help: str
    """One line in the imperative, without a final period."""
    verb: str
    """The words of a refusal after ``cannot``."""
    question: str
    done: str
    shell: str | None
    """The command line that does the same."""
    title: str
    """One or two words for the footer and the command palette."""
    legal: frozenset[JobStatus] = ANY
    """The statuses that the jobs must have: each job of the workflow, if it is about a workflow."""
    needs: frozenset[JobStatus] = frozenset()
    """At least one job of the workflow must have one of these statuses."""
    flag: str | None = None
    """Only jobs that have this flag: ``held`` or ``suspended``."""
    archived: bool = True
    """Whether the action applies to an archived workflow."""
    refusal: str = "it {standing}"
    """Why the action does not apply, after ``cannot VERB NAME:``."""
    hint: str | None = None
    """What to do if the action does not apply."""
    confirm: Confirmation | None = None
    dependents: str | None = None
    """What becomes of the jobs that depend on these, as a participle."""
    argument: ActionArgument | None = None
    flags: tuple[Flag, ...] = ()
    fixed: Mapping[str, object] = {}
    """Arguments that the function always gets by keyword."""
    sets: tuple[str, bool] | None = None
    """The flag of the workflow that the action sets. Of two actions on one key, the app takes the
    one that changes the flag."""
    wants_runner: bool = False
    """Whether a runner is needed afterwards."""
    contexts: tuple[str, ...] = ()
    """Where the app offers the action: contexts of its key map."""
    keys: tuple[str, ...] = ()
    vim: tuple[str, ...] | None = None
    footer: int = 0
    """Rank in the footer, 1 first; 0: not there."""


if TYPE_CHECKING:
    JobLike = Job | JobState
    """A job with the properties that decide whether an action applies."""
else:
    JobLike = Any

J = TypeVar("J", bound="JobLike")
J_co = TypeVar("J_co", bound="JobLike", covariant=True)


class ActionSelection(NamedTuple, Generic[J_co]):
    """The jobs to which an action applies, and refusals for the others by id.

    ``dependents`` are the names of the jobs that are canceled or put back with them.
    """

    jobs: Sequence[J_co]
    refused: dict[int, str]
    dependents: Sequence[str] = ()


def applies_to_job(action: UserAction, job: JobLike) -> bool:
    """Return whether the action is legal for the job as it is."""
    return job.status in action.legal and (action.flag is None or getattr(job, action.flag))


def narrow(action: UserAction, jobs: Iterable[J]) -> tuple[list[J], dict[int, str]]:
    """Return the jobs to which the action applies, and a refusal for each of the others by id."""
    chosen: list[J] = []
    refused: dict[int, str] = {}
    for job in jobs:
        if applies_to_job(action, job):
            chosen.append(job)
        else:
            refused[job.id] = job_refusal(action, job)
    return chosen, refused


def job_refusal(action: UserAction, job: JobLike) -> str:
    """Return why the action does not apply: ``cannot hold fit: it has already failed``."""
    standing = _STANDING.get(job.status, f"is {job.status.word}")
    reason = action.refusal.format(standing=standing, status=job.status.word)
    return f"cannot {action.verb} {job.name}: {reason}"


_STANDING = {
    JobStatus.UNINITIALIZED: "is not initialized",
    JobStatus.COMPLETED: "has already completed",
    JobStatus.FAILED: "has already failed",
    JobStatus.CANCELED: "has already been canceled",
    JobStatus.TERMINATED: "has already been terminated",
    JobStatus.PENDING_FAILED: "has failed and waits for a decision",
}


def workflow_refusal(action: UserAction, workflow: Workflow) -> str | None:
    """Return why the action does not apply to the workflow; None if it does."""
    if workflow.is_archived and not action.archived:
        reason = "it is archived"
    else:
        illegal = number_of(workflow.counts, ANY - action.legal)
        missing = action.needs and not number_of(workflow.counts, action.needs)
        if not illegal and not missing:
            return None
        from torc_tui.wording import count

        running = number_of(workflow.counts, HELD)
        reason = action.refusal.format(running=f"{count(running, 'job is', 'jobs are')} running")
    return f"cannot {action.verb} workflow {workflow.id}: {reason}"


def check_workflow(action: UserAction, workflow: Workflow) -> None:
    """Raise Refused if the action does not apply to the workflow."""
    refusal = workflow_refusal(action, workflow)
    if refusal is None:
        return
    hint = action.hint
    if workflow.is_archived and not action.archived:
        hint = "restore it first: `torc workflows archive false {workflow}`"
    raise Refused(refusal, hint=hint and hint.format(workflow=workflow.id))


def must_confirm(action: UserAction, counts: Mapping[JobStatus, int]) -> bool:
    """Return whether the user is asked before the action; ``counts`` of the jobs it is about."""
    if action.target is Target.JOBS and sum(counts.values()) > MANY:
        return True
    confirm = action.confirm
    return confirm is not None and (confirm.when == ANY or number_of(counts, confirm.when) > 0)


def describe_jobs(jobs: Sequence[JobLike]) -> str:
    """Describe jobs in words: ``job 7 (fit)``, ``3 jobs (2 failed, 1 canceled: a, b and c)``.

    The statuses are omitted if all are equal.
    """
    from torc_tui.wording import count, listed, status_counts

    if len(jobs) == 1:
        return f"job {jobs[0].id} ({jobs[0].name})"
    statuses = Counter(job.status for job in jobs)
    kinds = f"{status_counts(statuses)}: " if len(statuses) > 1 else ""
    return f"{count(len(jobs), 'job')} ({kinds}{listed(job.name for job in jobs)})"


def and_dependents(jobs: int, dependents: int) -> str:
    """Return what an answer adds about dependents: `` and 2 jobs that depend on it``."""
    return f" and {_depending(jobs, dependents)}" if dependents else ""


def dependents_sentence(action: UserAction, jobs: int, dependents: int) -> str | None:
    """Return what an action does to dependents, before their names; None where there are none."""
    if not dependents or action.dependents is None:
        return None
    verb = "is" if dependents == 1 else "are"
    return f"{_depending(jobs, dependents)} {verb} {action.dependents} too"


def _depending(jobs: int, dependents: int) -> str:
    from torc_tui.wording import count

    depending = count(dependents, "job that depends", "jobs that depend")
    return f"{depending} on {'it' if jobs == 1 else 'them'}"


def function_of(action: UserAction) -> Callable[..., Any]:
    """Import and return the function that carries out the action."""
    from importlib import import_module

    module, _, name = action.function.partition(":")
    function: Callable[..., Any] = getattr(import_module(f"torc_tui.{module}"), name)
    return function


def shell_line(action: UserAction, **values: object) -> str | None:
    """Return the command line that does the same; values that are not given stay as a word."""
    if action.shell is None:
        return None
    words = {"workflow": "ID", "workflows": "ID", "jobs": "JOB", "runner": "RUNNER"}
    words |= {
        "allocation": "ALLOCATION",
        "group": "GROUP",
        "record": "RECORD",
        "argument": action.argument.name.upper() if action.argument else "N",
    }
    return action.shell.format(**{**words, **values})
