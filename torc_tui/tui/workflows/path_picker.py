"""Show the field for the path of a workflow file, with completions below it.

Input: keys, and completions from the reader thread. Output: messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.filter_field import GhostText
from torc_tui.tui.widgets.overlay import Words
from torc_tui.tui.widgets.table_model import ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows.file_preview import common
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count

WAIT = 0.12
"""Seconds without a key until the file is read."""
MATCHES = 7
"""Completions on screen at once."""


class Matches(NamedTuple):
    """The completions of ``text``, and whether it is a file or a directory itself."""

    text: str
    names: Sequence[str]
    is_file: bool
    is_folder: bool


class PathField(Input):
    """A field that leaves tab, enter and the arrows to the list of completions."""

    @dataclass(slots=False)
    class ListKeyPressed(Message):
        """A key for the list was pressed."""

        key: str

    def on_key(self, event: events.Key) -> None:
        if event.key in ("tab", "enter", "up", "down"):
            event.stop()
            event.prevent_default()
            self.post_message(self.ListKeyPressed(event.key))


class PathPicker(Vertical):
    """A field for a path with a list of completions."""

    DEFAULT_CSS = """
    PathPicker { height: auto; }
    PathPicker #path-line { height: 1; background: $surface; margin: 1 0 0 0; }
    PathPicker #path-line Words { width: 8; }
    PathPicker PathField {
        width: 1fr; border: none; height: 1; padding: 0; background: $surface;
    }
    PathPicker #matches { height: auto; max-height: 8; background: $surface; }
    """

    class Typed(Message):
        """The text changed, after a pause in typing."""

    class PathAccepted(Message):
        """The user accepted the path."""

    def __init__(self, path: str, placeholder: str) -> None:
        super().__init__()
        self.matches = Matches("", (), False, False)
        self.rows = ListRows(
            (TableColumn("name", "", 40, minimum=10, importance=0, grow=1, sortable=False),),
            lambda name, column, width: (name, "accent" if name.endswith("/") else "text"),
            lambda name, column: name,
        )
        self.table = VirtualTable(
            self.rows, id="matches", empty="no directory or workflow file matches"
        )
        self.table.can_focus = False
        self.field = PathField(
            path,
            placeholder=placeholder,
            compact=True,
            suggester=GhostText(lambda text: self.matches.names),
            select_on_focus=False,
        )
        self._waiting: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="path-line"):
            yield Words([[("  file  ", "accent bold")]])
            yield self.field
        yield self.table

    @property
    def text(self) -> str:
        return self.field.value

    def begin(self) -> None:
        """Focus the field, with the cursor at its end."""
        self.field.focus()
        self.field.cursor_position = len(self.text)

    def show_matches(self, found: Matches) -> Line | None:
        """Show the completions; return a note about them, None for a file."""
        self.matches = found
        self.rows.records = {name: name for name in found.names}
        self.table.reload()
        self.table.move_to(0)
        self.table.display = not found.is_file and bool(found.names or found.text)
        self.table.styles.height = 1 + max(1, min(MATCHES, len(found.names)))
        return None if found.is_file else _about(found)

    def hide_matches(self) -> None:
        self.table.display = False

    # -- keys --------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_waiting()
        self._waiting = self.set_timer(WAIT, self._typed)

    def _typed(self) -> None:
        self._waiting = None
        self.post_message(self.Typed())

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()

    def on_path_field_list_key_pressed(self, event: PathField.ListKeyPressed) -> None:
        event.stop()
        if event.key == "tab":
            self._complete()
        elif event.key == "up":
            self.table.move_by(-1)
        elif event.key == "down" and self.table.display:
            self.table.move_by(1)
        else:
            self.post_message(self.PathAccepted())

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        event.stop()
        self.choose()

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()

    def choose(self) -> None:
        """Take the completion under the cursor."""
        key = self.table.cursor
        if isinstance(key, str) and key != self.text:
            self._put(key)

    def _complete(self) -> None:
        """Complete the common prefix; if there is none, take the completion under the cursor."""
        names, text = self.matches.names, self.text
        if not names:
            if self.matches.is_folder and not text.endswith("/"):
                self._put(text + "/")
            return
        shared = common(names)
        if len(shared) > len(text):
            self._put(shared)
        else:
            self.choose()

    def _put(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)
        self._stop_waiting()
        self.post_message(self.Typed())


def _about(found: Matches) -> Line:
    known = bool(found.names) or found.is_folder
    text = count(len(found.names), "match", "matches") if found.names else "no matches"
    if found.is_folder and not found.text.endswith("/") and found.text:
        text = "a directory: tab opens it"
    return [(text, "muted" if known else "warning"), ("   tab completes", "faint")]
