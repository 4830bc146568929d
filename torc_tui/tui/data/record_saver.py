"""Save an edited record: a review of the change, the write, and a choice after a conflict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Protocol, TypeVar

from torc_tui.lifecycle.rerun_plan import JobVerdict
from torc_tui.model import Json
from torc_tui.tui.data.data_review import (
    Clash,
    MergedChanges,
    ReviewedValue,
    command_of,
    merge_versions,
    prepare,
    review,
    write,
)
from torc_tui.tui.data.data_texts import Record, change_lines, diff_lines, heading, written
from torc_tui.tui.data.merge_dialog import Choices, MergeDialog
from torc_tui.tui.frame.ports import HasApp
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.choice import Choice, Option
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.wording import count, listed

if TYPE_CHECKING:
    from torc_tui.tui.feed.reader import ReadError
    from torc_tui.tui.feed.source import FeedReader

T = TypeVar("T")
NAMED = 6
"""Stale jobs that the review names."""
WIDTH = 68
"""Characters of a line of the review."""


class EditedScreen(HasApp, Protocol):
    """What saving and external editing need of the editor."""

    record: Record
    original_text: str
    external: bool
    verdict: StatusLine

    @property
    def text(self) -> str:
        """Return the edited text."""

    def set_text(self, text: str) -> None:
        """Replace the text."""

    def question(
        self, what: str, read: Callable[[FeedReader], T], then: Callable[[T], None]
    ) -> None:
        """Ask the reader thread to read or compute something."""

    def refuse(self, found: ReviewedValue) -> None:
        """Show where the JSON is invalid."""

    def leave(self) -> None:
        """Close the editor."""

    def check(self) -> None:
        """Ask the reader thread to check the text."""

    def ask(
        self,
        key: str,
        read: Callable[[FeedReader], T],
        then: Callable[[T], None],
        failed: Callable[[ReadError], None],
        *,
        slow: bool,
    ) -> None:
        """Ask a reader thread."""

    def saved(self, rerun: Sequence[int]) -> None:
        """Leave the editor after the record was saved, and rerun jobs."""

    def continue_with(self, clash: Clash, text: str) -> None:
        """Edit a text on top of the version that another writer saved."""


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

    def offer(self, found: ReviewedValue) -> None:
        """Show the review of the changes, and ask."""
        screen = self._screen
        if found.wrong is not None:
            screen.refuse(found)
            return
        if not found.changes:
            screen.torc.notify("no changes")
            return
        record = screen.record

        def read(source: FeedReader) -> Sequence[JobVerdict]:
            from torc_tui.operations.rerun import stale_after_edit

            return stale_after_edit(source.store, record["workflow_id"], record["id"], found.value)

        def fail(error: ReadError) -> None:
            self._ask(found, (), f"Which jobs become stale is unknown: {error}")

        screen.verdict.show([("looking for jobs that become stale …", "muted")])
        screen.ask("stale after edit", read, partial(self._ask, found), fail, slow=True)

    def _ask(self, found: ReviewedValue, stale: Sequence[JobVerdict], problem: str = "") -> None:
        """Show the changes and the jobs that become stale, and ask."""
        screen, record = self._screen, self._screen.record
        screen.check()
        fine = not found.violations
        rerun = Option("r", f"Save and rerun {count(len(stale), 'job')}", "rerun", danger=not fine)
        options = (
            Option("y", "Save" if fine else "Save anyway", "save", danger=not fine),
            *((rerun,) if stale else ()),
            Option("n", "Keep editing", ""),
        )
        about = [[(problem, "warning")]] if problem else stale_lines(stale)
        lines = review(found, f"version {record['version']}", about)

        def take(chosen: str | None) -> None:
            if chosen:
                jobs = [one.id for one in stale] if chosen == "rerun" else []
                self.save(found.value, record["version"], rerun=jobs)

        screen.torc.push(Choice(f"Save {record['name']}?", lines, options, first=fine), take)

    def save(self, value: Json, version: int, *, rerun: Sequence[int] = ()) -> None:
        """Write the value if ``version`` is still the newest version; then rerun jobs."""
        screen = self._screen
        record_id, name = screen.record["id"], sanitize(str(screen.record["name"]))

        def report(result: Record | Clash) -> str:
            if isinstance(result, Clash):
                return ""
            return f"saved {name}, version {result['version']}"

        def then(result: Record | Clash) -> None:
            if isinstance(result, Clash):
                self._clash(value, result, rerun)
            else:
                screen.saved(rerun)

        screen.torc.actions.run(
            lambda store, actor: write(store, actor, record_id, value, version),
            line=command_of(record_id, value),
            report=report,
            then=then,
        )

    def _clash(self, value: Json, clash: Clash, rerun: Sequence[int]) -> None:
        """Show both versions of a conflict, and let the user choose."""
        screen, theirs = self._screen, clash.theirs
        options = (
            Option("m", "Merge", "merge"),
            Option("o", "Overwrite theirs", "overwrite", danger=True),
            Option("t", "Take theirs", "theirs"),
            Option("n", "Keep editing", "keep"),
        )

        def take(chosen: str | None) -> None:
            if chosen == "overwrite":
                self.save(value, theirs["version"], rerun=rerun)
            elif chosen == "theirs":
                screen.continue_with(clash, clash.text)
            elif chosen == "merge":
                self._merge(value, clash, rerun)

        title = f"{screen.record['name']} has changed"
        lines = _clash_lines(screen.record["version"], clash)
        screen.torc.push(Choice(title, lines, options), take)

    def _merge(self, value: Json, clash: Clash, rerun: Sequence[int]) -> None:
        """Merge both versions; ask for a side where they are in conflict."""
        screen = self._screen
        base, theirs = screen.record["data"], clash.theirs["data"]

        def finish(merged: MergedChanges) -> None:
            screen.continue_with(clash, merged.text)
            changes = f"{count(len(merged.theirs), 'change')} of theirs"
            screen.torc.notify(f"merged with {changes}; review and save the result")

        def choose(choices: Choices | None) -> None:
            if choices is None:
                self._clash(value, clash, rerun)
            else:
                screen.question(
                    "merge", lambda _: merge_versions(base, value, theirs, choices), finish
                )

        def take(merged: MergedChanges) -> None:
            if merged.conflicts:
                name = str(screen.record["name"])
                dialog = MergeDialog(name, merged.conflicts, merged.mine, merged.theirs)
                screen.torc.push(dialog, choose)
            else:
                finish(merged)

        screen.question("merge", lambda _: merge_versions(base, value, theirs), take)


def stale_lines(stale: Sequence[JobVerdict]) -> list[Line]:
    """Return which jobs become stale: ``3 jobs become stale: fit_1, fit_2 and fit_3``."""
    if not stale:
        return [[("No job becomes stale.", "muted")]]
    names = listed([sanitize(one.name) for one in stale], NAMED)
    heading = f"{count(len(stale), 'job becomes', 'jobs become')} stale:"
    perhaps = sum(not one.certain for one in stale)
    rest = f" ({perhaps} only if their inputs change)" if perhaps else ""
    first, *more = wrap(f"{heading} {names}{rest}", WIDTH)
    return [
        [(heading, "warning bold"), (first.removeprefix(heading), "text")],
        *([(f"  {line}", "text")] for line in more),
    ]


def _clash_lines(original_text: int, clash: Clash) -> list[Line]:
    theirs = clash.theirs
    lines: list[Line] = [
        [
            (f"You edited version {original_text}. ", "text"),
            (f"Version {theirs['version']} was saved ", "text"),
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
