"""Questions about workflows, and the actions on them that need nothing but a yes.

Input: an action, a workflow. Output: a question where the action needs one, the action in the
reader thread, and the answer of the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from torc_tui.model import Workflow
from torc_tui.operations.user_action import (
    Flag,
    Target,
    UserAction,
    function_of,
    must_confirm,
    shell_line,
    workflow_refusal,
)
from torc_tui.status import HELD, number_of
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.look.text_layout import Line
from torc_tui.wording import count, status_counts

if TYPE_CHECKING:
    from torc_tui.store.database import Store
    from torc_tui.tui.widgets.choice import Confirm

WIDTH = 64
"""Characters of a line of a question."""


def confirm(
    torc: AppPort,
    title: str,
    about: Sequence[str],
    button: str,
    act: Callable[[], None],
    *,
    danger: bool = True,
) -> Confirm:
    """Show a confirmation, and call ``act`` if the user agrees; return the dialog."""
    from torc_tui.tui.widgets.choice import Confirm

    dialog = Confirm(title, text_lines(about), button, danger=danger)
    torc.push(dialog, lambda agreed: act() if agreed else None)
    return dialog


def text_lines(about: Iterable[str]) -> list[Line]:
    """Return the lines of a dialog, wrapped to its width."""
    return [[(line, "text")] for text in about for line in wrap(text, WIDTH) or [""]]


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
    if refused(action, torc, workflow, partial(act, actions, flags=flags, note=note)):
        return
    go = partial(carry_out, action, torc, workflow, given, note)
    if not must_confirm(action, workflow.counts):
        go()
        return
    words = _words(action, workflow)
    about = [action.confirm.reason] if action.confirm is not None else []
    about += [f"{one.help[0].upper()}{one.help[1:]}." for one in _options(action, given)]
    about += [f"Jobs: {status_counts(workflow.counts)}."] if workflow.counts else []
    number = f" {words['jobs']}" if "{jobs}" in action.question else ""
    button = action.title.capitalize() + number
    confirm(torc, action.question.format(**words), about, button, go)


def carry_out(
    action: UserAction, torc: AppPort, workflow: Workflow, given: Mapping[str, Any], note: str = ""
) -> None:
    """Carry out an action on the workflow without a question; see `act`."""
    wf = workflow.id
    target = [wf] if action.target is Target.WORKFLOWS else wf
    line = shell_line(action, workflow=wf, workflows=wf) or ""
    torc.actions.run(
        lambda store, actor: function_of(action)(store, target, actor=actor, **given),
        line=" ".join([line, *(f"--{one.name}" for one in _options(action, given))]),
        report=lambda _result: action.done.format(**_words(action, workflow)) + note,
    )


def _options(action: UserAction, given: Mapping[str, Any]) -> list[Flag]:
    return [one for one in action.flags if given.get(one.keyword)]


def _words(action: UserAction, workflow: Workflow) -> dict[str, str]:
    number = count(number_of(workflow.counts, action.needs or action.legal), "job")
    return {"workflow": workflow.name, "workflows": workflow.name, "jobs": number}


def refused(
    action: UserAction,
    torc: AppPort,
    workflow: Workflow,
    again: Callable[[AppPort, Workflow], None],
) -> bool:
    """Show why an action does not apply, if it does not, and return whether that is so.

    Where running jobs are the reason, those of lost runners are taken first, and it begins again.
    """
    refusal = workflow_refusal(action, workflow)
    if refusal is not None:
        _refuse(action, torc, workflow, refusal, again)
    return refusal is not None


def _refuse(
    action: UserAction,
    torc: AppPort,
    workflow: Workflow,
    refusal: str,
    again: Callable[[AppPort, Workflow], None],
) -> None:
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
