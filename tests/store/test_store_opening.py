"""Open a database: it is created once by any of several processes, or refused with one error."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import SchemaMismatch, StoreError, StoreUnavailable
from torc_tui.store import (
    connect,
    database,
    driver_errors,
    feed,
    opening,
    relations,
    sql,
    user_data,
    user_data_records,
    workflows,
)
from torc_tui.store.database import Store
from torc_tui.store.opening import FileSystem, file_system, network_file_system

OLD = Path(__file__).parent / "data" / "v1.db"


def test_missing_directories_are_created(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b % c?#" / "torc.db"
    store = Store.open(str(path).replace("?", "_"))
    assert Path(store.place).exists() and store.dialect == "sqlite"
    store.close()


def test_the_journal_is_wal_on_a_local_disk(sqlite_store: Store) -> None:
    raw = sqlite_store.connection().raw
    assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert raw.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert raw.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_no_wal_on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/torc.db"
    monkeypatch.setattr(database, "network_file_system", lambda path: "nfs4")
    store = Store.open(url)
    assert (
        store.connection().raw.execute("PRAGMA journal_mode").fetchone()[0] == "truncate"
        and store.journal == "truncate"
    )
    assert not Path(f"{tmp_path}/torc.db-wal").exists()
    with store.write() as conn:
        assert conn.allocate("job") == 1
    store.close()


def _journal(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        return str(raw.execute("PRAGMA journal_mode").fetchone()[0])


def test_journal_stands_in_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host for which the file is local does not choose WAL again for those that share it."""
    path = tmp_path / "torc.db"
    with monkeypatch.context() as on_network:
        on_network.setattr(database, "network_file_system", lambda path: "nfs4")
        Store.open(str(path)).close()
    store = Store.open(str(path))
    raw = store.connection().raw
    assert store.journal == "truncate"
    assert raw.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "truncate"
    store.close()
    assert _journal(path) != "wal"


def test_wal_is_refused_on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "torc.db"
    Store.open(str(path)).close()
    monkeypatch.setattr(database, "network_file_system", lambda path: "nfs4")
    for read_only in (False, True):
        with pytest.raises(StoreUnavailable, match=r"a journal for one host .* is on nfs4"):
            Store.open(str(path), read_only=read_only)
    opening.share_journal(str(path))
    assert _journal(path) != "wal"
    store = Store.open(str(path))
    assert store.journal == "truncate"
    store.close()


def test_journal_in_use_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "torc.db"
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.05)
    store = Store.open(str(path))
    with store.read() as conn:
        assert conn.rows(sql.WORKFLOW_EXISTS, workflow_id=1) == []
        with pytest.raises(StoreUnavailable):
            opening.share_journal(str(path))
    store.close()
    assert _journal(path) == "wal"


@pytest.mark.parametrize(
    ("before", "network", "after"),
    [("wal", None, "wal"), ("delete", None, "truncate"), ("wal", "nfs4", "truncate")],
)
def test_journal_of_earlier_versions(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    network: str | None,
    after: str,
) -> None:
    path = tmp_path / "torc.db"
    Store.open(str(path)).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM meta WHERE key = 'journal'")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA journal_mode = {before}")
    monkeypatch.setattr(database, "network_file_system", lambda path: network)
    store = Store.open(str(path))
    assert store.journal == after
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        [found] = raw.execute("SELECT value FROM meta WHERE key = 'journal'").fetchall()
    assert found == (after,)


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /home rw shared:2 master:1 - nfs4 server:/home rw,vers=4.2
31 30 0:27 / /home/ann/local rw - ext4 /dev/sdb rw
32 22 0:28 / /mnt/with\040space rw - cifs //server/share rw
33 22 0:29 / /scratch rw - lustre mds:/fs rw
34 22 0:30 / /ssh rw - fuse.sshfs user@host: rw
35 22 0:31 / /over rw - nfs server:/x rw
36 22 0:32 / /over rw - tmpfs tmpfs rw
short line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/torc.db", None),
        ("/home/ann/torc.db", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/torc.db", None),
        ("/home/ann/local/torc.db", None),
        ("/mnt/with space/torc.db", "cifs"),
        ("/scratch/x/y/torc.db", "lustre"),
        ("/ssh/torc.db", "fuse.sshfs"),
        ("/over/torc.db", None),
    ],
)
def test_network_file_systems_are_known(tmp_path: Path, path: str, kind: str | None) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert network_file_system(path, str(mounts)) == kind
    assert network_file_system(path, str(tmp_path / "none")) is None


def test_file_system_has_an_id(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert file_system("/home/x", str(mounts)) == FileSystem("nfs4", "server:/home")
    found = file_system("/mnt/with space/x", str(mounts))
    assert found is not None and found.id == "cifs://server/share"
    assert file_system("/x", str(tmp_path / "none")) is None


def _make(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    return path


def _database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


def _refused(tmp_path: Path) -> list[tuple[str, Path, type[StoreError], str]]:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = _make(tmp_path / "plain", b"x")
    meta = "CREATE TABLE meta (key TEXT, value TEXT)"
    return [
        (
            "text",
            _make(tmp_path / "text.db", b"not a database at all, " * 100),
            SchemaMismatch,
            "not a database",
        ),
        ("folder", folder, StoreUnavailable, "it is a directory"),
        ("below a file", file / "torc.db", StoreUnavailable, "folder"),
        (
            "foreign",
            _database(tmp_path / "f.db", "CREATE TABLE t (x)"),
            SchemaMismatch,
            "another program",
        ),
        (
            "foreign meta",
            _database(tmp_path / "m.db", "CREATE TABLE meta (a, b)"),
            SchemaMismatch,
            "another program",
        ),
        ("empty meta", _database(tmp_path / "e.db", meta), SchemaMismatch, "another program"),
        (
            "newer",
            _database(tmp_path / "n.db", meta, "INSERT INTO meta VALUES ('torc_schema', '99')"),
            SchemaMismatch,
            "newer torc",
        ),
    ]


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    for name, path, kind, words in _refused(tmp_path):
        before = path.read_bytes() if path.is_file() else None
        for attempt in (Store.open, lambda p: Store.open(p, read_only=True), user_data.connect):
            with pytest.raises(StoreError) as caught:
                attempt(str(path))
            if attempt is Store.open:
                assert isinstance(caught.value, kind) and words in caught.value.message, name
            assert str(path) in caught.value.message and "\n" not in caught.value.message, name
            assert caught.value.hint, name
        assert (path.read_bytes() if path.is_file() else None) == before, name


def test_reader_creates_no_database(tmp_path: Path) -> None:
    path = str(tmp_path / "torc.db")
    for attempt in (lambda: Store.open(path, read_only=True), lambda: user_data.connect(path)):
        with pytest.raises(StoreUnavailable, match="no database"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_empty_file(tmp_path: Path) -> None:
    path = _make(tmp_path / "torc.db", b"")
    with pytest.raises(StoreUnavailable, match="empty"):
        user_data.connect(str(path))
    Store.open(str(path)).close()
    user_data.connect(str(path)).close()


def test_read_only_connection(store: Store) -> None:
    reader = Store.open(store.url, read_only=True)
    assert workflows.list_workflows(reader) == []
    with pytest.raises(StoreUnavailable, match="reading only"), reader.write():
        pass
    reader.close()


def test_a_read_only_file_says_so(sqlite_store: Store, make_plan: Any) -> None:
    workflow_id = workflows.create(sqlite_store, make_plan(), user="u", directory="/", at=1.0)
    light = user_data.connect(sqlite_store.url, read_only=True)
    with pytest.raises(StoreUnavailable, match="read-only"):
        user_data.update(
            light, "config", {"data": 1}, user_data.Author(1.0), workflow_id=workflow_id
        )
    light.close()


def test_connections_of_ended_threads_are_closed(store: Store) -> None:
    held = []

    def use() -> None:
        with store.read():
            held.append(store.connection())

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert [conn.closed for conn in held] == [True, True, False]
    store.close()
    assert held[2].closed


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (sqlite3.SQLITE_BUSY, "is locked by another program"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "is locked by another program"),
        (sqlite3.SQLITE_NOTADB, "is not a database"),
        (sqlite3.SQLITE_CORRUPT, "is damaged: xyzzy"),
        (sqlite3.SQLITE_READONLY, "is read-only"),
        (sqlite3.SQLITE_FULL, "no space left for"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened: "),
        (sqlite3.SQLITE_IOERR, "cannot be used: xyzzy"),
    ],
)
def test_error_codes(code: int, message: str, tmp_path: Path) -> None:
    """The error codes of SQLite decide, not its messages."""
    error = sqlite3.OperationalError("xyzzy")
    error.sqlite_errorcode = code
    assert message in driver_errors.translate(error, str(tmp_path / "t.db")).message


def test_locked_database(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, make_plan: Any
) -> None:
    workflow_id = workflows.create(sqlite_store, make_plan(), user="u", directory="/", at=1.0)
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.05)
    other = Store.open(sqlite_store.url)
    light = user_data.connect(sqlite_store.url)
    with sqlite_store.write():
        with pytest.raises(StoreUnavailable, match="locked"), other.write():
            pass
        with pytest.raises(StoreUnavailable, match="locked"):
            user_data.update(
                light, "config", {"data": 1}, user_data.Author(1.0), workflow_id=workflow_id
            )
        assert user_data.get(light, "config", workflow_id)["version"] == 1
    with other.write() as conn:
        conn.allocate("job")
    light.close()
    other.close()


def test_full_disk(sqlite_store: Store, make_plan: Any) -> None:
    raw = sqlite_store.connection().raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match="no space left"):
        workflows.create(sqlite_store, make_plan(2000), user="u", directory="/", at=1.0)
    raw.execute("PRAGMA max_page_count = 1000000")
    assert workflows.list_workflows(sqlite_store) == []


def test_damaged_database(tmp_path: Path, make_plan: Any) -> None:
    path = tmp_path / "torc.db"
    store = Store.open(str(path))
    workflows.create(store, make_plan(500), user="u", directory="/", at=1.0)
    store.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    store = None  # type: ignore[assignment] # closed
    with pytest.raises(StoreError, match=r"torc\.db"):
        damaged = Store.open(str(path))
        workflows.snapshot(damaged, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_database_of_another_user(tmp_path: Path) -> None:
    path = Path("/tmp") / f"torc-private-{os.getpid()}"
    path.mkdir(mode=0o755)
    try:
        store = path / "torc.db"
        Store.open(str(store)).close()
        store.chmod(0o600)
        code = (
            "import os, sys; from torc_tui.store.database import Store;\n"
            "from torc_tui.errors import StoreError\n"
            # The other user may not read the modules.
            "StoreError('x'); Store.open(sys.argv[1]).close()\n"
            "os.setuid(65534)\n"
            "for place in sys.argv[1:]:\n"
            "    try: Store.open(place)\n"
            "    except StoreError as error: print(error.message)\n"
        )
        words = [
            sys.executable,
            "-c",
            code,
            str(store),
            str(path / "new.db"),
            str(path / "deep" / "new.db"),
        ]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
        assert len(told) == 3 and all(str(path) in line for line in told)
        assert (
            "no permission to read" in told[0]
            and "written" in told[1]
            and "Permission denied" in told[2]
        )
    finally:
        shutil.rmtree(path)


def test_two_processes_may_create_it_at_once(store_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        assert pool.map(_allocate, [store_url] * 6) != []
    store = Store.open(store_url)
    with store.write() as conn:
        assert conn.allocate("job") == 7
    store.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loop", os.strerror(errno.ELOOP)),
        ("a" * 300, os.strerror(errno.ENAMETOOLONG)),
        ("dangling", "it is a link to a file that does not exist"),
    ],
)
def test_paths_that_cannot_be_opened(tmp_path: Path, name: str, said: str) -> None:
    """The folder can be written to: that is not the reason."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere/file")
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(str(tmp_path / name))
    assert caught.value.message.endswith(f"cannot be opened: {said}")


def test_eight_processes_create_it_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(10):
        barrier, errors = context.Barrier(8), context.SimpleQueue()
        arguments = (f"sqlite:///{tmp_path}/{number}.db", barrier, errors)
        openers = [context.Process(target=_open_at_once, args=arguments) for _ in range(8)]
        for opener in openers:
            opener.start()
        assert [errors.get() for _ in openers] == [""] * 8
        for opener in openers:
            opener.join()


def _open_at_once(url: str, barrier: Any, errors: Any) -> None:
    barrier.wait()
    try:
        Store.open(url).close()
        errors.put("")
    except Exception as error:
        errors.put(repr(error))


def test_concurrent_creation(tmp_path: Path) -> None:
    """Its tables appear between the two queries that distinguish an empty database from another one."""
    path = str(tmp_path / "torc.db")

    class Slow(sqlite3.Connection):
        def execute(self, text: str, *parameters: Any) -> sqlite3.Cursor:
            if "sqlite_master" in text:
                Store.open(path).close()
            return super().execute(text, *parameters)

    with closing(sqlite3.connect(path, factory=Slow)) as connection:
        assert connect.stored_version(connection, path) == sql.VERSION


def test_concurrent_journal_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses at once to change the journal of a file that another process writes."""
    path = str(tmp_path / "torc.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            other.rollback()

        monkeypatch.setattr(time, "sleep", sleep)
        with closing(connect.connect_sqlite(path)) as raw:
            opening.set_journal(raw, "wal")
            assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pauses == [opening._JOURNAL_PAUSE]


def _allocate(url: str) -> int:
    store = Store.open(url)
    with store.write() as conn:
        first = conn.allocate("job")
    store.close()
    return first


def test_a_store_of_a_newer_torc_is_refused_on_both(store: Store) -> None:
    with store.write() as conn:
        execute(conn, "UPDATE meta SET value = '99'")
    for attempt in (Store.open, user_data.connect):
        with pytest.raises(SchemaMismatch, match="newer torc"):
            attempt(store.url)


def test_unreachable_server() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreUnavailable) as caught:
        Store.open("postgresql+psycopg://ann:secret@127.0.0.1:1/torc")
    assert "ann@127.0.0.1:1/torc" in caught.value.message and "secret" not in str(caught.value)


def test_reconnect(postgresql_url: str) -> None:
    store = Store.open(postgresql_url)
    with store.read() as conn:
        pid = execute(conn, "SELECT pg_backend_pid()")[0][0]
    other = Store.open(postgresql_url)
    with other.write() as conn:
        execute(conn, f"SELECT pg_terminate_backend({pid}, 5000)")
    with pytest.raises(StoreUnavailable), store.read() as conn:
        execute(conn, "SELECT 1")
    with store.write() as conn:
        assert conn.allocate("job") == 1
    store.close()
    other.close()


def test_database_of_version_1(tmp_path: Path) -> None:
    path = tmp_path / "torc.db"
    shutil.copy(OLD, path)
    store = Store.open(str(path))
    [workflow] = workflows.list_workflows(store)
    assert (workflow.name, workflow.user, workflow.last_seq) == ("sweep", "ann", 2)
    shot = workflows.snapshot(store, workflow.id)
    assert [job.name for job in shot.jobs][:3] == ["prepare", "train_0", "train_1"]
    assert len(list(relations.edges(store, workflow.id))) > 0
    assert [event.kind for event in feed.list_events(store, workflow.id)] == [
        "workflow_created",
        "user_data_updated",
    ]
    raw = store.connection()
    assert execute(raw, "SELECT text FROM workflow_text") == [("name: sweep\n",)]
    assert (
        user_data.update(
            raw, "config", {"data": 3}, user_data.Author(9.0), workflow_id=workflow.id
        )["version"]
        == 3
    )
    assert [version["data"] for version in user_data_records.history(raw, "config", workflow.id)][
        1:
    ] == [[1, "ü"], 3]
    store.close()


def test_imports_of_user_data(sqlite_store: Store, make_plan: Any) -> None:
    workflow_id = workflows.create(sqlite_store, make_plan(), user="u", directory="/", at=1.0)
    code = (
        "import sys\nfrom torc_tui.store import user_data\n"
        f"c = user_data.connect({sqlite_store.url!r})\n"
        f"user_data.update(c, 'config', {{'data': [1]}}, user_data.Author(1.0), workflow_id={workflow_id})\n"
        f"assert user_data.get(c, 'config', {workflow_id})['data'] == [1]\n"
        "slow = 'sqlalchemy textual rich yaml dataclasses pathlib typing argparse asyncio json re'.split()\n"
        "print([name for name in slow if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith('torc_tui.')])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told[0] == "[]"
    modules = (
        "connect connection driver_errors encoding event_log generated prepared schema_version sql"
        " user_data"
    )
    allowed = {
        "errors",
        "fast_json",
        "settings",
        "store",
        *(f"store.{name}" for name in modules.split()),
    }
    allowed |= {f"store.generated.{name}" for name in ("event_log", "user_data")}
    assert {name.removeprefix("torc_tui.") for name in eval(told[1])} <= allowed


@pytest.mark.parametrize("left", [0, 1, 99, 100, 1000, 4096, 5000, -8192, -4096, -1])
@pytest.mark.parametrize("checkpoint", [True, False], ids=["no-wal", "wal"])
def test_truncation(sqlite_store: Store, make_plan: Any, left: int, checkpoint: bool) -> None:
    """A runner notices that its file was truncated, and goes on when a copy was put back."""
    workflows.create(sqlite_store, make_plan(), user="u", directory="/", at=1.0)
    execute(sqlite_store.connection(), "PRAGMA wal_checkpoint(TRUNCATE)")
    sqlite_store.verify()
    copy = Path(sqlite_store.place).read_bytes()
    if not checkpoint:
        with sqlite_store.write() as conn:
            conn.allocate("job")
    os.truncate(sqlite_store.place, left if left >= 0 else len(copy) + left)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"was truncated$"):
            sqlite_store.verify()
            with sqlite_store.read():
                pass
    Path(sqlite_store.place).write_bytes(copy)
    with sqlite_store.write() as conn:
        conn.allocate("job")
    sqlite_store.verify()


def test_a_file_that_gets_smaller_is_not_truncated(sqlite_store: Store, make_plan: Any) -> None:
    number = workflows.create(sqlite_store, make_plan(2000), user="u", directory="/", at=1.0)
    execute(sqlite_store.connection(), "PRAGMA wal_checkpoint(TRUNCATE)")
    sqlite_store.verify()
    before = Path(sqlite_store.place).stat().st_size
    workflows.delete(sqlite_store, [number])
    with closing(sqlite3.connect(sqlite_store.place)) as other:
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert Path(sqlite_store.place).stat().st_size < before
    sqlite_store.verify()
    with sqlite_store.write() as conn:
        conn.allocate("job")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:secret@db:5432/torc",
        "postgresql://ann@db:5432/torc?password=secret",
        "postgresql://ann@db:5432/torc?sslpassword=secret&PASSWORD=secret",
    ],
    ids=["user", "parameter", "parameters"],
)
def test_shown(url: str) -> None:
    assert driver_errors.shown(url) == "postgresql://ann@db:5432/torc"


def test_nulls_and_booleans_are_bound(tmp_path: Path) -> None:
    with closing(connect.connect_sqlite(str(tmp_path / "db"), create=True)) as raw:
        rows = raw.execute(
            "SELECT ?1, typeof(?1), ?2, typeof(?2), ?3", (None, True, False)
        ).fetchall()
    assert rows == [(None, "null", 1, "integer", 0)]
