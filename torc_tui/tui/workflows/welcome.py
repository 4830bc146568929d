"""Show the welcome of an empty database: workflow files to open, and examples.

Input: workflow files, which the reader thread finds. Output: `Chosen` messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, broken, line_width
from torc_tui.tui.widgets.painted import Painted
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows.workflow_files import WorkflowFile, examples, find

SENTENCE = "Torc runs the jobs of a workflow in order and shows their progress live."
COLUMNS = (
    TableColumn("file", "workflow file", 28, minimum=14, importance=0, sortable=False),
    TableColumn("about", "about", 40, minimum=12, importance=1, grow=2, sortable=False),
    TableColumn("where", "", 7, importance=2, align="right", sortable=False),
)


class Centered(Painted):
    """Lines in the middle of the width."""

    DEFAULT_CSS = """
    Centered { height: auto; }
    """

    def __init__(self, text: Sequence[Line], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = text

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [
            [(" " * max(0, (width - line_width(line)) // 2), ""), *line]
            for line in self._broken(width)
        ]

    def _broken(self, width: int) -> list[Line]:
        """Return the lines, those that are too long in several."""
        parts = (broken(line, width) if line_width(line) > width else [line] for line in self.text)
        return [line for part in parts for line in part]

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._broken(width))


class Welcome(Vertical):
    """The choices for an empty database, in the middle of the screen."""

    DEFAULT_CSS = """
    Welcome { width: 1fr; height: 1fr; align: center middle; }
    Welcome > .box { width: 130; max-width: 96%; height: auto; max-height: 100%; }
    Welcome VirtualTable { height: auto; max-height: 70vh; margin: 1 0; }
    """

    @dataclass(slots=False)
    class FileChosen(Message):
        """A file was chosen."""

        file: WorkflowFile

    def __init__(self, key: Callable[[str], str]) -> None:
        """Prepare the widget; ``key`` returns the key of a command."""
        super().__init__(id="welcome")
        self._key = key
        self.rows = ListRows(COLUMNS, _cell, lambda file, column: None)
        self.table = VirtualTable(
            self.rows, id="files", empty="looking for workflow files …", fits=True
        )

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Centered([[("torc", "accent bold")], [], [(SENTENCE, "text")]])
            yield self.table
            enter = (self._key("activate"), "key")
            yield Centered([[enter, (" shows the workflow before it is created", "muted")]])

    def on_mount(self) -> None:
        self.table.focus()

    def show(self, files: Sequence[WorkflowFile]) -> None:
        """Show these files."""
        self.rows.records = {file.path: file for file in files}
        self.table.styles.height = len(files) + 1
        self.table.reload()
        self.table.move_to(0)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        self.post_message(self.FileChosen(self.rows.records[event.key]))


def welcome_files() -> list[WorkflowFile]:
    """Return the choices: workflow files in and below the current directory, then examples."""
    return [*find(str(Path.cwd())), *examples()]


def _cell(file: WorkflowFile, column: str, width: int) -> Cell:
    match column:
        case "file":
            return (file.shown, "text")
        case "where":
            return ("example" if file.is_example else "", "faint")
    about = file.description.split(". ")[0].rstrip(".").replace("`", "")
    return (about or ("" if file.name == file.shown else file.name), "muted")
