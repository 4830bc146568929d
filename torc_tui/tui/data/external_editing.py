"""Edit a record in ``$EDITOR``: the file, the program, and what comes back.

The file is kept until its text is saved, or was no change.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from torc_tui.errors import TorcError
from torc_tui.tui.data.data_review import Prepared, examine, prepare
from torc_tui.tui.data.data_texts import Record
from torc_tui.tui.data.external_editor import read_file, run_editor, write_file
from torc_tui.tui.data.record_saver import RecordSaver
from torc_tui.tui.feed.source import Source
from torc_tui.tui.frame.ports import AppPort

T = TypeVar("T")


class EditedScreen(Protocol):
    """The editor, as external editing sees it."""

    record: Record
    begun_with: str
    external: bool

    @property
    def torc(self) -> AppPort:
        """Return the app."""
        ...

    @property
    def text(self) -> str:
        """Return the edited text."""
        ...

    def set_text(self, text: str) -> None:
        """Replace the text."""
        ...

    def question(self, what: str, read: Callable[[Source], T], then: Callable[[T], None]) -> None:
        """Have something read or computed by the reader thread."""
        ...

    def refuse(self, found: Prepared) -> None:
        """Show where the text is not JSON."""
        ...

    def leave(self) -> None:
        """Close the editor."""
        ...


class ExternalEditing:
    """See the module."""

    def __init__(self, screen: EditedScreen, saver: RecordSaver) -> None:
        self._screen = screen
        self._saver = saver
        self.kept: Path | None = None
        """The file with the text, while that is not saved."""

    def begin(self) -> None:
        """Give the text to ``$EDITOR``; what comes back is checked, and offered for saving."""
        screen = self._screen
        text, kept, name = screen.text, self.kept, screen.record["name"]
        screen.question("file", lambda _source: write_file(text, name, kept), self._edit)

    def _edit(self, path: Path) -> None:
        screen = self._screen
        self.kept = path
        try:
            run_editor(screen.torc, path)
        except TorcError as error:
            screen.torc.complain(error)
            return
        record, before = screen.record, screen.text

        def read(_source: Source) -> tuple[str, Prepared]:
            text = read_file(path)
            if text.rstrip("\n") == before.rstrip("\n"):
                return before, examine(before, record["schema"])
            name = f"version {record['version']}"
            return text, prepare(text, record["data"], name, record["schema"])

        screen.question("read", read, lambda answer: self._take(*answer))

    def _take(self, text: str, found: Prepared) -> None:
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
        screen.torc.notify("nothing changed")
        if screen.external and screen.text == screen.begun_with:
            screen.leave()

    def forget(self) -> None:
        """Delete the file."""
        path, self.kept = self.kept, None
        if path is not None:
            reader = self._screen.torc.reader
            reader.ask("forget", lambda _source: path.unlink(missing_ok=True))
