"""A new workflow from its file, or from an exported one: chosen by its path, checked while typing,
looked at, created.

What comes in: keys. What goes out: a preview of what the file would become or the problems with it,
each with its line in the file; at the end a call of ``operations``. Files are read by the reader
thread, and nothing is stored before the user says so.
"""

from __future__ import annotations

import shlex
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input

from torc_tui.errors import Problem
from torc_tui.model import DEFAULT_REQUIREMENTS, Machine, Plan, ResourceRequirements, Workflow
from torc_tui.status import JobStatus
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.footer import FooterBar
from torc_tui.tui.frame.header import HeaderBar, HeaderState
from torc_tui.tui.frame.overlay_screen import CoveringScreen
from torc_tui.tui.graph.graph_pane import GraphCanvas, GraphPicture
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.dialogs import Button, TextDrawing, Words
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.split import SIDE_FROM, Split
from torc_tui.tui.widgets.status_line import StatusLine
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key, ListRows, VirtualTable
from torc_tui.tui.workflows import file_preview
from torc_tui.tui.workflows.file_preview import Kind, Preview, common, expanded
from torc_tui.units import show_bytes, show_duration

WAIT = 0.12
"""Seconds without a key until the file is read."""
MATCHES = 7
"""Completions on screen at once."""
PROBLEM_COLUMNS = (
    Column("line", "line", 5, minimum=4, importance=0, align="right"),
    Column("message", "what is wrong", 40, minimum=20, importance=0, grow=3, sortable=False),
    Column("hint", "what to do", 24, minimum=14, importance=1, grow=2, sortable=False),
)


class SourceLines:
    """The lines of a file as a drawing, one of them lit."""

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
            mark = ("▶ " if here else "  ", "error")
            shown = text.expandtabs(4)[x:].ljust(width if here else 0)
            out.append(
                [
                    mark,
                    (f"{number:>{self.digits}}  ", "error" if here else "faint"),
                    (shown, "danger" if here else "text"),
                ]
            )
        return out

    def hit(self, x: int, y: int) -> None:
        return None


class SummaryCanvas(LineCanvas):
    """Lines that depend on how wide they may be."""

    write: Callable[[int], Sequence[Line]] | None = None

    def rewrite(self) -> None:
        if self.write is not None and self.size.width:
            self.set_drawing(TextDrawing(self.write(max(24, self.size.width - 1))))

    def on_resize(self) -> None:
        self.rewrite()


class _Ghost(Suggester):
    """The first completion, shown behind the cursor."""

    def __init__(self, owner: NewWorkflow) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.owner = owner

    async def get_suggestion(self, value: str) -> str | None:
        return next(
            (one for one in self.owner.matches if one.startswith(value) and one != value), None
        )


class PathField(Input):
    """Gives tab, enter and the arrows to the list of completions."""

    def on_key(self, event: events.Key) -> None:
        owner = self.screen
        assert isinstance(owner, NewWorkflow)
        acts = {
            "tab": owner.complete,
            "enter": owner.enter,
            "up": owner.table_of_matches.do_cursor_up,
            "down": owner.down,
        }
        if event.key in acts:
            event.stop()
            event.prevent_default()
            acts[event.key]()


class NewWorkflow(CoveringScreen):
    """See the module. ``below`` is the list of workflows; ``path`` is what stands in the field at
    first."""

    NAME = "new"
    CONTEXT: ClassVar[tuple[str, ...]] = ("new", "split")
    DEFAULT_CSS = """
    NewWorkflow #path-line { height: 1; background: $surface; margin: 1 0 0 0; }
    NewWorkflow #path-line Words { width: 8; }
    NewWorkflow PathField { width: 1fr; border: none; height: 1; padding: 0; background: $surface; }
    NewWorkflow #matches { height: auto; max-height: 8; background: $surface; }
    NewWorkflow #said { margin: 0 0 1 0; }
    NewWorkflow #acts { height: 1; margin: 1 0 0 1; }
    NewWorkflow .side { width: 1fr; height: 1fr; padding: 0 1; }
    """

    def __init__(self, below: TorcScreen, path: str | None = None, *, kind: Kind = "spec") -> None:
        super().__init__(below)
        self.kind: Kind = kind
        self.given = path
        self.folder = _current_folder()
        self.beside_file = False
        self.matches: list[str] = []
        self.is_folder = False
        self.found: Preview | None = None
        self.with_data = False
        self.zoom = 1
        self.creating = False
        self._machine: Machine | None = None
        self._waiting: Timer | None = None
        self._rows = ListRows(
            (Column("name", "", 40, minimum=10, importance=0, grow=1, sortable=False),),
            lambda name, column, width: (name, "accent" if name.endswith("/") else "text"),
            lambda name, column: name,
        )
        self._problems = ListRows(PROBLEM_COLUMNS, _problem_cell, _problem_value)

    def compose(self) -> ComposeResult:
        title = "New workflow" if self.kind == "spec" else "Import a workflow"
        yield HeaderBar(HeaderState(title=title, note=self.folder, read_only=self.torc.read_only))
        with Horizontal(id="path-line"):
            yield Words([[("  file  ", "accent bold")]])
            yield PathField(
                self.given or "",
                placeholder="path of a workflow file"
                if self.kind == "spec"
                else "path of an exported workflow (.json)",
                compact=True,
                suggester=_Ghost(self),
                select_on_focus=False,
            )
        matches = VirtualTable(
            self._rows, id="matches", empty="no folder and no workflow file begins like this"
        )
        matches.can_focus = False
        yield matches
        yield StatusLine(id="said")
        yield Split(
            Vertical(
                SummaryCanvas(id="summary", empty=""),
                VirtualTable(self._problems, id="problems", empty=""),
                classes="side",
            ),
            Vertical(
                GraphCanvas(id="picture", empty=""),
                LineCanvas(id="source", empty=""),
                classes="side",
            ),
            ratio=0.45,
        )
        with Horizontal(id="acts"):
            yield Button("Create", "new-create")
            yield Button("Create and run", "new-run")
            yield Button("Cancel", "back")
        yield FooterBar()

    def on_mount(self) -> None:
        self.field.focus()
        self.field.cursor_position = len(self.field.value)
        self._show()
        self._look()

    # -- parts -------------------------------------------------------------------------------------

    @property
    def field(self) -> PathField:
        return self.query_one(PathField)

    @property
    def table_of_matches(self) -> VirtualTable:
        return self.query_one("#matches", VirtualTable)

    @property
    def table_of_problems(self) -> VirtualTable:
        return self.query_one("#problems", VirtualTable)

    @property
    def split(self) -> Split:
        return self.query_one(Split)

    @property
    def path(self) -> str:
        return expanded(self.field.value, self.folder)

    @property
    def target(self) -> str:
        """Where the jobs will run."""
        return str(Path(self.path).parent) if self.beside_file else self.folder

    # -- typing ------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._waiting is not None:
            self._waiting.stop()
        self._waiting = self.set_timer(WAIT, self._look)

    def _look(self) -> None:
        """Ask for the completions of what was typed, and for the file if it is one."""
        self._waiting = None
        text, folder, kind = self.field.value, self.folder, self.kind
        path, target = self.path, self.target

        def look(source: Any) -> Any:
            return (
                text,
                file_preview.completions(text, folder, kind),
                Path(path).is_file(),
                Path(path).is_dir(),
            )

        self.torc.reader.ask((self.NAME, "look"), look)

        def check(source: Any) -> Any:
            if not text.strip() or not Path(path).is_file():
                return text, None, None
            if self._machine is None:
                from torc_tui.resources.detect import detect_machine

                self._machine = detect_machine()
            found = file_preview.preview(path, self._machine, kind, folder=target)
            return (
                text,
                found,
                None if found.graph is None else _drawing(found, self.with_data, self.zoom),
            )

        self.torc.reader.ask((self.NAME, "check"), check)

    def take_own(self, what: str, value: Any) -> None:
        match what:
            case "look":
                text, matches, is_file, is_folder = value
                if text == self.field.value:
                    self._take_matches(matches, is_file, is_folder)
            case "check":
                text, found, drawing = value
                if text == self.field.value:
                    self.found = found
                    self._show(drawing)
            case "drawing":
                found, drawing = value
                if found is self.found:
                    self._draw(drawing)

    def _take_matches(self, matches: list[str], is_file: bool, is_folder: bool) -> None:
        self.matches, self.is_folder = matches, is_folder
        self._rows.records = {name: name for name in matches}
        table = self.table_of_matches
        table.reload()
        table.do_cursor_top()
        text = self.field.value
        table.display = not is_file and (bool(matches) or bool(text))
        table.styles.height = 1 + max(1, min(MATCHES, len(matches)))
        if not is_file:
            said = f"{len(matches)} to choose from" if matches else "nothing of that name"
            if is_folder and not text.endswith("/") and text:
                said = "a folder: tab goes into it"
            self._say(
                [
                    (said, "muted" if matches or is_folder else "warning"),
                    ("   tab completes", "faint"),
                ]
            )

    def complete(self) -> None:
        """As far as all completions agree; when they do not go further, the one under the
        cursor."""
        text = self.field.value
        if not self.matches:
            if self.is_folder and not text.endswith("/"):
                self._put(text + "/")
            return
        shared = common(self.matches)
        if len(shared) > len(text):
            self._put(shared)
        else:
            self._choose()

    def _choose(self) -> None:
        key = self.table_of_matches.cursor
        if isinstance(key, str) and key != self.field.value:
            self._put(key)

    def _put(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)
        if self._waiting is not None:
            self._waiting.stop()
        self._look()

    def enter(self) -> None:
        if self.found is not None and self.found.plan is not None:
            self.query(Button).first().focus()
        elif self.found is not None:
            self.table_of_problems.focus()
        else:
            self._choose()

    def down(self) -> None:
        if self.table_of_matches.display:
            self.table_of_matches.do_cursor_down()
        else:
            self.enter()

    # -- showing -----------------------------------------------------------------------------------

    def _say(self, line: Line) -> None:
        self.query_one("#said", StatusLine).say(line)

    def _show(self, drawing: Any = None) -> None:
        found = self.found
        good = found is not None and found.plan is not None
        bad = found is not None and found.plan is None
        self.query_one("#summary").display = good
        self.query_one("#picture").display = good
        self.table_of_problems.display = bad
        self.query_one("#source").display = bad
        self._arrange()
        if found is None:
            return
        self.table_of_matches.display = False
        if bad:
            self._problems.records = dict(enumerate(found.problems))
            self.table_of_problems.reload()
            self.query_one("#source", LineCanvas).set_drawing(SourceLines(found.source))
            count = len(found.problems)
            self._say(
                [(f"✖ {count} problem{'s' if count != 1 else ''}", "error bold"), _nothing_yet]
            )
            self._show_line(found.problems[0] if found.problems else None)
        else:
            doubts = len(found.warnings) + len(found.never) + len(found.missing)
            self._say(
                [("✔ can be created", "success bold"), _nothing_yet]
                + ([(f"   ⚠ {doubts} to look at", "warning")] if doubts else [])
            )
            self._write_summary()
            self._draw(drawing)
        self.show_keys()

    def _arrange(self) -> None:
        """Problems stand above the file, for they are sentences; the summary stands beside the
        picture."""
        split = self.split
        bad = self.found is not None and self.found.plan is None
        split.turned, split.ratio = bad and split.size.width >= SIDE_FROM, 0.3 if bad else 0.45
        split.place()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def _write_summary(self) -> None:
        found = self.found
        if found is not None and found.plan is not None:
            plan, target = found.plan, self.target
            canvas = self.query_one(SummaryCanvas)
            canvas.write = lambda width: summary(found, plan, target, width)
            canvas.rewrite()

    def _draw(self, drawing: Any) -> None:
        if drawing is not None:
            self.query_one(GraphCanvas).set_drawing(GraphPicture(drawing))

    def _redraw(self) -> None:
        found, data, zoom = self.found, self.with_data, self.zoom
        if found is not None and found.graph is not None:
            self.torc.reader.ask(
                (self.NAME, "drawing"), lambda source: (found, _drawing(found, data, zoom))
            )

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()
        if event.table is self.table_of_problems:
            self._show_line(self._problem(event.key))

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        if event.table is self.table_of_matches:
            self._choose()
        else:
            self._show_line(self._problem(event.key))
            if self.split.shape == "single":
                self.split.show_alone("second")
            self.query_one("#source").focus()

    def _problem(self, key: Key | None) -> Problem | None:
        found = self.found
        return (
            found.problems[key]
            if found is not None and isinstance(key, int) and key < len(found.problems)
            else None
        )

    def _show_line(self, problem: Problem | None) -> None:
        canvas = self.query_one("#source", LineCanvas)
        if problem is not None and self.found is not None:
            count = len(self.found.problems)
            text = problem.message + (f" — {problem.hint}" if problem.hint else "")
            self._say(
                [(f"✖ {count} problem{'s' if count != 1 else ''}  ", "error bold"), (text, "text")]
            )
        if isinstance(canvas.drawing, SourceLines) and problem is not None:
            canvas.drawing.lit = problem.line
            canvas.redraw()
            if problem.line is not None:
                canvas.scroll_to(
                    0, max(0, problem.line - 1 - canvas.size.height // 2), animate=False
                )

    # -- acts --------------------------------------------------------------------------------------

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.torc.run_command(event.button.value)

    def do_back(self) -> None:
        if self.split.alone is not None:
            self.split.show_alone(None)
        else:
            self.app.pop_screen()

    def do_new_create(self) -> None:
        self._create(run=False)

    def do_new_run(self) -> None:
        self._create(run=True)

    def do_reload(self) -> None:
        """Read the file again."""
        self._look()

    def do_new_folder(self) -> None:
        """Jobs run in the folder of the app, or in that of the file."""
        self.beside_file = not self.beside_file
        self._look()

    def _create(self, *, run: bool) -> None:
        found = self.found
        if found is None or found.plan is None or found.path != self.path:
            self.torc.notify(
                "there is nothing to create yet: choose a file without problems", severity="warning"
            )
            return
        if self.creating:
            return
        self.creating = True
        plan, document, target, name = found.plan, found.document, self.target, found.plan.spec.name

        def act(store: Any, actor: str) -> int:
            from torc_tui import settings
            from torc_tui.operations import workflows
            from torc_tui.store import workflow_import

            user = settings.user_name()
            if document is not None:
                made = workflow_import.import_workflow(
                    store, document, user=user, directory=target, at=time.time(), actor=actor
                )
            else:
                made = workflows.create_workflow(
                    store, plan, user=user, directory=target, actor=actor
                )
            return made

        command = "workflow-import" if document is not None else "workflow-new"
        jobs = len(plan.jobs)
        self.torc.acts.do(
            command,
            act,
            said=lambda made: f"workflow {made}, {name}: {jobs} job{'s' if jobs != 1 else ''}",
            then=lambda made: self._created(made, name, run=run),
            otherwise=self._may_again,
        )
        verb = "workflows import" if document is not None else "run --detach" if run else "create"
        line = f"torc {verb} {shlex.quote(found.path)}"
        self.torc.last_line = (
            f"cd {shlex.quote(target)} && {line}" if target != self.folder else line
        )

    def _may_again(self) -> None:
        self.creating = False

    def _created(self, made: int, name: str, *, run: bool) -> None:
        line = self.torc.last_line
        if self.is_attached:
            self.app.pop_screen()
        self.torc.open_workflow(made)
        if run:
            # What was created stays, and is shown, also when it cannot be run.
            self.torc.acts.on_workflow("workflow-run", Workflow(id=made, name=name, user=""), 0)
            self.torc.last_line = line

    # -- the picture -------------------------------------------------------------------------------

    def do_graph_nodes(self) -> None:
        self.with_data = not self.with_data
        self._redraw()

    def do_graph_zoom_in(self) -> None:
        self.zoom = min(2, self.zoom + 1)
        self._redraw()

    def do_graph_zoom_out(self) -> None:
        self.zoom = max(0, self.zoom - 1)
        self._redraw()

    def do_maximise(self) -> None:
        split = self.split
        split.show_alone(None if split.alone is not None else split.pane_of(self.focused))


_nothing_yet = ("   nothing is stored yet", "faint")


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return str(Path.home())


def _drawing(found: Preview, data: bool, zoom: int) -> Any:
    from torc_tui.views.graph_drawing import Drawing

    assert found.graph is not None
    scene = found.graph.scene(data=data)
    scene.refresh(_States())  # type: ignore[arg-type]  # answers for every job
    return Drawing(scene, zoom=zoom, sign=lambda status: STATUS[JobStatus(status)].sign)


class _State:
    status = JobStatus.UNINITIALIZED


class _States:
    """Every job is new."""

    def __contains__(self, job: object) -> bool:
        return True

    def __getitem__(self, job: int) -> _State:
        return _State()


def _problem_cell(problem: Problem, column: str, width: int) -> Cell:
    match column:
        case "line":
            return ("" if problem.line is None else str(problem.line), "error")
        case "message":
            return (problem.message, "text")
    return (problem.hint or "", "muted")


def _problem_value(problem: Problem, column: str) -> Any:
    return problem.line


def summary(found: Preview, plan: Plan, target: str, width: int) -> list[Line]:
    """What would be stored, in words; then what to look at before."""
    spec = plan.spec
    before = spec.entries
    out: list[Line] = [[(sanitize(spec.name), "strong")]]
    if spec.description:
        out += [[(line, "muted")] for line in textwrap.wrap(sanitize(spec.description), width)]
    out.append([])

    def field(label: str, value: str, note: str = "", style: str = "text") -> None:
        room = max(8, width - 14)
        parts = [value[at : at + room] for at in range(0, len(value), room)] or [""]
        out.append(
            [(f"{label:<14}", "muted"), (parts[0], style), (f"  {note}" if note else "", "faint")]
        )
        out.extend([(" " * 14, ""), (part, style)] for part in parts[1:])

    def counted(label: str, count: int, key: str) -> None:
        was = before.get(key, count)
        if count or was:
            source = (
                f"from {was:,} entr{'ies' if was != 1 else 'y'}" if was else "named in commands"
            )
            field(label, f"{count:,}", source if was != count else "")

    counted("jobs", len(plan.jobs), "jobs")
    from torc_tui.plan.describe import describe

    edges: Any = describe(plan, edges=False)["summary"]
    if edges["edge_count"]:
        field("dependencies", f"{edges['edge_count']:,}")
    counted("files", len(plan.files), "files")
    counted("user data", len(plan.user_data), "user_data")
    if spec.failure_handlers:
        field("handlers", str(len(spec.failure_handlers)), "what to do when a job fails")
    if spec.actions:
        field("actions", str(len(spec.actions)))
    field("runs in", target, style="accent")
    out.append([])
    out.append([("Requirements", "accent bold")])
    used = Counter(planned.requirement for planned in plan.jobs)
    for index, number in used.most_common(8):
        out.append([(f"  {_asks(plan.requirements[index])}", "text"), (f"  × {number:,}", "faint")])
    for title, lines, style in (
        ("Cannot run here", [text for text, _ in found.never], "warning"),
        ("Not there, and no job writes it", list(found.missing), "warning"),
        ("Doubts", [_doubt(problem) for problem in found.warnings], "text"),
    ):
        if not lines:
            continue
        out += [[], [(f"⚠ {title}", "warning bold")]]
        for text in lines[:20]:
            wrapped = textwrap.wrap(sanitize(text), max(12, width - 2)) or [""]
            out += [[("  " + line, style)] for line in wrapped]
        if len(lines) > 20:
            out.append([(f"  and {len(lines) - 20} more", "faint")])
    return out


def _asks(requirement: ResourceRequirements) -> str:
    if requirement == DEFAULT_REQUIREMENTS:
        return "nothing requested: counts as 1 CPU"
    parts = [f"{requirement.num_cpus} CPU{'s' if requirement.num_cpus != 1 else ''}"]
    if requirement.memory is not None:
        parts.append(show_bytes(requirement.memory))
    if requirement.num_gpus:
        parts.append(f"{requirement.num_gpus:g} GPU{'s' if requirement.num_gpus > 1 else ''}")
    if requirement.runtime is not None:
        longest = show_duration(requirement.runtime).removesuffix(" 00 s").removesuffix(" 00 min")
        parts.append(f"up to {longest}")
    return f"{requirement.name}: {' · '.join(parts)}"


def _doubt(problem: Problem) -> str:
    place = f"line {problem.line}: " if problem.line is not None else ""
    return place + problem.message + (f" ({problem.hint})" if problem.hint else "")
