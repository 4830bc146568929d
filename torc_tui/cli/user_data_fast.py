"""Run ``torc user-data get`` and ``update`` with the least start-up time: jobs call them often.

Input: the words of the line. Output: the record as JSON or a table, and an exit code. The line is
parsed here without argparse, because the whole process may take only 2.5 times as long as an empty
interpreter. Any other line (``--help``, mistakes) is left to the full parser, which calls this
module with the same `UserDataCall`.

Never: an import of argparse, SQLAlchemy, rich, pathlib or dataclasses.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from torc_tui import fast_json, settings
from torc_tui.cli.plain_line import read_plain
from torc_tui.cli.terminal_text import is_id, json_text
from torc_tui.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from torc_tui.store.connection import Connection
    from torc_tui.store.user_data import Author

_VALUES = {
    "-d": "data",
    "--data": "data",
    "--data-file": "data_file",
    "-n": "name",
    "--name": "name",
    "--ephemeral": "ephemeral",
    "-w": "workflow",
    "--workflow": "workflow",
    "--expected-version": "expected_version",
    "-f": "format",
    "--format": "format",
    "--database": "database",
}
UNSET: Any = object()
"""Stands for a value that was not given; None means JSON's null."""
_ONLY_UPDATE = ("data", "data_file", "name", "ephemeral", "expected_version")


class UserDataCall:
    """A call: ``verb`` (get, update), ``ref`` (id or name), and the options."""

    def __init__(self, verb: str, ref: str, options: Mapping[str, str]) -> None:
        self.verb = verb
        self.ref = ref
        self.options = options

    def answer(self, program: str) -> int:
        """Carry it out and print the answer; raise UsageError or NotFound."""
        from torc_tui.store import user_data

        options = self.options
        changes = _changes(options) if self.verb == "update" else {}
        violations: list[str] = []
        connection = user_data.connect(settings.database_url(options.get("database")))
        try:
            workflow_id = workflow_of(options.get("workflow"))
            if self.verb == "get":
                record = user_data.get(connection, self.ref, workflow_id)
            else:
                record = _update(connection, self, workflow_id, changes, violations)
        finally:
            connection.close()
        show(record, self.verb, options.get("format"), program)
        if violations:  # the value is stored nevertheless
            from torc_tui.cli.diagnostics import print_stderr

            for text in violations:
                print_stderr(f"warning: does not follow its schema: {text}")
        return 0


def read(words: list[str]) -> UserDataCall | None:
    """Return the request of a plain line ``user-data get|update …``; None for any other."""
    verb = words[1]
    line = read_plain(words[2:], _VALUES)
    if line is None:
        return None
    options, refs = line
    if verb == "get" and not options.keys().isdisjoint(_ONLY_UPDATE):
        return None
    if len(refs) != 1 or options.get("format", "json") not in ("json", "table"):
        return None
    if not all(refs) or not all(value for key, value in options.items() if key != "data"):
        return None
    name = options.get("name", "")
    if not name.isprintable() or len(name) > 200:  # the full parser checks it
        return None
    workflow = options.get("workflow") or os.environ.get("TORC_WORKFLOW_ID")
    if not is_id(workflow or refs[0]):  # the full reader looks up names of workflows
        return None
    return UserDataCall(verb, refs[0], options)


def _update(
    connection: Connection,
    request: UserDataCall,
    workflow_id: int | None,
    changes: Mapping[str, Any],
    violations: list[str],
) -> Any:
    """Change a record and return it; add how its value violates its schema."""
    from torc_tui.store import user_data

    def check(value: Any, schema: Any) -> list[str]:
        from torc_tui.views.json_schema import violation_texts

        violations[:] = violation_texts(value, schema)
        return violations

    return user_data.update(
        connection,
        request.ref,
        changes,
        author(request.options.get("database")),
        workflow_id=workflow_id,
        expected_version=_expected_version(request.options),
        check=check,
    )


def show(record: Mapping[str, Any], verb: str, format_: str | None, program: str) -> None:
    """Print a record: as JSON for ``get`` or on request, a table, or a sentence after a change."""
    if format_ == "json" or (format_ is None and (verb == "get" or program == "torc-client")):
        sys.stdout.write(json_text(record) + "\n")
    elif format_ == "table":
        from torc_tui.cli.columns import USER_DATA
        from torc_tui.cli.output import table

        table(USER_DATA, [record])
    else:
        sys.stdout.write(f"{verb.capitalize()}d user data {record['id']} ({record['name']})\n")


def workflow_of(given: str | None) -> int | None:
    """Return the workflow in which a name is looked up: from -w, or that of the calling job."""
    text = given or os.environ.get("TORC_WORKFLOW_ID")
    if not text:
        return None
    if not is_id(text):
        raise UsageError(f"{text!r} is not the id of a workflow")
    return int(text)


def author(database: str | None) -> Author:
    """Return who writes: the job that calls this, if the database is its own, else the user."""
    from torc_tui.store.user_data import Author

    own = os.environ.get("TORC_DATABASE")
    ids = [os.environ.get(f"TORC_{name}_ID", "") for name in ("JOB", "RUN", "ATTEMPT")]
    if own and database in (None, own) and all(map(str.isdecimal, ids)):
        job, run, attempt = map(int, ids)
        return Author(time.time(), job=(job, run, attempt))
    return Author(time.time(), actor=settings.actor())


def _changes(options: Mapping[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    data = given_data(options.get("data"), options.get("data_file"))
    if data is not UNSET:
        changes["data"] = data
    if "name" in options:
        changes["name"] = options["name"]
    if "ephemeral" in options:
        changes["is_ephemeral"] = truth(options["ephemeral"])
    if not changes:
        raise UsageError(
            "nothing to update", hint="give --data, --data-file, --name or --ephemeral"
        )
    return changes


def _expected_version(options: Mapping[str, str]) -> int | None:
    given = options.get("expected_version")
    if given is not None and not is_id(given):
        raise UsageError("--expected-version must be the number of a version")
    return None if given is None else int(given)


def given_data(text: str | None, path: str | None) -> Any:
    """Return the value of ``--data`` or ``--data-file``; UNSET without them."""
    if text is not None and path is not None:
        raise UsageError("--data and --data-file cannot be used together")
    if "-" in (text, path):
        return _decoded(standard_input(), "standard input")
    if text is not None:
        return parse(text, "--data")
    return UNSET if path is None else from_file(path)


_read: list[Any] = [None, b""]


def standard_input() -> bytes:
    """Return all of standard input; again if the command is repeated (`torc_tui.cli.job_retry`)."""
    if _read[0] is not sys.stdin:
        _read[:] = sys.stdin, sys.stdin.buffer.read()
    return _read[1]  # type: ignore[no-any-return]  # the bytes


def truth(text: str) -> bool:
    """Return the value of ``--ephemeral``; raise UsageError for another word."""
    if text not in ("true", "false"):
        raise UsageError(f"--ephemeral must be true or false, not {text!r}")
    return text == "true"


def from_file(path: str) -> Any:
    """Return the JSON value of a file."""
    return _decoded(file_bytes(path), path)


def file_bytes(path: str) -> bytes:
    """Return the contents of a file; raise UsageError if it cannot be read or never ends."""
    try:
        with open(path, "rb") as file:
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode) and not file.isatty():
                raise UsageError(f"{path}: cannot be read: it is a device, not a file")
            return file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path"
        raise UsageError(f"{path}: cannot be read: {reason}") from error


def _decoded(data: bytes, what: str) -> Any:
    try:
        return parse(data.decode("utf-8-sig"), what)
    except UnicodeDecodeError as error:
        raise UsageError(f"{what} is not valid UTF-8 (byte {error.start + 1})") from error


def parse(text: str, what: str) -> Any:
    """Return the JSON value of a text, or raise UsageError with line and column."""
    if not text.strip():
        raise UsageError(f"{what} is empty, which is not JSON", hint="use null to clear the value")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not valid UTF-8") from None
    try:
        return fast_json.loads(text, _refuse_constant)
    except (ValueError, RecursionError) as error:
        from torc_tui.json_errors import json_error

        found = json_error(text, error)
        line = text.split("\n")[found.line - 1 : found.line]
        near = line[0][max(found.column - 21, 0) : found.column + 19] if line else ""
        raise UsageError(
            f"{what} is not valid JSON: line {found.line}, column {found.column}: {found.message}",
            hint=f"near: {near}\n  no changes made" if near else "no changes made",
        ) from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)
