"""The base of the tabs beside the job table.

Invariants: a hidden pane only becomes stale, and is updated when it is shown. Slow work is done by
the reader thread; the answer to an older question is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set
from typing import ClassVar, TypeVar

from textual.containers import Vertical

from torc_tui.model import Event, Job
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.ports import AppPort, PaneHost
from torc_tui.tui.widgets.command_node import CommandNode, is_open

T = TypeVar("T")


class Pane(CommandNode, Vertical):
    """A tab. Subclasses implement ``refresh_content``, which shows the current selection."""

    NAME: ClassVar[str] = ""
    VIEWS: ClassVar[str] = ""
    """The command that shows the next view of the tab, if it has several."""
    PER_JOB: ClassVar[bool] = True
    """Whether the content depends on the selected job."""

    BLANK = True  # its children cover it
    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """

    def __init__(self, host: PaneHost) -> None:
        super().__init__(id=f"pane-{self.NAME}")
        self.host = host
        self.stale = True
        self.listed: int | None = None
        """The number of records in the list of the pane, for its frame."""
        self.title = ""
        """The title of the frame; empty: the selected job, or the name of the tab."""
        self.idle: Collection[str] = ()
        """Commands of the pane that would do nothing now."""
        self._asked: dict[str, int] = {}

    @property
    def torc(self) -> AppPort:
        return self.host.torc

    @property
    def job(self) -> Job | None:
        return self.host.selected_job

    # -- what the tab host calls -------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether ``every_tick`` has work."""
        return False

    def refresh_content(self) -> None:
        """Show the current state; called only while visible."""

    def job_changed(self) -> None:
        """Handle the selection of another job, or other marks."""
        self.stale = self.stale or self.PER_JOB

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Handle events; ``changed`` are the ids of changed jobs."""
        job = self.job
        if not self.PER_JOB or (job is not None and job.id in changed):
            self.stale = True

    def every_second(self, now: float) -> None:
        """Update what changes with time alone; called only while visible."""

    def every_tick(self) -> None:
        """Do postponed work; called only while visible."""

    def machine_changed(self) -> None:
        """Handle a reading of the machine; called only while visible."""

    def reasons_changed(self) -> None:
        """Handle new reasons for the status of the selected job."""

    def plan_changed(self) -> None:
        """Handle a new rerun plan; called only while visible."""

    # -- questions ---------------------------------------------------------------------------------

    def ask(
        self,
        what: str,
        read: Callable[[FeedReader], T],
        then: Callable[[T], None],
        failed: Callable[[ReadError], None] | None = None,
        *,
        slow: bool = False,
    ) -> None:
        """Ask the reader thread; only the newest question of its kind is answered.

        A ``slow`` question does not keep others waiting.
        """
        number = self._asked[what] = self._asked.get(what, 0) + 1

        def deliver(result: T) -> None:
            if is_open(self) and number == self._asked[what]:
                then(result)

        def refuse(error: ReadError) -> None:
            if is_open(self):
                (failed or self.torc.show_error)(error)

        reader = self.torc.planner if slow else self.torc.reader
        reader.ask((self.NAME, what), read, deliver, refuse)
