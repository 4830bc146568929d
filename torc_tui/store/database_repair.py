"""Check a SQLite database, copy it while it is in use, and rescue the rows of a damaged one.

Input: paths. Output: what is wrong, or a new database. The original is only read.

Invariants: a copy is a state that the database had at one time; a rescued database has the current
schema, and every row that can be read, from the beginning and from the end of each table.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import closing, suppress
from typing import Any

from torc_tui.errors import Refused, StoreUnavailable
from torc_tui.store import connect, driver_errors
from torc_tui.store.database import Store
from torc_tui.store.generated.schema import SCHEMA
from torc_tui.store.sql import VERSION
from torc_tui.tuples import NamedTuple

_MOST_PROBLEMS = 100
_MOST_PROBED = 1_000_000
"""Ids of a damaged range that are tried one by one."""


class Rescued(NamedTuple):
    """The rows of a table that were copied, and whether some could not be read."""

    table: str
    rows: int
    damaged: bool


def check(path: str) -> list[str]:
    """Return the errors in a database, one sentence each; an empty list if there are none."""
    with closing(connect.connect_sqlite(path, read_only=True)) as source:
        try:
            version = connect.stored_version(source, path)
            found = [
                row[0]
                for row in source.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")
                if row[0] != "ok"
            ]
            for table, row, parent, _ in source.execute("PRAGMA foreign_key_check"):
                found.append(f"row {row} of {table} belongs to a row of {parent} that is missing")
                if len(found) >= _MOST_PROBLEMS:
                    break
            if version == VERSION:
                found += missing_parts(_columns(source))
        except sqlite3.Error as error:
            return [f"cannot be read: {error}"]
    if version is None:
        found.append("it is empty")
    return found


def check_server(conninfo: str) -> list[str]:
    """Return which tables and columns a database on PostgreSQL lacks, one sentence each."""
    query = (
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema()"
    )
    found: dict[str, set[str]] = {}
    with closing(connect.connect_postgresql(conninfo)) as source:
        for table, column in source.execute(query):
            found.setdefault(table, set()).add(column)
    return missing_parts(found)


def missing_parts(tables: Mapping[str, Set[str]]) -> list[str]:
    """Return which tables and columns of the current schema are missing, one sentence each."""
    with closing(sqlite3.connect(":memory:")) as model:
        for statement in SCHEMA:
            model.execute(statement)
        wanted = _columns(model)
    found = []
    for table, columns in wanted.items():
        missing = sorted(columns - tables.get(table, set()))
        if table not in tables:
            found.append(f"the table {table} is missing")
        elif missing:
            noun = "column" if len(missing) == 1 else "columns"
            found.append(f"the table {table} lacks the {noun} {', '.join(missing)}")
    return found


def _columns(connection: Any) -> dict[str, set[str]]:
    """Return the columns of the tables of a SQLite database, by name."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {
        name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
        for (name,) in names
    }


def backup(path: str, target: str) -> None:
    """Copy a database into a new file; other programs may use it meanwhile."""
    _new_file(target)
    try:
        with (
            closing(connect.connect_sqlite(path, read_only=True)) as source,
            closing(connect.connect_sqlite(target)) as copy,
        ):
            connect.checked(source, path)
            source.backup(copy)
    except sqlite3.Error as error:
        os.unlink(target)  # noqa: PTH108
        raise driver_errors.translate(error, path) from error
    except BaseException:
        os.unlink(target)  # noqa: PTH108
        raise


def recover(path: str, target: str) -> list[Rescued]:
    """Copy all rows that can be read into a new database of the current schema."""
    if not os.path.exists(path):  # noqa: PTH110
        raise connect.no_database(path)
    _new_file(target)
    os.unlink(target)  # noqa: PTH108
    Store.open(f"sqlite:///{target}").close()
    with (
        closing(connect.connect_sqlite(path, read_only=True, damaged=True)) as source,
        closing(connect.connect_sqlite(target)) as copy,
    ):
        copy.execute("PRAGMA foreign_keys = OFF")
        copy.execute("BEGIN IMMEDIATE")
        tables = [
            row[0]
            for row in copy.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        found = [_rescue(source, copy, table) for table in tables]
        copy.execute("COMMIT")
    return found


def _new_file(path: str) -> None:
    """Create an empty private file; refuse one that exists."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Refused(f"{path} already exists", hint="name a new file") from None
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be created: {error.strerror}") from error


def _rescue(source: sqlite3.Connection, copy: sqlite3.Connection, table: str) -> Rescued:
    """Copy the rows of a table that can be read."""
    new = [row[1] for row in copy.execute(f'PRAGMA table_info("{table}")')]
    try:
        info = list(source.execute(f'PRAGMA table_info("{table}")'))
    except sqlite3.Error:
        return Rescued(table, 0, True)
    columns = [row[1] for row in info if row[1] in new]
    if not columns:  # an earlier version did not have it, or the schema is lost
        return Rescued(table, 0, not _has_readable_schema(source))
    keys = [row[1] for row in sorted(info, key=lambda row: int(row[5])) if row[5]]
    names = ", ".join(f'"{column}"' for column in columns)
    insert = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'
    before = copy.total_changes
    if table == "meta":
        return Rescued(table, 0, False)  # written with the new schema
    damaged = False
    for direction in ("ASC", "DESC"):
        order = ", ".join(f'"{key}" {direction}' for key in keys) or f"rowid {direction}"
        reader = _ReadableRows(source, f'SELECT {names} FROM "{table}" ORDER BY {order}')
        copy.executemany(insert, reader)
        damaged = damaged or reader.failed
        if not reader.failed:
            break
    if damaged and keys == ["id"]:
        copy.executemany(insert, _probe(source, copy, table, names))
    return Rescued(table, copy.total_changes - before, damaged)


def _has_readable_schema(source: sqlite3.Connection) -> bool:
    reader = _ReadableRows(source, "SELECT sql FROM sqlite_schema")
    return bool(list(reader)) and not reader.failed


class _ReadableRows:
    """The rows of a query up to the first unreadable one; ``failed`` is set if there is one."""

    def __init__(self, source: sqlite3.Connection, query: str) -> None:
        self.source, self.query, self.failed = source, query, False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self.source.execute(self.query)
        except sqlite3.Error:
            self.failed = True


def _probe(
    source: sqlite3.Connection, copy: sqlite3.Connection, table: str, names: str
) -> Iterator[tuple[Any, ...]]:
    """Return the rows between those that were read from the two ends, found by their ids."""
    present = {row[0] for row in copy.execute(f'SELECT id FROM "{table}"')}
    if not present:
        return
    for number in range(1, min(max(present), _MOST_PROBED)):
        if number not in present:
            with suppress(sqlite3.Error):
                row = source.execute(f'SELECT {names} FROM "{table}" WHERE id = ?', (number,))
                yield from row.fetchall()
