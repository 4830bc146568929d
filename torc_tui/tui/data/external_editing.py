"""Edit a record in ``$EDITOR``: the file, the program, and the result.

Invariants: the file is kept until its text is saved or equals the original. The reader thread reads
and writes the file; the app waits while the program has the terminal.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from torc_tui.errors import TorcError, UsageError
from torc_tui.tui.data.data_review import ReviewedValue, examine, prepare
from torc_tui.tui.data.record_saver import EditedScreen, RecordSaver
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.external import run_program, temporary_file
from torc_tui.tui.frame.ports import AppPort


class ExternalEditing:
    """Opens the text of the editor in ``$EDITOR``, and reads the result."""

    def __init__(self, screen: EditedScreen, saver: RecordSaver) -> None:
        self._screen = screen
        self._saver = saver
        self.kept: Path | None = None
        """The file with the text, while that is not saved."""

    def begin(self) -> None:
        """Open the text in ``$EDITOR``; then check the result, and offer to save it."""
        screen = self._screen
        text, kept, name = screen.text, self.kept, screen.record["name"]
        screen.question("file", lambda _source: write_file(text, name, kept), self._edit)

    def _edit(self, path: Path) -> None:
        screen = self._screen
        self.kept = path
        try:
            run_editor(screen.torc, path)
        except TorcError as error:
            screen.torc.show_error(error)
            return
        record, before = screen.record, screen.text

        def read(_source: FeedReader) -> tuple[str, ReviewedValue]:
            text = read_file(path)
            if text.rstrip("\n") == before.rstrip("\n"):
                return before, examine(before, record["schema"])
            name = f"version {record['version']}"
            return text, prepare(text, record["data"], name, record["schema"])

        screen.question("read", read, lambda answer: self._take(*answer))

    def _take(self, text: str, found: ReviewedValue) -> None:
        screen = self._screen
        changed = text != screen.text
        if changed:
            screen.set_text(text)
        if found.wrong is not None:
            screen.refuse(found)
            return
        self.forget()
        if changed and found.changes:
            self._saver.offer(found)
            return
        screen.torc.notify("no changes")
        if screen.external and screen.text == screen.original_text:
            screen.leave()

    def forget(self) -> None:
        """Delete the kept file."""
        path, self.kept = self.kept, None
        if path is not None:
            reader = self._screen.torc.reader
            reader.ask("forget", lambda _source: path.unlink(missing_ok=True))


def run_editor(torc: AppPort, path: Path) -> None:
    """Run ``$VISUAL`` or ``$EDITOR`` in the terminal; raise UsageError if it cannot be started."""
    words = torc.environ.get("VISUAL") or torc.environ.get("EDITOR") or "vi"
    hint = "set EDITOR to a program that exists"
    try:
        command = [*shlex.split(words), str(path)]
    except ValueError as error:
        raise UsageError(f"cannot start the editor {words!r}: {error}", hint=hint) from None
    run_program(torc, command, f"the editor {words!r}", hint)


def write_file(text: str, name: str, kept: Path | None) -> Path:
    """Write the text to the kept file, or to a new one, and return its path."""
    path = kept or temporary_file(name, ".json")
    path.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    return path


def read_file(path: Path) -> str:
    """Return the text of a file; raise UsageError if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start + 1})", hint="the file is kept"
        ) from None
