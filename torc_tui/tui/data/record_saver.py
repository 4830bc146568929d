"""Save an edited record: a review of the change, the write, and a choice after a conflict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from torc_tui.model import Json
from torc_tui.tui.data.data_review import Clash, Prepared, command_of, prepare, review, write
from torc_tui.tui.data.data_texts import (
    Record,
    change_lines,
    diff_lines,
    heading,
    written,
)
from torc_tui.tui.frame.ports import HasApp
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.choice import Choice, Option
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.tui.feed.source import Source

T = TypeVar("T")


class EditedScreen(HasApp, Protocol):
    """What saving and external editing need of the editor."""

    record: Record
    begun_with: str
    external: bool

    @property
    def text(self) -> str:
        """Return the edited text."""

    def set_text(self, text: str) -> None:
        """Replace the text."""

    def question(self, what: str, read: Callable[[Source], T], then: Callable[[T], None]) -> None:
        """Ask the reader thread to read or compute something."""

    def refuse(self, found: Prepared) -> None:
        """Show where the JSON is invalid."""

    def leave(self) -> None:
        """Close the editor."""

    def saved(self) -> None:
        """Leave the editor after the record was saved."""

    def take_theirs(self, clash: Clash) -> None:
        """Continue with the version that another writer saved."""


class RecordSaver:
    """Saves the text of an editor after a review."""

    def __init__(self, screen: EditedScreen) -> None:
        self._screen = screen

    def begin(self) -> None:
        """Check the text, then show the review."""
        text, record = self._screen.text, self._screen.record
        name = f"version {record['version']}"
        self._screen.question(
            "save",
            lambda _source: prepare(text, record["data"], name, record["schema"]),
            self.offer,
        )

    def offer(self, found: Prepared) -> None:
        """Show the review of the changes, and ask."""
        screen = self._screen
        if found.wrong is not None:
            screen.refuse(found)
            return
        if not found.changes:
            screen.torc.notify("nothing changed")
            return
        fine = not found.violations
        options = (
            Option("y", "Save" if fine else "Save anyway", True, danger=not fine),
            Option("n", "Keep editing", False),
        )
        record = screen.record
        lines = review(found, f"version {record['version']}", self.stale_jobs(found))

        def take(agreed: bool | None) -> None:
            if agreed:
                self.save(found.value, record["version"])

        screen.torc.push(Choice(f"Save {record['name']}?", lines, options, first=fine), take)

    def stale_jobs(self, prepared: Prepared) -> Sequence[Line]:
        """Return the jobs that a change makes stale, as lines for the review.

        Nothing is known about them yet.
        """
        return ()

    def save(self, value: Json, version: int) -> None:
        """Write the value if ``version`` is still the newest version."""
        screen = self._screen
        record_id, name = screen.record["id"], sanitize(str(screen.record["name"]))

        def report(result: Record | Clash) -> str:
            if isinstance(result, Clash):
                return ""
            return f"saved {name}, version {result['version']}"

        def then(result: Record | Clash) -> None:
            if isinstance(result, Clash):
                self._clash(value, result)
            else:
                screen.saved()

        screen.torc.actions.run(
            lambda store, actor: write(store, actor, record_id, value, version),
            line=command_of(record_id, value),
            report=report,
            then=then,
        )

    def _clash(self, value: Json, clash: Clash) -> None:
        """Show both versions of a conflict, and let the user choose."""
        screen, theirs = self._screen, clash.theirs
        options = (
            Option("o", "Overwrite theirs", "overwrite", danger=True),
            Option("t", "Take theirs", "theirs"),
            Option("n", "Keep editing", "keep"),
        )

        def take(chosen: str | None) -> None:
            if chosen == "overwrite":
                self.save(value, theirs["version"])
            elif chosen == "theirs":
                screen.take_theirs(clash)

        title = f"{screen.record['name']} was written meanwhile"
        lines = _clash_lines(screen.record["version"], clash)
        screen.torc.push(Choice(title, lines, options), take)


def _clash_lines(begun_with: int, clash: Clash) -> list[Line]:
    theirs = clash.theirs
    lines: list[Line] = [
        [
            (f"You began with version {begun_with}. ", "text"),
            (f"Version {theirs['version']} was written ", "text"),
            *written(theirs),
        ],
        [],
    ]
    if not clash.changes:
        return [*lines, [("Both versions are equal.", "success")]]
    lines.append(heading(f"Theirs → mine: {count(len(clash.changes), 'change')}"))
    lines += change_lines(clash.changes)
    if clash.unified:
        lines += [[], heading("As text"), *diff_lines(clash.unified)]
    return lines
