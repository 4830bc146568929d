"""Records of user data, on both databases and through plain connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import Conflict, NotFound, Refused, UsageError
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store import feed, queries, relations, user_data, user_data_records, workflows
from torc_tui.store.database import Store
from torc_tui.store.selection import ListSelection


@pytest.fixture
def workflow_id(store: Store, make_plan: Any) -> int:
    return workflows.create(
        store, make_plan(), user="ann", directory="/w", at=100.0, actor="ann@host"
    )


@pytest.fixture
def connection(store: Store, workflow_id: int) -> Iterator[Any]:
    opened = user_data.connect(store.url)
    yield opened
    opened.close()


def test_a_record_is_read_by_id_and_by_name(connection: Any, workflow_id: int) -> None:
    record = user_data.get(connection, "config", workflow_id)
    assert record == {
        "id": record["id"],
        "workflow_id": workflow_id,
        "name": "config",
        "is_ephemeral": False,
        "data": {"b": 1, "a": [1.5, "ü"]},
        "version": 1,
    }
    assert list(record["data"]) == ["b", "a"]
    for ref, workflow in (
        (record["id"], None),
        (str(record["id"]), None),
        (str(record["id"]), workflow_id),
    ):
        assert user_data.get(connection, ref, workflow) == record
    assert user_data.get(connection, record["id"], 4711) == record


def test_unknown_record(connection: Any, workflow_id: int) -> None:
    with pytest.raises(NotFound) as caught:
        user_data.get(connection, "confg", workflow_id)
    assert "config" in str(caught.value.hint)
    for ref in (10**6, "1000000", 10**15, "9" * 30):
        with pytest.raises((NotFound, UsageError)):
            user_data.get(connection, ref)
    with pytest.raises(NotFound, match="workflow 4711"):
        user_data.get(connection, "config", 4711)
    with pytest.raises(UsageError, match="which workflow"):
        user_data.get(connection, "config")


def test_numeric_name(connection: Any, workflow_id: int) -> None:
    config = user_data.get(connection, "config", workflow_id)["id"]
    shadowed = user_data_records.create(
        connection,
        workflow_id,
        user_data_records.NewRecord(name=str(config), data="by name"),
        user_data.Author(1.0),
    )
    named = user_data_records.create(
        connection,
        workflow_id,
        user_data_records.NewRecord(name="987654", data="no such id"),
        user_data.Author(1.0),
    )
    assert user_data.get(connection, str(config), workflow_id)["name"] == "config"
    assert user_data.get(connection, "987654", workflow_id) == named
    assert user_data.get(connection, shadowed["id"])["data"] == "by name"


@pytest.mark.parametrize(
    "value",
    [
        5,
        -0.25,
        "x",
        "",
        True,
        [],
        {},
        {"__class__": {"__init__": 1}, "a.b": None},
        {"z": 1, "a": {"y": [1, 2, {"b": False}]}},
        "emoji 🎈, quote ' \" ` $(x) %s ? \\ \n\t\u0000\u2028",
        "\ud800",
        12345678901234567890123,
        [[[[[[]]]]]],
        "x" * 5_000_000,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_json_round_trip(connection: Any, workflow_id: int, value: Any) -> None:
    told = user_data.update(
        connection, "summary", {"data": value}, user_data.Author(1.0), workflow_id=workflow_id
    )
    assert told["data"] == value
    back = user_data.get(connection, "summary", workflow_id)["data"]
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")]])
def test_what_is_not_json_is_refused(connection: Any, workflow_id: int, value: Any) -> None:
    before = user_data.get(connection, "config", workflow_id)
    with pytest.raises(UsageError, match="JSON"):
        user_data.update(
            connection, "config", {"data": value}, user_data.Author(1.0), workflow_id=workflow_id
        )
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UsageError, match="JSON"):
        user_data.update(
            connection, "config", {"data": deep}, user_data.Author(1.0), workflow_id=workflow_id
        )
    while deep:  # taken apart by hand: freeing it in one go may exhaust the C stack
        deep = deep.pop()
    assert user_data.get(connection, "config", workflow_id) == before


def test_every_write_has_version_and_event(store: Store, connection: Any, workflow_id: int) -> None:
    job = queries.find_job(store, workflow_id, "prepare")
    user_data.update(
        connection,
        "config",
        {"data": [1]},
        user_data.Author(2.0, job=(job, 1, 2)),
        workflow_id=workflow_id,
    )
    user_data.update(
        connection,
        "config",
        {"data": None},
        user_data.Author(3.0, actor="bob@host"),
        workflow_id=workflow_id,
    )
    assert user_data.get(connection, "config", workflow_id)["data"] is None
    assert user_data_records.history(connection, "config", workflow_id) == [
        {
            "version": 1,
            "data": {"b": 1, "a": [1.5, "ü"]},
            "written_at": 100.0,
            "actor": "ann@host",
            "job_id": None,
            "run_id": None,
            "attempt_id": None,
        },
        {
            "version": 2,
            "data": [1],
            "written_at": 2.0,
            "actor": None,
            "job_id": job,
            "run_id": 1,
            "attempt_id": 2,
        },
        {
            "version": 3,
            "data": None,
            "written_at": 3.0,
            "actor": "bob@host",
            "job_id": None,
            "run_id": None,
            "attempt_id": None,
        },
    ]
    told = feed.list_events(store, workflow_id, kind="user_data_updated")
    record_id = user_data.get(connection, "config", workflow_id)["id"]
    assert [(e.seq, e.job_id, e.actor, e.data) for e in told] == [
        (2, job, None, {"user_data_id": record_id, "name": "config", "version": 2}),
        (3, None, "bob@host", {"user_data_id": record_id, "name": "config", "version": 3}),
    ]
    restored = user_data_records.restore(
        connection, "config", 1, user_data.Author(4.0, actor="bob@host"), workflow_id=workflow_id
    )
    assert (restored["version"], restored["data"]) == (4, {"b": 1, "a": [1.5, "ü"]})
    assert (
        user_data_records.restore(connection, record_id, 0, user_data.Author(5.0))["data"] is None
    )
    with pytest.raises(NotFound, match="version 17"):
        user_data_records.restore(connection, record_id, 17, user_data.Author(6.0))


def test_name_and_flag_change_without_a_new_version(
    store: Store, connection: Any, workflow_id: int
) -> None:
    changed = user_data.update(
        connection,
        "config",
        {"name": "cfg", "is_ephemeral": True},
        user_data.Author(2.0),
        workflow_id=workflow_id,
    )
    assert (changed["name"], changed["is_ephemeral"], changed["version"]) == ("cfg", True, 1)
    assert changed == user_data.get(connection, "cfg", workflow_id)
    assert (
        user_data.update(connection, "cfg", {}, user_data.Author(3.0), workflow_id=workflow_id)
        == changed
    )
    assert len(feed.list_events(store, workflow_id)) == 2
    with pytest.raises(Conflict, match="summary"):
        user_data.update(
            connection,
            "cfg",
            {"name": "summary", "data": 1},
            user_data.Author(4.0),
            workflow_id=workflow_id,
        )
    assert user_data.get(connection, "cfg", workflow_id) == changed


def test_write_over_an_old_version(connection: Any, workflow_id: int) -> None:
    def write(data: int, author: user_data.Author) -> None:
        user_data.update(
            connection,
            "config",
            {"data": data},
            author,
            workflow_id=workflow_id,
            expected_version=1,
        )

    write(1, user_data.Author(2.0))
    with pytest.raises(Conflict, match="version 2"):
        write(2, user_data.Author(3.0))
    assert user_data.get(connection, "config", workflow_id)["data"] == 1


def test_one_of_many_writers_wins(store: Store, connection: Any, workflow_id: int) -> None:
    record_id = user_data.get(connection, "summary", workflow_id)["id"]
    outcomes: list[str] = []

    def add() -> None:
        mine = user_data.connect(store.url)
        for _ in range(15):
            while True:
                record = user_data.get(mine, record_id)
                value = (record["data"] or 0) + 1
                try:
                    user_data.update(
                        mine,
                        record_id,
                        {"data": value},
                        user_data.Author(1.0),
                        expected_version=record["version"],
                    )
                except Conflict:
                    outcomes.append("conflict")
                else:
                    break
        mine.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert user_data.get(connection, record_id)["data"] == 60
    assert [
        version["data"] for version in user_data_records.history(connection, record_id)
    ] == list(range(1, 61))


def test_lists(connection: Any, store: Store, workflow_id: int) -> None:
    def names(**options: Any) -> list[str]:
        return [
            record["name"]
            for record in user_data_records.list_records(
                connection, workflow_id, ListSelection(**options)
            )
        ]

    assert names() == ["config", "summary", "score"]
    assert names(sort_by="name", reverse=True, limit=2) == ["summary", "score"]
    assert names(limit=None, offset=2) == ["score"]
    assert names(name="S%") == ["summary", "score"] and names(is_ephemeral=True) == ["summary"]
    train, prepare = (queries.find_job(store, workflow_id, name) for name in ("train_1", "prepare"))
    assert names(consumer=train) == ["config", "summary"] and names(producer=prepare) == ["summary"]
    with pytest.raises(UsageError):
        names(sort_by="id; DROP TABLE job")
    with pytest.raises(NotFound):
        user_data_records.list_records(connection, 4711)


def test_missing_records(connection: Any, store: Store, workflow_id: int) -> None:
    assert user_data_records.missing(connection, workflow_id) == []
    prepare = queries.find_job(store, workflow_id, "prepare")
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {JobStatus.COMPLETED} WHERE id = ?", (prepare,))
    summary = user_data.get(connection, "summary", workflow_id)["id"]
    assert user_data_records.missing(connection, workflow_id) == [summary]
    user_data.update(connection, summary, {"data": 1}, user_data.Author(1.0))
    config = user_data.update(
        connection, "config", {"data": None}, user_data.Author(1.0), workflow_id=workflow_id
    )["id"]
    assert user_data_records.missing(connection, workflow_id) == [config]
    with pytest.raises(NotFound):
        user_data_records.missing(connection, 4711)


def test_a_new_record_ties_producer_and_consumer(
    connection: Any, store: Store, workflow_id: int
) -> None:
    train, report = (queries.find_job(store, workflow_id, name) for name in ("train_1", "report"))
    with pytest.raises(UsageError, match="wait for each other"):
        user_data_records.create(
            connection,
            workflow_id,
            user_data_records.NewRecord(name="bad", consumer=train, producer=report),
            user_data.Author(1.0),
        )
    with pytest.raises(NotFound, match="4711"):
        user_data_records.create(
            connection,
            workflow_id,
            user_data_records.NewRecord(name="bad", consumer=4711),
            user_data.Author(1.0),
        )
    assert [r["name"] for r in user_data_records.list_records(connection, workflow_id)] == [
        "config",
        "summary",
        "score",
    ]
    record = user_data_records.create(
        connection,
        workflow_id,
        user_data_records.NewRecord(name="loss", consumer=report, producer=train),
        user_data.Author(1.0, actor="ann@h"),
    )
    assert (record["data"], record["version"]) == (None, 0)
    assert [(d.name, d.via) for d in relations.dependencies(store, report)] == [
        ("train_1", "loss"),
        ("collect_a", None),
        ("collect_b", None),
    ]
    assert [r["name"] for r in relations.job_io(store, train).input_user_data] == [
        "config",
        "summary",
    ]
    assert [r["name"] for r in relations.job_io(store, train).output_user_data] == ["loss"]
    with pytest.raises(Conflict, match="loss"):
        user_data_records.create(
            connection, workflow_id, user_data_records.NewRecord(name="loss"), user_data.Author(1.0)
        )
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {JobStatus.COMPLETED} WHERE id = ?", (train,))
    with pytest.raises(Refused, match="initialized"):
        user_data_records.create(
            connection,
            workflow_id,
            user_data_records.NewRecord(name="late", producer=train),
            user_data.Author(1.0),
        )


def test_deletion(connection: Any, store: Store, workflow_id: int) -> None:
    gone = user_data_records.delete(
        connection, "config", user_data.Author(1.0, actor="ann@h"), workflow_id=workflow_id
    )
    assert gone["name"] == "config"
    with pytest.raises(NotFound):
        user_data_records.history(connection, gone["id"])
    train = queries.find_job(store, workflow_id, "train_1")
    assert [r["name"] for r in relations.job_io(store, train).input_user_data] == ["summary"]
    assert [
        r["name"]
        for r in user_data_records.delete_all(connection, workflow_id, user_data.Author(2.0))
    ] == ["summary", "score"]
    assert user_data_records.list_records(connection, workflow_id) == []
    told = feed.list_events(store, workflow_id, kind="user_data_deleted")
    assert [e.data["name"] for e in told] == ["config", "summary", "score"]


def test_a_write_joins_the_transaction_that_is_open(store: Store, workflow_id: int) -> None:
    with pytest.raises(ZeroDivisionError), store.write():
        user_data.update(
            store.connection(),
            "config",
            {"data": 2},
            user_data.Author(1.0),
            workflow_id=workflow_id,
        )
        raise ZeroDivisionError
    assert user_data.get(store.connection(), "config", workflow_id)["version"] == 1


def test_schema_violation_is_stored(store: Store, connection: Any, workflow_id: int) -> None:
    record = user_data.get(connection, "config", workflow_id)["id"]
    with store.write() as conn:
        execute(
            conn, "UPDATE user_data SET json_schema = ? WHERE id = ?", ('{"type":"object"}', record)
        )

    def check(value: Any, schema: Any) -> list[str]:
        assert schema == {"type": "object"}
        return [] if isinstance(value, dict) else ["no object"]

    def told() -> list[tuple[str, int | None, Any]]:
        found = feed.list_events(store, workflow_id)
        return [
            (one.kind, one.job_id, dict(one.data)) for one in found if one.kind.endswith("_warning")
        ]

    for value in ({"a": 1}, None):
        user_data.update(
            connection,
            record,
            {"data": value},
            user_data.Author(1.0, actor="ann@host"),
            check=check,
        )
    user_data.update(
        connection,
        record,
        {"name": "renamed"},
        user_data.Author(1.0, actor="ann@host"),
        check=check,
    )
    assert told() == []
    assert (
        user_data.update(
            connection, record, {"data": 5}, user_data.Author(2.0, actor="ann@host"), check=check
        )["data"]
        == 5
    )
    reason = because(Kind.SCHEMA_MISMATCH, name="renamed", violations=("no object",))
    message = reason.to_json()
    by_hand = (
        "user_data_warning",
        None,
        {"user_data_id": record, "name": "renamed", "version": 4, "message": message},
    )
    assert told() == [by_hand]
    job_id = queries.list_jobs(store, workflow_id)[0]["id"]
    user_data.update(
        connection, record, {"data": 6}, user_data.Author(3.0, job=(job_id, 1, 2)), check=check
    )
    assert told() == [by_hand, ("job_warning", job_id, {"message": message, "attempt": 2})]


def test_a_record_without_a_schema_is_not_checked(connection: Any, workflow_id: int) -> None:
    def check(value: Any, schema: Any) -> list[str]:
        raise AssertionError

    record = user_data_records.create(
        connection, workflow_id, user_data_records.NewRecord(name="free"), user_data.Author(1.0)
    )["id"]
    assert (
        user_data.update(connection, record, {"data": 1}, user_data.Author(1.0), check=check)[
            "data"
        ]
        == 1
    )
