"""One call of a command: its options, the store it works on, and which workflow or job it means.

What comes in: the options as read from the line. What goes out: to handlers, everything that they
need to know about their surroundings. A handler takes a :class:`Call` and gives an exit code, or
None for 0.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.diagnostics import say
from torc_tui.cli.terminal_text import sanitize
from torc_tui.errors import NotFound, UsageError

if TYPE_CHECKING:
    from torc_tui.model import Workflow
    from torc_tui.operations.user_action import UserAction
    from torc_tui.store.database import Store


class Call:
    """What a handler gets. ``format`` is one of its command's formats, ``given_format`` what the
    line asked for, if anything; ``wrapped`` says that lists are objects with one key, as in the
    older dialect."""

    def __init__(
        self,
        program: str,
        options: Namespace,
        format_: str,
        given: str | None,
        database: str | None,
        action: UserAction | None = None,
    ) -> None:
        self.program = program
        self.options = options
        self.format = format_
        self.given_format = given
        self.database = database
        self._action = action

    @property
    def action(self) -> UserAction:
        """The user action that the command carries out."""
        assert self._action is not None
        return self._action

    @property
    def json(self) -> bool:
        return self.format == "json"

    @property
    def wrapped(self) -> bool:
        return self.program == "torc-client"

    creates = False
    """Whether the command makes a store where there is none: only one that creates workflows
    does."""

    @cached_property
    def store(self) -> Store:
        from torc_tui.store.connect import no_store
        from torc_tui.store.database import Store

        if self.missing_store is not None and not self.creates:
            raise no_store(self.missing_store)
        return Store.open(settings.database_url(self.database))

    @cached_property
    def missing_store(self) -> str | None:
        """The path of the store, where it is a file that is not there."""
        from torc_tui.store.connect import resolve

        dialect, place = resolve(settings.database_url(self.database))
        return place if dialect == "sqlite" and not os.path.lexists(place) else None

    @cached_property
    def actor(self) -> str:
        return settings.actor()

    def close(self) -> None:
        if "store" in self.__dict__:
            self.store.close()

    # -- printing

    def show_list(
        self, key: str, columns: Sequence[output.Column], records: Sequence[dict[str, Any]]
    ) -> None:
        """Print a list: JSON (an array, or an object with ``key`` in the older dialect), or a
        table. The total goes to standard error, so that the output is nothing but the list."""
        if self.json:
            output.json_value({key: records} if self.wrapped else records)
            return
        output.table(columns, records)
        thing = key.replace("_", " ")
        if not records:
            say(f"No {thing}.")
        elif sys.stdout.isatty() and len(records) > 20:
            say(f"Total: {len(records)} {thing}")

    def done(self, record: dict[str, Any], sentence: str) -> None:
        """Print what an act did: the record as JSON, or one sentence."""
        if self.json:
            output.json_value(record)
        else:
            output.line(sentence)

    @property
    def limit(self) -> int:
        """How many records a list may have."""
        given: int | None = self.options.limit
        return settings.MOST_INTEGER if given is None else given

    # -- choosing

    def workflow_id(self, given: str | None) -> int:
        """The workflow that is meant: an id, a name that only one has, or (nothing given) that of
        the job this process belongs to, the only one of the user, or what the user picks at the
        terminal."""
        from torc_tui.store import workflows

        given = given or os.environ.get("TORC_WORKFLOW_ID")
        if given and is_id(given):
            workflows.get_workflow(self.store, int(given))
            return int(given)
        user = settings.user_name()
        if given:
            named = [w for w in workflows.list_workflows(self.store, user=user) if w.name == given]
            if len(named) == 1:
                return named[0].id
            if named:
                raise UsageError(
                    f"{len(named)} workflows are called {given!r}",
                    hint=f"say which by its id: {_told_apart(named)}",
                )
            raise NotFound(
                f"there is no workflow {given!r}",
                hint="`torc workflows list` shows those there are",
            )
        return self._pick(workflows.list_workflows(self.store, user=user))

    def _pick(self, found: Sequence[Workflow]) -> int:
        if not found:
            raise NotFound("there is no workflow yet", hint="create one: torc create FILE")
        if len(found) == 1:
            return found[0].id
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or self.json:
            ids = ", ".join(str(workflow.id) for workflow in found[:10]) + (
                ", …" if len(found) > 10 else ""
            )
            raise UsageError(
                f"there are {len(found)} workflows: say which one",
                hint=f"their ids: {ids}\n  {self._where_to_say()}",
            )
        for workflow in found[-30:]:
            say(f"  {workflow.id:>5}  {sanitize(workflow.name)}")
        known = {str(workflow.id) for workflow in found}
        while True:
            answer = _ask("Which workflow? ")
            if answer in known:
                return int(answer)
            say(f"{answer!r} is not one of them")

    def _where_to_say(self) -> str:
        """How the line at hand names a workflow."""
        if hasattr(self.options, "job") or hasattr(self.options, "jobs"):
            return "-w ID, or WORKFLOW/NAME for the job"
        return "name it by one of these ids, or by its name"

    def job_id(self, given: str, workflow: str | None = None) -> int:
        """The job that is meant: an id, ``WORKFLOW/NAME``, or a name in the workflow of ``-w`` (or
        the only one)."""
        from torc_tui.store import queries

        if workflow is None:
            first, slash, rest = given.partition("/")
            if given.isdecimal():
                return queries.find_job(self.store, None, given)
            if slash and (is_id(first) or self._is_name(first)):
                workflow, given = first, rest
        return queries.find_job(self.store, self.workflow_id(workflow), given)

    def _is_name(self, text: str) -> bool:
        from torc_tui.store import workflows

        return any(
            w.name == text for w in workflows.list_workflows(self.store, user=settings.user_name())
        )

    def job_ids(self, given: Sequence[str], workflow: str | None) -> list[int]:
        """All jobs that are meant, each once; every name is checked before any is acted upon."""
        return list(dict.fromkeys(self.job_id(text, workflow) for text in given))

    def confirm(self, question: str, reason: str | None = None) -> None:
        """Ask on a terminal before something is destroyed; UsageError if the answer is not yes."""
        if self.options.no_prompts or self.json or not sys.stdin.isatty():
            return
        if reason is not None:
            say(reason)
        if _ask(f"{sanitize(question)} [y/N] ").lower() not in ("y", "yes"):
            raise UsageError("no changes made")


def _told_apart(found: Sequence[Workflow]) -> str:
    """Workflows of one name, the newest first: ``3 (failed, 2 min ago), 2 (complete, 1 h ago)``."""
    from torc_tui.cli.workflows import state_of

    now = time.time()
    newest = sorted(found, key=lambda workflow: (workflow.created_at, workflow.id), reverse=True)
    told = [f"{one.id} ({state_of(one)}, {_ago(now - one.created_at)})" for one in newest[:10]]
    return ", ".join(told) + (", …" if len(newest) > 10 else "")


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def is_id(text: str) -> bool:
    """Whether the text can be an id: digits, and no more than an id has."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("nothing was chosen")
    return answer.strip()
