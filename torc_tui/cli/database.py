"""Check, copy and rescue the database."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from torc_tui import settings
from torc_tui.cli import columns, output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, print_stderr
from torc_tui.cli.global_options import NO_SERVER
from torc_tui.errors import StoreError, UsageError
from torc_tui.redaction import redact
from torc_tui.store.connect import no_database, resolve
from torc_tui.store.database import Store
from torc_tui.wording import count, listed, moment


def check(call: Call) -> int:
    """Print whether the database is sound; exit code 1 if it is not."""
    url = settings.database_url(call.database)
    dialect, place = resolve(url)
    if dialect == "sqlite" and not os.path.exists(place):  # noqa: PTH110
        raise no_database(place)
    if call.options.shared:
        _share(place, dialect)
    if call.options.slurm:
        from torc_tui.cli.node_check import check_nodes

        return check_nodes(call, dialect, place)
    record = _condition(url, dialect, place)
    problems = record["problems"]
    if call.json:
        output.json_value(record)
    elif problems:
        for problem in problems:
            output.line(problem)
        print_stderr(f"{redact(place)} has {count(len(problems), 'problem')}")
        if dialect == "sqlite":
            print_stderr("  copy what can be read with `torc database recover FILE`")
    else:
        output.line(f"{redact(place)} is sound")
        _print_file_facts(record)
    return FAILED if problems else OK


def _condition(url: str, dialect: str, place: str) -> dict[str, Any]:
    """Return the problems of a database, and for a file what is known of its file system."""
    from torc_tui.store import database_repair

    if dialect == "sqlite":
        problems, facts = database_repair.check(place), _file_facts(place)
    else:
        Store.open(url, read_only=True).close()
        problems, facts = database_repair.check_server(place), {}
    return {"database": redact(place), "sound": not problems, "problems": problems, **facts}


def _share(place: str, dialect: str) -> None:
    from torc_tui.store.opening import share_journal

    if dialect != "sqlite":
        raise UsageError(f"--shared is about SQLite, and {redact(place)} is not a file")
    share_journal(place)


def _file_facts(place: str) -> dict[str, Any]:
    """Return on which file system a database is, and what nodes have found out about it."""
    from torc_tui.operations import database_check
    from torc_tui.store.opening import file_system

    found = file_system(place)
    facts: dict[str, Any] = {
        "file_system": found and found.kind,
        "is_network": found is not None and found.is_network,
    }
    with suppress(StoreError):
        store = Store.open(f"sqlite:///{place}", read_only=True)
        try:
            with store.read() as conn:
                nodes = database_check.stored(conn)
                facts |= {
                    "journal": store.journal,
                    "nodes": nodes and nodes._asdict(),
                    "several_nodes": database_check.passed(conn, place),
                }
        finally:
            store.close()
    return facts


def _print_file_facts(record: dict[str, Any]) -> None:
    kind = "network" if record.get("is_network") else "local"
    if record.get("file_system"):
        journal = f", journal {record['journal']}" if record.get("journal") else ""
        output.line(f"it is on {record['file_system']} ({kind} file system){journal}")
    if record.get("several_nodes"):
        nodes = record["nodes"]
        output.line(f"{listed(nodes['hosts'])} can use it together ({moment(nodes['at'])})")


def ping(call: Call) -> None:
    """Print that the database answers; StoreError if it does not."""
    url = settings.database_url(call.database)
    dialect, place = resolve(url)
    if dialect == "sqlite" and not os.path.exists(place):  # noqa: PTH110
        raise no_database(place)
    Store.open(url, read_only=True).close()
    if "TORC_API_URL" in os.environ:
        print_stderr(f"TORC_API_URL has no effect: {NO_SERVER}")
    record = {"status": "ok", "database": redact(place)}
    call.done(record, f"{redact(place)} answers")


def backup(call: Call) -> None:
    """Copy the database into a new file."""
    from torc_tui.store import database_repair

    place = _sqlite(call, "pg_dump")
    target = os.path.abspath(call.options.file)  # noqa: PTH100
    database_repair.backup(place, target)
    record = {"database": place, "file": target, "bytes": os.path.getsize(target)}  # noqa: PTH202
    call.done(record, f"Copied {place} to {target}")


def recover(call: Call) -> int:
    """Copy what can be read; exit code 1 if rows are damaged."""
    from torc_tui.store import database_repair

    place = _sqlite(call, "the tools of PostgreSQL")
    target = os.path.abspath(call.options.file)  # noqa: PTH100
    found = database_repair.recover(place, target)
    if call.json:
        output.json_value({"file": target, "tables": [one._asdict() for one in found]})
    else:
        output.table(columns.RESCUED, [one._asdict() for one in found if one.rows or one.damaged])
        output.line(f"Wrote {target}; use it with `--database {target}`")
    damaged = [one.table for one in found if one.damaged]
    if damaged:
        print_stderr(f"some rows could not be read: {', '.join(damaged)}")
    return FAILED if damaged else OK


def _sqlite(call: Call, other: str) -> str:
    """Return the path of the database; UsageError if it is not a file."""
    dialect, place = resolve(settings.database_url(call.database))
    if dialect != "sqlite":
        raise UsageError(f"{redact(place)} is not a file", hint=f"use {other} for PostgreSQL")
    if not os.path.exists(place):  # noqa: PTH110
        raise no_database(place)
    return place
