"""The actions on one workflow: run, stop, pause, cancel, initialize, archive, delete and others.

Input: the workflow of a screen. Output: a question where the action needs one, and the action in
the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from torc_tui.model import Workflow
from torc_tui.status import FINISHED, HELD, UNSETTLED, JobStatus, number_of
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.workflows import workflow_dialogs
from torc_tui.tui.workflows.runner_startup_check import RunnerStartupCheck
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.operations.runners import Background
    from torc_tui.operations.workflows import InitReport
    from torc_tui.store.database import Store


class WorkflowTarget(Protocol):
    """The screen that the actions belong to."""

    @property
    def torc(self) -> AppPort:
        """Return the app."""
        ...

    @property
    def workflow(self) -> Workflow | None:
        """Return the workflow that actions are about, with its counts."""
        ...


def confirm(
    torc: AppPort, title: str, about: Sequence[str], button: str, act: Callable[[], None]
) -> None:
    """Ask, and act if the user agrees."""
    lines = [[(line, "text")] for line in about]
    torc.push(Confirm(title, lines, button), lambda agreed: act() if agreed else None)


class WorkflowActions:
    """See the module."""

    def __init__(self, target: WorkflowTarget) -> None:
        self._target = target
        self._stopped: set[int] = set()
        """Workflows whose runner was asked to stop: the next stop kills."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return the commands that are carried out here."""
        actions: Mapping[str, Callable[[AppPort, Workflow], None]] = {
            "workflow-initialize": initialize,
            "workflow-run": run,
            "workflow-stop": self._stop,
            "workflow-pause": pause,
            "workflow-cancel": cancel,
            "workflow-archive": archive,
            "workflow-delete": delete,
            "workflow-rename": workflow_dialogs.rename,
            "workflow-export": workflow_dialogs.export,
            "workflow-resize": workflow_dialogs.resize,
        }
        return {command_id: self._on(action) for command_id, action in actions.items()}

    def _on(self, action: Callable[[AppPort, Workflow], None]) -> Handler:
        def act() -> None:
            workflow = self._target.workflow
            if workflow is None:
                self._target.torc.notify("no workflow is selected", severity="warning")
            else:
                action(self._target.torc, workflow)

        return act

    def _stop(self, torc: AppPort, workflow: Workflow) -> None:
        again = workflow.id in self._stopped
        self._stopped.add(workflow.id)
        stop(torc, workflow, hard=again)


def initialize(torc: AppPort, workflow: Workflow) -> None:
    """Begin a new run."""
    wf = workflow.id

    def act(store: Store, actor: str) -> InitReport:
        from torc_tui.operations import workflows

        return workflows.initialize(store, wf, actor=actor)

    def report(found: InitReport) -> str:
        return f"run {found.run_id}: {count(found.ready, 'job')} ready, {found.blocked} waiting"

    def go() -> None:
        torc.actions.run(act, line=f"torc workflows init {wf}", report=report)

    finished = number_of(workflow.counts, FINISHED)
    if not finished:
        go()
        return
    completed = count(number_of(workflow.counts, {JobStatus.COMPLETED}), "completed job")
    total = count(sum(workflow.counts.values()), "job")
    confirm(
        torc,
        f"Rerun all jobs of {workflow.name}?",
        [f"Every job starts from the beginning, among them {completed}.", "Results are kept."],
        f"Rerun {total}",
        go,
    )


def run(torc: AppPort, workflow: Workflow, *, line: str | None = None) -> None:
    """Start a runner in the background; ``line`` is the command line that does the same."""
    wf = workflow.id

    def act(store: Store, actor: str) -> Background:
        from torc_tui.operations import runners, workflows

        if workflows.needs_initialization(workflow):
            workflows.initialize(store, wf, once=True, actor=actor)
        return runners.start_runner(store, wf, actor=actor)

    torc.actions.run(
        act,
        line=line or f"torc run {wf} --detach",
        report=lambda background: f"started a runner of {workflow.name} in the background",
        then=lambda background: RunnerStartupCheck(torc, wf, background).watch(),
    )


def stop(torc: AppPort, workflow: Workflow, *, hard: bool) -> None:
    """Stop the runners; ``hard`` kills the jobs without a grace period."""
    wf = workflow.id
    running = count(number_of(workflow.counts, HELD), "job")

    def act(store: Store, actor: str) -> list[int]:
        from torc_tui.operations import runners

        return runners.stop_runners(store, wf, hard=hard, actor=actor)

    how = "SIGKILL now" if hard else "SIGTERM, then SIGKILL"
    confirm(
        torc,
        f"{'Kill' if hard else 'Stop'} the runner of {workflow.name}?",
        [f"{running} running: {how}.", "The other jobs wait for the next runner."],
        f"{'Kill' if hard else 'Stop'} {running}",
        lambda: torc.actions.run(
            act,
            line=f"torc workflows stop {wf}" + (" --now" if hard else ""),
            report=lambda nodes: f"asked {count(len(nodes), 'runner')} to stop",
        ),
    )


def pause(torc: AppPort, workflow: Workflow) -> None:
    """Pause the workflow, or resume it."""
    wf, paused = workflow.id, workflow.is_paused

    def act(store: Store, actor: str) -> None:
        from torc_tui.operations import workflows

        (workflows.resume_workflow if paused else workflows.pause_workflow)(store, wf, actor=actor)

    verb = "resume" if paused else "pause"
    text = "resumed" if paused else "paused: no new job starts"
    torc.actions.run(
        act,
        line=f"torc workflows {verb} {wf}",
        report=lambda _: f"{workflow.name} is {text}",
    )


def cancel(torc: AppPort, workflow: Workflow) -> None:
    """Cancel all jobs that have not finished."""
    wf = workflow.id
    number = number_of(workflow.counts, UNSETTLED)
    if not number:
        torc.notify(f"all jobs of {workflow.name} have finished", severity="warning")
        return

    def act(store: Store, actor: str) -> int:
        from torc_tui.operations import workflows

        return workflows.cancel_workflow(store, wf, actor=actor)

    confirm(
        torc,
        f"Cancel {workflow.name}?",
        ["Waiting jobs are canceled, and running jobs are stopped."],
        f"Cancel {count(number, 'job')}",
        lambda: torc.actions.run(
            act,
            line=f"torc workflows cancel {wf}",
            report=lambda number: f"canceled {count(number, 'job')}",
        ),
    )


def archive(torc: AppPort, workflow: Workflow) -> None:
    """Archive the workflow, or restore it."""
    wf, flag = workflow.id, not workflow.is_archived

    def act(store: Store, actor: str) -> None:
        from torc_tui.operations import workflows

        change = workflows.archive_workflows if flag else workflows.restore_workflows
        change(store, [wf], actor=actor)

    torc.actions.run(
        act,
        line=f"torc workflows archive {str(flag).lower()} {wf}",
        report=lambda _: f"{workflow.name} is {'archived' if flag else 'restored'}",
    )


def delete(torc: AppPort, workflow: Workflow) -> None:
    """Delete the workflow with all its data."""
    wf = workflow.id
    jobs = count(sum(workflow.counts.values()), "job")

    def act(store: Store, actor: str) -> object:
        from torc_tui.operations import workflows

        return workflows.delete_workflows(store, [wf])

    confirm(
        torc,
        f"Delete {workflow.name}?",
        [
            f"Workflow {wf} with {jobs}, results, user data and events is deleted.",
            "Log files are kept.",
        ],
        f"Delete {jobs}",
        lambda: torc.actions.run(
            act, line=f"torc workflows delete {wf}", report=lambda _: f"deleted {workflow.name}"
        ),
    )
