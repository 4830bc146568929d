"""What a user does: each act is a function of ``operations``, run by the reader thread, asked first
if it destroys.

What comes in: commands. What goes out: calls in the thread, what they came to as a word to the
user, and the command line that does the same. Nothing here knows what an act means for the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from torc_tui.model import Job, Workflow
from torc_tui.tui.feed.feed_worker import Answer
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.commands import BY_ID
from torc_tui.tui.widgets.dialogs import Ask, Confirm
from torc_tui.tui.workflows.runner_startup_check import FirstSteps

if TYPE_CHECKING:
    from torc_tui.tui.shell.app import TorcApp

Act = Callable[[Any, str], Any]
"""Gets the store and the name of who acts."""

_numbers = count(1)

MANY = 20
"""An act on more jobs than this is asked about, also when it destroys nothing: it may be a folded
family."""


def people(number: int, word: str = "job") -> str:
    """``1 job``, ``37 jobs``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


class Acts:
    """Of one app: carries acts out and tells how they went."""

    def __init__(self, app: TorcApp) -> None:
        self.app = app
        self._said: dict[int, Callable[[Any], str]] = {}
        self._then: dict[int, Callable[[Any], None]] = {}
        self._otherwise: dict[int, Callable[[], None]] = {}

    def do(
        self,
        command_id: str,
        act: Act,
        *,
        workflow: int | None = None,
        jobs: Sequence[int] = (),
        said: Callable[[Any], str] = lambda value: "done",
        then: Callable[[Any], None] | None = None,
        otherwise: Callable[[], None] | None = None,
        line: str | None = None,
    ) -> None:
        """Carry out an act now. ``said`` makes a sentence of what it gave; an empty one says
        nothing. ``then`` gets what it gave; ``otherwise`` is called when it was refused, after that
        was said. ``line`` is its command line, where the table alone cannot tell it."""
        self.app.did(command_id, workflow=workflow, jobs=jobs)
        if line is not None:
            self.app.last_line = line
        self.ask(act, said=said, then=then, otherwise=otherwise)

    def ask(
        self,
        act: Act,
        *,
        said: Callable[[Any], str] = lambda value: "",
        then: Callable[[Any], None] | None = None,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        """Let the reader thread do or read something, which is no act by itself."""
        from torc_tui import settings

        number = next(_numbers)
        self._said[number] = said
        if then is not None:
            self._then[number] = then
        if otherwise is not None:
            self._otherwise[number] = otherwise
        actor = settings.actor()
        self.app.reader.ask(("act", number), lambda source: act(source.store, actor))

    def answered(self, answer: Answer) -> None:
        number = answer.key[1]  # type: ignore[index]  # keys of acts are pairs
        said = self._said.pop(number, None)
        then = self._then.pop(number, None)
        otherwise = self._otherwise.pop(number, None)
        if answer.error is not None:
            self.app.complain(answer.error)
            if otherwise is not None:
                otherwise()
            return
        text = said(answer.value) if said is not None else ""
        if text:
            self.app.notify(text, markup=False)
        if then is not None:
            then(answer.value)

    def ask_first(
        self, title: str, about: Sequence[str], button: str, act: Callable[[], None]
    ) -> None:
        """Do it after the user agreed."""
        lines = [[(line, "text")] for line in about]
        self.app.push_screen(
            Confirm(title, lines, button), lambda agreed: act() if agreed else None
        )

    # -- on jobs -----------------------------------------------------------------------------------

    def on_jobs(
        self, command_id: str, jobs: Sequence[Job], workflow: int, argument: Any = None
    ) -> None:
        """An act of ``operations.jobs`` on these jobs, asked first where the table says so."""
        if not jobs:
            self.app.notify("no job is selected", severity="warning")
            return
        ids = [job.id for job in jobs]
        verb, past, name = JOB_ACTS[command_id]
        screen = self.app.screen
        runs = not isinstance(screen, TorcScreen) or screen.has_runner

        def act(store: Any, actor: str) -> Any:
            from torc_tui.operations import jobs as operations

            function = getattr(operations, name)
            return function(store, ids, *(() if argument is None else (argument,)), actor=actor)

        def said(done: Any) -> str:
            text = f"{people(len(done.moved))} {past}"
            if done.refused:
                first = next(iter(done.refused.values()))
                text += (
                    f"; {len(done.refused)} not: {first}" if len(done.refused) > 1 else f"; {first}"
                )
            if command_id == "job-retry" and not runs:
                text += f"\n{self.app.keymap.key('workflow-run')} starts a runner"
            return text if done.moved else "; ".join(list(done.refused.values())[:3])

        def go() -> None:
            line = None
            if command_id == "job-priority":
                line = f"torc jobs priority {argument} {' '.join(map(str, ids))}"
            self.do(command_id, act, workflow=workflow, jobs=ids, said=said, line=line)

        if BY_ID[command_id].destructive or len(jobs) > MANY:
            names = [job.name for job in jobs[:8]] + (
                [f"… and {len(jobs) - 8} more"] if len(jobs) > 8 else []
            )
            self.ask_first(f"{verb} {people(len(jobs))}?", names, f"{verb} {people(len(jobs))}", go)
        else:
            go()

    def priority(self, jobs: Sequence[Job], workflow: int) -> None:
        def check(text: str) -> str | None:
            return None if text.strip().lstrip("-").isdigit() else "a whole number, such as 10"

        def take(text: Any) -> None:
            if isinstance(text, str):
                self.on_jobs("job-priority", jobs, workflow, int(text))

        current = str(jobs[0].priority) if jobs else "0"
        self.app.push_screen(
            Ask(
                f"Priority of {people(len(jobs))}",
                value=current,
                help="higher ones start first",
                check=check,
            ),
            take,
        )

    # -- on workflows ------------------------------------------------------------------------------

    def on_workflow(self, command_id: str, workflow: Workflow, left: int) -> None:
        """An act on a whole workflow; ``left`` is how many jobs have not ended."""
        from torc_tui.tui.workflows import workflow_dialogs

        wf = workflow.id
        match command_id:
            case "workflow-initialize":
                self._initialize(workflow)
            case "workflow-run":
                self._run(workflow)
            case "workflow-stop":
                self._stop(workflow)
            case "workflow-pause":
                paused = workflow.is_paused
                name = "resume_workflow" if paused else "pause_workflow"
                self.do(
                    command_id,
                    lambda store, actor: getattr(_operations(), name)(store, wf, actor=actor),
                    workflow=wf,
                    said=lambda _: (
                        f"{workflow.name} {'goes on' if paused else 'is paused: nothing new starts'}"
                    ),
                    line=f"torc workflows {'resume' if paused else 'pause'} {wf}",
                )
            case "workflow-cancel":
                self.ask_first(
                    f"Cancel {workflow.name}?",
                    [f"{people(left)} not ended yet will be canceled; running ones are stopped."],
                    f"Cancel {people(left)}",
                    lambda: self.do(
                        command_id,
                        lambda store, actor: _operations().cancel_workflow(store, wf, actor=actor),
                        workflow=wf,
                        said=lambda number: f"{people(number)} canceled",
                    ),
                )
            case "workflow-rename":
                workflow_dialogs.rename(self.app, workflow)
            case "workflow-export":
                workflow_dialogs.export(self.app, workflow)
            case "workflow-resize":
                workflow_dialogs.resize(self.app, workflow)
            case "workflow-archive":
                flag = not workflow.is_archived
                self.do(
                    command_id,
                    lambda store, actor: (
                        _operations().archive_workflows(store, [wf], actor=actor)
                        if flag
                        else _operations().restore_workflows(store, [wf], actor=actor)
                    ),
                    workflow=wf,
                    said=lambda _: (
                        f"{workflow.name} {'archived' if flag else 'taken out of the archive'}"
                    ),
                    line=f"torc workflows archive {str(flag).lower()} {wf}",
                )
            case "workflow-delete":
                total = sum(workflow.counts.values())
                self.ask_first(
                    f"Delete {workflow.name}?",
                    [
                        f"Workflow {wf} with its {people(total)}, results, user data and events.",
                        "Log files stay.",
                    ],
                    f"Delete {people(total)}",
                    lambda: self.do(
                        command_id,
                        lambda store, actor: _operations().delete_workflows(store, [wf]),
                        workflow=wf,
                        said=lambda _: f"{workflow.name} deleted",
                    ),
                )

    def _initialize(self, workflow: Workflow, *, force: bool = False) -> None:
        wf = workflow.id

        def said(report: Any) -> str:
            return f"run {report.run_id}: {people(report.ready)} ready, {report.blocked} waiting"

        self.do(
            "workflow-initialize",
            lambda store, actor: _operations().initialize(store, wf, force=force, actor=actor),
            workflow=wf,
            said=said,
        )

    def _run(self, workflow: Workflow) -> None:
        wf = workflow.id

        def act(store: Any, actor: str) -> Any:
            from torc_tui.operations import runners

            if _operations().needs_initialization(workflow):
                _operations().initialize(store, wf, once=True, actor=actor)
            return runners.start_runner(store, wf, actor=actor)

        self.do(
            "workflow-run",
            act,
            workflow=wf,
            said=lambda background: f"a runner of {workflow.name} works in the background",
            then=lambda background: FirstSteps(self.app, wf, background).watch(),
        )

    def _stop(self, workflow: Workflow) -> None:
        wf = workflow.id

        def stop(hard: bool) -> None:
            def act(store: Any, actor: str) -> Any:
                from torc_tui.operations import runners

                return runners.stop_runners(store, wf, hard=hard, actor=actor)

            self.do(
                "workflow-stop",
                act,
                workflow=wf,
                said=lambda nodes: f"{people(len(nodes), 'runner')} asked to stop",
                line=f"torc workflows stop {wf}" + (" --now" if hard else ""),
            )

        again = wf in self.app.stopping
        self.app.stopping.add(wf)
        running = sum(
            number
            for status, number in workflow.counts.items()
            if status.name in ("RUNNING", "PENDING")
        )
        self.ask_first(
            f"Stop the runner of {workflow.name}{' at once' if again else ''}?",
            [
                f"{people(running)} running: {'killed now' if again else 'SIGTERM, then SIGKILL'}; the rest waits."
            ],
            f"{'Kill' if again else 'Stop'} {people(running)}",
            lambda: stop(again),
        )


JOB_ACTS: dict[str, tuple[str, str, str]] = {
    "job-retry": ("Retry", "will run again", "retry_jobs"),
    "job-cancel": ("Cancel", "canceled", "cancel_jobs"),
    "job-terminate": ("Terminate", "told to end", "terminate_jobs"),
    "job-hold": ("Hold", "held", "hold_jobs"),
    "job-release": ("Release", "released", "release_jobs"),
    "job-priority": ("Set priority of", "with a new priority", "set_priority"),
    "job-disable": ("Disable", "disabled", "disable_jobs"),
    "job-enable": ("Enable", "enabled", "enable_jobs"),
}
"""Command: verb for the button, what became of the jobs, function of ``operations.jobs``."""


def _operations() -> Any:
    from torc_tui.operations import workflows

    return workflows
