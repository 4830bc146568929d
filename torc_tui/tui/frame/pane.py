"""The tabs beside the job table. Each is a pane that knows whether what it shows is still true.

Law: a hidden pane only becomes stale; it reads and paints again when it is shown. What takes time
is asked of the reader thread and comes back by ``take``; an answer to an older question is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.containers import Vertical

from torc_tui.errors import TorcError
from torc_tui.model import Event, Job
from torc_tui.tui.feed.feed_worker import Answer

if TYPE_CHECKING:
    from torc_tui.tui.workflows.workflow_screen import WorkflowScreen


class Pane(Vertical):
    """Subclasses give ``freshen`` (paint what is selected now) and, where they ask, ``take``."""

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    PER_JOB: ClassVar[bool] = True
    """Whether what it shows depends on the selected job."""

    BLANK = True  # its children cover it: nothing of it needs to be worked out
    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__(id=f"pane-{self.NAME}")
        self.stale = True
        self._asked = 0

    @property
    def owner(self) -> WorkflowScreen:
        return cast("WorkflowScreen", self.screen)

    @property
    def job(self) -> Job | None:
        return self.owner.selected_job

    @property
    def busy(self) -> bool:
        """Whether ``every_tick`` has something to do."""
        return False

    def freshen(self) -> None:
        """Show what is true now; called only while visible."""

    def job_changed(self) -> None:
        """Another job is selected."""
        self.stale = self.stale or self.PER_JOB

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Events came in; ``changed`` are the ids of jobs whose rows differ."""
        job = self.job
        if not self.PER_JOB or (job is not None and job.id in changed):
            self.stale = True

    def every_second(self, now: float) -> None: ...

    def every_tick(self) -> None:
        """With each tick while visible, for what grows by itself."""

    def machine_changed(self) -> None:
        """The machine was read again; called only while visible."""

    def reasons_changed(self) -> None:
        """More is known about why the selected job is where it is."""

    def ask(self, what: str, question: Callable[[Any], Any]) -> None:
        """Put a question to the reader thread; only the answer to the newest one arrives at
        ``take``."""
        self._asked += 1
        number = self._asked

        def numbered(source: Any) -> tuple[int, Any]:
            return number, question(source)

        self.owner.torc.reader.ask((self.NAME, what), numbered)

    def answered(self, what: str, answer: Answer) -> None:
        if answer.error is not None:
            self.failed(what, answer.error)
            return
        number, value = answer.value
        if number <= self._asked:
            self.take(what, value)

    def take(self, what: str, value: Any) -> None:
        """The answer to a question."""

    def failed(self, what: str, error: TorcError | OSError) -> None:
        """The question could not be answered; said where it was asked."""
        self.owner.torc.complain(error)
