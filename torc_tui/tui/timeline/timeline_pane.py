"""Show when and where the attempts of the last run ran, or those of an older one.

The reader thread reads the attempts and arranges them in lanes; only the visible part is painted.
While jobs run it is read again, at most once a second and with pauses that grow with its cost.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence, Set
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.timeline.run_choice import choose_run
from torc_tui.tui.timeline.timeline_canvas import FactsLine, TimelineCanvas
from torc_tui.tui.timeline.timeline_facts import next_grouping, of_attempt, of_run
from torc_tui.tui.timeline.timeline_picture import SHORTEST, TimelinePicture
from torc_tui.tui.timeline.timeline_reading import Reading, read_path, read_timeline
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.views.lane_cells import Lane, LoadLane
from torc_tui.views.report import CriticalStep, ReportAttempt, as_of
from torc_tui.views.timeline_lanes import BarPlace, Grouping, Timeline
from torc_tui.views.workflow_view import WorkflowView

REREAD_EVERY, REREAD_SHARE = 1.0, 20
"""Seconds between two readings, and how many times as long as a reading takes that is at least."""
NEVER = float("-inf")
ROOMY = 5
"""Number of lines of the tab from which it tells about the run and about the attempt."""
NO_ATTEMPT = "no attempt has started in this run"
_COMMANDS = frozenset({"replay-play", "timeline-zoom-in", "timeline-lanes", "timeline-critical"})
"""Commands of the footer that need attempts."""


class TimelinePane(Pane):
    """The timeline of a run."""

    NAME: ClassVar[str] = "timeline"
    PER_JOB: ClassVar[bool] = False

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.reading = Reading(None)
        self.path: Sequence[CriticalStep] = ()
        self.picture: TimelinePicture | None = None
        self.grouping: Grouping | None = None
        self.canvas = TimelineCanvas(empty="reading …")
        self.run_line, self.attempt_line = FactsLine(), FactsLine()
        self._of: tuple[WorkflowView | None, int | None] = (None, None)
        self._changed = False
        self._asked_at = NEVER
        self.idle: Collection[str] = _COMMANDS

    def compose(self) -> ComposeResult:
        yield self.run_line
        yield self.canvas
        yield self.attempt_line

    def on_resize(self) -> None:
        self.run_line.display = self.attempt_line.display = self.size.height >= ROOMY

    # -- what the tab host calls -------------------------------------------------------------------

    def refresh_content(self) -> None:
        view = self.host.view
        if self.host.moment is not None and self.picture is not None:
            self._show_moment()
        elif view is not None and self._of != (view, self.host.replay.run_id):
            self._of = view, self.host.replay.run_id
            self._read(view)
        else:
            self._changed = True
        self._follow(self.job)

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        self.stale = self.stale or bool(changed)

    def job_changed(self) -> None:
        if self.display:
            self._follow(self.job)
        else:
            self.stale = True

    @property
    def busy(self) -> bool:
        return self.picture is not None and self.picture.moment != self.host.moment

    def every_tick(self) -> None:
        if self.busy:
            self._show_moment()

    def _show_moment(self) -> None:
        """Show what the replay has reached; out of a replay, everything."""
        if self.picture is not None:
            self.picture.moment = self.host.moment
            self.canvas.redraw()
            self._write_lines()

    def every_second(self, now: float) -> None:
        view = self.host.view
        if self.host.moment is not None or self.host.replay.run_id is not None:
            return
        pause = max(REREAD_EVERY, REREAD_SHARE * self.reading.seconds)
        if not self._changed and self.picture is not None:
            pause = max(pause, self.picture.scale.cell)  # until then, no bar grows by a cell
        if view is not None and (self._changed or view.running) and now - self._asked_at >= pause:
            self._read(view)

    # -- reading -----------------------------------------------------------------------------------

    def _read(self, view: WorkflowView) -> None:
        workflow_id, chosen = view.workflow.id, self.host.replay.run_id
        run_id = view.workflow.run_id if chosen is None else chosen
        jobs, grouping, now = list(view.jobs.values()), self.grouping, time.time()
        self._changed, self._asked_at = False, now
        self.ask(
            "attempts",
            lambda source: read_timeline(
                source, (workflow_id, run_id), jobs, grouping, now, is_last=chosen is None
            ),
            self._take,
            slow=True,
        )

    def _take(self, reading: Reading) -> None:
        self.reading = reading
        self.canvas.empty = NO_ATTEMPT
        if reading.timeline is None:
            self.picture, self.path = None, ()
        else:
            self.grouping = reading.timeline.grouping
            self._renew(reading.timeline)
            self._read_path(reading.timeline.attempts)
        self.idle = _COMMANDS if self.picture is None else ()
        self.canvas.set_drawing(self.picture)
        self._follow(self.job)
        self._write_lines()

    def _renew(self, found: Timeline) -> None:
        """Put new lanes into the picture; zoom and cursor stay."""
        before, self.picture = self.picture, TimelinePicture(found)
        self.picture.moment = self.host.moment
        if before is None:
            return
        self.picture.zoomed, self.picture.path_only = before.zoomed, before.path_only
        self.picture.path = before.path
        if before.cursor is not None:
            self.picture.cursor = found.find(before.attempt(before.cursor))

    def _read_path(self, attempts: Sequence[ReportAttempt]) -> None:
        workflow_id = self.host.workflow_id
        self.ask("path", lambda source: read_path(source, workflow_id, attempts), self._take_path,
                 slow=True)  # fmt: skip

    def _take_path(self, path: Sequence[CriticalStep]) -> None:
        self.path = path
        if self.picture is not None:
            last = self.reading.last
            steps = (last[step.job_id] for step in path if step.job_id in last)
            self.picture.path = {(one.job_id, one.attempt_id) for one in steps}
            self.canvas.redraw()
            self._write_lines()

    # -- the cursor --------------------------------------------------------------------------------

    def _follow(self, job: Job | None) -> None:
        """Put the cursor on the last attempt of the selected job, unless it is on one of its."""
        picture = self.picture
        if picture is None or job is None:
            return
        cursor = picture.cursor
        if cursor is not None and picture.attempt(cursor).job_id == job.id:
            return
        last = self.reading.last.get(job.id)
        self._put(None if last is None else picture.timeline.find(last))

    def _put(self, place: BarPlace | None) -> None:
        """Put the cursor on an attempt, and scroll there."""
        picture = self.picture
        if picture is None:
            return
        picture.cursor = place
        self.canvas.redraw()
        if place is not None:
            self.canvas.show_cells(picture.cells_of(place), picture.row_of(place))
        self._write_lines()

    def _choose(self, place: BarPlace) -> None:
        """Put the cursor on an attempt, and select its job everywhere."""
        self._put(place)
        if self.picture is not None:
            self.host.go_to_job(self.picture.attempt(place).job_id, focus=False)

    def _write_lines(self) -> None:
        """Write the lines about the run and about the attempt under the cursor."""
        picture = self.picture
        self.run_line.show(
            [] if picture is None else of_run(picture.timeline, self.path, self.host.replay.run_id)
        )
        if picture is None or picture.cursor is None:
            self.attempt_line.show([])
            return
        one = as_of(picture.attempt(picture.cursor), picture.moment)
        critical = (one.job_id, one.attempt_id) in picture.path
        where = _runner_of(picture.timeline.lanes, picture.cursor)
        self.attempt_line.show(of_attempt(picture.timeline, one, where, critical=critical))

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self._choose(TimelinePicture.place_of(event.what))
        if event.double:
            self.torc.run_command("job-open")

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "bar-next": partial(self._step, 1),
            "bar-previous": partial(self._step, -1),
            "bar-up": partial(self._step_lane, -1),
            "bar-down": partial(self._step_lane, 1),
            "bar-first": partial(self._end_of_lane, 0),
            "bar-last": partial(self._end_of_lane, -1),
            "timeline-zoom-in": partial(self._zoom, 0.5),
            "timeline-zoom-out": partial(self._zoom, 2.0),
            "timeline-fit": partial(self._zoom, None),
            "timeline-left": partial(self._pan, -1),
            "timeline-right": partial(self._pan, 1),
            "timeline-lanes": self._next_lanes,
            "timeline-critical": self._toggle_path,
            "timeline-run": lambda: choose_run(self),
        }

    def _step(self, by: int) -> None:
        """Go to the next attempt of the lane that begins in another cell."""
        picture = self.picture
        if picture is None or picture.cursor is None:
            self._first()
            return
        lane, place = picture.cursor
        attempts = picture.timeline.lanes[lane].attempts
        cell_of = picture.scale.cell_of
        here, place = cell_of(attempts[place].started_at), place + by
        while 0 <= place + by < len(attempts) and cell_of(attempts[place].started_at) == here:
            place += by
        if 0 <= place < len(attempts):
            self._choose(BarPlace(lane, place))

    def _step_lane(self, by: int) -> None:
        """Go to the nearest attempt of the next lane with bars."""
        picture = self.picture
        if picture is None or picture.cursor is None:
            self._first()
            return
        lanes, one = picture.timeline.lanes, picture.attempt(picture.cursor)
        slots = picture.timeline.grouping is not Grouping.RUNNERS
        number = picture.cursor.lane + by
        while slots and 0 <= number < len(lanes) and isinstance(lanes[number], LoadLane):
            number += by
        if 0 <= number < len(lanes):
            self._choose(BarPlace(number, lanes[number].nearest(one.started_at)))

    def _end_of_lane(self, place: int) -> None:
        picture = self.picture
        if picture is None or picture.cursor is None:
            self._first()
        else:
            lane = picture.cursor.lane
            self._choose(BarPlace(lane, place % len(picture.timeline.lanes[lane].attempts)))

    def _first(self) -> None:
        """Go to the first attempt."""
        found = self.reading.timeline
        place = None if found is None else found.find(found.attempts[0])
        if place is not None:
            self._choose(place)

    def _zoom(self, factor: float | None) -> None:
        """Change the seconds of a cell; None: the whole run fits. The cursor stays in view."""
        picture = self.picture
        if picture is None:
            return
        cell = None if factor is None else picture.scale.cell * factor
        fits = cell is None or cell >= picture.fitting
        picture.zoomed = None if fits or cell is None else max(SHORTEST, cell)
        self.canvas.redraw()
        if picture.zoomed is not None and picture.cursor is not None:
            picture_cells = picture.cells_of(picture.cursor)
            self.canvas.show_cells(picture_cells, picture.row_of(picture.cursor))

    def _pan(self, by: int) -> None:
        self.canvas.pan(by * max(1, self.canvas.size.width // 2), 0)

    def _next_lanes(self) -> None:
        view = self.host.view
        if view is not None and self.grouping is not None:
            self.grouping = next_grouping(self.grouping, has_gpus=self.reading.has_gpus)
            self._read(view)

    def _toggle_path(self) -> None:
        if self.picture is not None:
            self.picture.path_only = not self.picture.path_only
            self.canvas.redraw()


def _runner_of(lanes: Sequence[Lane], place: BarPlace) -> str:
    """Return the runner of an attempt, and its slot or GPU."""
    lane = lanes[place.lane]
    if isinstance(lane, LoadLane):
        return lane.label
    loads = (one.label for one in lanes if isinstance(one, LoadLane) and one.runner == lane.runner)
    runner = next(loads, "")
    return f"{runner} slot {lane.label}" if lane.label.isdigit() else f"{runner} {lane.label}"
