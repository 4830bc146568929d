"""Show a sweep as a heat map: a title, the map with a cursor, the cell under it, and a legend."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.terminal import speaks_unicode
from torc_tui.tui.look.text_layout import Span, line_width, sanitize
from torc_tui.tui.results.bar_drawing import BarDrawing
from torc_tui.tui.results.heat_drawing import BARS, COLORS, LETTERS, HeatDrawing, full_text
from torc_tui.tui.results.sweep_dialogs import choose_measure, choose_pair, title_of
from torc_tui.tui.results.sweep_part import mark, marks_of
from torc_tui.tui.results.sweep_reader import SweepReader
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.views.heat_map import AGGREGATIONS, HeatMap, Pair, heat_map, pairs
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.views.sweep import Sweep
from torc_tui.views.text_cells import shorten
from torc_tui.wording import status_counts

UPDATE_SHARE = 20
"""The pause between two updates is at least this many times as long as an update took."""
LEGEND_FROM, TITLE_FROM = 8, 6
"""Heights of the pane from which legend and title are shown."""


class HeatCanvas(LineCanvas):
    """The map; its arrow keys move the cursor instead of scrolling."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ()


class HeatPart(CommandNode, Vertical):
    """The heat map of the sweep that the reader keeps."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("heat",)

    DEFAULT_CSS = """
    HeatPart { width: 1fr; height: 1fr; }
    """

    def __init__(self, pane: Pane, host: WorkflowHost, reader: SweepReader) -> None:
        super().__init__()
        self._pane = pane
        self._host = host
        self._reader = reader
        self.title_line = StatusLine()
        self.canvas = HeatCanvas(empty="loading …")
        self.cell_line = StatusLine()
        self.legend = StatusLine()
        self.drawing: HeatDrawing | None = None
        self._of: Sweep | None = None
        self.pair: Pair | None = None
        self.column = ""
        self.aggregation = "mean"
        self.is_stale = True
        self._fresh_until = 0.0

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.canvas
        yield self.cell_line
        yield self.legend

    def on_resize(self, event: events.Resize) -> None:
        if self.drawing is not None:
            self._draw(self.drawing.heat)
        self._show_lines()

    def update(self, now: float) -> None:
        """Update a stale map, unless that took long a short time ago."""
        if self.is_stale and now >= self._fresh_until:
            self.show()

    # -- the map -----------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the sweep of the reader: with the figures and parameters that it has."""
        sweep = self._reader.sweep
        if sweep is None:
            return
        if sweep is not self._of:
            self._of, self.drawing = sweep, None
            self.pair = next(iter(pairs(sweep)), None)
            self.canvas.set_drawing(None)
        self._show_lines()
        self.is_stale = False
        if self.pair is None or not sweep.known:
            return
        measures = sweep.measures()
        column = self.column if self.column in measures else measures[0]
        pair, aggregation = self.pair, self.aggregation
        now = self._host.model.now

        def read(_source: FeedReader) -> tuple[HeatMap, float]:
            begin = time.perf_counter()
            heat = heat_map(sweep, pair, column, aggregation, now)
            return heat, time.perf_counter() - begin

        def take(answer: tuple[HeatMap, float]) -> None:
            heat, seconds = answer
            self._fresh_until = now + UPDATE_SHARE * seconds
            if sweep is self._of:
                self._draw(heat)

        self._pane.ask("heat", read, take)

    def _draw(self, heat: HeatMap) -> None:
        before = self.drawing
        view = self.canvas.size
        kind = HeatDrawing if heat.pair[1] else BarDrawing
        self.drawing = drawing = kind(heat, (view.width, view.height), self._mode)
        if before is not None and before.heat.pair == heat.pair:
            drawing.cursor = before.cursor
        self.canvas.drawing = drawing
        self._redraw(drawing)
        self.marks_changed()

    @property
    def _mode(self) -> str:
        if self._pane.torc.palette.has_heat:
            return COLORS
        return BARS if speaks_unicode(self._pane.torc.environ) else LETTERS

    def _show_lines(self) -> None:
        """Show title and legend if there is room."""
        height = self.size.height
        self.title_line.display = height >= TITLE_FROM
        self.legend.display = height >= LEGEND_FROM

    def _title(self, heat: HeatMap) -> list[Span]:
        rows, columns = map(sanitize, heat.pair)
        name = shorten(sanitize(title_of(heat.column)), max(12, self.size.width // 2))
        spans: list[Span] = [(name, "header-strong")]
        if heat.is_aggregated or heat.aggregation != "mean":
            of = "number of values" if heat.aggregation == "count" else heat.aggregation
            spans.append((f"  {of} of each cell", "header"))
        strong = "header-strong"
        if not columns:
            return [*spans, ("  by ", "muted"), (rows, strong)]
        axes: list[Span] = [(rows, strong), (" (rows) and ", "muted"), (columns, strong)]
        long = [*spans, ("  by ", "muted"), *axes, (" (columns)", "muted")]
        if line_width(long) < self.size.width:
            return long
        return [*spans, ("  ", ""), (rows, strong), (" × ", "muted"), (columns, strong)]

    def _about_cell(self, drawing: HeatDrawing) -> list[Span]:
        heat, (row, column) = drawing.heat, drawing.cursor
        jobs = heat.jobs_at(row, column)
        spans: list[Span] = []
        axes = zip(heat.pair, (heat.rows, heat.columns), (row, column), strict=True)
        for name, texts, place in axes:
            if name and place is not None:
                spans += [(f"{sanitize(name)} ", "muted"), (sanitize(texts[place]), "strong")]
                spans.append(("  ", ""))
        cell = None if row is None or column is None else heat.cells.get((row, column))
        if cell is not None and cell.value is not None:
            spans.append((full_text(heat, cell.value), "header-strong"))
            spans.append(("  ", ""))
        if not jobs:
            return [*spans, ("no job", "muted")]
        known = self._host.model.view.jobs
        if len(jobs) == 1:
            job = known[jobs[0]]
            style = STATUS[job.status].style
            return [*spans, (f"{sanitize(job.name)} ", "muted"), (job.status.word, style)]
        return [*spans, (status_counts(Counter(known[one].status for one in jobs)), "muted")]

    def marks_changed(self) -> None:
        """Show the marks of the job table."""
        drawing, sweep = self.drawing, self._of
        if drawing is None or sweep is None:
            return
        marks = marks_of(self._host, sweep)
        if marks != drawing.marks:
            drawing.marks = marks
            self._redraw(drawing)

    def _redraw(self, drawing: HeatDrawing) -> None:
        self.canvas.redraw()
        self.title_line.show(self._title(drawing.heat))
        self.cell_line.show(self._about_cell(drawing))
        self.legend.show(drawing.legend())

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "heat-left": lambda: self._move(0, -1),
            "heat-right": lambda: self._move(0, 1),
            "heat-up": lambda: self._move(-1, 0),
            "heat-down": lambda: self._move(1, 0),
            "heat-open": self._open,
            "heat-mark": self._mark,
            "mark-none": lambda: self._set_marks(set()),
            "heat-aggregation": self._next_aggregation,
            "heat-figure": self._choose_measure,
            "heat-parameters": self._choose_pair,
        }

    def _choose_measure(self) -> None:
        def take(column: str) -> None:
            self.column = column
            self.show()

        drawing = self.drawing
        if self._of is not None and drawing is not None:
            choose_measure(self._pane.torc, self._of, drawing.heat.column, take)

    def _choose_pair(self) -> None:
        def take(pair: Pair) -> None:
            self.pair = pair
            self.show()

        if self._of is not None and self.pair is not None:
            choose_pair(self._pane.torc, self._of, self.pair, take)

    def _move(self, rows: int, columns: int) -> None:
        drawing = self.drawing
        if drawing is None:
            return
        row, column = drawing.cursor
        drawing.cursor = (
            _stepped(row, rows, len(drawing.heat.rows)),
            _stepped(column, columns, len(drawing.heat.columns)),
        )
        self._scroll(drawing)
        self._redraw(drawing)

    def _scroll(self, drawing: HeatDrawing) -> None:
        """Scroll until the cell under the cursor is visible beside the titles."""
        x, y, width, height = drawing.box(drawing.cursor)
        view = self.canvas.scrollable_content_region.size
        across, down = view.width - drawing.geometry.titles, view.height - 1
        left, top = self.canvas.scroll_offset
        left = min(x, max(left, x + width - across))
        top = min(y, max(top, y + height - down))
        if (left, top) != tuple(self.canvas.scroll_offset):
            self.canvas.scroll_to(left, top, animate=False)

    def _jobs(self) -> list[int]:
        drawing = self.drawing
        return [] if drawing is None else drawing.heat.jobs_at(*drawing.cursor)

    def _open(self) -> None:
        jobs = self._jobs()
        if jobs:
            known = self._host.model.view.jobs
            worst = min(jobs, key=lambda one: MOST_TELLING.index(known[one].status))
            self._host.go_to_job(worst, focus=False)

    def _mark(self) -> None:
        """Mark the jobs under the cursor; if all are marked, unmark them."""
        drawing, jobs = self.drawing, set(self._jobs())
        if drawing is not None:
            marks = set(drawing.marks)
            self._set_marks(marks - jobs if jobs <= marks else marks | jobs)

    def _set_marks(self, marks: set[int]) -> None:
        if self._of is not None:
            mark(self._host, marks, self._of)
            self.marks_changed()

    def _next_aggregation(self) -> None:
        names = list(AGGREGATIONS)
        self.aggregation = names[(names.index(self.aggregation) + 1) % len(names)]
        self.show()

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        event.stop()
        drawing = self.drawing
        if drawing is None:
            return
        drawing.cursor = drawing.cursor_of(event.what)
        self._redraw(drawing)
        if event.double:
            self._mark() if None in drawing.cursor else self._open()


def _stepped(place: int | None, step: int, number: int) -> int | None:
    """Return the next place: before the first one is the title."""
    at = max(-1, min(number - 1, (-1 if place is None else place) + step))
    return None if at < 0 else at
