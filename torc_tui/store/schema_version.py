"""Check that a database is one of torc, and that this version of torc may use it."""

from __future__ import annotations

from torc_tui.errors import SchemaMismatch, StoreError, StoreUnavailable
from torc_tui.store.driver_errors import is_driver_error, is_missing, shown, translate
from torc_tui.store.sql import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Dbapi = Any
    """A connection of sqlite3 or psycopg; both have execute, commit, rollback and close."""


def checked(connection: Dbapi, place: str) -> Dbapi:
    """Return ``connection`` if it leads to a database of this version or an earlier one."""
    version = stored_version(connection, place)
    if version is None or version > VERSION:
        check_version(connection, place, version, write=version is not None)
    return connection


def check_version(connection: Dbapi, place: str, version: int | None, *, write: bool) -> None:
    """Raise an error if this version of torc must not read, or with ``write`` write, the database.

    A newer database names the oldest versions that may do so. An older one is migrated by a writer;
    None is an empty one, which a writer fills.
    """
    if version is not None and version > VERSION:
        key = "oldest_writer" if write else "oldest_reader"
        row = connection.execute(f"SELECT value FROM meta WHERE key = '{key}'").fetchone()
        if row is None or not str(row[0]).isdigit() or int(row[0]) > VERSION:
            raise _mismatch(version, place)
    elif version != VERSION and not write:
        raise _mismatch(version, place)


def stored_version(connection: Dbapi, place: str) -> int | None:
    """Return the version of the schema of a database; None for an empty database.

    Raise SchemaMismatch for a database of another program.
    """
    try:
        found = _version_in_meta(connection)
        if found is None and _has_tables(connection, place):
            # Another process may have created the tables since the first look.
            found = _version_in_meta(connection) or ""
    except Exception as error:
        if not is_driver_error(error):
            raise
        raise translate(error, place) from error
    if found is None:
        return None
    if not found.isdigit():
        raise SchemaMismatch(
            f"{shown(place)} is a database of another program, not of torc",
            hint="name another one with --database or TORC_DATABASE",
        )
    return int(found)


def _has_tables(connection: Dbapi, place: str) -> bool:
    """Return whether a SQLite file has any tables, or PostgreSQL a table ``meta``.

    Several programs may share a database on PostgreSQL.
    """
    query = "SELECT count(*) FROM sqlite_master"
    if "://" in place:
        query = "SELECT to_regclass('meta') IS NOT NULL"
    return bool(connection.execute(query).fetchone()[0])


def _version_in_meta(connection: Dbapi) -> str | None:
    """Return the version in the table ``meta``; None if there is no such table."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'torc_schema'").fetchone()
    except Exception as error:
        if is_driver_error(error) and is_missing(error):
            return None
        raise
    return "" if row is None else str(row[0])


def _mismatch(version: int | None, place: str) -> StoreError:
    """Return the error for a database whose schema has ``version`` instead of `VERSION`."""
    name = f"the database {shown(place)}"
    if version is None:
        return StoreUnavailable(f"{name} is empty", hint="create a workflow first")
    if version > VERSION:
        return SchemaMismatch(
            f"{name} was written by a newer torc (schema {version}, this one knows {VERSION})",
            hint="upgrade torc, or name another database with --database",
        )
    return SchemaMismatch(
        f"{name} was written by an older torc (schema {version}, this one needs {VERSION})",
        hint="any command that writes to it, such as `torc workflows list`, migrates it",
    )
