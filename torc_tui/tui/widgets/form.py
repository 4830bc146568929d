"""A few lines from the user at once: labels, fields, and what is wrong beside the last one.

What comes in: fields with their values. What goes out: the texts by key, or None. Nothing here acts
by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.widgets.dialogs import Button, Overlay, Words


@dataclass(frozen=True, slots=True)
class Field:
    """One line. ``check`` gives what is wrong with a text, or None."""

    key: str
    label: str
    value: str = ""
    help: str = ""
    check: Callable[[str], str | None] = lambda text: None


class Form(Overlay):
    """See the module. Enter goes on to the next field, and from the last one to the button."""

    DEFAULT_CSS = """
    Form > .box { width: 76; }
    Form .line { height: 1; }
    Form .line Words { width: 18; }
    Form Input { border: none; height: 1; width: 1fr; padding: 0; background: $background; }
    Form #acts { height: 1; margin: 1 0 0 0; }
    """

    def __init__(self, title: str, fields: Sequence[Field], button: str) -> None:
        super().__init__()
        self.heading = title
        self.fields = fields
        self.button = button

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = sanitize(self.heading).replace("[", "\\[")
            box.border_subtitle = "esc leaves everything as it is"
            for field in self.fields:
                with Horizontal(classes="line"):
                    yield Words([[(field.label, "muted")]])
                    yield Input(
                        field.value, placeholder=field.help, compact=True, id=f"field-{field.key}"
                    )
            yield Words([[("", "")]], id="said")
            with Horizontal(id="acts"):
                yield Button(self.button, True)
                yield Button("Cancel", False)

    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {
            field.key: self.query_one(f"#field-{field.key}", Input).value.strip()
            for field in self.fields
        }

    def wrong(self) -> str | None:
        """The first thing that is wrong."""
        values = self.values()
        for field in self.fields:
            found = field.check(values[field.key])
            if found is not None:
                return f"{field.label}: {found}"
        return None

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        wrong = self.wrong()
        self.query_one("#said", Words).set([[(wrong or "", "error")]])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if not event.button.value:
            self.dismiss(None)
        elif self.wrong() is None:
            self.dismiss(self.values())

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down") and isinstance(self.focused, Input):
            event.stop()
            event.prevent_default()
            (self.focus_previous if event.key == "up" else self.focus_next)()
