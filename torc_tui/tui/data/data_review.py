"""Before a value is written: what changes, whether it fits its schema, and the choice. And what to
do when somebody else wrote meanwhile.

What comes in: texts and values (``prepare`` and ``write`` run in the reader thread). What goes out:
lines, and the answer that was chosen. Nothing is written here but by ``write``.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from torc_tui.errors import Conflict
from torc_tui.json_errors import JsonError
from torc_tui.model import Json
from torc_tui.tui.data.data_texts import change_lines, counted, diff_lines, heading
from torc_tui.tui.data.json_editor import fits
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.dialogs import Button, Overlay, TextDrawing
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.views.json_diff import JsonChange, diff, unified
from torc_tui.views.json_document import parse
from torc_tui.views.json_schema import Violation, check, told

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to go on: a key, what stands on the button, and what it gives."""

    key: str
    label: str
    value: str
    danger: bool = False


class Choice(Overlay):
    """A text to read, however long, and what to do about it. The result is the value of an answer;
    the last answer is the sanitize one, and what escape gives."""

    CONTEXT: ClassVar[tuple[str, ...]] = ("overlay",)
    DEFAULT_CSS = """
    Choice > .box { width: 110; }
    Choice LineCanvas { max-height: 78vh; background: $surface; }
    Choice #answers { height: auto; margin: 1 0 0 0; layout: horizontal; }
    Choice.-narrow #answers { layout: vertical; margin: 0; }
    Choice.-narrow LineCanvas { max-height: 50vh; }
    """

    def __init__(self, title: str, lines: Sequence[Line], answers: Sequence[Answer]) -> None:
        super().__init__()
        self.heading = title
        self.drawing = TextDrawing(lines)
        self.answers = answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = sanitize(self.heading).replace("[", "\\[")
            box.border_subtitle = " / ".join(answer.key for answer in self.answers)
            canvas = LineCanvas(self.drawing)
            canvas.can_focus = False
            yield canvas
            with Container(id="answers"):
                for answer in self.answers:
                    yield Button(answer.label, answer.value, danger=answer.danger)

    def on_mount(self) -> None:
        # The sanitize answer has the focus: an enter too many destroys nothing.
        self.query(Button).last().focus()

    def on_resize(self, event: events.Resize) -> None:
        needed = sum(len(answer.label) + 6 for answer in self.answers)
        self.set_class(event.size.width < needed + 8, "-narrow")
        room = min(110, event.size.width * 96 // 100) - 4
        wide, high = self.drawing.size
        self.query_one(LineCanvas).styles.height = high + (
            wide > room
        )  # the bar for long lines takes one

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.value)

    def on_key(self, event: events.Key) -> None:
        moves = {
            "up": "do_pan_up", "down": "do_pan_down", "pageup": "do_page_up", "pagedown": "do_page_down",
            "home": "do_cursor_top", "end": "do_cursor_bottom",
        }  # fmt: skip
        chosen = [answer for answer in self.answers if answer.key == event.character]
        if chosen:
            event.stop()
            self.dismiss(chosen[0].value)
        elif event.key in ("left", "right", "tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            (self.focus_next if event.key in ("right", "tab") else self.focus_previous)(Button)
        elif event.key in moves:
            event.stop()
            getattr(self.query_one(LineCanvas), moves[event.key])()

    def do_back(self) -> None:
        self.dismiss(self.answers[-1].value)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text that may be written: its value, or where it is wrong; what it changes; what its schema
    says."""

    value: Json = None
    wrong: JsonError | None = None
    changes: Sequence[JsonChange] = ()
    unified: Sequence[str] = ()
    violations: Sequence[Violation] = ()


def examine(text: str, schema: Json) -> Prepared:
    """Whether a text may be written, without a comparison."""
    value, wrong = parse(text)
    if wrong is None and (half := _half(value, text)) is not None:
        wrong = half
    if wrong is not None:
        return Prepared(wrong=wrong)
    return Prepared(value, violations=check(value, schema) if schema is not None else ())


def prepare(text: str, base: Json, base_name: str, schema: Json) -> Prepared:
    """The same, and what it changes in ``base``."""
    found = examine(text, schema)
    if found.wrong is not None:
        return found
    changes, lines = compare(base, found.value, base_name, "as edited", large=not fits(text))
    return Prepared(found.value, None, changes, lines, found.violations)


def compare(
    old: Json, new: Json, old_name: str, new_name: str, *, large: bool = False
) -> tuple[Sequence[JsonChange], Sequence[str]]:
    """The changes by path, and as text (not for ``large`` values, where nobody would read it)."""
    changes = diff(old, new)
    return changes, () if large or not changes else unified(
        old, new, old_name=old_name, new_name=new_name
    )


def _half(value: Json, text: str) -> JsonError | None:
    """Half of a surrogate pair is JSON, and no text that could be stored."""
    found = _HALF.search(text)
    if found is None:
        return None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        at = found.start()
        line = text.count("\n", 0, at) + 1
        return JsonError(
            "half of a character that takes two escapes", line, at - text.rfind("\n", 0, at), at
        )
    return None


def review(prepared: Prepared, against: str, stale: Sequence[Line] = ()) -> list[Line]:
    """What a person reads before saving. ``stale``: the jobs that the change makes stale, where
    that is known."""
    lines: list[Line] = [heading(f"{counted(len(prepared.changes), 'change')} to {against}")]
    lines += change_lines(prepared.changes)
    if prepared.violations:
        lines += [[], heading("It does not fit its schema", "error bold")]
        lines += [
            [("  ✖ ", "error"), (violation.text, "text")] for violation in prepared.violations[:20]
        ]
    if stale:
        lines += [[], *stale]
    if prepared.unified:
        lines += [[], heading("As text"), *diff_lines(prepared.unified)]
    return lines


@dataclass(frozen=True, slots=True)
class Clash:
    """Somebody wrote meanwhile: the record as it is now, its text, and what ours would change in
    it."""

    theirs: Mapping[str, Any]
    text: str
    changes: Sequence[JsonChange]
    unified: Sequence[str]


def write(
    store: Any, actor: str, record_id: int, value: Json, version: int
) -> Mapping[str, Any] | Clash:
    """In the reader thread: write the value, if ``version`` is still the newest."""
    from torc_tui.store import data_overview, user_data

    connection = store.connection()
    try:
        return user_data.update(
            connection,
            record_id,
            data=value,
            expected_version=version,
            actor=actor,
            at=time.time(),
            check=told,
        )
    except Conflict:
        theirs = data_overview.opened(connection, record_id)
        text = readable(theirs["data"])
        name = f"version {theirs['version']}"
        changes, lines = compare(theirs["data"], value, name, "mine", large=not fits(text))
        return Clash(theirs, text, changes, lines)


def command_of(record_id: int, value: Json, *, limit: int = 4000) -> str:
    """The command line that writes this value; a large one is read from a file."""
    import shlex

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    given = f"--data {shlex.quote(text)}" if len(text) <= limit else "--data-file FILE"
    return f"torc user-data update {record_id} {given}"
