"""The generated SQL, and the one way to execute it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import DatabaseBug, UsageError
from torc_tui.status import JobStatus
from torc_tui.store import generate, prepared, run_context, sql, statement_compiler, workflows
from torc_tui.store.database import Store
from torc_tui.store.statements.terms import move, move_any


def test_generated() -> None:
    """The files are what `python -m torc_tui.store.generate` writes."""
    assert generate.main(["--check"]) == 0


def test_statements(store: Store) -> None:
    """Both databases understand every statement."""
    with pytest.raises(ZeroDivisionError), store.write() as conn:
        for entry in statement_compiler.entries():
            if entry.kind == "bulk":
                continue
            statements = [prepared.prepare(store.dialect, entry.handle)]
            if entry.kind == "listing":
                keys = (*entry.extra[0], "limit", "offset")
                statements = [
                    prepared.page(store.dialect, entry.handle, keys, sort, True)
                    for sort in entry.extra[1]
                ]
            for statement in statements:
                if store.dialect == "sqlite":
                    conn.raw.execute(f"EXPLAIN {statement.text}", (None,) * len(statement.names))
                else:
                    conn.raw.execute(f"PREPARE x AS {statement.text}")
                    conn.raw.execute("DEALLOCATE x")
        raise ZeroDivisionError


def test_row(store: Store) -> None:
    """Values are read by name; booleans are bool on both databases."""
    with store.write() as conn:
        execute(
            conn,
            'INSERT INTO workflow (id, name, "user", directory, created_at, run_id, is_canceled,'
            " is_archived, is_paused, last_seq, env, execution_config, use_pending_failed,"
            " require_user_data, settings) VALUES (1, 'w', 'u', '/', 0, 0, ?, ?, ?, 7, '{}', '{}',"
            " ?, ?, '{}')",
            (False, False, False, False, False),
        )
        conn.insert(
            sql.INSERT_USER_DATA,
            id=3,
            workflow_id=1,
            name="n",
            is_ephemeral=True,
            data=None,
            version=0,
            declared=True,
        )
        row = conn.one(sql.USER_DATA_BY_ID, id=3)
        assert row is not None and row.is_ephemeral is True and row.name == "n"
        assert row._asdict()["is_ephemeral"] is True
        assert conn.one(sql.USER_DATA_BY_ID, id=4) is None
        assert conn.value(sql.USER_DATA_BY_ID, id=3) == 3
        assert conn.execute(sql.DELETE_USER_DATA, id=3) == 1
        assert conn.execute(sql.DELETE_USER_DATA, id=3) == 0


def test_refused_number(store: Store) -> None:
    """A number that the database cannot hold is an error of the user."""
    with store.write() as conn, pytest.raises(UsageError, match="9223372036854775808 is too large"):
        conn.allocate("job", 1 << 63)


@pytest.mark.parametrize(
    ("value", "words"), [("a\ud800", "not UTF-8"), ("a\0b", "NUL")], ids=["surrogate", "nul"]
)
def test_refused_text(store: Store, value: str, words: str) -> None:
    if words == "NUL" and store.dialect == "sqlite":
        pytest.skip("SQLite holds NUL")
    with store.read() as conn, pytest.raises(UsageError, match=words):
        conn.rows(sql.WORKFLOWS_OF_NAME, name=value)


def test_broken_constraint(store: Store) -> None:
    """Nobody waits for a broken constraint: it is a bug."""
    with pytest.raises(DatabaseBug, match="ADD_EVENT"), store.write() as conn:
        event = {"workflow_id": 1, "seq": 1, "timestamp": 1.0, "job_id": None, "data": None}
        conn.many(sql.ADD_EVENT, [{**event, "actor": None, "kind": "x"}] * 2)


def test_illegal_move() -> None:
    """A statement that moves a job against the transition table cannot be built."""
    with pytest.raises(ValueError, match="completed to running"):
        move(JobStatus.RUNNING, {JobStatus.PENDING, JobStatus.COMPLETED})
    with pytest.raises(ValueError, match="before and after"):
        move(JobStatus.READY, {JobStatus.READY, JobStatus.BLOCKED})
    with pytest.raises(ValueError, match="become pending"):
        move_any({JobStatus.BLOCKED}, {JobStatus.PENDING})


@pytest.mark.parametrize(
    "path",
    ["/plain", "/ü", "/m\udcfcll/\udcff", "file:///x", "/a%20b", "file://\udcfc%"],
    ids=["ascii", "utf8", "latin1", "like-encoded", "percent", "both"],
)
def test_path(store: Store, make_plan: Any, path: str) -> None:
    """Paths of any bytes come back as they were, by name and in records."""
    workflow_id = workflows.create(store, make_plan(), user="u", directory=path, at=1.0)
    assert workflows.get_workflow(store, workflow_id).directory == path
    with store.write() as conn:
        context = run_context.read(conn, workflow_id)
        assert context.directory == path
        job = conn.value(sql.JOB_OF_NAME, workflow_id=workflow_id, name="prepare")
        execute(conn, f"UPDATE job SET status = {JobStatus.READY} WHERE id = ?", (job,))
        claim = {"node_id": 1, "allocation": None, "job_id": job, "attempt_id": 1}
        conn.many(sql.CLAIM, [{**claim, "output_dir": path}])
        row = conn.one(sql.CURRENT_ATTEMPT, job_id=job)
        assert row is not None and row.output_dir == path
        [(stored,)] = execute(conn, "SELECT output_dir FROM job WHERE id = ?", (job,))
        stored.encode()
