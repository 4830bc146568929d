"""The actions on jobs: each is narrowed to the jobs that it applies to before it asks.

Input: the chosen jobs of a screen. Output: a question where the action needs one, the action in the
reader thread, and what became of the jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from torc_tui.errors import Refused
from torc_tui.model import Job
from torc_tui.status import CANCELABLE, HELD, RETRYABLE, UNSETTLED, JobStatus
from torc_tui.tui.frame.commands import BY_ID, command_line
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.jobs.job_table import JobTable
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Ask
from torc_tui.tui.workflows.workflow_actions import confirm
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.operations.jobs import Done
    from torc_tui.store.database import Store

MANY = 20
"""An action on more jobs is confirmed, even if it destroys nothing: it may be a folded group."""
LISTED = 8
"""Names in a question."""


class ActionScreen(Protocol):
    """The screen that the actions belong to."""

    @property
    def torc(self) -> AppPort:
        """Return the app."""
        ...


@dataclass(frozen=True, slots=True)
class JobAction:
    """One action: its command, its function in ``operations.jobs``, and its words.

    ``legal`` are the statuses that a job must have; ``held`` None, or whether it must be held.
    """

    command: str
    function: Callable[[], Callable[..., Done]]
    verb: str
    past: str
    legal: frozenset[JobStatus] = frozenset(JobStatus)
    held: bool | None = None
    wants_runner: bool = False

    def applies_to(self, job: Job) -> bool:
        """Return whether the action is legal for a job as it is."""
        return job.status in self.legal and self.held in (None, job.held)


def _retry() -> Callable[..., Done]:
    from torc_tui.operations.jobs import retry_jobs

    return retry_jobs


def _cancel() -> Callable[..., Done]:
    from torc_tui.operations.jobs import cancel_jobs

    return cancel_jobs


def _terminate() -> Callable[..., Done]:
    from torc_tui.operations.jobs import terminate_jobs

    return terminate_jobs


def _hold() -> Callable[..., Done]:
    from torc_tui.operations.jobs import hold_jobs

    return hold_jobs


def _release() -> Callable[..., Done]:
    from torc_tui.operations.jobs import release_jobs

    return release_jobs


def _priority() -> Callable[..., Done]:
    from torc_tui.operations.jobs import set_priority

    return set_priority


def _disable() -> Callable[..., Done]:
    from torc_tui.operations.jobs import disable_jobs

    return disable_jobs


def _enable() -> Callable[..., Done]:
    from torc_tui.operations.jobs import enable_jobs

    return enable_jobs


RETRY = JobAction("job-retry", _retry, "retry", "will run again", RETRYABLE, wants_runner=True)
CANCEL = JobAction("job-cancel", _cancel, "cancel", "canceled", UNSETTLED)
TERMINATE = JobAction("job-terminate", _terminate, "terminate", "told to end", HELD)
HOLD = JobAction("job-hold", _hold, "hold", "held", CANCELABLE, held=False)
RELEASE = JobAction("job-release", _release, "release", "released", held=True)
PRIORITY = JobAction(
    "job-priority", _priority, "set the priority of", "with a new priority", CANCELABLE
)
DISABLE = JobAction("job-disable", _disable, "disable", "disabled", CANCELABLE | RETRYABLE)
ENABLE = JobAction("job-enable", _enable, "enable", "enabled", frozenset({JobStatus.DISABLED}))
JOB_ACTIONS = (RETRY, CANCEL, TERMINATE, HOLD, RELEASE, PRIORITY, DISABLE, ENABLE)


class JobActions:
    """See the module."""

    def __init__(self, screen: ActionScreen, model: WorkflowModel, table: JobTable) -> None:
        self._screen = screen
        self._model = model
        self._table = table

    def handlers(self) -> Mapping[str, Handler]:
        """Return the commands that are carried out here."""
        handlers: dict[str, Handler] = {
            action.command: self._starter(action) for action in JOB_ACTIONS
        }
        return {**handlers, PRIORITY.command: self._ask_priority}

    def is_idle(self, command_id: str) -> bool:
        """Return whether the action of a command applies to none of the chosen jobs.

        Of marked jobs nothing is known without looking at all of them: then it may apply.
        """
        action = next((one for one in JOB_ACTIONS if one.command == command_id), None)
        if action is None or self._table.marks:
            return False
        group, job = self._table.selected_group, self._table.selected_job
        if group is not None:
            return not any(group.counts[status] for status in action.legal)
        return job is None or not action.applies_to(job)

    def _starter(self, action: JobAction) -> Handler:
        return lambda: self.start(action, self._table.chosen_jobs)

    def start(self, action: JobAction, chosen: Sequence[Job], *arguments: object) -> None:
        """Ask where the action needs it, and carry it out on the jobs that it applies to."""
        torc = self._screen.torc
        jobs = [job for job in chosen if action.applies_to(job)]
        if not jobs:
            torc.notify(self._refusal(action, chosen), severity="error")
            return

        def go() -> None:
            self._run(action, jobs, arguments)

        if BY_ID[action.command].destructive or len(jobs) > MANY:
            names = [job.name for job in jobs[:LISTED]]
            if len(jobs) > LISTED:
                names.append(f"… and {len(jobs) - LISTED} more")
            verb = f"{action.verb.capitalize()} {count(len(jobs), 'job')}"
            confirm(torc, f"{verb}?", names, verb, go)
        else:
            go()

    def _refusal(self, action: JobAction, chosen: Sequence[Job]) -> str:
        if not chosen:
            return "no job is selected"
        if len(chosen) == 1:
            job = chosen[0]
            state = "held" if job.held and action.held is False else job.status.word
            return f"cannot {action.verb} {job.name}: it is {state}"
        return f"cannot {action.verb} any of these {len(chosen)} jobs"

    def _run(self, action: JobAction, jobs: Sequence[Job], arguments: Sequence[object]) -> None:
        torc, ids = self._screen.torc, [job.id for job in jobs]

        def act(store: Store, actor: str) -> Done:
            done = action.function()(store, ids, *arguments, actor=actor)
            if not done.moved:
                raise Refused("; ".join(list(done.refused.values())[:3]))
            return done

        def report(done: Done) -> str:
            refused = list(done.refused.values())
            text = f"{count(len(done.moved), 'job')} {action.past}"
            if refused:
                text += f"; {len(refused)} not: {refused[0]}"
            if action.wants_runner and not self._model.has_runner:
                text += f"\n{torc.keymap.key('workflow-run')} starts a runner"
            return text

        line = command_line(BY_ID[action.command], workflow=self._model.workflow_id, jobs=ids)
        if line is not None and arguments:
            line = line.replace(" N ", f" {arguments[0]} ")
        torc.actions.run(act, line=line, report=report)

    def _ask_priority(self) -> None:
        torc, chosen = self._screen.torc, self._table.chosen_jobs
        jobs = [job for job in chosen if PRIORITY.applies_to(job)]
        if not jobs:
            torc.notify(self._refusal(PRIORITY, chosen), severity="error")
            return

        def check(text: str) -> str | None:
            return (
                None if text.strip().lstrip("-").isdigit() else "enter a whole number, such as 10"
            )

        def take(text: str | None) -> None:
            if text is not None:
                self.start(PRIORITY, jobs, int(text))

        torc.push(
            Ask(
                f"Priority of {count(len(jobs), 'job')}",
                value=str(jobs[0].priority),
                help="jobs with a higher priority start first",
                check=check,
            ),
            take,
        )
