"""Databases of earlier versions can be opened, and those of later versions if they allow it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import SchemaMismatch
from torc_tui.reasons import Kind, because, decode
from torc_tui.resources import machine_identity
from torc_tui.resources.process_identity import process_started
from torc_tui.store import connect, generate, migrations, queries, sql, user_data, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store

SCHEMA = json.loads((Path(__file__).parent / "data" / "schema_v2.json").read_text())
VERSIONS = [1, 2, 3, 4]

ROWS = [
    "INSERT INTO counter VALUES ('workflow', 2), ('job', 3), ('user_data', 2)",
    'INSERT INTO workflow (id, name, "user", directory, created_at, run_id, is_canceled,'
    " is_archived, is_paused, last_seq, env, execution_config, use_pending_failed,"
    " require_user_data, settings) VALUES (1, 'old', 'ann', '/w', 1, 1, false, false, false, 4,"
    " '{}', '{}', false, false, '{}')",
    "INSERT INTO resource_requirements (id, workflow_id, name, num_cpus, memory, num_gpus,"
    " num_nodes, runtime, enforced) VALUES (1, 1, 'default', 1, 1048576, 0, 1, 60, false),"
    " (2, 1, 'hour', 1, 4096, 0.5, 1, 3600, true), (3, 1, 'short', 2, 0, 2, 1, 90, true)",
    "INSERT INTO job (id, workflow_id, name, command, status, held, priority, resource_class,"
    " unmet, unsuccessful, cancel_on_blocking_job_failure, attempt_id, retries, requirement_id,"
    " family, supports_termination, reason) VALUES (1, 1, 'a', 'true', 7, false, 0, 0, 0, 0, true,"
    " 1, 0, 1, 'a', false, 'canceled by ann'), (2, 1, 'b', 'true', 6, false, 0, 0, 0, 0, true, 1,"
    " 0, 2, 'b', false, '{\"kind\":\"lost\"}')",
    "INSERT INTO result (id, workflow_id, job_id, run_id, attempt_id, status, cause, reason,"
    " started_at, ended_at) VALUES (1, 1, 2, 1, 1, 6, 'memory', 'too much memory', 1, 2)",
    "INSERT INTO user_data (id, workflow_id, name, is_ephemeral, data, version, declared)"
    " VALUES (1, 1, 'lr', false, '1', 1, true)",
]


def node(**changes: Any) -> str:
    """Return the statement that adds a runner, by default this process."""
    values = {
        "hostname": machine_identity.hostname(),
        "boot_id": machine_identity.boot_id(),
        "pid": os.getpid(),
        "process_started": process_started(os.getpid()),
        "heartbeat_at": time.time(),
    } | changes
    names = ", ".join(values)
    literals = ", ".join(repr(value) for value in values.values())
    return (
        "INSERT INTO compute_node (id, workflow_id, run_id, num_cpus, memory, gpus, options,"
        f" is_active, started_at, {names}) VALUES (7, 1, 1, 1, 1, '[]', '{{}}', true, 1, {literals})"
    )


@pytest.fixture
def old(store_url: str) -> Iterator[Callable[..., str]]:
    """Create a database of an earlier version; return its URL."""

    def make(version: int, *more: str) -> str:
        dialect, place = connect.resolve(store_url)
        if dialect == "sqlite":
            raw: Any = connect.connect_sqlite(place, create=True)
        else:
            raw = connect.connect_postgresql(place)
        statements = [*SCHEMA[dialect], f"INSERT INTO meta VALUES ('torc_schema', '{version}')"]
        if version == 1:
            statements += ["DROP TABLE workflow_text", "ALTER TABLE workflow ADD COLUMN text TEXT"]
        text = "UPDATE workflow SET text = 'name: old'"
        if version > 1:
            text = "INSERT INTO workflow_text VALUES (1, 'name: old')"
        for statement in (*statements, *ROWS, text, *more):
            raw.execute(statement)
        for step in range(2, version):
            migrations.STEPS[step](raw, dialect)
        raw.close()
        return store_url

    yield make


@pytest.mark.parametrize("version", VERSIONS)
def test_migration(old: Callable[..., str], version: int) -> None:
    """A migration keeps all data of an earlier version."""
    store = Store.open(old(version))
    try:
        [workflow] = workflows.list_workflows(store)
        assert (workflow.name, workflow.user, workflow.run_id) == ("old", "ann", 1)
        shot = workflows.snapshot(store, 1)
        assert [job.reason for job in shot.jobs] == [
            because(Kind.TEXT, text="canceled by ann"),
            because(Kind.LOST),
        ]
        asked = {one.name: (one.memory, one.runtime) for one in shot.requirements.values()}
        assert asked == {"default": (None, None), "hour": (4096, None), "short": (None, 90.0)}
        [result] = queries.list_results(store, 1)
        assert (result["cause"], result["reason"]) == ("oom", decode("too much memory"))
        with store.read() as conn:
            [(reason,)] = execute(conn, "SELECT reason FROM result")
            assert json.loads(reason) == {"kind": "text", "text": "too much memory"}
            assert execute(conn, "SELECT text FROM workflow_text") == [("name: old",)]
        workflows.delete(store, [1])
    finally:
        store.close()
    Store.open(store.url).close()


@pytest.mark.parametrize("version", VERSIONS)
def test_same_schema(
    old: Callable[..., str], version: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A migrated database has the columns and indexes of a new one."""
    migrated = Store.open(old(version))
    if migrated.dialect == "postgresql":
        new = Store.open(_other_schema(request))
    else:
        new = Store.open(str(tmp_path / "new.db"))
    try:
        with migrated.read() as one, new.read() as two:
            for table in generate.schema.metadata.tables:
                assert _columns(one, table) == _columns(two, table), table
    finally:
        migrated.close()
        new.close()


def _other_schema(request: pytest.FixtureRequest) -> str:
    import psycopg

    server = request.getfixturevalue("postgresql_server")
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS new_one CASCADE")
        connection.execute("CREATE SCHEMA new_one")
    return f"{server}&options=-csearch_path%3Dnew_one"


def _columns(conn: Connection, table: str) -> set[Any]:
    if conn.dialect == "sqlite":
        columns = execute(conn, f"SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')")
        indexes = execute(
            conn,
            "SELECT name, '', 0 FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            f" AND tbl_name = '{table}'",
        )
    else:
        columns = execute(
            conn,
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
            f" WHERE table_name = '{table}' AND table_schema = current_schema()",
        )
        indexes = execute(
            conn,
            "SELECT indexname, '', '' FROM pg_indexes WHERE schemaname = current_schema()"
            f" AND tablename = '{table}' AND indexname LIKE '%_by_%'",
        )
    return {*columns, *indexes}


@pytest.mark.parametrize("version", VERSIONS)
def test_user_data_without_migration(old: Callable[..., str], version: int) -> None:
    """Jobs of an older runner use the new program: nothing is migrated under the runner."""
    url = old(version, node())
    conn = user_data.connect(url)
    assert user_data.get(conn, 1)["data"] == 1
    assert (
        user_data.update(conn, "lr", {"data": 2}, user_data.Author(1.0), workflow_id=1)["version"]
        == 2
    )
    [(stored,)] = execute(conn, "SELECT value FROM meta WHERE key = 'torc_schema'")
    assert stored == str(version)
    conn.close()


def test_live_runner(old: Callable[..., str]) -> None:
    url = old(2, node())
    for _ in range(2):
        with pytest.raises(SchemaMismatch, match=rf"in use by .*runner 7, pid {os.getpid()}\)"):
            Store.open(url)


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({"process_started": 1}, False),
        ({"boot_id": "before", "heartbeat_at": 1.0}, False),
        ({"boot_id": "other"}, True),
        ({"hostname": "former", "heartbeat_at": 1.0}, True),
        ({"hostname": "other", "process_started": 1}, True),
        ({"hostname": "other", "boot_id": "other"}, True),
        ({"hostname": "other", "boot_id": "other", "heartbeat_at": 1.0}, False),
    ],
    ids=["ended", "rebooted", "same-name", "renamed", "container", "elsewhere", "silent"],
)
def test_liveness(old: Callable[..., str], changes: dict[str, Any], alive: bool) -> None:
    """Runners that are lost, or that stopped long ago elsewhere, do not prevent a migration."""
    url = old(2, node(**changes))
    if alive:
        with pytest.raises(SchemaMismatch, match="in use"):
            Store.open(url)
    else:
        Store.open(url).close()


def test_backup(old: Callable[..., str]) -> None:
    """A file is copied before each migration; other users cannot read the copy."""
    url = old(2)
    dialect, place = connect.resolve(url)
    if dialect == "postgresql":
        pytest.skip("the server has backups of its own")
    before = Path(f"{place}.v2-backup")
    before.write_text("an earlier copy")
    Store.open(url).close()
    copy = Path(f"{place}.v2-backup-2")
    assert before.read_text() == "an earlier copy"
    assert copy.stat().st_mode & 0o777 == 0o600
    conn = user_data.connect(str(copy))
    assert user_data.get(conn, 1)["name"] == "lr"
    assert execute(conn, "SELECT value FROM meta") == [("2",)]
    conn.close()


def test_reader(old: Callable[..., str]) -> None:
    """Opening for reading only does not migrate."""
    url = old(2)
    with pytest.raises(SchemaMismatch, match="older torc"):
        Store.open(url, read_only=True)


def test_newer(store: Store) -> None:
    """A newer database says which versions may read and write it."""

    def stored(**versions: int) -> None:
        with store.write() as conn:
            for key, number in versions.items():
                execute(conn, "UPDATE meta SET value = ? WHERE key = ?", (str(number), key))

    newer = sql.VERSION + 1
    stored(torc_schema=newer, oldest_reader=sql.VERSION, oldest_writer=newer)
    Store.open(store.url, read_only=True).close()
    for attempt in (Store.open, user_data.connect):
        with pytest.raises(SchemaMismatch, match="written by a newer torc"):
            attempt(store.url)
    stored(oldest_writer=sql.VERSION)
    Store.open(store.url).close()
    stored(oldest_reader=newer)
    with pytest.raises(SchemaMismatch, match="newer"):
        Store.open(store.url, read_only=True)


def test_created_privately(tmp_path: Path) -> None:
    """A new database is for its owner only, and so is the directory made for it."""
    Store.open(str(tmp_path / "new" / "torc.db")).close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "torc.db").stat().st_mode & 0o777 == 0o600
