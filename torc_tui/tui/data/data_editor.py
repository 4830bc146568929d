"""The editor of one record: JSON as text, checked while typing, reviewed before it is saved.

Input: a record as ``user_data_records.opened`` returns it, and its text. Output: a new version.

Invariants: the reader thread parses, compares and reads files and the database. ``$EDITOR`` edits a
file, which is kept until its text is saved or equals the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import TextArea

from torc_tui.errors import NotFound
from torc_tui.json_errors import JsonError
from torc_tui.model import Event
from torc_tui.tui.data.data_review import Clash, ReviewedValue, examine
from torc_tui.tui.data.data_texts import Record, violation_lines, written
from torc_tui.tui.data.external_editing import ExternalEditing
from torc_tui.tui.data.json_editor import JsonEditor, LargeText, fits
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.data.record_saver import RecordSaver
from torc_tui.tui.feed.handovers import Changes, Handover
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.bars import FooterBar
from torc_tui.tui.frame.base_screen import CoveringScreen, TorcScreen
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.choice import Choice, Option
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.overlay import Words
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.wording import count

T = TypeVar("T")
PATIENCE = 0.15
"""Seconds after the last key until the text is checked."""
SHOWN_VIOLATIONS = 4


class DataEditor(CoveringScreen):
    """The editor of one record. With ``external``, it begins in ``$EDITOR``."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("editor",)
    DEFAULT_CSS = """
    DataEditor StatusLine { height: 1; }
    DataEditor #meanwhile { display: none; }
    DataEditor #violations { display: none; padding: 0 1; max-height: 5; }
    """

    def __init__(
        self, below: TorcScreen, record: Record, text: str, *, external: bool = False
    ) -> None:
        super().__init__(below)
        self.record = record
        self.original_text = text
        self.external = external
        self.rerun: Sequence[int] = ()
        """Jobs to rerun when the editor is left."""
        self.checked: ReviewedValue | None = None
        self.newer: int | None = None
        """The version that another writer saved since the editor was opened."""
        self.field = JsonEditor(text) if fits(text) else None
        self.about = StatusLine(id="about")
        self.meanwhile = StatusLine(id="meanwhile")
        self.violations = Words([], id="violations")
        self.verdict = StatusLine(id="verdict")
        self.saver = RecordSaver(self)
        self.external_editing = ExternalEditing(self, self.saver)
        self._large = text
        self._refused: str | None = None
        self._revision = 0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        key = self.torc.keymap.key("editor-external") or "$EDITOR"
        yield self.about
        yield self.meanwhile
        yield self.field or LargeText(self.record["size"], key)
        yield self.violations
        yield self.verdict
        yield FooterBar()

    def on_mount(self) -> None:
        (self.field or self.query_one(LargeText)).focus()
        self._show_about()
        self.check()
        if self.external:
            self.external_editing.begin()

    # -- the text ----------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self._large if self.field is None else self.field.text

    def set_text(self, text: str) -> None:
        if self.field is None:
            self._large = text
        else:
            self.field.load_text(text)

    def _show_about(self) -> None:
        record = self.record
        line = [(record["name"], "header-strong"), (f"  version {record['version']} ", "muted")]
        line += written(record)
        if record["schema"] is not None:
            line.append(("  with a schema", "muted"))
        self.about.show(line)

    # -- checking ----------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._revision += 1
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PATIENCE, self.check)

    def check(self) -> None:
        """Ask the reader thread to check the text."""
        text, schema, revision = self.text, self.record["schema"], self._revision

        def take(found: ReviewedValue) -> None:
            if revision == self._revision:
                self._show_check(found, len(text))

        self.ask("data-editor check", lambda _: examine(text, schema), take, self._check_failed)

    def question(
        self, what: str, read: Callable[[FeedReader], T], then: Callable[[T], None]
    ) -> None:
        self.ask(f"data-editor {what}", read, then, self._failed)

    def _show_check(self, found: ReviewedValue, size: int) -> None:
        self.checked = found
        self._mark(found.wrong)
        if found.wrong is None:
            self.verdict.show(verdict_line(found, size, schema=self.record["schema"] is not None))
        self.violations.display = bool(found.violations)
        self.violations.set(violation_lines(found.violations, SHOWN_VIOLATIONS))

    def _mark(self, wrong: JsonError | None) -> None:
        if self.field is not None:
            self.field.mark(wrong)
        if wrong is not None:
            refused = self.text == self._refused
            self.verdict.show(wrong_line(wrong, refused=refused, kept=self.external_editing.kept))

    def _check_failed(self, error: ReadError) -> None:
        self.verdict.show([("✖ ", "error bold"), (str(error), "error")])
        self.torc.show_error(error)

    def _failed(self, error: ReadError) -> None:
        if isinstance(error, NotFound):
            self.verdict.show([("✖ ", "error bold"), (str(error), "error")])
        self.torc.show_error(error)

    # -- what others do meanwhile ------------------------------------------------------------------

    def receive(self, item: Handover) -> None:
        super().receive(item)
        for event in item.events if isinstance(item, Changes) else ():
            if event.data.get("user_data_id") == self.record["id"]:
                self._changed_meanwhile(event)

    def _changed_meanwhile(self, event: Event) -> None:
        if event.kind == "user_data_deleted":
            text = "deleted this record: saving will fail"
        elif int(event.data.get("version") or 0) > self.record["version"]:
            self.newer = int(event.data["version"])
            text = f"saved version {self.newer}: saving will show both versions"
        else:
            return
        who = self.below.name_of_job(event.job_id) or event.actor or "another user"
        self.meanwhile.display = True
        self.meanwhile.show([("! ", "warning"), (who, "accent"), (f" {text}", "warning")])

    # -- saving ------------------------------------------------------------------------------------

    def refuse(self, found: ReviewedValue) -> None:
        self._refused = self.text
        self._mark(found.wrong)
        self._go_to_error()

    def saved(self, rerun: Sequence[int]) -> None:
        self.rerun = rerun
        self.external_editing.forget()
        self.leave()

    def leave(self) -> None:
        self.dismiss(None)

    def continue_with(self, clash: Clash, text: str) -> None:
        self.record = clash.theirs
        self.original_text = clash.text
        self.newer = None
        self.set_text(text)
        self.meanwhile.display = False
        self._show_about()
        self.check()

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "editor-save": self.saver.begin,
            "editor-format": self._format,
            "editor-error": self._go_to_error,
            "editor-external": self.external_editing.begin,
            "back": lambda: self._ask_to_leave(self.leave),
            "quit-now": lambda: self._ask_to_leave(self.torc.quit),
        }

    def _format(self) -> None:
        text = self.text
        self.question(
            "format", lambda _source: _formatted(text), lambda after: self._formatted(text, after)
        )

    def _formatted(self, before: str, after: str | None) -> None:
        field = self.field
        if after is None:
            self.torc.notify("only valid JSON can be indented", severity="warning")
        elif field is not None and field.text == before and after != before:
            at = field.cursor_location
            field.replace(after, (0, 0), field.document.end)
            field.move_cursor(at)

    def _go_to_error(self) -> None:
        if self.field is not None:
            self.field.go_to_mark()

    def _ask_to_leave(self, go: Callable[[], object]) -> None:
        if self.text == self.original_text:
            self.external_editing.forget()
            go()
            return
        lines: list[Line] = [[("The changes are not saved.", "text")]]
        if self.external_editing.kept is not None:
            lines.append([(f"They are kept in {self.external_editing.kept}.", "muted")])
        options = (
            Option("y", "Leave without saving", True, danger=True),
            Option("n", "Keep editing", False),
        )

        def take(agreed: bool | None) -> None:
            if agreed:
                go()

        self.torc.push(Choice(f"Leave {self.record['name']}?", lines, options), take)


def _formatted(text: str) -> str | None:
    found = examine(text, None)
    return None if found.wrong is not None else readable(found.value)


def verdict_line(found: ReviewedValue, size: int, *, schema: bool) -> Line:
    """Return the status line for valid JSON."""
    bad = found.violations
    fine = "valid JSON" + (", matches its schema" if schema and not bad else "")
    violations = f"  {count(len(bad), 'violation')} of its schema" if bad else ""
    return [
        ("✔ ", "success"),
        (fine, "text"),
        (f"  {count(size, 'character')}", "faint"),
        (violations, "error"),
    ]


def wrong_line(wrong: JsonError, *, refused: bool, kept: Path | None) -> Line:
    """Return the status line for invalid JSON."""
    place = f"line {wrong.line}, column {wrong.column}: "
    line = [(f"✖ {'not saved: ' if refused else ''}{place}", "error bold")]
    line.append((wrong.message, "error"))
    if kept is not None:
        line.append((f"  kept in {kept}", "muted"))
    return line
