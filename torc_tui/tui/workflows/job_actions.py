"""Actions on jobs, narrowed to the jobs that they apply to.

Input: the chosen jobs of a screen. Output: a confirmation if needed, the action in the reader
thread, and a report. The actions and their texts are those of the catalog.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from torc_tui.errors import Refused
from torc_tui.model import Job, ResourceRequirements
from torc_tui.operations.catalog import CATALOG, HOLD, PRIORITY, RETRY, UPDATE
from torc_tui.operations.user_action import (
    ActionSelection,
    JobLike,
    Target,
    UserAction,
    and_dependents,
    applies_to_job,
    dependents_sentence,
    function_of,
    must_confirm,
    narrow,
    shell_line,
)
from torc_tui.status import HELD
from torc_tui.tui.frame.ports import HasApp
from torc_tui.tui.jobs.job_table import JobTable
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.workflows.workflow_questions import confirm, text_lines
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.operations.job_changes import JobChanges
    from torc_tui.operations.jobs import Done
    from torc_tui.store.database import Store
    from torc_tui.tui.widgets.choice import Confirm
    from torc_tui.tui.widgets.overlay import Overlay

JOB_ACTIONS = {
    action.id: action for action in CATALOG if action.target is Target.JOBS and action.contexts
}
Found = ActionSelection[JobLike]
LOOKED_AT = 500
"""Maximum number of marked or grouped jobs that are checked to build the footer."""
LISTED = 8
"""Names in a question."""
IDS = 20
"""Ids in a command line."""


class JobActions:
    """The handlers of the actions on the chosen jobs of a table."""

    def __init__(self, screen: HasApp, model: WorkflowModel, table: JobTable) -> None:
        self._screen = screen
        self._model = model
        self._table = table

    def handlers(self) -> Mapping[str, Handler]:
        handlers = {name: self._starter(action) for name, action in JOB_ACTIONS.items()}
        return {
            **handlers,
            PRIORITY.id: self._ask_priority,
            UPDATE.id: self._update,
            "job-memory": lambda: self.retry_with_memory(self._table.chosen_jobs),
            "job-command": lambda: self.retry_with_command(self._table.chosen_jobs),
        }

    def is_idle(self, command_id: str) -> bool:
        """Return whether an action is known to apply to none of the chosen jobs.

        Only the first marked jobs are checked.
        """
        action = JOB_ACTIONS.get(command_id)
        if action is None:
            return False
        if self._table.marks:
            return not any(applies_to_job(action, job) for job in self._looked_at())
        table = self._table
        group, job = table.selected_group, table.selected_job
        if group is not None and action.flag is None:
            counts = table.rows.counts_of(group)
            return not any(counts[status] for status in action.legal)
        if group is not None:
            return not any(applies_to_job(action, one) for one in self._looked_at())
        return job is None or not applies_to_job(action, job) or (action is HOLD and job.held)

    def _looked_at(self) -> list[Job]:
        """Return the first chosen jobs, those that are checked."""
        rows = self._table.rows
        ids = (key for row in self._table.marked_or_selected for key in rows.jobs_of(row))
        return [rows.view.jobs[key] for key in islice(ids, LOOKED_AT)]

    def _starter(self, action: UserAction) -> Handler:
        return lambda: self.start(action, self._table.chosen_jobs)

    def start(self, action: UserAction, chosen: Sequence[Job], *, ask: bool = False) -> None:
        """Run an action on the jobs that it applies to, after confirmation if needed.

        With ``ask``, it is confirmed in any case.
        """
        self._narrow(action, chosen, lambda jobs: self._ask(action, jobs, always=ask))

    def retry_with_memory(self, chosen: Sequence[Job]) -> None:
        """Ask for more memory, and retry jobs with it."""
        from torc_tui.tui.workflows import retry_dialogs

        view = self._model.view
        known = {job.id: view.requirements.get(job.requirement_id) for job in chosen}

        def ask(jobs: Sequence[JobLike]) -> None:
            dialog = retry_dialogs.memory_dialog(jobs, [known[job.id] for job in jobs])
            self._push(dialog, jobs, "memory")

        self._narrow(RETRY, chosen, ask)

    def retry_with_command(self, chosen: Sequence[Job]) -> None:
        """Let the user edit the command of jobs, and retry them."""
        from torc_tui.tui.workflows.retry_dialogs import EditCommand

        def ask(jobs: Sequence[JobLike]) -> None:
            self._read_commands(
                jobs, lambda found: self._push(EditCommand(jobs, found), jobs, "command")
            )

        self._narrow(RETRY, chosen, ask)

    def _update(self) -> None:
        """Let the user edit what the chosen jobs request, and their command."""
        chosen, view = self._table.chosen_jobs, self._model.view
        known = {job.id: view.requirements.get(job.requirement_id) for job in chosen}

        def ask(jobs: Sequence[JobLike]) -> None:
            requested = [known[job.id] for job in jobs]
            self._read_commands(jobs, lambda found: self._edit(jobs, requested, found))

        self._narrow(UPDATE, chosen, ask)

    def _edit(
        self,
        jobs: Sequence[JobLike],
        requested: Sequence[ResourceRequirements | None],
        commands: Sequence[str],
    ) -> None:
        from torc_tui.tui.workflows.retry_dialogs import UpdateForm

        form = UpdateForm(jobs, requested, commands)

        def take(texts: dict[str, str] | None) -> None:
            changed = form.changed(texts or {})
            if changed:
                self._run(UPDATE, jobs, changes=changed)
            elif texts is not None:
                self._screen.torc.notify("nothing changed")

        self._screen.torc.push(form, take)

    def _read_commands(
        self, jobs: Sequence[JobLike], then: Callable[[Sequence[str]], None]
    ) -> None:
        from torc_tui.tui.workflows.retry_dialogs import read_commands

        self._screen.torc.actions.read(lambda store, actor: read_commands(store, jobs), then=then)

    def _push(self, dialog: Overlay[str], jobs: Sequence[JobLike], option: str) -> None:
        """Ask for the value of an option of a retry, and carry it out."""

        def take(text: str | None) -> None:
            if text:
                self._run(RETRY, jobs, changes={option: text})

        self._screen.torc.push(dialog, take)

    def _ask(
        self,
        action: UserAction,
        jobs: Sequence[JobLike],
        argument: int | None = None,
        *,
        always: bool = False,
    ) -> None:
        def go() -> None:
            self._run(action, jobs, argument)

        if not always and not must_confirm(action, Counter(job.status for job in jobs)):
            go()
            return
        number = count(len(jobs), "job")
        about = _names([job.name for job in jobs])
        if action.confirm is not None:
            about += ["", action.confirm.reason]
        title = action.question.format(jobs=number, argument=argument)
        button = f"{action.title.capitalize()} {number}"
        dialog = confirm(self._screen.torc, title, about, button, go)
        if action.dependents is not None:
            self._select(action, jobs, lambda found: _show_dependents(dialog, about, action, found))

    def _select(
        self, action: UserAction, jobs: Sequence[JobLike], then: Callable[[Found], None]
    ) -> None:
        """Read which of these jobs the action applies to, and their dependents."""
        ids = [job.id for job in jobs]

        def read(store: Store, actor: str) -> Found:
            from torc_tui.operations.jobs import select

            return select(store, action, ids, actor=actor)

        self._screen.torc.actions.read(read, then=then)

    def _narrow(
        self, action: UserAction, chosen: Sequence[Job], then: Callable[[Sequence[JobLike]], None]
    ) -> None:
        """Pass on the jobs that the action applies to; if there are none, show why.

        Jobs that are running may be those of a lost runner, and are taken from it first.
        """
        jobs, refused = narrow(action, chosen)
        if any(job.status in HELD and job.id in refused for job in chosen):
            self._select(action, chosen, lambda found: self._pass(action, found, then))
        else:
            self._pass(action, ActionSelection(jobs, refused), then)

    def _pass(
        self, action: UserAction, found: Found, then: Callable[[Sequence[JobLike]], None]
    ) -> None:
        if found.jobs:
            then(found.jobs)
            return
        text = next(iter(found.refused.values()), "no job is selected")
        if len(found.refused) > 1:
            text = f"cannot {action.verb} any of {len(found.refused)} jobs; for example: {text}"
        self._screen.torc.notify(text, severity="error")

    def _run(
        self,
        action: UserAction,
        jobs: Sequence[JobLike],
        argument: int | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        """Carry out an action; ``changes`` are options of the command line with their values."""
        torc, ids = self._screen.torc, [job.id for job in jobs]
        arguments = () if argument is None else (argument,)
        more = {"changes": _parsed(changes)} if changes else {}

        def act(store: Store, actor: str) -> Done:
            done: Done = function_of(action)(store, ids, *arguments, actor=actor, **more)
            if not done.moved:
                raise Refused("; ".join(list(done.refused.values())[:3]))
            return done

        def report(done: Done) -> str:
            text = action.done.format(jobs=count(len(done.moved), "job"), argument=argument)
            text += and_dependents(len(done.moved), done.dependents)
            refused = list(done.refused.values())
            if refused:
                text += f"; {len(refused)} refused: {refused[0]}"
            if action.wants_runner and not self._model.has_runner:
                key, cluster = torc.keymap.key("workflow-run"), self._model.rows.reasons.cluster
                text += f"\n{key} {'starts a runner' if cluster is None else 'continues'}"
            return text

        shown = " ".join(map(str, ids[:IDS]))
        shown += f" … ({len(ids)} jobs)" if len(ids) > IDS else ""
        options = [f"--{name} {shlex.quote(text)}" for name, text in (changes or {}).items()]
        line = shell_line(action, jobs=shown, argument=argument) or ""
        line = " ".join([line.partition(" --")[0] if options else line, *options])
        torc.actions.run(act, line=line, report=report)

    def _ask_priority(self) -> None:
        chosen = self._table.chosen_jobs
        known = {job.id: job.priority for job in chosen}
        self._narrow(PRIORITY, chosen, lambda jobs: self._ask_value(jobs, known[jobs[0].id]))

    def _ask_value(self, jobs: Sequence[JobLike], known: int) -> None:
        def check(text: str) -> str | None:
            return (
                None if text.strip().lstrip("-").isdigit() else "enter a whole number, such as 10"
            )

        def take(text: str | None) -> None:
            if text is not None:
                self._ask(PRIORITY, jobs, int(text))

        from torc_tui.tui.widgets.dialogs import Ask

        dialog = Ask(
            f"Priority of {count(len(jobs), 'job')}",
            value=str(known),
            help="jobs with a higher priority start first",
            check=check,
        )
        self._screen.torc.push(dialog, take)


def _names(names: Sequence[str]) -> list[str]:
    """Return the first names, one per line, and the number of others."""
    more = [f"… and {len(names) - LISTED} more"] if len(names) > LISTED else []
    return [*names[:LISTED], *more]


def _show_dependents(
    dialog: Confirm, about: Sequence[str], action: UserAction, found: Found
) -> None:
    """Add the dependents that the action also changes to a question."""
    sentence = dependents_sentence(action, len(found.jobs), len(found.dependents))
    if sentence is not None:
        dialog.set_lines(text_lines([*about, f"{sentence}:", *_names(found.dependents)]))


def _parsed(changes: Mapping[str, str]) -> JobChanges:
    """Return what options of the command line change; UsageError for wrong values."""
    from torc_tui.operations.job_changes import parse_changes

    return parse_changes(changes)
