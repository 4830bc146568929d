"""Represent one call of a command: its options, its database and its output format.

A handler gets a `Call` and returns an exit code, or None for 0. Modules that print records are
imported on first use, because not every command needs them.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torc_tui import settings
from torc_tui.cli import targets
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import UsageError

if TYPE_CHECKING:
    from torc_tui.cli.columns import OutputColumn
    from torc_tui.cli.command_table import CliCommand
    from torc_tui.operations.user_action import UserAction
    from torc_tui.store.database import Store


class Call:
    """What a handler gets.

    ``format`` is one of the formats of the command, ``given_format`` the format that the command
    line names, if any.
    """

    def __init__(
        self,
        program: str,
        command: CliCommand,
        options: Namespace,
        format_: str,
        given: str | None,
        database: str | None,
    ) -> None:
        self.program = program
        self.command = command
        self.options = options
        self.format = format_
        self.given_format = given
        self.database = database

    @property
    def action(self) -> UserAction:
        """Return the user action that the command carries out."""
        assert self.command.action is not None
        return self.command.action

    @property
    def changes(self) -> bool:
        """Return whether the command changes what it is about."""
        return self.command.changes or self.command.action is not None

    @property
    def json(self) -> bool:
        """Return whether the answer is JSON."""
        return self.format in ("json", "json-items")

    @property
    def wrapped(self) -> bool:
        """Return whether lists are objects with one key, as in the older dialect."""
        return self.program == "torc-client"

    creates = False
    """Whether the command creates a database if there is none: only if it creates a workflow."""

    @cached_property
    def store(self) -> Store:
        """Return the open database; raise NotFound if it does not exist."""
        from torc_tui.store.connect import no_database
        from torc_tui.store.database import Store

        if self.missing_store is not None and not self.creates:
            raise no_database(self.missing_store)
        return Store.open(settings.database_url(self.database))

    @cached_property
    def missing_store(self) -> str | None:
        """Return the path of the database if it is a file that does not exist."""
        from torc_tui.store.connect import missing_file

        return missing_file(settings.database_url(self.database))

    @cached_property
    def actor(self) -> str:
        """Return the actor that events record."""
        return settings.actor()

    def close(self) -> None:
        """Close the database, if it was opened."""
        if "store" in self.__dict__:
            self.store.close()

    # -- printing

    def show_list(
        self, key: str, columns: Sequence[OutputColumn], records: Sequence[Mapping[str, Any]]
    ) -> None:
        """Print records in the format of the call; ``key`` is the plural name of the records."""
        from torc_tui.cli import lists

        lists.show(self, key, columns, records)

    def done(self, record: dict[str, Any], sentence: str) -> None:
        """Print what a command did: the record as JSON, or one sentence."""
        from torc_tui.cli import output
        from torc_tui.wording import with_timestamps

        if self.json:
            output.json_value(with_timestamps(record))
        else:
            output.line(sentence)

    def show_record(self, record: Mapping[str, Any]) -> None:
        """Print one record: as JSON, or one value per line."""
        from torc_tui.cli import output
        from torc_tui.wording import with_timestamps

        if self.json:
            output.json_value(with_timestamps(record))
        else:
            output.record(record)

    def created(self, workflow_id: int, **more: Any) -> None:
        """Print that the command created a workflow."""
        self.succeeded(workflow_id, f"Created workflow {workflow_id}", **more)

    def succeeded(self, workflow_id: int, message: str, **more: Any) -> None:
        """Print what the command did to a workflow, with ``more`` in JSON."""
        record = {"id": workflow_id, "workflow_id": workflow_id, "status": "success"}
        self.done({**record, "message": message, **more}, message)

    @property
    def page(self) -> dict[str, Any]:
        """Return which records a list has, and in which order, by the options of all lists."""
        options = self.options
        return {
            "limit": self.limit,
            "offset": options.offset,
            "sort_by": options.sort_by or "id",
            "reverse": options.reverse_sort,
        }

    @property
    def limit(self) -> int:
        """Return how many records a list may have."""
        given: int | None = self.options.limit
        return settings.MOST_INTEGER if given is None else given

    workflow_id = targets.workflow_id
    job_id = targets.job_id
    means_workflow = targets.means_workflow

    @property
    def asks(self) -> bool:
        """Return whether the command may ask the user: on a terminal, unless told not to."""
        return not (self.options.no_prompts or self.json) and sys.stdin.isatty()

    def confirm(self, question: str, reason: str | None = None) -> None:
        """Ask on a terminal before something is destroyed; UsageError if the answer is not yes."""
        if not self.asks:
            return
        if reason is not None:
            print_stderr(reason)
        if targets.ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
            raise UsageError("no changes made")
