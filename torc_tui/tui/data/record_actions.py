"""The commands on records of user data: edit, create, set to null, delete, versions, command line.

Input: the record that is selected in the tab. Output: dialogs and screens, and actions in the
reader thread, each with its command line.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from torc_tui.operations.catalog import CLEAR_RECORD, CREATE_RECORD, DELETE_RECORD
from torc_tui.operations.user_action import UserAction, function_of, shell_line
from torc_tui.tui.data.data_review import command_of
from torc_tui.tui.data.data_texts import Record, named
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.ports import HasApp, PaneHost
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Ask

if TYPE_CHECKING:
    from torc_tui.store.database import Store

T = TypeVar("T")
SHOWN = 200
"""Characters of a command line that the notification shows."""


class RecordHost(HasApp, Protocol):
    """What the commands need of the tab."""

    host: PaneHost

    @property
    def chosen(self) -> Record | None:
        """Return the record under the cursor."""

    @property
    def opened(self) -> Record | None:
        """Return the record whose value is shown."""

    @property
    def names(self) -> Set[str]:
        """Return the names of all records."""

    @property
    def covered(self) -> TorcScreen:
        """Return the screen that an editor covers."""

    def select_when_listed(self, record_id: int) -> None:
        """Put the cursor on a record once the list contains it."""

    def ask(self, what: str, read: Callable[[FeedReader], T], then: Callable[[T], None]) -> None:
        """Ask the reader thread to read something."""


class RecordActions:
    """The handlers of the commands on the selected record."""

    def __init__(self, host: RecordHost, workflow_id: int) -> None:
        self._host = host
        self._workflow_id = workflow_id

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "data-versions": self._versions,
            "data-command": self._copy_command,
            "data-edit": lambda: self._edit(external=False),
            "data-editor": lambda: self._edit(external=True),
            CREATE_RECORD.id: self._new,
            CLEAR_RECORD.id: partial(self._change, CLEAR_RECORD),
            DELETE_RECORD.id: partial(self._change, DELETE_RECORD),
        }

    # -- screens -----------------------------------------------------------------------------------

    def _versions(self) -> None:
        from torc_tui.tui.data.data_versions import DataVersions

        host, record = self._host, self._host.chosen
        if record is not None:
            found = {**record, "workflow_id": self._workflow_id}
            host.torc.push(DataVersions(host.covered, found))

    def _edit(self, *, external: bool) -> None:
        host, record = self._host, self._host.chosen
        if record is None:
            return

        def read(source: FeedReader) -> tuple[Record, str]:
            from torc_tui.store import user_data_records

            opened = user_data_records.opened(source.store.connection(), record["id"])
            return opened, readable(opened["data"])

        def then(answer: tuple[Record, str]) -> None:
            from torc_tui.tui.data.data_editor import DataEditor

            if host.covered.is_current:
                editor = DataEditor(host.covered, *answer, external=external)
                host.torc.push(editor, lambda _: self._rerun(editor.rerun))

        host.ask("edit", read, then)

    def _rerun(self, job_ids: Sequence[int]) -> None:
        """Rerun the jobs that an edit made stale, if the user chose that."""
        if job_ids:
            self._host.host.rerun_jobs(job_ids, ask=False)

    def _copy_command(self) -> None:
        """Copy the command line that writes the current value."""
        record = self._host.opened
        if record is not None:
            self._host.ask(
                "command",
                lambda _source: command_of(record["id"], record["data"]),
                self._take_command,
            )

    def _take_command(self, line: str) -> None:
        torc = self._host.torc
        torc.last_line = line
        torc.copy(line)
        torc.notify(f"copied: {line[:SHOWN]}{'…' if len(line) > SHOWN else ''}")

    # -- changes -----------------------------------------------------------------------------------

    def _new(self) -> None:
        taken, host = self._host.names, self._host

        def check(text: str) -> str | None:
            if not text.strip():
                return "enter a name"
            return "a record with this name already exists" if text in taken else None

        def act(store: Store, actor: str, name: str) -> Record:
            from torc_tui.store.user_data import Author
            from torc_tui.store.user_data_records import NewRecord

            author = Author(time.time(), actor=actor)
            new = NewRecord(name=name)
            found: Record = function_of(CREATE_RECORD)(
                store.connection(), self._workflow_id, new, author
            )
            return found

        def take(name: str | None) -> None:
            if name is not None:
                host.torc.actions.run(
                    partial(act, name=name),
                    line=f"torc user-data create {self._workflow_id} --name {shlex.quote(name)}",
                    report=lambda _: CREATE_RECORD.done.format(record=name),
                    then=lambda record: host.select_when_listed(record["id"]),
                )

        about = "the name of the record; its value is null until it is written"
        host.torc.push(Ask("New record", help=about, check=check), take)

    def _change(self, action: UserAction) -> None:
        """Change the record under the cursor after confirmation."""
        record, torc = self._host.chosen, self._host.torc
        if record is None:
            return
        words = {"record": str(record["name"])}
        changes = [dict(action.fixed)] if action.fixed else []
        expected = {"expected_version": record["version"]} if changes else {}

        def act(store: Store, actor: str) -> Record:
            from torc_tui.store.user_data import Author

            author = Author(time.time(), actor=actor)
            found: Record = function_of(action)(
                store.connection(), record["id"], *changes, author, **expected
            )
            return found

        def take(agreed: bool | None) -> None:
            if agreed:
                line = shell_line(action, record=record["id"])
                torc.actions.run(act, line=line, report=lambda _: action.done.format(**words))

        button = action.title.capitalize()
        torc.push(Confirm(action.question.format(**words), _about(record, action), button), take)


def _about(record: Record, action: UserAction) -> list[Line]:
    """Return the lines of a confirmation about the record."""
    number, first = record["readers"]
    head = f"  {(record['head'] or 'null')[:40]}"
    lines: list[Line] = [[(f"version {record['version']}", "text"), (head, "muted")]]
    if number:
        lines.append([("read by ", "text"), (named(number, first), "accent")])
    if action.confirm is not None:
        lines.append([(action.confirm.reason, "muted")])
    return lines
