"""Run the actions on one workflow, as the catalog lists them.

Input: the workflow of a screen. Output: a question where the action needs one, the action in the
reader thread, and the answer of the catalog. Actions that ask for more than a yes, and those with a
process to watch, have a function of their own here or in `workflow_dialogs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from torc_tui.model import Workflow
from torc_tui.operations.catalog import (
    DROP,
    INITIALIZE,
    REINITIALIZE,
    RENAME,
    RESIZE,
    START,
    STOP,
)
from torc_tui.operations.user_action import Target
from torc_tui.tui.frame.commands import ACTIONS
from torc_tui.tui.frame.ports import AppPort, HasApp
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.workflows import runner_actions
from torc_tui.tui.workflows.rerun_dialogs import initialize, rerun_stale
from torc_tui.tui.workflows.run_actions import ask_options, start
from torc_tui.tui.workflows.workflow_questions import act

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
            "workflow-run-options": ask_options,
            STOP.id: self._stop,
            RENAME.id: _rename,
            RESIZE.id: runner_actions.resize,
            DROP.id: runner_actions.drop,
            INITIALIZE.id: initialize,
            REINITIALIZE.id: rerun_stale,
            "workflow-export": _export,
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


def _rename(torc: AppPort, workflow: Workflow) -> None:
    from torc_tui.tui.workflows.workflow_dialogs import rename

    rename(torc, workflow)


def _export(torc: AppPort, workflow: Workflow) -> None:
    from torc_tui.tui.workflows.workflow_dialogs import export

    export(torc, workflow)
