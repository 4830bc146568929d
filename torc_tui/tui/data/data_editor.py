"""The editor of one record: JSON as text, checked while typing, compared before it is saved, saved
only over the version that was read.

What comes in: a record as ``data_overview.opened`` gives it, and its text. What goes out: a new
version in the store. Law: parsing, comparing, files and the store are the reader thread's;
``$EDITOR`` gets the terminal and a file, and what it leaves there is never thrown away before it is
saved or was no change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import TextArea

from torc_tui.errors import NotFound, TorcError
from torc_tui.json_errors import JsonError
from torc_tui.tui.data.data_review import (
    Answer,
    Choice,
    Clash,
    Prepared,
    command_of,
    examine,
    prepare,
    review,
    write,
)
from torc_tui.tui.data.data_texts import (
    careful,
    careful_act,
    change_lines,
    counted,
    diff_lines,
    heading,
    written,
)
from torc_tui.tui.data.external_editor import read_file, run_editor, write_file
from torc_tui.tui.data.json_editor import JsonEditor, Large, fits
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.feed.feed_worker import Changes
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.footer import FooterBar
from torc_tui.tui.frame.overlay_screen import CoveringScreen
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.dialogs import Words
from torc_tui.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    pass

PATIENCE = 0.15
"""Seconds after the last key before the text is checked."""
SHOWN_VIOLATIONS = 4


class DataEditor(CoveringScreen):
    """See the module. ``external``: begin in ``$EDITOR``."""

    NAME = "data-editor"
    CONTEXT: ClassVar[tuple[str, ...]] = ("editor",)
    DEFAULT_CSS = """
    DataEditor StatusLine { height: 1; }
    DataEditor #underneath { display: none; }
    DataEditor #violations { display: none; padding: 0 1; max-height: 5; }
    """

    def __init__(
        self, below: TorcScreen, record: Mapping[str, Any], text: str, *, external: bool = False
    ) -> None:
        super().__init__(below)
        self.record = record
        self.begun_with = text
        self.external = external
        self.kept: Path | None = None
        self.checked: Prepared | None = None
        self.newer: int | None = None
        self._large = text
        self._refused: str | None = None
        self._revision = 0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield StatusLine(id="about")
        yield StatusLine(id="underneath")
        if fits(self.begun_with):
            yield JsonEditor(self.begun_with)
        else:
            yield Large(self.record["size"], self.torc.keymap.key("editor-external") or "$EDITOR")
        yield Words([], id="violations")
        yield StatusLine(id="verdict")
        yield FooterBar()

    def on_mount(self) -> None:
        self.query_one(JsonEditor if self.field is not None else Large).focus()
        self._about()
        self.check()
        if self.external:
            self.do_editor_external()

    # -- what is edited ----------------------------------------------------------------------------

    @property
    def field(self) -> JsonEditor | None:
        """None for a text that is too large to be typed here."""
        found = self.query(JsonEditor)
        return found.first() if found else None

    @property
    def text(self) -> str:
        field = self.field
        return self._large if field is None else field.text

    def _set_text(self, text: str) -> None:
        field = self.field
        if field is None:
            self._large = text
        else:
            field.load_text(text)

    @property
    def name_shown(self) -> str:
        return sanitize(str(self.record["name"]))

    def _about(self) -> None:
        record = self.record
        line: list[tuple[str, str]] = [
            (record["name"], "header-strong"),
            (f"  version {record['version']} ", "muted"),
        ]
        line += written(record)
        if record["schema"] is not None:
            line.append(("  with a schema", "muted"))
        line.append(("  esc leaves", "faint"))
        self.query_one("#about", StatusLine).say(line)

    # -- while typing ------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._revision += 1
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PATIENCE, self.check)

    def check(self) -> None:
        """Have the text checked, off the screen's thread."""
        text, schema, revision = self.text, self.record["schema"], self._revision
        self.question("check", lambda _source: (revision, len(text), examine(text, schema)))

    def question(self, what: str, question: Any) -> None:
        self.torc.reader.ask((self.NAME, what), careful(question))

    def take_own(self, what: str, value: Any) -> None:
        getattr(self, f"_took_{what}")(value)

    def _took_check(self, value: tuple[int, int, Prepared]) -> None:
        revision, size, found = value
        if revision != self._revision:
            return
        self.checked = found
        self._mark(found.wrong)
        if found.wrong is None:
            words = (
                f"  {counted(len(found.violations), 'violation')} of its schema"
                if found.violations
                else ""
            )
            fine = "valid JSON" + (
                ", fits its schema" if self.record["schema"] is not None and not words else ""
            )
            self._verdict(
                [
                    ("✔ ", "success"),
                    (fine, "text"),
                    (f"  {size:,} characters", "faint"),
                    (words, "error"),
                ]
            )
        self._violations(found)

    def _mark(self, wrong: JsonError | None) -> None:
        if self.field is not None:
            self.field.mark(wrong)
        if wrong is not None:
            refused = self.text == self._refused
            place = f"line {wrong.line}, column {wrong.column}: "
            line: list[tuple[str, str]] = [
                (f"✖ {'not saved: ' if refused else ''}{place}", "error bold")
            ]
            line.append((wrong.message, "error"))
            if self.kept is not None:
                line.append((f"  kept in {self.kept}", "muted"))
            self._verdict(line)

    def _verdict(self, line: Line) -> None:
        self.query_one("#verdict", StatusLine).say(line)

    def _violations(self, found: Prepared) -> None:
        words = self.query_one("#violations", Words)
        words.display = bool(found.violations)
        lines: list[Line] = [
            [("✖ ", "error"), (violation.text, "text")]
            for violation in found.violations[:SHOWN_VIOLATIONS]
        ]
        if len(found.violations) > SHOWN_VIOLATIONS:
            lines.append([(f"  … {len(found.violations) - SHOWN_VIOLATIONS} more", "faint")])
        words.set(lines)

    # -- what happens underneath -------------------------------------------------------------------

    def take_changes(self, changes: Changes) -> None:
        super().take_changes(changes)
        for event in changes.events:
            if event.data.get("user_data_id") == self.record["id"]:
                if event.kind == "user_data_deleted":
                    self._underneath("deleted this record meanwhile: saving will fail", event)
                elif int(event.data.get("version") or 0) > self.record["version"]:
                    self.newer = int(event.data["version"])
                    self._underneath(
                        f"wrote version {self.newer} meanwhile: saving shows both", event
                    )

    def _underneath(self, words: str, event: Any) -> None:
        jobs = getattr(getattr(self.below, "view", None), "jobs", {})
        job = jobs.get(event.job_id)
        who = job.name if job is not None else event.actor or "somebody"
        banner = self.query_one("#underneath", StatusLine)
        banner.display = True
        banner.say([("! ", "warning"), (who, "accent"), (f" {words}", "warning")])

    def stale_jobs(self, prepared: Prepared) -> Sequence[Line]:
        """The place of "jobs that this change makes stale": lines for the review. Until it is known
        which jobs run again for a changed value, nothing is said."""
        return ()

    # -- saving ------------------------------------------------------------------------------------

    def do_editor_save(self) -> None:
        text, record = self.text, self.record
        name = f"version {record['version']}"
        self.question("save", lambda _source: prepare(text, record["data"], name, record["schema"]))

    def _took_save(self, found: Prepared) -> None:
        if found.wrong is not None:
            self._refuse(found.wrong)
            return
        if not found.changes:
            self.torc.notify("nothing was changed")
            return
        fine = not found.violations
        answers = (
            Answer("y", "Save" if fine else "Save all the same", "save", danger=not fine),
            Answer("n", "Keep editing", "keep"),
        )

        def take(chosen: Any) -> None:
            if chosen == "save":
                self.save(found.value, self.record["version"])

        lines = review(found, f"version {self.record['version']}", self.stale_jobs(found))
        self.torc.push_screen(Choice(f"Save {self.record['name']}?", lines, answers), take)

    def save(self, value: Any, version: int) -> None:
        """Write the value over that version, and no other."""
        record_id, app = self.record["id"], self.torc

        def then(result: Any) -> None:
            if isinstance(result, Clash):
                self._clash(value, result)
            else:
                self._forget_file()
                self.dismiss(None)

        app.acts.do(
            "editor-save",
            careful_act(lambda store, actor: write(store, actor, record_id, value, version)),
            workflow=self.record["workflow_id"],
            said=lambda result: (
                ""
                if isinstance(result, Clash)
                else f"{self.name_shown} saved, version {result['version']}"
            ),
            then=then,
        )
        app.last_line = command_of(record_id, value)

    def _clash(self, value: Any, clash: Clash) -> None:
        """Show theirs and mine, and let the user choose."""
        theirs = clash.theirs
        lines: list[Line] = [
            [
                (f"You began with version {self.record['version']}. ", "text"),
                (f"Version {theirs['version']} was written ", "text"),
                *written(theirs),
            ],
            [],
        ]
        if clash.changes:
            lines += [
                heading(f"Theirs → mine: {counted(len(clash.changes), 'change')}"),
                *change_lines(clash.changes),
            ]
            if clash.unified:
                lines += [[], heading("As text"), *diff_lines(clash.unified)]
        else:
            lines.append([("Both say the same.", "success")])
        answers = (
            Answer("o", "Overwrite theirs", "overwrite", danger=True),
            Answer("t", "Take theirs", "theirs"),
            Answer("n", "Keep editing", "keep"),
        )

        def take(chosen: Any) -> None:
            if chosen == "overwrite":
                self.save(value, theirs["version"])
            elif chosen == "theirs":
                self._take_theirs(clash)

        self.torc.push_screen(
            Choice(f"{self.record['name']} was written meanwhile", lines, answers), take
        )

    def _take_theirs(self, clash: Clash) -> None:
        self.record = clash.theirs
        self.begun_with = clash.text
        self.newer = None
        self._set_text(clash.text)
        self.query_one("#underneath", StatusLine).display = False
        self._about()
        self.check()

    # -- other commands ----------------------------------------------------------------------------

    def do_editor_format(self) -> None:
        text = self.text
        self.question("format", lambda _source: (text, _formatted(text)))

    def _took_format(self, value: tuple[str, str | None]) -> None:
        before, after = value
        field = self.field
        if after is None:
            self.torc.notify("it can be indented when it is JSON", severity="warning")
        elif field is not None and field.text == before and after != before:
            at = field.cursor_location
            field.replace(after, (0, 0), field.document.end)
            field.move_cursor(at)

    def do_editor_error(self) -> None:
        if self.field is not None:
            self.field.go_to_mark()

    def do_back(self) -> None:
        self._leave(lambda: self.dismiss(None))

    def do_quit_now(self) -> None:
        self._leave(lambda: self.torc.exit(0))

    def _leave(self, go: Any) -> None:
        if self.text == self.begun_with:
            self._forget_file()
            go()
            return
        kept = [[(f"It stays in {self.kept}.", "muted")]] if self.kept is not None else []
        lines: list[Line] = [[("What was changed here is not saved.", "text")], *kept]
        answers = (
            Answer("y", "Leave without saving", "leave", danger=True),
            Answer("n", "Keep editing", "keep"),
        )

        def take(chosen: Any) -> None:
            if chosen == "leave":
                go()

        self.torc.push_screen(Choice(f"Leave {self.record['name']}?", lines, answers), take)

    # -- $EDITOR -----------------------------------------------------------------------------------

    def do_editor_external(self) -> None:
        """Give the text to ``$EDITOR``; what comes back is checked, and offered for saving."""
        text, kept, name = self.text, self.kept, self.record["name"]
        self.question("file", lambda _source: write_file(text, name, kept))

    def _took_file(self, path: Path) -> None:
        self.kept = path
        try:
            run_editor(self.torc, path)
        except TorcError as error:
            self.torc.complain(error)
            return
        record, before = self.record, self.text
        base_name = f"version {record['version']}"

        def read(_source: Any) -> tuple[str, Prepared]:
            text = read_file(path)
            if text.rstrip("\n") == before.rstrip("\n"):
                return before, examine(before, record["schema"])
            return text, prepare(text, record["data"], base_name, record["schema"])

        self.question("read", read)

    def _took_read(self, value: tuple[str, Prepared]) -> None:
        text, found = value
        changed = text != self.text
        if changed:
            self._set_text(text)
        if found.wrong is None:
            self._forget_file()
            if changed and found.changes:
                self._took_save(found)
            else:
                self.torc.notify("nothing was changed")
                if self.external and self.text == self.begun_with:
                    self.dismiss(None)
            return
        self._refuse(found.wrong)

    def _refuse(self, wrong: JsonError) -> None:
        """It is no JSON: say so at the place."""
        self._refused = self.text
        self._mark(wrong)
        if self.field is not None:
            self.field.go_to_mark()

    def _forget_file(self) -> None:
        path, self.kept = self.kept, None
        if path is not None:
            self.question("forget", lambda _source: path.unlink(missing_ok=True))

    def _took_forget(self, _value: None) -> None: ...

    def failed(self, what: str, error: Exception) -> None:
        if what == "check" or isinstance(error, NotFound):
            self._verdict([("✖ ", "error bold"), (str(error), "error")])
        super().failed(what, error)


def _formatted(text: str) -> str | None:
    found = examine(text, None)
    return None if found.wrong is not None else readable(found.value)
