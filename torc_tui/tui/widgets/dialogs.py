"""Dialogs: one line of input, a form, a text, and a searchable list.

Input: texts and rows. Output: the result of the dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.overlay import Button, Overlay, Words, box_title
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable

K = TypeVar("K")
LOW = 20
"""Lines of the screen below which a list to search fills it."""
FINDER_LINES = 3
"""Lines of a list to search besides its rows: the frame and the field."""
HEAD = 1
"""Lines of a table above its rows."""
Check = Callable[[str], str | None]
"""Returns the error of a text, or None."""


class Ask(Overlay[str]):
    """A dialog for one line of text. The result is the text, or None."""

    DEFAULT_CSS = """
    Ask > .box { width: 72; }
    Ask Input { border: none; height: 1; padding: 0; background: $background; }
    """

    def __init__(
        self,
        title: str,
        *,
        value: str = "",
        help: str = "",
        check: Check = lambda text: None,
        about: Sequence[Line] = (),
    ) -> None:
        """Prepare the dialog; ``about`` are lines above the field."""
        super().__init__()
        self.about = Words(about)
        self.heading = title
        self.help_text = help
        self.check = check
        self.field = Input(value, compact=True)
        self.note = Words([[(help, "muted")]])

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            box.border_subtitle = "⏎ accepts · esc cancels"
            yield self.about
            yield self.field
            yield self.note

    def on_input_changed(self, event: Input.Changed) -> None:
        wrong = self.check(event.value)
        self.note.set([[(wrong, "error")] if wrong else [(self.help_text, "muted")]])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.check(event.value) is None:
            self.dismiss(event.value)


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. ``check`` returns what is wrong with a text, or None."""

    key: str
    label: str
    value: str = ""
    help: str = ""
    check: Check = lambda text: None


class Form(Overlay[dict[str, str]]):
    """A dialog with several fields. Enter goes to the next field, and finally to the button."""

    DEFAULT_CSS = """
    Form > .box { width: 76; }
    Form .line { height: 1; }
    Form .line Words { width: 18; }
    Form Input { border: none; height: 1; width: 1fr; padding: 0; background: $background; }
    Form #acts { height: 1; margin: 1 0 0 0; }
    """

    def __init__(self, title: str, fields: Sequence[FormField], button: str) -> None:
        super().__init__()
        self.heading = title
        self.fields = fields
        self.inputs = {
            field.key: Input(field.value, placeholder=field.help, compact=True) for field in fields
        }
        self.note = Words([[("", "")]])
        self.accept = Button(button)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            box.border_subtitle = "esc cancels"
            for field in self.fields:
                with Horizontal(classes="line"):
                    yield Words([[(field.label, "muted")]])
                    yield self.inputs[field.key]
            yield self.note
            with Horizontal(id="acts"):
                yield self.accept
                yield Button("Cancel")

    def values(self) -> dict[str, str]:
        return {key: field.value.strip() for key, field in self.inputs.items()}

    def wrong(self) -> str | None:
        """Return the first error."""
        values = self.values()
        for field in self.fields:
            found = field.check(values[field.key])
            if found is not None:
                return f"{field.label}: {found}"
        return None

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.note.set([[(self.wrong() or "", "error")]])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button is not self.accept:
            self.dismiss(None)
        elif self.wrong() is None:
            self.dismiss(self.values())

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down") and isinstance(self.focused, Input):
            event.stop()
            event.prevent_default()
            (self.focus_previous if event.key == "up" else self.focus_next)()


class TextDialog(Overlay[None]):
    """A dialog with a text, such as reasons or a command line."""

    DEFAULT_CSS = """
    TextDialog > .box { width: 104; height: auto; }
    TextDialog LineCanvas { height: auto; max-height: 85vh; background: $surface; }
    """

    def __init__(
        self,
        title: str,
        lines: Sequence[Line] | Callable[[int], Sequence[Line]],
        *,
        copy: str | None = None,
    ) -> None:
        """Prepare the dialog; ``lines`` may depend on the width of the box."""
        super().__init__()
        self.heading = title
        self.text = lines
        self.copy = copy
        self.canvas = LineCanvas(TextDrawing(lines(100) if callable(lines) else lines))

    def on_resize(self, event: events.Resize) -> None:
        if callable(self.text):
            lines = self.text(min(98, event.size.width - 10))
            self.canvas.set_drawing(TextDrawing(lines))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            box.border_subtitle = "y copies · esc closes" if self.copy else "esc closes"
            yield self.canvas

    def on_key(self, event: events.Key) -> None:
        if event.character == "y" and self.copy:
            event.stop()
            self.app.copy_to_clipboard(self.copy)
            self.app.notify("copied")
        elif event.key in ("enter", "q"):
            event.stop()
            self.dismiss(None)


FoundRow = tuple[K, str, str, str]
"""A row of the finder: its key, title, detail and note."""


class Finder(Overlay[K], Generic[K]):
    """A dialog with a list that is searched while typing.

    ``search`` returns the rows for a text; the result is the key of the chosen row.
    """

    DEFAULT_CSS = """
    Finder { align: center top; }
    Finder > .box { width: 120; margin: 2 0 0 0; }
    Finder.-small > .box { margin: 0; }
    Finder Input { border: none; height: 1; padding: 0; background: $surface; }
    Finder VirtualTable { background: $surface; }
    """

    def __init__(
        self,
        title: str,
        search: Callable[[str], Sequence[FoundRow[K]]],
        moved: Callable[[K | None], None] = lambda key: None,
    ) -> None:
        """Prepare the dialog; ``moved`` gets the key of the row under the cursor when it moves."""
        super().__init__()
        self.moved = moved
        self.heading = title
        self.search = search
        self.found: Sequence[FoundRow[K]] = ()
        columns = (
            TableColumn("title", "", 24, minimum=10, importance=0, grow=1, sortable=False),
            TableColumn("detail", "", 40, minimum=10, importance=2, grow=2, sortable=False),
            TableColumn("note", "", 10, importance=1, align="right", sortable=False),
        )
        self.rows = ListRows(columns, _found_cell, lambda record, column: None)
        self.table = VirtualTable(self.rows, empty="no matches")
        self.table.can_focus = False
        self.field = Input(placeholder="type to search", compact=True)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < LOW, "-small")
        self._fit()

    def _fit(self) -> None:
        """Make the list as high as its rows, up to a share of the screen."""
        height = self.app.size.height
        room = int(height * (0.96 if height < LOW else 0.7)) - FINDER_LINES
        self.table.styles.height = max(2, min(HEAD + max(1, len(self.found)), room))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            yield self.field
            yield self.table

    def on_mount(self) -> None:
        self._find("")
        self.field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, typed: str) -> None:
        self.found = self.search(typed)
        self.rows.records = {
            place: (title, detail, note)
            for place, (_, title, detail, note) in enumerate(self.found)
        }
        self._fit()
        self.table.reload()
        self.table.move_to(0)

    @property
    def chosen(self) -> K | None:
        """Return the key of the row under the cursor."""
        place = self.table.cursor
        return self.found[place][0] if isinstance(place, int) else None

    def on_key(self, event: events.Key) -> None:
        move_by_key(event, self.table)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(self.chosen)

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        self.moved(self.chosen)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        self.dismiss(self.chosen)


def _found_cell(record: tuple[str, str, str], column: str, width: int) -> Cell:
    title, detail, note = record
    return {"title": (title, ""), "detail": (detail, "muted"), "note": (note, "key")}[column]
