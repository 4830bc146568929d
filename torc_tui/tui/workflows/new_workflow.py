"""Create a workflow from its file, or from an exported one.

Input: a path, checked while typing. Output: a preview of the workflow, or the problems of the file;
finally a call of ``operations``. The reader thread reads files, and nothing is stored before the
user confirms.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.containers import Horizontal

from torc_tui.model import Machine, Plan, Workflow
from torc_tui.status import JobStatus
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.bars import FooterBar, HeaderBar, HeaderState
from torc_tui.tui.frame.base_screen import CoveringScreen, TorcScreen
from torc_tui.tui.graph.graph_picture import GraphPicture
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.empty_state import EmptyState
from torc_tui.tui.widgets.overlay import Button
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.tui.workflows import file_preview, run_actions
from torc_tui.tui.workflows.file_preview import Kind, Preview, expanded
from torc_tui.tui.workflows.path_picker import Matches, PathPicker
from torc_tui.tui.workflows.plan_summary import summary
from torc_tui.tui.workflows.preview_panes import PreviewPanes, problem_line
from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_fit import GraphShape, fit_drawing
from torc_tui.views.graph_grid import Room
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.store.database import Store

TITLES = {
    "spec": ("New workflow", "path of a workflow file"),
    "import": ("Import a workflow", "path of an exported workflow (.json)"),
}
"""Title of the screen, and placeholder of the field."""


class Checked(NamedTuple):
    """The preview of the file ``text``, with its graph; None if it is not a file."""

    text: str
    found: Preview | None = None
    drawing: GraphDrawing | None = None


class NewWorkflow(CoveringScreen):
    """The screen for a new workflow. ``path`` is the initial path."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("new", "split")
    DEFAULT_CSS = """
    NewWorkflow #note { margin: 0; }
    NewWorkflow #acts { height: 1; margin: 0 0 0 1; }
    """

    def __init__(self, below: TorcScreen, path: str | None = None, *, kind: Kind = "spec") -> None:
        super().__init__(below)
        self.kind: Kind = kind
        self.folder = _current_folder()
        self.beside_file = False
        self.found: Preview | None = None
        self.with_data = False
        self.zoom: int | None = None
        self.creating = False
        self.picker = PathPicker(path or "", TITLES[kind][1])
        self.note = StatusLine(id="note")
        self.panes = PreviewPanes()
        self.nothing = EmptyState()
        self.nothing.can_focus = False
        self.create_button = Button("Create")
        self.run_button = Button("Create and run")
        self.buttons = Horizontal(self.create_button, self.run_button, id="acts")
        self._machine: Machine | None = None

    def compose(self) -> ComposeResult:
        title, key = TITLES[self.kind][0], self.torc.keymap.key
        self.create_button.key, self.run_button.key = key("new-create"), key("new-run")
        yield HeaderBar(HeaderState(title=title, note=self.folder, read_only=self.torc.read_only))
        yield self.picker
        yield self.note
        yield self.panes
        yield self.nothing
        yield self.buttons
        yield FooterBar()

    def on_mount(self) -> None:
        self.picker.begin()
        self.nothing.show("The preview of the workflow appears here.", "Nothing is created yet.")
        self._show()
        self.look()

    @property
    def path(self) -> str:
        """Return the typed path as an absolute path."""
        return expanded(self.picker.text, self.folder)

    @property
    def target(self) -> str:
        """Return the directory where the jobs would run."""
        return str(Path(self.path).parent) if self.beside_file else self.folder

    # -- reading -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Request the completions of the typed path, and the preview if it is a file."""
        text, folder, kind = self.picker.text, self.folder, self.kind
        path, target, data, zoom = self.path, self.target, self.with_data, self.zoom
        room = Room(*self.panes.graph.size)

        def read_matches(source: FeedReader) -> Matches:
            names = file_preview.completions(text, folder, kind)
            return Matches(text, names, Path(path).is_file(), Path(path).is_dir())

        def check(source: FeedReader) -> Checked:
            if not text.strip() or not Path(path).is_file():
                return Checked(text)
            found = file_preview.preview(path, self._this_machine(), kind, folder=target)
            drawing = None if found.graph is None else _drawing(found, data, zoom, room)
            return Checked(text, found, drawing)

        self.ask("new-matches", read_matches, self._take_matches)
        self.ask("new-check", check, self._take_check)

    def _this_machine(self) -> Machine:
        """Return this machine; called in the reader thread."""
        if self._machine is None:
            from torc_tui.resources.detect import detect_machine
            from torc_tui.resources.gpu_service import read_once

            self._machine = detect_machine(gpus=read_once().gpus)
        return self._machine

    def _take_matches(self, found: Matches) -> None:
        if found.text == self.picker.text:
            note = self.picker.show_matches(found)
            if note is not None:
                self.note.show(note)

    def _take_check(self, checked: Checked) -> None:
        if checked.text != self.picker.text:
            return
        self.found = checked.found
        self._show()
        self.panes.show_graph(checked.drawing)

    def _show(self) -> None:
        found, target = self.found, self.target
        plan = None if found is None else found.plan
        self.panes.display, self.nothing.display = found is not None, found is None
        self.buttons.display = plan is not None
        if found is None or plan is None:
            self.panes.show(found, None)
        else:
            self.panes.show(found, lambda width: summary(found, plan, target, width))
        if found is None:
            return
        self.picker.hide_matches()
        if plan is None:
            first = found.problems[0] if found.problems else None
            self.note.show(problem_line(found.problems, first))
        else:
            warnings = len(found.warnings) + len(found.never) + len(found.missing)
            more = [(f"   ⚠ {count(warnings, 'warning')}", "warning")] if warnings else []
            fine = [("✔ valid", "success bold"), ("   nothing is created yet", "faint")]
            self.note.show(fine + more)
        self.show_keys()

    def _redraw(self) -> None:
        found, data, zoom = self.found, self.with_data, self.zoom
        room = Room(*self.panes.graph.size)
        if found is not None and found.graph is not None:
            self.ask(
                "new-drawing",
                lambda source: (found, _drawing(found, data, zoom, room)),
                lambda drawn: self.panes.show_graph(drawn[1] if drawn[0] is self.found else None),
            )

    on_graph_canvas_resized = _redraw

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "back": self._back,
            "reload": self.look,
            "maximize": lambda: self.panes.toggle_alone(self.focused),
            "new-create": lambda: self._create(run=False),
            "new-run": lambda: self._create(run=True),
            "new-folder": self._toggle_folder,
            "graph-nodes": self._toggle_data,
            "graph-zoom-in": lambda: self._zoom(1),
            "graph-zoom-out": lambda: self._zoom(-1),
        }

    def _back(self) -> None:
        if self.panes.alone is not None:
            self.panes.show_alone(None)
        else:
            self.dismiss(None)

    def _toggle_folder(self) -> None:
        """Switch between the directory of the file and the current directory."""
        self.beside_file = not self.beside_file
        self.look()

    def _toggle_data(self) -> None:
        self.with_data = not self.with_data
        self._redraw()

    def _zoom(self, by: int) -> None:
        picture = self.panes.graph.drawing
        if isinstance(picture, GraphPicture):
            self.zoom = max(0, min(2, picture.drawing.zoom + by))
            self._redraw()

    def on_path_picker_typed(self) -> None:
        self.look()

    def on_path_picker_path_accepted(self) -> None:
        if self.found is not None and self.found.plan is not None:
            self.create_button.focus()
        elif self.found is not None:
            self.panes.table.focus()
        else:
            self.picker.choose()

    def on_preview_panes_problem_selected(self, event: PreviewPanes.ProblemSelected) -> None:
        if event.problem is not None and self.found is not None:
            self.note.show(problem_line(self.found.problems, event.problem))
            self.panes.show_line(event.problem)
        if event.entered:
            self.panes.focus_problem_line()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        commands = {self.create_button: "new-create", self.run_button: "new-run"}
        self.torc.run_command(commands[event.button])

    # -- creating ----------------------------------------------------------------------------------

    def _create(self, *, run: bool) -> None:
        found = self.found
        if found is None or found.plan is None or found.path != self.path:
            self.torc.notify(
                "nothing to create yet: choose a file without problems", severity="warning"
            )
            return
        if self.creating:
            return
        self.creating = True
        plan, target = found.plan, self.target
        verb = "create" if not run else "run --detach"
        verb = verb if found.document is None else "workflows import"
        line = f"torc {verb} {shlex.quote(found.path)}"
        if target != self.folder:
            line = f"cd {shlex.quote(target)} && {line}"
        name, jobs = plan.spec.name, count(len(plan.jobs), "job")

        def created(made: int) -> None:
            if self.is_attached:
                self.dismiss(None)
            self.torc.open_workflow(made)
            if run:
                # The new workflow is kept and shown even if its runner cannot start.
                run_actions.run(self.torc, Workflow(id=made, name=name, user=""), line=line)

        self.torc.actions.run(
            creation(found, plan, target),
            line=line,
            report=lambda made: f"created workflow {made} ({name}) with {jobs}",
            then=created,
            refused=self._refused,
        )

    def _refused(self) -> None:
        self.creating = False


class Creation(Protocol):
    """Stores a workflow and returns its id."""

    def __call__(self, store: Store, actor: str) -> int: ...


def creation(found: Preview, plan: Plan, target: str) -> Creation:
    """Return the action that creates the workflow of a preview; its jobs run in ``target``."""
    document = found.document

    def act(store: Store, actor: str) -> int:
        from torc_tui import settings
        from torc_tui.operations import workflows
        from torc_tui.store import workflow_import

        user = settings.user_name()
        if document is None:
            return workflows.create_workflow(store, plan, user=user, directory=target, actor=actor)
        return workflow_import.import_workflow(
            store, document, user=user, directory=target, at=time.time(), actor=actor
        )

    return act


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return str(Path.home())


def _drawing(found: Preview, data: bool, zoom: int | None, room: Room) -> GraphDrawing:
    assert found.graph is not None
    scene = found.graph.scene(data=data)
    scene.refresh(found.jobs)
    return fit_drawing(scene, room, GraphShape(zoom), lambda status: STATUS[JobStatus(status)].sign)
