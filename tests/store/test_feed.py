"""The feed returns each event once, in order, and costs little without events."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui.model import Event
from torc_tui.store import event_log, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import Feed

WRITERS, EACH = 3, 402


@pytest.fixture
def workflow_id(store: Store, make_plan: Any) -> int:
    return workflows.create(store, make_plan(), user="ann", directory="/w", at=100.0)


@pytest.fixture
def feed(store: Store, workflow_id: int) -> Iterator[Feed]:
    opened = Feed(store, workflow_id, 1)
    yield opened
    opened.close()


def _append(store: Store, workflow_id: int, *kinds: str) -> None:
    with store.write() as conn:
        event_log.append(
            conn, workflow_id, [(kind, None, {"n": i}) for i, kind in enumerate(kinds)], at=1.0
        )


def _write(url: str, workflow_id: int, writer: int) -> None:
    store = Store.open(url)
    for number in range(0, EACH, 3):
        with store.write() as conn:
            batch = [(f"w{writer}", None, {"n": number + i}) for i in range(3)]
            event_log.append(conn, workflow_id, batch, at=1.0)
    store.close()


def test_all_events_of_several_processes_arrive_in_order(
    store: Store, workflow_id: int, feed: Feed
) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write, args=(store.url, workflow_id, n)) for n in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    found = _until(feed, WRITERS * EACH)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert [event.seq for event in found] == list(range(2, WRITERS * EACH + 2))
    for n in range(WRITERS):
        assert [event.data["n"] for event in found if event.kind == f"w{n}"] == list(range(EACH))
    assert feed.poll() == [] and feed.cursor == WRITERS * EACH + 1


def test_poll(store: Store, workflow_id: int, feed: Feed) -> None:
    assert feed.poll() == []
    _append(store, workflow_id, "a", "b")
    assert [event.kind for event in _until(feed, 2)] == ["a", "b"]
    assert feed.poll() == []
    with pytest.raises(ZeroDivisionError), store.write() as conn:
        event_log.append(conn, workflow_id, [("never", None, None)], at=1.0)
        raise ZeroDivisionError
    _append(store, workflow_id, "c")
    assert [(event.seq, event.kind) for event in _until(feed, 1)] == [(4, "c")]


def test_a_feed_may_begin_at_any_event(store: Store, workflow_id: int) -> None:
    _append(store, workflow_id, "a", "b", "c")
    feed = Feed(store, workflow_id, 2)
    assert [event.kind for event in feed.poll()] == ["b", "c"]
    feed.close()


def test_ends_of_waiting(store: Store, workflow_id: int, feed: Feed) -> None:
    assert feed.wait(0.01) == []
    threading.Timer(0.05, _append, (store, workflow_id, "a")).start()
    assert [event.kind for event in feed.wait(DEADLINE)] == ["a"]
    feed.wake()
    began = time.monotonic()
    assert feed.wait(DEADLINE) == []
    threading.Timer(0.05, feed.wake).start()
    assert feed.wait(DEADLINE) == []
    assert time.monotonic() - began < DEADLINE
    feed.close()
    feed.wake()  # sanitize: nobody waits


def test_all_workflows_are_followed(store: Store, workflow_id: int, make_plan: Any) -> None:
    feed = Feed(store, None)
    assert feed.poll() == []
    _append(store, workflow_id, "a")
    other = workflows.create(store, make_plan(1), user="bob", directory="/", at=1.0)
    _append(store, workflow_id, "b")
    found = _until(feed, 3)
    assert [event.kind for event in found if event.workflow_id == workflow_id] == ["a", "b"]
    assert [event.kind for event in found if event.workflow_id == other] == ["workflow_created"]
    workflows.delete(store, [other])
    [ended] = _until(feed, 1)
    assert (ended.workflow_id, ended.kind) == (other, "workflow_deleted")
    _append(store, workflow_id, "c")
    assert [event.kind for event in _until(feed, 1)] == ["c"]
    feed.close()


def test_cursors_of_a_list_leave_no_gap(store: Store, workflow_id: int) -> None:
    cursors = {workflow.id: workflow.last_seq for workflow in workflows.list_workflows(store)}
    _append(store, workflow_id, "between")
    feed = Feed(store, None, cursors)
    assert [event.kind for event in feed.poll()] == ["between"]
    feed.close()


def test_deletion_is_reported_once(store: Store, workflow_id: int, feed: Feed) -> None:
    assert feed.poll() == []
    workflows.delete(store, [workflow_id])
    assert [event.kind for event in _until(feed, 1)] == ["workflow_deleted"]
    assert feed.wait(0.01) == []


def test_a_long_backlog_comes_in_pieces(
    store: Store, workflow_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torc_tui.store import feed as module

    monkeypatch.setattr(module, "CHUNK", 10)
    _append(store, workflow_id, *"abcdefghijklmnopqrstuvwxy")
    feed = Feed(store, workflow_id, 1)
    assert [len(feed.poll()) for _ in range(4)] == [10, 10, 5, 0]
    feed.close()


def _until(feed: Feed, number: int) -> list[Event]:
    """Return the next ``number`` events; a notification of PostgreSQL may take a moment."""
    found: list[Event] = []

    def complete() -> bool:
        found.extend(feed.wait(0.5))
        return len(found) >= number

    wait_for(complete, lambda: f"{number} events; there are {len(found)}", interval=0)
    return found


def test_a_feed_waits_among_thousands_of_descriptors(store: Store, workflow_id: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("so many descriptors are not allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    taken: list[int] = []
    try:
        while not taken or taken[-1] < 1030:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        feed = Feed(store, workflow_id, 1)
        try:
            assert feed.wait(0.01) == []
            _append(store, workflow_id, "late")
            assert [event.kind for event in feed.wait(DEADLINE)] == ["late"]
        finally:
            feed.close()
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
