"""Open the app on the list of workflows, on a workflow or on a workflow file.

The app is imported here only, because that takes long.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import closing

from torc_tui import settings
from torc_tui.errors import TorcError, UsageError


def open_app(what: str | None, database: str | None, *, read_only: bool = False) -> int:
    """Open the app, on a workflow (an id) or a file if one is named.

    UsageError if this terminal or file cannot be used, NotFound if there is no such workflow.
    """
    gc.disable()  # faster imports; the app enables it after its first paint
    gc.set_threshold(700)  # the usual number: more would make longer pauses
    _import_asyncio()
    from torc_tui.tui.look.terminal import refusal
    from torc_tui.tui.shell.textual_import import import_textual

    import_textual()
    from torc_tui.tui.shell.run_app import run_app

    trouble = refusal(os.environ, interactive=sys.stdin.isatty() and sys.stdout.isatty())
    if trouble is not None:
        raise UsageError(trouble)
    url = settings.database_url(database)
    if what is None:
        return run_app(url, read_only=read_only)
    if what.isdecimal():
        _check(url, int(what))
        return run_app(url, workflow_id=int(what), read_only=read_only)
    _check_file(what)
    return run_app(url, spec_file=what, read_only=read_only)


def _import_asyncio() -> None:
    """Import asyncio without TLS, which the app does not use: loading it takes 5 ms."""
    if "ssl" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # asyncio takes it as missing
        try:
            import asyncio  # noqa: F401 - imported for others
        finally:
            del sys.modules["ssl"]


def _check_file(path: str) -> None:
    """Refuse a file that the app cannot read again after each change."""
    if path == "-":
        raise UsageError(
            "the app cannot read a workflow file from standard input", hint="use `torc run -`"
        )
    if os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{path} is a directory", hint="name a workflow file")
    if not os.path.exists(path):  # noqa: PTH110
        raise UsageError(
            f"there is no file {path}", hint="`torc FILE` opens the app on a workflow file"
        )
    if not os.path.isfile(path):  # noqa: PTH113
        raise UsageError(
            f"the app cannot read the workflow file {path}: it is not a regular file",
            hint=f"use `torc run {path}`, which reads it once",
        )


def workflow_called(name: str, database: str | None) -> int | None:
    """Return the id of the workflow of a name, or of ``@last``; None if there is none.

    Also None if there is no database. Raise TorcError if the database cannot be read. Workflows of
    the user come before those of others. Of several, it is the newest of this directory, or else
    the newest.
    """
    from torc_tui.cli.targets import newest
    from torc_tui.store import sql
    from torc_tui.store.connect import missing_file
    from torc_tui.store.connection import connect

    url = settings.database_url(database)
    if missing_file(url) is not None:
        return None
    if name.startswith("@"):
        from torc_tui.cli.targets import newest_first, numbered
        from torc_tui.store.database import Store

        with closing(Store.open(url)) as store:
            return numbered(newest_first(store), name)
    with closing(connect(url, read_only=True)) as connection:
        found = connection.rows(sql.WORKFLOWS_OF_NAME, name=name)
    user = settings.user_name()
    own = [workflow for workflow in found if workflow.user == user] or found
    if len(own) > 1:
        return newest(own, f"{len(own)} workflows have the name {name!r}").id
    return own[0].id if own else None


def _check(url: str, workflow_id: int) -> None:
    """Raise NotFound for an unknown workflow before the screen is drawn.

    The app itself reports a database that cannot be opened, and tries again.
    """
    from torc_tui.store.connection import connect
    from torc_tui.store.event_log import check_workflow

    try:
        connection = connect(url, read_only=True)
    except TorcError:
        return
    with closing(connection):
        check_workflow(connection, workflow_id)
