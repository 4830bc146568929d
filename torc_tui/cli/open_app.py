"""Open the app on the list of workflows, on a workflow or on a workflow file.

The app is imported here only, because that takes long.
"""

from __future__ import annotations

import gc
import os
import sys

from torc_tui import settings
from torc_tui.errors import NotFound, TorcError, UsageError


def open_app(what: str | None, database: str | None, *, read_only: bool = False) -> int:
    """Open the app, on a workflow (an id) or a file where one is named. UsageError where it cannot
    be shown, NotFound where there is no such workflow.
    """
    gc.disable()  # importing makes many objects that all stay; the app enables it when it has painted
    from torc_tui.tui.look.terminal import refusal
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
    if not os.path.isfile(what):  # noqa: PTH113
        raise UsageError(
            f"there is no file {what}", hint="`torc FILE` opens the app on a workflow file"
        )
    return run_app(url, spec_file=what, read_only=read_only)


def workflow_called(name: str, database: str | None) -> int | None:
    """The id of the one workflow of that name, of the user's own before those of others; None where
    there is none, or no store. UsageError where several have it.
    """
    from torc_tui.store.lookup import connect, workflows_of_name

    try:
        connection = connect(settings.database_url(database), read_only=True)
    except TorcError:
        return None
    try:
        found = workflows_of_name(connection, name)
    finally:
        connection.close()
    user = settings.user_name()
    ids = [number for number, owner in found if owner == user] or [number for number, _ in found]
    if len(ids) > 1:
        raise UsageError(
            f"{len(ids)} workflows are called {name!r}",
            hint="say which by its id: " + " or ".join(f"`torc {one}`" for one in ids[:5]),
        )
    return ids[0] if ids else None


def _check(url: str, workflow_id: int) -> None:
    """Say that there is no such workflow before a screen is drawn for it. What is wrong with the
    store itself is said by the app, which tries again.
    """
    from torc_tui.store.lookup import connect, workflow_exists

    try:
        connection = connect(url, read_only=True)
    except TorcError:
        return
    try:
        there = workflow_exists(connection, workflow_id)
    finally:
        connection.close()
    if not there:
        raise NotFound(
            f"there is no workflow {workflow_id}",
            hint="`torc` shows all workflows, `torc workflows list` lists them",
        )
