"""The commands on records of user data: edit, create, set to null, delete, versions, command line.

Input: the record that is selected in the tab. Output: dialogs and screens, and actions in the
reader thread, each with its command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from torc_tui.tui.data.data_review import command_of
from torc_tui.tui.data.data_texts import Record, named
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.feed.source import Source
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.commands import BY_ID, command_line
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.dialogs import Ask

if TYPE_CHECKING:
    from torc_tui.store.database import Store

T = TypeVar("T")
SHOWN = 200
"""Characters of a command line that the notification shows."""


class RecordHost(Protocol):
    """The tab, as these commands see it."""

    @property
    def torc(self) -> AppPort:
        """Return the app."""
        ...

    @property
    def chosen(self) -> Record | None:
        """Return the record under the cursor."""
        ...

    @property
    def opened(self) -> Record | None:
        """Return the record whose value is shown."""
        ...

    @property
    def names(self) -> set[str]:
        """Return the names of all records."""
        ...

    @property
    def covered(self) -> TorcScreen:
        """Return the screen that an editor covers."""
        ...

    def select_when_listed(self, record_id: int) -> None:
        """Put the cursor on a record as soon as the list has it."""
        ...

    def question(self, what: str, read: Callable[[Source], T], then: Callable[[T], None]) -> None:
        """Have something read."""
        ...


class RecordActions:
    """See the module."""

    def __init__(self, host: RecordHost, workflow_id: int) -> None:
        self._host = host
        self._workflow_id = workflow_id

    def handlers(self) -> Mapping[str, Handler]:
        """Return the commands that are carried out here."""
        return {
            "data-versions": self._versions,
            "data-command": self._copy_command,
            "data-edit": lambda: self._edit(external=False),
            "data-editor": lambda: self._edit(external=True),
            "data-new": self._new,
            "data-clear": self._clear,
            "data-delete": self._delete,
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

        def read(source: Source) -> tuple[Record, str]:
            from torc_tui.store import data_overview

            opened = data_overview.opened(source.store.connection(), record["id"])
            return opened, readable(opened["data"])

        def then(answer: tuple[Record, str]) -> None:
            from torc_tui.tui.data.data_editor import DataEditor

            if host.covered.is_current:
                host.torc.push(DataEditor(host.covered, *answer, external=external))

        host.question("edit", read, then)

    def _copy_command(self) -> None:
        """Copy the command line that writes the value as it is."""
        record = self._host.opened
        if record is not None:
            self._host.question(
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
            return "a record with this name exists" if text in taken else None

        def take(name: str | None) -> None:
            if name is not None:
                self._run(
                    "data-new",
                    create(self._workflow_id, name),
                    f"created {sanitize(name)}",
                    lambda record: host.select_when_listed(record["id"]),
                )

        about = "its name; the value is null until it is written"
        host.torc.push(Ask("New record", help=about, check=check), take)

    def _clear(self) -> None:
        record = self._host.chosen
        if record is not None:
            name = str(record["name"])
            self._confirm(
                record,
                f"Set {name} to null?",
                "The history keeps the value.",
                "Set to null",
                lambda: self._run(
                    "data-clear", clear(record), f"set {name} to null", id=record["id"]
                ),
            )

    def _delete(self) -> None:
        record = self._host.chosen
        if record is not None:
            name = str(record["name"])
            self._confirm(
                record,
                f"Delete {name}?",
                "Its history is deleted with it.",
                "Delete the record",
                lambda: self._run(
                    "data-delete", delete(record), f"deleted {name}", id=record["id"]
                ),
            )

    def _confirm(
        self, record: Record, title: str, note: str, button: str, act: Callable[[], None]
    ) -> None:
        count, first = record["readers"]
        head = f"  {(record['head'] or 'null')[:40]}"
        lines: list[Line] = [[(f"version {record['version']}", "text"), (head, "muted")]]
        if count:
            lines.append([("read by ", "text"), (named(count, first), "accent")])
        lines.append([(note, "muted")])
        self._host.torc.push(
            Confirm(title, lines, button), lambda agreed: act() if agreed else None
        )

    def _run(
        self,
        command: str,
        action: Callable[[Store, str], Record],
        report: str,
        then: Callable[[Record], None] = lambda record: None,
        *,
        id: int | None = None,
    ) -> None:
        host = self._host
        line = command_line(BY_ID[command], workflow=self._workflow_id)
        if line is not None and id is not None:
            line = line.replace("RECORD", str(id))
        host.torc.actions.run(action, line=line, report=lambda _record: report, then=then)


def create(workflow_id: int, name: str) -> Callable[[Store, str], Record]:
    """Return the action that creates a record."""

    def act(store: Store, actor: str) -> Record:
        from torc_tui.store import user_data

        return user_data.create(store.connection(), workflow_id, name, at=time.time(), actor=actor)

    return act


def clear(record: Record) -> Callable[[Store, str], Record]:
    """Return the action that sets a record to null."""

    def act(store: Store, actor: str) -> Record:
        from torc_tui.store import user_data

        return user_data.update(
            store.connection(),
            record["id"],
            data=None,
            expected_version=record["version"],
            at=time.time(),
            actor=actor,
        )

    return act


def delete(record: Record) -> Callable[[Store, str], Record]:
    """Return the action that deletes a record."""

    def act(store: Store, actor: str) -> Record:
        from torc_tui.store import user_data

        return user_data.delete(store.connection(), record["id"], at=time.time(), actor=actor)

    return act
