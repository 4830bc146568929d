"""Show the preview of a workflow file: summary and graph, or problems with their lines.

Input: a preview that the reader thread made. Output: painted lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual import events
from textual.geometry import Size
from textual.message import Message

from torc_tui.errors import Problem
from torc_tui.records import dataclass
from torc_tui.tui.graph.graph_picture import GraphCanvas, GraphPicture
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.line_canvas import LineCanvas, PageCanvas
from torc_tui.tui.widgets.sides import FramedSide
from torc_tui.tui.widgets.split import SIDE_FROM, Split
from torc_tui.tui.widgets.table_model import Cell, Key, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows.file_preview import Preview
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.wording import count

PROBLEM_COLUMNS = (
    TableColumn("line", "line", 5, minimum=4, importance=0, align="right"),
    TableColumn("message", "problem", 40, minimum=20, importance=0, grow=3, sortable=False),
    TableColumn("hint", "hint", 24, minimum=14, importance=1, grow=2, sortable=False),
)


class SourceLines:
    """The lines of a file as a drawing, one of them highlighted."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.lit: int | None = None
        self.digits = len(str(len(lines)))
        self.width = self.digits + 4 + max((len(line) for line in lines), default=0)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, len(self.lines)

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        out: list[Line] = []
        for number, text in enumerate(self.lines[y : y + height], start=y + 1):
            here = number == self.lit
            shown = text.expandtabs(4)[x:].ljust(width if here else 0)
            out.append(
                [
                    ("▶ " if here else "  ", "error"),
                    (f"{number:>{self.digits}}  ", "error" if here else "faint"),
                    (shown, "danger" if here else "text"),
                ]
            )
        return out

    def hit(self, x: int, y: int) -> None:
        """Return nothing: lines lead nowhere."""


class PreviewPanes(Split):
    """Summary and graph of a new workflow, or its problems."""

    DEFAULT_CSS = """
    PreviewPanes > FramedSide { padding: 0 1; }
    """

    @dataclass(slots=False)
    class ProblemSelected(Message):
        """Another problem is selected; ``entered``: the user pressed enter on it."""

        problem: Problem | None
        entered: bool

    def __init__(self) -> None:
        self.problems: Sequence[Problem] = ()
        self.rows = ListRows(PROBLEM_COLUMNS, _cell, lambda problem, column: problem.line)
        self.summary = PageCanvas(id="summary")
        self.table = VirtualTable(self.rows, id="problems", empty="")
        self.graph = GraphCanvas(id="picture", empty="")
        self.source = LineCanvas(id="source", empty="")
        self.left = FramedSide(self.summary, self.table, title="Summary")
        self.right = FramedSide(self.graph, self.source, title="Graph")
        super().__init__(self.left, self.right, ratio=0.45)

    def show(self, found: Preview | None, write: Callable[[int], Sequence[Line]] | None) -> None:
        """Show a preview; ``write`` makes its summary for a width."""
        good = found is not None and found.plan is not None
        bad = found is not None and not good
        self.summary.display = self.graph.display = good
        self.table.display = self.source.display = bad
        self.problems = found.problems if bad and found is not None else ()
        self.fit_shape()
        if bad and found is not None:
            self.left.set_title("Problems", str(len(found.problems)))
            self.right.set_title(Path(found.path).name)
            self.rows.records = dict(enumerate(found.problems))
            self.table.reload()
            self.source.set_drawing(SourceLines(found.source))
            self.show_line(found.problems[0] if found.problems else None)
        elif good:
            self.left.set_title("Summary")
            self.right.set_title("Graph")
            self.summary.write = write
            self.summary.rewrite()

    def show_graph(self, drawing: GraphDrawing | None) -> None:
        if drawing is not None:
            self.graph.set_drawing(GraphPicture(drawing))

    def _on_resize(self, event: events.Resize) -> None:
        self.fit_shape(event.size)

    def fit_shape(self, size: Size | None = None) -> None:
        """Put long problems above the file, and the summary beside the graph."""
        bad, width = bool(self.problems), (size or self.size).width
        self.turned, self.ratio = bad and width >= SIDE_FROM, 0.3 if bad else 0.45
        self.place(size)

    def show_line(self, problem: Problem | None) -> None:
        """Highlight the line of a problem, and scroll to it."""
        drawing = self.source.drawing
        if not isinstance(drawing, SourceLines) or problem is None:
            return
        drawing.lit = problem.line
        self.source.redraw()
        if problem.line is not None:
            top = max(0, problem.line - 1 - self.source.size.height // 2)
            self.source.scroll_to(0, top, animate=False)

    def focus_problem_line(self) -> None:
        """Focus the source file."""
        if self.shape == "single":
            self.show_alone("second")
        self.source.focus()

    # -- messages ----------------------------------------------------------------------------------

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()
        self.post_message(self.ProblemSelected(self._problem(event.key), entered=False))

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        self.post_message(self.ProblemSelected(self._problem(event.key), entered=True))

    def _problem(self, key: Key | None) -> Problem | None:
        known = isinstance(key, int) and key < len(self.problems)
        return self.problems[key] if known and isinstance(key, int) else None


def _cell(problem: Problem, column: str, width: int) -> Cell:
    match column:
        case "line":
            return ("" if problem.line is None else str(problem.line), "error")
        case "message":
            return (problem.message, "text")
    return (problem.hint or "", "muted")


def problem_line(problems: Sequence[Problem], shown: Problem | None) -> Line:
    """Return the number of problems, and the text of one of them."""
    number = count(len(problems), "problem")
    if shown is None:
        return [(f"✖ {number}", "error bold"), ("   nothing is created yet", "faint")]
    text = shown.message + (f" — {shown.hint}" if shown.hint else "")
    return [(f"✖ {number}  ", "error bold"), (text, "text")]
