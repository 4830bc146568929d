"""What a runner learns of the writes of others, and transactions that do not wait for answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.raw_sql import execute
from tests.waiting import wait_for
from torc_tui.errors import DatabaseBug, TorcError
from torc_tui.operations.workflows import create_workflow
from torc_tui.plan.resolve import resolve
from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.event_log import append, last_event
from torc_tui.store.runner_news import RunnerNews
from torc_tui.workflow_file.load import loads

CLAIMED = [("job_claimed", 1, None)]
READY = [("job_ready", 1, None)]


@pytest.fixture
def workflow_id(store: Store) -> int:
    plan = resolve(loads("name: w\njobs: [{name: a, command: x}]\n", format="yaml"))
    return create_workflow(store, plan, user="u", directory="/", actor="u@h")


@pytest.fixture
def outside(store: Store) -> Iterator[Store]:
    other = Store.open(store.url)
    yield other
    other.close()


@pytest.fixture
def news(store: Store, workflow_id: int) -> RunnerNews:
    found = RunnerNews(store, workflow_id, 1, "here")
    found.listen()
    with store.read() as conn:
        assert found.take(conn)
        assert not found.take(conn)
    assert not found.may_exist()
    return found


def write(store: Store, workflow_id: int, events: list[tuple[str, int | None, None]]) -> None:
    with store.write() as conn:
        append(conn, workflow_id, events, at=time.time())


def taken(store: Store, news: RunnerNews) -> bool:
    with store.read() as conn:
        return news.take(conn)


def test_orders_are_news(store: Store, outside: Store, workflow_id: int, news: RunnerNews) -> None:
    write(outside, workflow_id, [("workflow_paused", None, None)])
    wait_for(news.may_exist, "news")
    assert taken(store, news)
    assert not taken(store, news)


def test_last_event(store: Store, outside: Store, workflow_id: int, news: RunnerNews) -> None:
    def last() -> int:
        with store.read() as conn:
            news.take(conn)
            found = news.last_seq(conn)
            assert found == last_event(conn, workflow_id)
        return found

    first = last()
    write(store, workflow_id, READY)
    news.skip(first + 1)
    assert last() == first + 1
    write(store, workflow_id, READY)  # by this runner, outside of a step
    assert last() == first + 2
    write(outside, workflow_id, READY)
    assert last() == first + 3


def test_progress_elsewhere(
    store: Store, outside: Store, workflow_id: int, news: RunnerNews
) -> None:
    write(outside, workflow_id, [*READY, *CLAIMED])
    assert taken(store, news) == (store.dialect == "sqlite")
    assert not news.has_ready_jobs
    news.has_neighbors = True
    write(outside, workflow_id, CLAIMED)
    assert taken(store, news)


def test_ready_jobs_wake(store: Store, outside: Store, workflow_id: int, news: RunnerNews) -> None:
    write(outside, workflow_id, READY)
    if store.dialect == "postgresql":
        assert news.descriptor is not None
        wait_for(lambda: news.may_exist() or news.has_ready_jobs, "it is notified")
        assert not news.may_exist()
        assert not taken(store, news)
        assert not news.has_ready_jobs
    else:
        assert news.may_exist()


def test_own_writes_are_no_news(store: Store, workflow_id: int, news: RunnerNews) -> None:
    with store.write() as conn:
        last = append(conn, workflow_id, [("node_notice", None, None)], at=0.0)
    news.skip(last)
    assert not taken(store, news)
    assert not news.may_exist()


def test_pipelined_transaction(store: Store, outside: Store, workflow_id: int) -> None:
    with store.write(pipelined=True) as conn:
        conn.send(sql.LOCK_WORKFLOW, workflow_id=workflow_id)
        with conn.write() as inner:
            assert inner.value(sql.WORKFLOW_EXISTS, workflow_id=workflow_id) == workflow_id
        append(conn, workflow_id, CLAIMED, at=1.0)
        conn.insert(sql.INSERT_FILES, id=1, workflow_id=workflow_id, name="f", path="f")
        assert conn.execute(sql.SET_ARCHIVED, workflow_id=workflow_id, is_archived=True) == 1
    assert not store.connection().in_transaction
    with outside.read() as conn:
        assert execute(conn, "SELECT is_archived FROM workflow")[0][0]
        assert execute(conn, "SELECT COUNT(*) FROM event WHERE kind = 'job_claimed'")[0][0] == 1


def test_failed_pipelined_transactions(store: Store, outside: Store, workflow_id: int) -> None:
    def fail(late: bool) -> None:
        with store.write(pipelined=True) as conn:
            append(conn, workflow_id, CLAIMED, at=1.0)
            if not late:
                raise TorcError("own error")
            conn.many(sql.ADD_EVENT, [EVENT | {"workflow_id": workflow_id, "seq": 1}])

    with pytest.raises(TorcError, match="own error"):
        fail(late=False)
    with pytest.raises(DatabaseBug):
        fail(late=True)
    assert not store.connection().in_transaction
    with outside.read() as conn:
        assert execute(conn, "SELECT COUNT(*) FROM event WHERE kind = 'job_claimed'")[0][0] == 0
    write(store, workflow_id, CLAIMED)


EVENT = {"timestamp": 1.0, "kind": "x", "job_id": None, "data": None, "actor": None}
