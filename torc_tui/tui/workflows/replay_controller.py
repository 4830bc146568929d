"""Replay a run on the workflow screen.

Input: keys, the slider, time. Output: views of the past for the screen.

Invariants: while a replay is on, the screen shows nothing of the present: new events are dropped,
and the end of the replay reads the present state anew. A long way is gone in the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from torc_tui.tui.feed.reader import Failed, ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.ports import HasApp
from torc_tui.tui.jobs.workflow_contents import WorkflowContents, contents_of
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.workflows.replay_bar import ReplayBar, ReplayState
from torc_tui.tui.workflows.workflow_updates import WorkflowUpdates
from torc_tui.views.replay import Recording, record
from torc_tui.views.workflow_view import WorkflowView

T = TypeVar("T")
LASTS = 30.0
"""Seconds that a whole run takes at the first speed, at most."""
SPEEDS = tuple(factor * 10**power for power in range(7) for factor in (1, 2, 5))
STEP = 0.02
"""The share of the run by which a key moves the moment."""
MOST = 2000
"""Events that are applied at once; more of them are applied in the reader thread."""
LARGE = 20_000
"""Number of jobs of a run that takes more than a second to read."""
NO_TURN = -1
"""The turn of the feed during a replay: no record has it."""


class ReplayedScreen(HasApp, Protocol):
    """What a replay needs of the workflow screen."""

    workflow_id: int
    model: WorkflowModel
    updates: WorkflowUpdates
    replay_bar: ReplayBar
    moment: float | None
    leading_contexts: Sequence[str]
    refusal: str

    def reload(self) -> None:
        """Reload everything from the database."""

    def show_keys(self) -> None:
        """Update the footer."""

    def ask(
        self,
        key: Hashable,
        read: Callable[[FeedReader], T],
        then: Callable[[T], None],
        failed: Failed | None = ...,
        *,
        slow: bool = ...,
    ) -> None:
        """Ask the reader thread; the answer is dropped if the screen is closed by then."""


class ReplayController:
    """The replay of one screen; off at first."""

    def __init__(self, screen: ReplayedScreen) -> None:
        self._screen = screen
        self.run_id: int | None = None
        self._recording: Recording | None = None
        self._plays = False
        self._speed = 1.0
        self._at = 0.0
        self._ticked: float | None = None
        self._asked = 0
        self._waits = False
        """Whether the reader thread makes a view."""
        self._shown: WorkflowView | None = None
        """The view that this replay has put on screen."""

    @property
    def is_on(self) -> bool:
        return self._recording is not None

    @property
    def busy(self) -> bool:
        """Whether it needs the next tick."""
        return self.is_on and self._plays

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "replay-play": self._play,
            "replay-back": partial(self._step, -1),
            "replay-forward": partial(self._step, 1),
            "replay-slower": partial(self._change_speed, -1),
            "replay-faster": partial(self._change_speed, 1),
            "replay-end": self.stop,
        }

    # -- start and end -----------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._screen.model.loaded:
            return
        self._asked += 1
        number, workflow_id = self._asked, self._screen.workflow_id

        def take(recording: Recording | None) -> None:
            if number == self._asked:
                self._begin(recording)

        if len(self._screen.model.view.jobs) >= LARGE:
            self._screen.torc.notify("reading the run …")
        read = partial(read_recording, workflow_id=workflow_id, run_id=self.run_id)
        self._screen.ask("replay", read, take, slow=True)

    def _begin(self, recording: Recording | None) -> None:
        torc = self._screen.torc
        if recording is None:
            torc.notify("nothing to replay: no attempt has started in this run", severity="warning")
            return
        self._recording, self._plays, self._ticked = recording, True, None
        wanted = recording.seconds / LASTS
        self._speed = float(next((one for one in SPEEDS if one >= wanted), SPEEDS[-1]))
        screen = self._screen
        screen.model.turn = NO_TURN
        screen.leading_contexts = ("replay",)
        screen.refusal = f"the past cannot be changed; {torc.keymap.key('back')} returns to now"
        self._go_to(recording.begin)
        screen.show_keys()

    def choose_run(self, run_id: int | None) -> None:
        was_on = self.is_on
        self.stop()
        self.run_id = run_id
        if was_on:
            self._start()

    def stop(self) -> None:
        """Return to the present."""
        if self.is_on:
            self.forget()
            self._screen.reload()

    def forget(self) -> None:
        """End the replay without reading the present state."""
        self._asked += 1
        if self.is_on:
            self._recording = self._shown = None
            self._plays = self._waits = False
            screen = self._screen
            screen.moment, screen.leading_contexts, screen.refusal = None, (), ""
            screen.replay_bar.show(None)
            screen.show_keys()

    # -- commands ----------------------------------------------------------------------------------

    def _play(self) -> None:
        """Start, pause or continue; at the end of the run, start again."""
        recording = self._recording
        if recording is None:
            self._start()
            return
        self._plays = not self._plays
        self._ticked = None
        if self._plays and self._at >= recording.end:
            self._go_to(recording.begin)
        self._show()

    def _step(self, by: int) -> None:
        if self._recording is not None:
            self._go_to(self._at + by * STEP * self._recording.seconds)

    def scrub(self, share: float) -> None:
        """Go to a share of the run."""
        if self._recording is not None:
            self._go_to(self._recording.begin + share * self._recording.seconds)

    def _change_speed(self, by: int) -> None:
        place = SPEEDS.index(int(self._speed)) + by
        self._speed = float(SPEEDS[max(0, min(len(SPEEDS) - 1, place))])
        self._show()

    # -- moving ------------------------------------------------------------------------------------

    def every_tick(self, now: float) -> None:
        """Move on by the time that has passed."""
        recording = self._recording
        if recording is None or not self._plays:
            return
        before, self._ticked = self._ticked, now
        if before is None or self._waits:
            return
        if self._at >= recording.end:
            self._plays = False
            self._show()
            return
        self._go_to(self._at + (now - before) * self._speed)

    def _go_to(self, moment: float) -> None:
        """Show a moment of the run."""
        recording, screen = self._recording, self._screen
        if recording is None:
            return
        before, self._at = self._at, max(recording.begin, min(recording.end, moment))
        screen.moment = self._at
        view = screen.model.view
        ahead = recording.until(view.cursor, self._at)
        if self._shown is not view or self._waits or self._at < before or len(ahead) > MOST:
            self._ask_view(recording)
        else:
            screen.updates.replay(ahead, self._at)
        self._show()

    def _ask_view(self, recording: Recording) -> None:
        self._asked += 1
        self._waits = True
        number, moment = self._asked, self._at

        def read(_source: FeedReader) -> WorkflowContents:
            return contents_of(recording.view_at(moment))

        def take(contents: WorkflowContents) -> None:
            if self._recording is recording:
                self._waits, self._shown = number != self._asked, contents.view
                self._screen.updates.show_past(contents, moment)

        self._screen.ask("replay", read, take, self._fail, slow=True)

    def _fail(self, error: ReadError) -> None:
        self._screen.torc.show_error(error)
        self.stop()

    def _show(self) -> None:
        """Update the line of the replay."""
        recording = self._recording
        if recording is None:
            return
        share = (self._at - recording.begin) / recording.seconds
        hint = f"{self._screen.torc.keymap.key('back')} returns to now"
        self._screen.replay_bar.show(
            ReplayState(self._at, recording.end, share, self._speed, self._plays, hint)
        )


def read_recording(source: FeedReader, workflow_id: int, run_id: int | None) -> Recording | None:
    """Return the recording of a run, None: the last one; called in the reader thread."""
    from torc_tui.store.feed import list_events

    view = source.load(workflow_id)
    jobs, events = list(view.jobs.values()), list_events(source.store, workflow_id)
    return record(view.workflow, jobs, view.requirements, events, run_id)
