"""Count in an SQLite file that several hosts use at the same time, to try its file system.

The file is no database of torc. Its journal is the one that torc uses on network file systems.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from torc_tui.store import driver_errors


def create(path: str) -> None:
    """Create a file with a counter that is 0."""
    with _connected(path, 0.0) as raw:
        raw.execute("CREATE TABLE counter (n INTEGER NOT NULL)")
        raw.execute("INSERT INTO counter VALUES (0)")


def increase(path: str, times: int, timeout: float) -> None:
    """Add 1 so many times, each in a transaction; each waits so many seconds for others."""
    with _connected(path, timeout) as raw:
        for _ in range(times):
            raw.execute("BEGIN IMMEDIATE")
            [(n,)] = raw.execute("SELECT n FROM counter").fetchall()
            raw.execute("UPDATE counter SET n = ?", (n + 1,))
            raw.execute("COMMIT")


def read(path: str, timeout: float) -> int:
    """Return the counter."""
    with _connected(path, timeout) as raw:
        [(n,)] = raw.execute("SELECT n FROM counter").fetchall()
    return int(n)


@contextmanager
def _connected(path: str, timeout: float) -> Iterator[sqlite3.Connection]:
    try:
        raw = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            raw.execute("PRAGMA journal_mode = TRUNCATE")
            raw.execute("PRAGMA synchronous = OFF")
            yield raw
        finally:
            raw.close()
    except sqlite3.Error as error:
        raise driver_errors.translate(error, path) from error
