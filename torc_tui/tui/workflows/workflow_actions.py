"""The actions on one workflow, as the catalog lists them.

Input: the workflow of a screen. Output: a question where the action needs one, the action in the
reader thread, and the answer of the catalog. Actions that ask for more than a yes, and those with a
process to watch, have a function of their own here or in `workflow_dialogs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Protocol

from torc_tui.model import Workflow
from torc_tui.operations.catalog import DROP, RENAME, RESIZE, START, STOP
from torc_tui.operations.user_action import (
    Target,
    UserAction,
    function_of,
    must_confirm,
    shell_line,
    workflow_refusal,
)
from torc_tui.status import HELD, number_of
from torc_tui.tui.frame.commands import ACTIONS
from torc_tui.tui.frame.ports import AppPort, HasApp
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.workflows import workflow_dialogs
from torc_tui.tui.workflows.runner_startup_check import RunnerStartupCheck
from torc_tui.wording import count, status_counts

if TYPE_CHECKING:
    from torc_tui.operations.runners import Background
    from torc_tui.store.database import Store

WIDTH = 64
"""Characters of a line of a question."""
OnWorkflow = Callable[[AppPort, Workflow], None]
ON_WORKFLOWS = {
    command: actions
    for command, actions in ACTIONS.items()
    if actions[0].target in (Target.WORKFLOW, Target.WORKFLOWS)
}


class WorkflowTarget(HasApp, Protocol):
    """The screen that the actions belong to."""

    @property
    def workflow(self) -> Workflow | None:
        """Return the workflow that actions are about, with its counts."""


def confirm(
    torc: AppPort, title: str, about: Sequence[str], button: str, act: Callable[[], None]
) -> Confirm:
    """Show a confirmation, and call ``act`` if the user agrees; return the dialog."""
    dialog = Confirm(title, text_lines(about), button)
    torc.push(dialog, lambda agreed: act() if agreed else None)
    return dialog


def text_lines(about: Iterable[str]) -> list[Line]:
    """Return the lines of a dialog, wrapped to its width."""
    return [[(line, "text")] for text in about for line in wrap(text, WIDTH) or [""]]


class WorkflowActions:
    """The handlers of the actions on the workflow of a screen."""

    def __init__(self, target: WorkflowTarget) -> None:
        self._target = target
        self._stopped: set[int] = set()
        """Workflows whose runner was asked to stop: the next stop kills."""

    def handlers(self) -> Mapping[str, Handler]:
        handlers: dict[str, OnWorkflow] = {
            **{command: partial(act, actions) for command, actions in ON_WORKFLOWS.items()},
            START.id: start,
            STOP.id: self._stop,
            RENAME.id: workflow_dialogs.rename,
            RESIZE.id: workflow_dialogs.resize,
            DROP.id: drop,
            "workflow-export": workflow_dialogs.export,
        }
        return {command: self._on(action) for command, action in handlers.items()}

    def _on(self, action: OnWorkflow) -> Handler:
        def handle() -> None:
            workflow = self._target.workflow
            if workflow is None:
                self._target.torc.notify("no workflow is selected", severity="warning")
            else:
                action(self._target.torc, workflow)

        return handle

    def _stop(self, torc: AppPort, workflow: Workflow) -> None:
        hard = workflow.id in self._stopped
        self._stopped.add(workflow.id)
        note = "" if hard else f"\n{torc.keymap.key(STOP.id)} again kills its jobs"
        act((STOP,), torc, workflow, flags={"hard": True} if hard else {}, note=note)


def act(
    actions: Sequence[UserAction],
    torc: AppPort,
    workflow: Workflow,
    *,
    flags: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Run an action on the workflow, after confirmation if needed.

    Of two actions, the one is taken that changes the flag of the workflow. ``flags`` are arguments
    for its function, ``note`` is added to its answer.
    """
    action = next((one for one in actions if _changes(one, workflow)), actions[0])
    given = flags or {}
    refusal = workflow_refusal(action, workflow)
    if refusal is not None:
        _refuse(action, torc, workflow, refusal, partial(act, actions, flags=flags, note=note))
        return
    wf = workflow.id
    target = [wf] if action.target is Target.WORKFLOWS else wf
    number = count(number_of(workflow.counts, action.needs or action.legal), "job")
    words = {"workflow": workflow.name, "workflows": workflow.name, "jobs": number}
    options = [one for one in action.flags if given.get(one.keyword)]

    def go() -> None:
        line = " ".join(
            [shell_line(action, workflow=wf, workflows=wf) or "", *(f"--{o.name}" for o in options)]
        )
        torc.actions.run(
            lambda store, actor: function_of(action)(store, target, actor=actor, **given),
            line=line,
            report=lambda _result: action.done.format(**words) + note,
        )

    if not must_confirm(action, workflow.counts):
        go()
        return
    about = [action.confirm.reason] if action.confirm is not None else []
    about += [f"{one.help[0].upper()}{one.help[1:]}." for one in options]
    about += [f"Jobs: {status_counts(workflow.counts)}."] if workflow.counts else []
    button = action.title.capitalize() + (f" {number}" if "{jobs}" in action.question else "")
    confirm(torc, action.question.format(**words), about, button, go)


def _refuse(
    action: UserAction, torc: AppPort, workflow: Workflow, refusal: str, again: OnWorkflow
) -> None:
    """Show a refusal, unless freeing the jobs of lost runners makes the action legal."""
    if not number_of(workflow.counts, HELD - action.legal):
        torc.notify(refusal, severity="error")
        return

    def free(store: Store, actor: str) -> Workflow | None:
        from torc_tui.operations.lost_runners import free_lost_jobs
        from torc_tui.store import workflows

        freed = free_lost_jobs(store, action, [workflow.id], actor)
        return workflows.get_workflow(store, workflow.id) if freed else None

    def then(now: Workflow | None) -> None:
        if now is None:
            torc.notify(refusal, severity="error")
        else:
            again(torc, now)

    torc.actions.read(free, then=then)


def _changes(action: UserAction, workflow: Workflow) -> bool:
    """Return whether the action would change its flag of the workflow."""
    return action.sets is not None and getattr(workflow, action.sets[0]) is not action.sets[1]


def drop(torc: AppPort, workflow: Workflow) -> None:
    """Drop a runner after confirmation."""

    def ask(runner: workflow_dialogs.RunnerSize) -> None:
        named = f"runner {runner.id} on {runner.hostname}"
        reason = [DROP.confirm.reason] if DROP.confirm is not None else []
        confirm(
            torc,
            DROP.question.format(runner=named),
            reason,
            DROP.title.capitalize(),
            lambda: torc.actions.run(
                lambda store, actor: function_of(DROP)(store, runner.id, actor=actor),
                line=shell_line(DROP, runner=runner.id),
                report=lambda _dropped: DROP.done.format(runner=named),
            ),
        )

    workflow_dialogs.choose_runner(torc, workflow, ask)


def start(torc: AppPort, workflow: Workflow) -> None:
    """Start a runner; ask first if the workflow already has one."""

    def found(runners: Sequence[workflow_dialogs.RunnerSize]) -> None:
        if not runners:
            run(torc, workflow)
            return
        hosts = ", ".join(f"runner {one.id} on {one.hostname}" for one in runners)
        about = [f"{hosts}: another one starts further jobs at the same time."]
        title = f"{workflow.name} is already running. Start another runner?"
        confirm(torc, title, about, "Start another runner", lambda: run(torc, workflow))

    workflow_dialogs.read_runners(torc, workflow, found)


def run(torc: AppPort, workflow: Workflow, *, line: str | None = None) -> None:
    """Start a runner in the background; ``line`` is the command line that does the same."""
    wf = workflow.id

    def start(store: Store, actor: str) -> Background:
        from torc_tui.operations import runners, workflows

        if workflows.needs_initialization(workflow):
            workflows.initialize(store, wf, once=True, actor=actor)
        return runners.start_runner(store, wf, actor=actor)

    torc.actions.run(
        start,
        line=line or shell_line(START, workflow=wf),
        report=lambda _background: START.done.format(workflow=workflow.name),
        then=lambda background: RunnerStartupCheck(torc, wf, background).watch(),
    )
