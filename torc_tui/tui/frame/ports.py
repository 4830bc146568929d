"""Define what screens, panes and dialogs need from the app, and panes from their screen.

The app and the workflow screen satisfy these protocols; nothing below them imports them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.screen import Screen

from torc_tui.model import Job, Workflow
from torc_tui.tui.look.text_layout import Span

if TYPE_CHECKING:
    from torc_tui.tui.feed.feed_worker import FeedWorker
    from torc_tui.tui.feed.machine import MachineHistory, Meter
    from torc_tui.tui.feed.reader import Reader
    from torc_tui.tui.feed.watches import Watch, Watches
    from torc_tui.tui.frame.action_runner import ActionRunner, Severity
    from torc_tui.tui.frame.keymap import KeyMap
    from torc_tui.tui.frame.ui_state import UiState
    from torc_tui.tui.look.theme import Palette
    from torc_tui.tui.widgets.command_node import Handler
    from torc_tui.views.workflow_view import WorkflowView

T = TypeVar("T")


class AppPort(Protocol):
    """What screens, panes and dialogs need of the app."""

    environ: Mapping[str, str]
    read_only: bool
    keymap: KeyMap
    state: UiState
    feed: FeedWorker
    reader: Reader
    planner: Reader
    """A second reader, for questions that take long."""
    actions: ActionRunner
    machine: MachineHistory
    watches: Watches
    meters: tuple[Meter, ...]
    lost: str | None
    """Why the database cannot be read; None while it can."""
    last_line: str | None
    """The command line that repeats the last action."""

    @property
    def palette(self) -> Palette:
        """Return the styles of the current theme."""

    # -- messages ----------------------------------------------------------------------------------

    def notify(
        self, message: str, *, severity: Severity = ..., timeout: float | None = ...
    ) -> None:
        """Show a notification."""

    def show_error(self, error: Exception) -> None:
        """Show an error with its hint."""

    def report_jobs(self, word: str, jobs: Sequence[tuple[int, str]]) -> None:
        """Collect jobs (id, name) that became ``word``, and report them in one notification."""

    def toggle_watch(self, key: Hashable, watch: Watch, *, ended: bool) -> None:
        """Notify the user when the jobs finish; a second call cancels that.

        If all have ``ended``, say so.
        """

    # -- screens and commands ----------------------------------------------------------------------

    def open_list(self, *, at: int | None = ...) -> None:
        """Show the list of workflows, with the cursor on one of them."""

    def open_workflow(self, workflow_id: int) -> None:
        """Show one workflow."""

    def push(
        self, screen: Screen[T], then: Callable[[T | None], Awaitable[None] | None] | None = ...
    ) -> None:
        """Show a screen on top; ``then`` gets its result, or None."""

    def run_command(self, command_id: str) -> None:
        """Run a command as if its key were pressed."""

    def handlers_here(self) -> Mapping[str, Handler]:
        """Return the handlers of the commands that are available now."""

    def quit(self) -> None:
        """Quit the app."""

    # -- the terminal ------------------------------------------------------------------------------

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""

    def terminal(self) -> AbstractContextManager[None]:
        """Release the terminal for another program while the context is open."""

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function once after a delay."""


class HasApp(Protocol):
    """A screen or pane."""

    @property
    def torc(self) -> AppPort:
        """Return the app."""


class RunnerPort(Protocol):
    """What the list of runners needs."""

    def run(self, command: str, node_id: int) -> None:
        """Stop, resize or drop a runner of the workflow."""


class AllocationPort(Protocol):
    """What the list of allocations needs."""

    def run(self, command: str, allocation_id: int) -> None:
        """Open or cancel an allocation, request more, or pause its queue group."""

    def request_first(self) -> None:
        """Request allocations for a workflow that has none."""


class MarkedRows(Protocol):
    """A job table."""

    marks: set[Hashable]
    """The keys of the marked rows."""

    @property
    def chosen_jobs(self) -> list[Job]:
        """Return the jobs of the marked rows, or of the row under the cursor."""


class ReplayPort(Protocol):
    """A replay."""

    run_id: int | None
    """The run that the timeline shows and that is replayed; None: the last one."""

    def choose_run(self, run_id: int | None) -> None:
        """Choose another run; a replay begins again with it."""


class PaneHost(HasApp, Protocol):
    """What panes need of the workflow screen."""

    workflow_id: int
    moment: float | None
    """The moment of the run that a replay shows; None: the present."""

    @property
    def runner_commands(self) -> RunnerPort:
        """Return the commands of single runners."""

    @property
    def allocation_commands(self) -> AllocationPort:
        """Return the commands of single allocations."""

    @property
    def replay(self) -> ReplayPort:
        """Return the replay of the workflow."""

    @property
    def view(self) -> WorkflowView | None:
        """Return the jobs of the workflow; None until they are read."""

    @property
    def selected_job(self) -> Job | None:
        """Return the job under the cursor."""

    @property
    def table(self) -> MarkedRows:
        """Return the job table."""

    @property
    def workflow(self) -> Workflow | None:
        """Return the workflow with its counts; None until it is read."""

    def reasons(self, job: Job, *, ask: bool = ...) -> Sequence[Span]:
        """Return the reasons for the status of a job; with ``ask``, read more of them."""

    def go_to_job(self, job_id: int, *, focus: bool = ...) -> None:
        """Select a job in the table."""

    def rerun_jobs(self, job_ids: Sequence[int] | None, *, ask: bool = ...) -> None:
        """Rerun jobs that are stale, None: all of them; with ``ask``, after a question."""

    def explain_job(self) -> None:
        """Show all reasons of the selected job."""

    def leave_pane(self) -> None:
        """Go back to the job table, or on to the list of workflows."""
