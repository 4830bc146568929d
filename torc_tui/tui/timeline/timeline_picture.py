"""Draw the timeline for the line canvas: an axis, and a row of cells for each lane.

Input: lanes, the size of the canvas, zoom, cursor. Output: styled lines of the visible part.

Invariant: a status is shown by an icon wherever it is not `completed`, never by color alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, groupby

from torc_tui.status import JobStatus
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, fit, sanitize, width_of
from torc_tui.views.lane_cells import BarLane, CellRun, Lane, Levels, LoadLane, TimeScale
from torc_tui.views.report import ReportAttempt, as_of
from torc_tui.views.time_axis import ticks
from torc_tui.views.timeline_lanes import BarPlace, Grouping, Timeline
from torc_tui.wording import count, duration, moment

SHORTEST = 0.001
"""Seconds of a cell at the highest zoom."""
NAMED_FROM = 6
"""Number of cells from which a bar shows the name of its job."""
RULED_FROM = 8
"""Number of lines of a canvas from which the axis has a ruler."""
TALLEST = 10
"""Most rows of the lane of a runner."""
SHORTEST_LABEL, LONGEST = 7, 24
"""Cells for the labels of lanes; ``16 CPUs`` has room there."""
_LIT = {ord(mark): "━" for mark in "─┬"}
_BLOCKS = " ▁▂▃▄▅▆▇█"
_SHADES = ((0.85, "█"), (0.6, "▓"), (0.3, "▒"), (0.0, "░"))


class TimelinePicture:
    """The timeline at a zoom; ``cell`` is the seconds of a cell, None: the whole run fits."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.zoomed: float | None = None
        self.cursor: BarPlace | None = None
        self.path: Collection[tuple[int, int]] = ()
        """The attempts of the critical path, by job and attempt."""
        self.path_only = False
        self._runs = any(one.running for one in timeline.attempts)
        self.moment: float | None = None
        """The moment of a replay; what is later is faint."""
        self.gutter = self.axis = 0
        """Width of the labels, and number of lines of the axis; both are always in view."""
        self._tops: list[int] = []
        """The first row of each lane, and the number of all rows."""
        self._width = 0
        self._view = (0, 0)
        self.place(80, 24)

    # -- places ------------------------------------------------------------------------------------

    def place(self, width: int, height: int) -> None:
        """Adapt to the size of the canvas."""
        labels = [width_of(sanitize(lane.label)) for lane in self.timeline.lanes]
        widest = min(LONGEST, max(4, width // 5))
        self.gutter = min(max([*labels, SHORTEST_LABEL]) + 2, widest) if width >= 12 else 0
        self.axis = 2 if height >= RULED_FROM else 1 if height > 1 else 0
        self._width = width
        self._tops = [0, *accumulate(self._heights(height - self.axis))]

    def _heights(self, free: int) -> Iterator[int]:
        """Yield the number of rows of each lane: as many as fit, up to a limit."""
        lanes = self.timeline.lanes
        loads = sum(isinstance(lane, LoadLane) for lane in lanes)
        bars = len(lanes) - loads
        bar = max(1, min(3, (free - loads) // max(1, bars)))
        load = max(1, min(TALLEST, (free - bar * bars) // max(1, loads)))
        return (load if isinstance(lane, LoadLane) else bar for lane in lanes)

    @property
    def scale(self) -> TimeScale:
        """Return the scale of the cells."""
        begin = self.timeline.span[0]
        return TimeScale(begin, self.fitting if self.zoomed is None else self.zoomed)

    @property
    def fitting(self) -> float:
        """Return the seconds of a cell with which the whole run fits beside a scroll bar."""
        return max(SHORTEST, self.timeline.seconds / max(1, self._width - self.gutter - 2))

    @property
    def size(self) -> tuple[int, int]:
        cells = self.scale.cell_of(self.timeline.span[1]) + 1
        return self.gutter + cells, self.axis + self._tops[-1]

    def row_of(self, place: BarPlace) -> range:
        """Return the lines of the lane of an attempt."""
        first, last = self._tops[place.lane : place.lane + 2]
        return range(self.axis + first, self.axis + last)

    def cells_of(self, place: BarPlace) -> range:
        """Return the cells of an attempt, one at least."""
        one, scale = self.attempt(place), self.scale
        first = scale.cell_of(one.started_at)
        return range(first, max(first, scale.cell_of(one.ended_at)) + 1)

    def attempt(self, place: BarPlace) -> ReportAttempt:
        return self.timeline.lanes[place.lane].attempts[place.attempt]

    def hit(self, x: int, y: int) -> int | None:
        """Return the number of the attempt at a cell; `place_of` is the inverse."""
        lane = bisect_right(self._tops, y - self.axis) - 1
        covered = x - self._view[0] < self.gutter or y - self._view[1] < self.axis
        if covered or not 0 <= lane < len(self.timeline.lanes):
            return None
        scale, cell = self.scale, x - self.gutter
        found = _attempt_at(self.timeline.lanes[lane], scale.edge(cell), scale.edge(cell + 1))
        return None if found is None else (lane << 32) + found

    @staticmethod
    def place_of(number: int) -> BarPlace:
        return BarPlace(number >> 32, number & 0xFFFFFFFF)

    # -- drawing -----------------------------------------------------------------------------------

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        self._view = (x, y)
        cells = range(x, x + max(0, width - self.gutter))
        lines: list[Line] = list(self._axis(cells))[: self.axis]
        number = bisect_right(self._tops, y) - 1
        while len(lines) < height and number < len(self.timeline.lanes):
            first, last = self._tops[number : number + 2]
            drawn = self._lane(number, last - first, cells)
            parts = range(max(0, y - first), last - first)
            lines += [[*self._label(number, part), *drawn[part]] for part in parts]
            number += 1
        return lines[:height]

    def _label(self, number: int, part: int) -> Line:
        width, lane = self.gutter, self.timeline.lanes[number]
        if not width:
            return []
        selected = self.cursor is not None and self.cursor.lane == number
        chart = isinstance(lane, LoadLane)
        style = "accent bold" if selected else "strong" if chart else "muted"
        text = sanitize(lane.label) if part == 0 else ""
        if part == 1 and isinstance(lane, LoadLane):
            text, style = count(lane.top, "CPU"), "faint"
        label = fit(text, width - 2, "left" if chart else "right")
        return [("▎" if selected else " ", "cursor-bar"), (f"{label} ", style)]

    def _axis(self, cells: range) -> Iterator[Line]:
        scale, width = self.scale, len(cells)
        date = moment(scale.edge(cells.start))[:10] if self.gutter > 10 else ""
        labels: list[Span] = [(fit(f" {date}", self.gutter), "faint")]
        used = 0
        marks = ["─"] * width
        for cell, text in ticks(scale, cells):
            at = cell - cells.start
            if 0 <= at < width:
                marks[at] = "┬"
            if used <= at and at + len(text) <= width:
                labels.append((" " * (at - used) + text, "muted"))
                used = at + len(text)
        yield labels
        yield [(" " * self.gutter, ""), *self._ruler(marks, cells)]

    def _ruler(self, marks: list[str], cells: range) -> Iterator[Span]:
        """Yield the line below the labels, with the extent of the attempt under the cursor."""
        lit = range(0) if self.cursor is None else self.cells_of(self.cursor)
        mark = self._mark
        if mark is not None and mark in cells:
            marks[mark - cells.start] = "▼"
        for selected, part in groupby(zip(cells, marks, strict=True), lambda pair: pair[0] in lit):
            text = "".join(mark for _, mark in part)
            if selected:
                yield text.translate(_LIT), "accent bold"
            else:
                yield from _lit_head(text)

    @property
    def _head(self) -> int | None:
        """Return the cell of the moment of a replay."""
        return None if self.moment is None else self.scale.cell_of(self.moment)

    @property
    def _mark(self) -> int | None:
        """Return the cell of the moment of a replay; without one, of now, while attempts run."""
        if self.moment is None and self._runs:
            return self.scale.cell_of(self.timeline.span[1])
        return self._head

    # -- lanes -------------------------------------------------------------------------------------

    def _lane(self, number: int, height: int, cells: range) -> list[list[Span]]:
        """Return the rows of a lane."""
        lane = self.timeline.lanes[number]
        if isinstance(lane, LoadLane):
            states = self.timeline.grouping is Grouping.RUNNERS
            known = len(cells) if self._head is None else self._head + 1 - cells.start
            return load_rows(lane.levels(self.scale, cells), height, known, states=states)
        rows: list[list[Span]] = [[], [], []]
        for run in lane.runs(self.scale, cells):
            for part in self._parts(lane, number, run):
                for row, spans in zip(rows, part, strict=False):
                    row += spans
        return rows[:height]

    def _parts(self, lane: BarLane, number: int, run: CellRun) -> Iterator[Sequence[list[Span]]]:
        """Yield the rows of some cells: those up to the moment of a replay, and later ones."""
        head = self._head
        past, future = (run, None) if head is None else _divided(run, head)
        if past is not None:
            yield self._run(lane, number, past)
        if future is not None:
            yield _later(future)

    def _run(self, lane: BarLane, number: int, run: CellRun) -> Sequence[list[Span]]:
        """Return the two rows of some cells."""
        if run.first == run.last:
            return _idle(run, "·", self._mark), _idle(run, " ", self._mark)
        cursor = self.cursor if self.cursor is not None and self.cursor.lane == number else None
        selected = cursor is not None and run.first <= cursor.attempt < run.last
        if run.last - run.first == 1:
            one = as_of(lane.attempts[run.first], self.moment)
            return self._bar(one, run, selected=selected)
        if cursor and selected and self.cells_of(cursor).start == run.cell:
            return [("▸", "match-current")], [("█", "accent")]
        if lane.has_trouble(run):
            return [("✖", "failed")], [("✖", "failed")]
        shade = next(shade for least, shade in _SHADES if run.share >= least)
        dense = [(shade, "faint" if self.path_only else "completed")]
        return dense, dense

    def _bar(self, one: ReportAttempt, run: CellRun, *, selected: bool) -> Sequence[list[Span]]:
        """Return a bar: icon, name and duration where they fit, and a thin gap at its end."""
        sign = STATUS[JobStatus.RUNNING if one.running else one.status]
        critical = (one.job_id, one.attempt_id) in self.path
        icon = "" if one.status is JobStatus.COMPLETED else sign.sign
        icon = ("▸" if selected else "") + icon + ("◆" if critical else "")
        style = "faint" if self.path_only and not critical else sign.style
        base = "match-current" if selected else f"{style} reverse"
        edge: Span = ("▉" if run.ended else "█", "accent" if selected else style)
        if run.width == 1:
            return [(icon[0], base) if icon else edge], [edge]
        inner = run.width - 1
        texts = [icon, ""]
        if inner >= NAMED_FROM:
            below = next((text for text in _below(one) if len(text) <= inner - 3), "")
            texts = [f"{icon or sign.sign} {sanitize(one.name)}", f"  {below}"]
        return [[(fit(text, inner, mark=""), base), edge] for text in texts]


def _lit_head(text: str) -> Iterator[Span]:
    """Yield a part of the ruler; the mark of the moment of a replay is lit."""
    before, head, after = text.partition("▼")
    yield from (
        span for span in ((before, "rule"), (head, "accent bold"), (after, "rule")) if span[0]
    )


def _divided(run: CellRun, head: int) -> tuple[CellRun | None, CellRun | None]:
    """Return the cells up to one, and the cells after it."""
    past = head + 1 - run.cell
    if past <= 0:
        return None, run
    if past >= run.width:
        return run, None
    return run._replace(width=past, ended=False), run._replace(
        cell=head + 1, width=run.width - past
    )


def _idle(run: CellRun, char: str, mark: int | None) -> list[Span]:
    """Return cells without attempts, with a line at a marked cell."""
    if mark is None or not run.cell <= mark < run.cell + run.width:
        return [(char * run.width, "bar-rest")]
    before = mark - run.cell
    after = run.width - before - 1
    return [(char * before, "bar-rest"), ("│", "accent"), (char * after, "bar-rest")]


def _later(run: CellRun) -> Sequence[list[Span]]:
    """Return the two rows of cells that a replay has not reached."""
    char = "·" if run.first == run.last else "░"
    below = " " if run.first == run.last else "░"
    return [(char * run.width, "bar-rest")], [(below * run.width, "bar-rest")]


def _below(one: ReportAttempt) -> Iterator[str]:
    """Yield texts for the second row of a bar, the longest first."""
    took = duration(one.ended_at - one.started_at)
    if one.return_code:
        yield f"{took}, exit {one.return_code}"
    yield took


def _attempt_at(lane: Lane, begin: float, end: float) -> int | None:
    if isinstance(lane, LoadLane):
        return lane.at(begin, end)
    first, last = lane.at(begin, end)
    return first if first < last else None


def load_rows(
    levels: Sequence[Levels], height: int, known: int, *, states: bool = True
) -> list[list[Span]]:
    """Return a chart of the CPUs in use; with ``states``, in the colors of the attempts.

    Unsuccessful attempts are at its foot, those that still run on top. The columns after the first
    ``known`` ones are faint.
    """
    steps = 8 * height
    rows = []
    for row in range(height):
        base = steps - 8 * (row + 1)
        cells = [_load_cell(one, base, steps) for one in levels]
        cells[max(0, known) :] = [(char, "bar-rest") for char, _ in cells[max(0, known) :]]
        parts = groupby(cells, lambda cell: cell[1] if states or cell[1] == "bar-rest" else "muted")
        rows.append([("".join(char for char, _ in part), style) for style, part in parts])
    return rows


def _load_cell(one: Levels, base: int, steps: int) -> Span:
    """Return a cell of a chart; ``base`` is its lower end, in eighths of a cell."""
    level = _steps(one.all, steps)
    filled = max(0, min(8, level - base))
    middle = base + filled / 2
    if middle < one.bad * steps:
        return _BLOCKS[filled], "failed"
    return _BLOCKS[filled], "completed" if middle < (one.all - one.running) * steps else "running"


def _steps(level: float, steps: int) -> int:
    """Return a height; a level above zero is at least 1."""
    return max(1, round(level * steps)) if level > 0 else 0
