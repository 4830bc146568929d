"""Create a database, or bring an older one up to date, when it is opened.

Input: a path or a conninfo. Output: a database of the current version, or one clear error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torc_tui import settings
from torc_tui.errors import StoreUnavailable
from torc_tui.store import connect

MIGRATIONS: dict[int, Sequence[str]] = {
    1: (
        "CREATE TABLE workflow_text (workflow_id INTEGER NOT NULL PRIMARY KEY"
        " REFERENCES workflow (id) ON DELETE CASCADE, text TEXT NOT NULL)",
        "INSERT INTO workflow_text SELECT id, text FROM workflow WHERE text IS NOT NULL",
        "ALTER TABLE workflow DROP COLUMN text",
    )
}
"""Version -> the statements that make the next version of it."""


def _create(path: str) -> None:
    """Create an empty file that only this user can read, and its directory."""
    directory = os.path.dirname(path)  # noqa: PTH120
    if directory == settings.data_dir():
        settings.make_private(directory)
    else:
        Path(directory).mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # SQLite names what is wrong
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def prepare_sqlite(path: str, *, read_only: bool, network: bool) -> None:
    """Make the store when it is not there, bring it up to date, and choose the journal that fits
    the file system."""
    fresh = not os.path.exists(path)  # noqa: PTH110
    if fresh and read_only:
        raise connect.no_store(path)
    if fresh:
        try:
            _create(path)
        except OSError as error:
            raise StoreUnavailable(
                f"the folder of the store {path} cannot be made: {error.strerror}",
                hint="name another place with --database or TORC_DATABASE",
            ) from error
    raw = connect.connect_sqlite(path, read_only=read_only, create=fresh)
    try:
        version = connect.stored_version(raw, path)
        if version != connect.VERSION and (
            read_only or (version is not None and version > connect.VERSION)
        ):
            raise connect.mismatch(version, path)
        if not read_only:
            _choose_journal(raw, network=network)
        if version != connect.VERSION:
            _make(raw, path)
    except Exception as error:
        if connect.is_driver_error(error):
            raise connect.translate(error, path) from error
        raise
    finally:
        raw.close()


def _choose_journal(raw: Any, *, network: bool) -> None:
    """WAL on a local file system; on a network one a plain journal, as WAL needs memory that all
    users share."""
    current = raw.execute("PRAGMA journal_mode").fetchone()[0]
    if network and current == "wal":
        raw.execute("PRAGMA journal_mode = TRUNCATE")
    elif not network and current != "wal":
        raw.execute("PRAGMA journal_mode = WAL")


def prepare_postgresql(place: str, *, read_only: bool) -> None:
    raw = connect.connect_postgresql(place)
    try:
        version = connect.stored_version(raw, place)
        if version != connect.VERSION:
            if read_only or (version is not None and version > connect.VERSION):
                raise connect.mismatch(version, place)
            _make(raw, place)
    except Exception as error:
        if connect.is_driver_error(error):
            raise connect.translate(error, place) from error
        raise
    finally:
        raw.close()


def _make(raw: Any, place: str) -> None:
    """Create the tables, or migrate them, in one transaction; whoever comes second finds it
    done."""
    dialect = "sqlite" if connect.is_sqlite(raw) else "postgresql"
    connect.begin(raw, write=True)
    try:
        if dialect == "postgresql":
            raw.execute(f"SELECT pg_advisory_xact_lock({connect.APPLICATION_ID})")
        version = connect.stored_version(raw, place) if _has_meta(raw, dialect) else None
        if version is None:
            for text in _schema(dialect):
                raw.execute(text)
            raw.execute(
                f"INSERT INTO meta (key, value) VALUES ('torc_schema', '{connect.VERSION}')"
            )
        else:
            for step in range(version, connect.VERSION):
                for text in MIGRATIONS[step]:
                    raw.execute(text)
            raw.execute(f"UPDATE meta SET value = '{connect.VERSION}' WHERE key = 'torc_schema'")
        raw.commit()
    except BaseException:
        raw.rollback()
        raise


def _has_meta(raw: Any, dialect: str) -> bool:
    if dialect == "sqlite":
        found = raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
    else:
        found = raw.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()[0]
    return bool(found)


def _schema(dialect: str) -> Sequence[str]:
    if dialect == "sqlite":
        from torc_tui.store.generated.sqlite_schema import SCHEMA
    else:
        from torc_tui.store.generated.postgresql_schema import SCHEMA
    return SCHEMA
