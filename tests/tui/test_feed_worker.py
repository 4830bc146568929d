"""The threads beside the screen, over a scripted source: order, turns, loss and return, and that
they end."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.tui.driving import Workspace
from tests.waiting import DEADLINE, wait_for
from torc_tui.errors import NotFound, StoreUnavailable
from torc_tui.model import Event, Job, Workflow
from torc_tui.status import JobStatus
from torc_tui.tui.feed.feed_worker import FeedWorker
from torc_tui.tui.feed.handovers import Answer, Changes, Found, Gone, Handover, Listed, Loaded, Lost
from torc_tui.tui.feed.reader import Reader
from torc_tui.tui.feed.source import SourceOpener
from torc_tui.views.workflow_view import WorkflowView


class ScriptedTail:
    def __init__(self) -> None:
        self.queue: queue.Queue[Sequence[Event] | Exception] = queue.Queue()
        self.closed = False

    def wait(self, timeout: float) -> Sequence[Event]:
        try:
            item = self.queue.get(timeout=timeout)
        except queue.Empty:
            return []
        if isinstance(item, Exception):
            raise item
        return item

    def wake(self) -> None:
        self.queue.put([])

    def close(self) -> None:
        self.closed = True


class ScriptedSource:
    """A database of one workflow with one job; tests push events and errors into its tails."""

    def __init__(self) -> None:
        self.tails: list[ScriptedTail] = []
        self.down = False
        self.closed = 0
        self.threads: set[str] = set()

    def __call__(self) -> ScriptedSource:
        if self.down:
            raise StoreUnavailable("the file is gone")
        return self

    def verify(self) -> None: ...

    def load(self, workflow_id: int) -> WorkflowView:
        self.threads.add(threading.current_thread().name)
        if workflow_id != 1:
            raise NotFound(f"no workflow {workflow_id}")
        return WorkflowView(
            Workflow(id=1, name="w", user="u"), [Job(1, "a", JobStatus.READY)], {}, cursor=5
        )

    def listing(self) -> Sequence[Workflow]:
        return [Workflow(id=1, name="w", user="u")]

    def tail(self, workflow_id: int | None, after: object) -> ScriptedTail:
        self.tails.append(ScriptedTail())
        return self.tails[-1]

    def close(self) -> None:
        self.closed += 1


def until(out: deque[Handover], condition: Callable[[list[Handover]], bool]) -> list[Handover]:
    """Return the records once the condition is true for them."""

    def seen() -> list[Handover] | None:
        found = list(out)
        return found if condition(found) else None

    return wait_for(seen, lambda: list(out), interval=0.002) or []


def deliver(seen: Sequence[Handover]) -> None:
    for one in seen:
        assert isinstance(one, Answer)
        one.deliver()


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource()


@pytest.fixture
def worker(source: ScriptedSource):  # type: ignore[no-untyped-def]  # a generator fixture
    worker = FeedWorker(source, deque())
    worker.start()
    yield worker
    begin = time.monotonic()
    worker.stop()
    assert time.monotonic() - begin < DEADLINE / 6
    assert not worker._thread.is_alive()


def test_snapshot_first_then_changes(worker: FeedWorker, source: ScriptedSource) -> None:
    turn = worker.follow(1)
    until(worker.out, lambda seen: bool(seen) and bool(source.tails))
    source.tails[0].queue.put([Event(1, 6, 0.0, "job_started", 1)])
    seen = until(worker.out, lambda seen: len(seen) == 2)
    assert isinstance(seen[0], Loaded) and seen[0].turn == turn
    assert isinstance(seen[0].contents, WorkflowView) and seen[0].contents.cursor == 5
    assert isinstance(seen[1], Changes) and seen[1].events[0].seq == 6
    assert source.threads == {"torc-feed"}


def test_new_turn_has_a_new_snapshot(worker: FeedWorker, source: ScriptedSource) -> None:
    first = worker.follow(1)
    until(worker.out, lambda seen: bool(source.tails))
    second = worker.follow(None)
    seen = until(worker.out, lambda seen: any(isinstance(one, Listed) for one in seen))
    assert [one.turn for one in seen if isinstance(one, Loaded | Listed)] == [first, second]
    until(worker.out, lambda seen: source.tails[0].closed)


def test_unknown_workflow(worker: FeedWorker) -> None:
    worker.follow(7)
    seen = until(worker.out, bool)
    assert isinstance(seen[0], Gone) and seen[0].workflow_id == 7
    worker.follow(1)
    until(worker.out, lambda seen: isinstance(seen[-1], Loaded))


def test_outage_is_reported_once(worker: FeedWorker, source: ScriptedSource) -> None:
    worker.follow(1)
    until(worker.out, lambda seen: bool(source.tails))
    source.down = True
    source.tails[0].queue.put(StoreUnavailable("disk gone"))
    seen = until(worker.out, lambda seen: isinstance(seen[-1], Lost))
    assert isinstance(seen[-1], Lost) and seen[-1].message == "disk gone"
    source.down = False
    seen = until(worker.out, lambda seen: isinstance(seen[-1], Found))
    assert [type(one) for one in seen] == [Loaded, Lost, Loaded, Found]


def test_reader_answers_and_keeps_errors(source: ScriptedSource) -> None:
    reader = Reader(source, deque())
    reader.start()

    def fail(_source: ScriptedSource) -> None:
        raise NotFound("no such job")

    results: list[object] = []
    errors: list[object] = []
    reader.ask("one", lambda source: len(source.listing()), results.append, errors.append)
    reader.ask("two", fail, results.append, errors.append)
    seen = until(reader.out, lambda seen: len(seen) == 2)
    assert results == [] and errors == []  # delivered by whoever takes the answers
    assert [one.key for one in seen if isinstance(one, Answer)] == ["one", "two"]
    deliver(seen)
    assert results == [1]
    assert [type(error) for error in errors] == [NotFound]
    reader.stop()
    assert not reader._thread.is_alive()


def test_newer_question_replaces_an_older_one(source: ScriptedSource) -> None:
    reader = Reader(source, deque())
    results: list[str] = []
    reader.ask("job", lambda _source: "old", results.append)
    reader.ask("other", lambda _source: "x", results.append)
    reader.ask("job", lambda _source: "new", results.append)
    reader.start()
    deliver(until(reader.out, lambda seen: len(seen) == 2))
    assert results == ["x", "new"]
    reader.stop()


def test_a_database_that_is_moved_away_and_back(tmp_path: Path) -> None:
    """The threads say so, create no new database in its place, and find it again."""
    place = Workspace(tmp_path, "name: w\njobs: [{name: a, command: 'true'}]")
    opener, out = SourceOpener(place.url), deque[Handover]()
    worker, reader = FeedWorker(opener, out), Reader(opener, out)
    place.store.close()
    worker.start()
    reader.start()
    try:
        worker.follow(1)
        until(out, lambda seen: any(isinstance(one, Loaded) for one in seen))
        reader.ask("list", lambda source: source.listing())
        until(out, lambda seen: any(isinstance(one, Answer) for one in seen))
        for file in tmp_path.glob("torc.db*"):
            file.rename(tmp_path / f"away-{file.name}")
        out.clear()
        failed: list[Exception] = []
        reader.ask("list", lambda source: source.listing(), failed=failed.append)
        worker.follow(None)
        seen = until(out, lambda seen: {Lost, Answer} <= {type(one) for one in seen})
        deliver([one for one in seen if isinstance(one, Answer)])
        assert "was moved away" in str(failed[0])
        assert not any(isinstance(one, Listed) for one in seen)
        assert not (tmp_path / "torc.db").exists()
        for file in tmp_path.glob("away-*"):
            file.rename(tmp_path / file.name.removeprefix("away-"))
        seen = until(out, lambda seen: {Found, Listed} <= {type(one) for one in seen})
        assert [one.id for one in next(x for x in seen if isinstance(x, Listed)).workflows] == [1]
    finally:
        worker.stop()
        reader.stop()
