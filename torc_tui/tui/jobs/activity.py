"""Show the activity of a workflow: running jobs, newest failures, finished jobs over time. Pure.

Input: the view of a workflow, the ids of changed jobs, the last lines of logs, the time. Output:
lines for a width and a height, and the jobs that lines stand for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import pairwise

from torc_tui.model import Job
from torc_tui.status import TROUBLED
from torc_tui.tui.jobs.page import LinkedLines, heading
from torc_tui.tui.look.charts import Layer, area
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, bar, fit, fit_line, line_width, sanitize
from torc_tui.tuples import NamedTuple
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import (
    ago,
    clock,
    count,
    duration,
    elapsed,
    elapsed_in_column,
    optional_sentence,
)

NEWEST = 30
"""Number of failed jobs that are kept, the newest first."""
LONGEST = 40
"""Number of finished jobs that are kept, the longest first."""
SHORTEST_SPAN, LONGEST_SPAN = 60.0, 3600.0
"""Seconds that the chart of finished jobs shows while jobs run."""
CELLS = (2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds of a column of that chart. It moves by whole columns, so that it is seldom repainted."""
CHART = (3, 16)
"""Minimum and maximum number of rows of the chart of finished jobs."""
ROWS_PER_JOB = 2
"""Rows of the chart for a job at most: few jobs need no high chart."""
CHART_LINES = 3
"""Lines of the chart besides its rows: title, axis and the empty line after it."""
CHARTED_FROM = 8
"""Minimum number of finished jobs for a chart."""


class PanelRoom(NamedTuple):
    """Width and height of the activity, in cells."""

    width: int
    height: int


class Activity:
    """The activity of one workflow, kept up to date by `update`."""

    def __init__(self, view: WorkflowView) -> None:
        self.view = view
        jobs = view.jobs.values()
        self.tails: dict[int, str] = {}
        """The last line of the standard error of failed jobs."""
        self.failed: list[int] = []
        self.ends: list[float] = sorted(job.ended_at for job in jobs if job.ended_at is not None)
        self._longest: list[int] = []
        self._add(jobs)

    def update(self, changed: Iterable[int]) -> None:
        """Handle changed jobs."""
        jobs = [job for key in changed if (job := self.view.jobs.get(key)) is not None]
        for job in jobs:
            if job.ended_at is not None:
                insort(self.ends, job.ended_at)
        for job in jobs:
            if job.status not in TROUBLED:
                self.tails.pop(job.id, None)
        self._add(jobs)

    def _add(self, jobs: Iterable[Job]) -> None:
        known = self.view.jobs
        kept = {key: known[key] for key in (*self.failed, *self._longest) if key in known}
        kept |= {job.id: job for job in jobs}
        failed = (job for job in kept.values() if job.status in TROUBLED and not job.was_stopped)
        ended = (job for job in kept.values() if job.ended_at and job.started_at)
        self.failed = [job.id for job in nlargest(NEWEST, failed, key=_ended)]
        self._longest = [job.id for job in nlargest(LONGEST, ended, key=_lasted)]

    @property
    def last_end(self) -> float | None:
        """Return when the last job finished."""
        return self.ends[-1] if self.ends else None

    @property
    def untold(self) -> list[int]:
        """Return the newest failed jobs whose last line is unknown."""
        return [key for key in self.failed if key not in self.tails]

    def page(self, room: PanelRoom, now: float) -> LinkedLines:
        """Return the parts that fit, the most important first."""
        out = LinkedLines()
        width = room.width - 1
        parts = [self._running(width, now), self._failures(width, now)]
        left = room.height
        for part in parts:
            if part and left > 2:
                left -= _append(out, part, min(len(part), max(3, left * 2 // 3)))
        longest = self._durations(width)
        if left > CHART[0] + CHART_LINES and len(self.ends) >= CHARTED_FROM:
            rows = max(CHART[0], min(CHART[1], left - CHART_LINES - min(len(longest), left // 3)))
            left -= _append(out, self._chart(width, rows, now), left)
        if left > 3 and longest:
            _append(out, longest, left)
        del out.lines[room.height :]  # the empty line after the last part
        return out

    # -- parts: pairs of a line and the job that it stands for -------------------------------------

    def _running(self, width: int, now: float) -> list[Entry]:
        jobs = sorted(
            (self.view.jobs[key] for key in self.view.running), key=lambda job: job.started_at or 0
        )
        if not jobs:
            return []
        name = _name_width(jobs, width // 2)
        out: list[Entry] = [(heading("Running", (f" {len(jobs)}", "muted")), None)]
        for job in jobs:
            time = 0.0 if job.started_at is None else now - job.started_at
            known = self.view.durations.get(job.group)
            head = _head(job, name)
            if known is None or not known.is_known:
                end: list[Span] = [(clock(time).rjust(8), "running")]
            elif known.is_overdue(time):
                usual = (f"  usually {elapsed(known.mean)}", "warning")
                end = [(clock(time).rjust(8), "running"), usual]
            else:
                room = max(4, min(40, width - line_width(head) - 22))
                share = min(0.99, time / known.mean)
                end = [*bar(share, room, style="running"), (f" {share:>4.0%}", "running")]
                end.append((f"  {clock(time)} of ~{elapsed(known.mean)}", "muted"))
            out.append((fit_line([*head, *end], width), job.id))
        return out

    def _failures(self, width: int, now: float) -> list[Entry]:
        total = self.view.count(*TROUBLED) - self.view.stopped
        if not self.failed or total <= 0:
            return []
        title: list[Span] = [(f" {total}", "muted")]
        if total > len(self.failed):
            title.append((", newest first", "faint"))
        out: list[Entry] = [(heading("Failed", *title), None)]
        jobs = [self.view.jobs[key] for key in self.failed]
        name = _name_width(jobs, width // 2)
        for job in jobs:
            exit_code = "" if job.return_code is None else f"exit {job.return_code}"
            since = "" if job.ended_at is None else ago(now - job.ended_at)
            tail = sanitize(self.tails.get(job.id, ""))
            cause = (tail, "stderr") if tail else (optional_sentence(job.reason) or "", "muted")
            line: list[Span] = [*_head(job, name), (fit(exit_code, 9), "failed"), cause]
            room = width - len(since) - 1
            out.append(([*fit_line(line, room), (f" {since}", "faint")], job.id))
        return out

    def _chart(self, width: int, rows: int, now: float) -> list[Entry]:
        room = max(8, width - 2)
        begin, end = self._span(now, room)
        cell = (end - begin) / room
        before = [bisect_left(self.ends, begin + cell * column) for column in range(room)]
        before.append(bisect_right(self.ends, end))
        counts = [float(after - first) for first, after in pairwise(before)]
        rows = max(CHART[0], min(rows, ROWS_PER_JOB * int(max(counts))))
        inside = before[-1] - before[0]
        # A run that is shorter than the chart begins in one of its columns.
        since = begin + cell * max(0, (self.ends[0] - begin) // cell) if end >= now else begin
        rate = inside / (end - since) * 60
        speed = f"{rate:.0f} per minute" if rate >= 1 else f"{rate * 60:.1f} per hour"
        title = heading(
            "Finished", (f" {count(inside, 'job')} in {duration(end - since)}", "muted")
        )
        out: list[Entry] = [([*title, (f", {speed}", "faint")], None)]
        bars = area([Layer(counts, "load")], rows, braille=False)
        out += [([("  ", ""), *row], None) for row in bars]
        left = f"{duration(end - begin)} ago" if end >= now else "start"
        right = "now" if end >= now else "end"
        axis = left + right.rjust(room - len(left))
        return [*out, ([("  ", ""), (axis, "faint")], None)]

    def _span(self, now: float, columns: int) -> tuple[float, float]:
        """Return the time that the chart shows: the whole run, or the last part of it."""
        first, last = self.ends[0], self.ends[-1]
        if self.view.running:
            span = max(SHORTEST_SPAN, min(LONGEST_SPAN, now - first))
            cell = next((one for one in CELLS if one * columns >= span), span / columns)
            end = (now // cell + 1) * cell
            return end - columns * cell, end
        starts = (self.view.jobs[key].started_at for key in self._longest)
        begin = min([first, *(at for at in starts if at is not None)])
        return begin, max(last, begin + 0.1)

    def _durations(self, width: int) -> list[Entry]:
        known = self.view.jobs
        jobs = [known[key] for key in self._longest if key in known and known[key].ended_at]
        if not jobs:
            return []
        name = _name_width(jobs, width // 2)
        most = max(_lasted(jobs[0]), 0.001)
        room = max(4, width - name - 16)
        out: list[Entry] = [(heading("Longest jobs"), None)]
        for job in jobs:
            lasted = _lasted(job)
            line = ("━" * max(1, round(lasted / most * room)), "faint")
            spent = (elapsed_in_column(lasted).rjust(8) + "  ", "muted")
            out.append((fit_line([*_head(job, name), spent, line], width), job.id))
        return out


Entry = tuple[Line, int | None]
"""A line, and the job that it stands for."""


def _append(page: LinkedLines, part: Sequence[Entry], most: int) -> int:
    """Add at most ``most`` lines of a part and an empty line; return the number of lines."""
    shown = list(part[:most])
    for line, job_id in shown:
        if job_id is None:
            page.add(line)
        else:
            page.add_link(job_id, line)
    page.add([])
    return len(shown) + 1


def _head(job: Job, width: int) -> list[Span]:
    sign = STATUS[job.status]
    return [
        ("  ", ""),
        (f"{sign.sign} ", sign.style),
        (fit(sanitize(job.name), width) + "  ", "text"),
    ]


def _name_width(jobs: Sequence[Job], most: int) -> int:
    return max(8, min(most, max(len(job.name) for job in jobs)))


def _ended(job: Job) -> float:
    return job.ended_at or 0.0


def _lasted(job: Job) -> float:
    return (job.ended_at or 0.0) - (job.started_at or 0.0)
