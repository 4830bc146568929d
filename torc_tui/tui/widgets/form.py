"""Forms: several labeled fields, with the first error below them.

Input: fields with their values. Output: the texts by key, or None. Nothing is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from torc_tui.tui.widgets.dialogs import Check
from torc_tui.tui.widgets.overlay import Button, Overlay, Words, box_title


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. ``check`` returns what is wrong with a text, or None."""

    key: str
    label: str
    value: str = ""
    help: str = ""
    check: Check = lambda text: None


class Form(Overlay[dict[str, str]]):
    """A form. Enter goes to the next field, and from the last one to the button."""

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
        """Return the texts of the fields."""
        return {key: field.value.strip() for key, field in self.inputs.items()}

    def wrong(self) -> str | None:
        """Return the first thing that is wrong."""
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
