"""The behavior of the database package, which is the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import DatabaseBug, NotFound, Refused, UsageError
from torc_tui.model import EdgeKind, Event
from torc_tui.operations import record_changes
from torc_tui.operations.job_records import NewJob, create_job, delete_jobs
from torc_tui.status import JobStatus
from torc_tui.store import event_log, feed, prepared, queries, relations, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.selection import ListSelection


@pytest.fixture
def workflow_id(store: Store, make_plan: Any) -> int:
    return workflows.create(
        store, make_plan(), user="ann", directory="/work/x", at=100.0, actor="ann@host"
    )


def test_a_plan_comes_back_as_a_snapshot(store: Store, workflow_id: int) -> None:
    shot = workflows.snapshot(store, workflow_id)
    workflow = shot.workflow
    assert (workflow.name, workflow.user, workflow.directory) == ("sweep", "ann", "/work/x")
    assert (workflow.description, workflow.project, workflow.metadata) == (
        "a sweep — ü",
        "p",
        {"k": [1, None]},
    )
    assert workflow.env == {"A": "1"} and workflow.settings == {
        "jobs_sort_method": "gpus_runtime_memory"
    }
    assert workflow.counts == {JobStatus.UNINITIALIZED: 10}
    assert (workflow.is_canceled, workflow.is_archived, workflow.is_paused) == (False, False, False)
    assert shot.cursor == workflow.last_seq == 1
    job = shot.jobs[2]
    assert (job.name, job.group, job.values, job.priority) == (
        "train_1",
        "train_{lr}",
        '{"lr":1,"mode":"fast"}',
        1,
    )
    assert job.status is JobStatus.UNINITIALIZED and job.held is False
    requirements = shot.requirements[job.requirement_id]
    assert (requirements.name, requirements.num_gpus, requirements.memory) == (
        "large",
        0.5,
        1 << 34,
    )
    default = shot.requirements[shot.jobs[0].requirement_id]
    assert (default.memory, default.runtime) == (None, None)


def test_creation_has_one_event(store: Store, workflow_id: int) -> None:
    told = feed.list_events(store, workflow_id)
    assert told == [
        Event(
            workflow_id,
            1,
            100.0,
            "workflow_created",
            None,
            {"name": "sweep", "jobs": 10},
            "ann@host",
        )
    ]


def test_commands_hold_the_ids_of_records(store: Store, workflow_id: int) -> None:
    prepare = queries.get_job(store, queries.find_job(store, workflow_id, "prepare"))
    report = queries.get_job(store, queries.find_job(store, workflow_id, "report"))
    [summary] = prepare["output_user_data_ids"]
    config = summary - 1
    assert prepare["command"] == f"torc user-data update {summary} --data 1 # {config}"
    [score] = report["output_user_data_ids"]
    assert report["invocation_script"] == f"wrap {score}"


def test_a_second_workflow_shares_no_id(store: Store, workflow_id: int, make_plan: Any) -> None:
    other = workflows.create(store, make_plan(), user="bob", directory="/", at=1.0, name="second")
    first_ids = {job.id for job in workflows.snapshot(store, workflow_id).jobs}
    assert first_ids.isdisjoint(job.id for job in workflows.snapshot(store, other).jobs)
    assert workflows.get_workflow(store, other).name == "second"


def test_an_empty_workflow_can_be_stored(store: Store) -> None:
    from torc_tui.model import DEFAULT_REQUIREMENTS, Plan, WorkflowSpec

    plan = Plan(WorkflowSpec(name="empty"), [], [], [], [DEFAULT_REQUIREMENTS], [], [], [], [])
    shot = workflows.snapshot(store, workflows.create(store, plan, user="u", directory="/", at=0.0))
    assert shot.jobs == [] and shot.workflow.counts == {}


def test_a_failed_creation_leaves_nothing(store: Store, make_plan: Any) -> None:
    plan = make_plan()
    object.__setattr__(plan.spec, "name", None)  # the database refuses a workflow without a name
    with pytest.raises(DatabaseBug):
        workflows.create(store, plan, user="u", directory="/", at=0.0)
    assert workflows.list_workflows(store) == []
    with store.read() as conn:
        assert execute(conn, "SELECT count(*) FROM job")[0][0] == 0


def test_dependencies_pass_through_gates(store: Store, workflow_id: int) -> None:
    collect = queries.find_job(store, workflow_id, "collect_a")
    found = relations.dependencies(store, collect)
    assert [d.name for d in found] == [f"train_{i}" for i in range(6)]
    assert {(d.kind, d.via) for d in found} == {(EdgeKind.REGEX, "train_.*")}
    train = queries.find_job(store, workflow_id, "train_3")
    assert [d.name for d in relations.dependents(store, train)] == ["collect_a", "collect_b"]
    [up] = relations.dependencies(store, train)
    assert (up.name, up.kind, up.via) == ("prepare", EdgeKind.FILE, "clean")
    assert [
        job["name"]
        for job in queries.list_jobs(store, workflow_id, ListSelection(upstream_job_id=train))
    ] == ["collect_a", "collect_b"]


def test_edges_keep_gates_as_nodes(store: Store, workflow_id: int) -> None:
    found = list(relations.edges(store, workflow_id))
    assert len(found) == 6 + 2 + 6 + 2
    assert (
        sum(edge.depends_on < 0 for edge in found) == 2 and sum(edge.job < 0 for edge in found) == 6
    )
    assert {edge.via for edge in found if edge.job < 0 or edge.depends_on < 0} == {"train_.*"}


def test_what_a_job_reads_and_writes(store: Store, workflow_id: int) -> None:
    io = relations.job_io(store, queries.find_job(store, workflow_id, "prepare"))
    assert [f["path"] for f in io.input_files] == ["data/raw.csv"]
    assert [f["name"] for f in io.output_files] == ["clean"]
    assert [(r["name"], r["is_null"], r["version"]) for r in io.output_user_data] == [
        ("summary", True, 0)
    ]
    assert [f["name"] for f in queries.required_files(store, workflow_id)] == ["raw"]


def test_jobs_are_listed_filtered_and_sorted(store: Store, workflow_id: int) -> None:
    found = queries.list_jobs(
        store,
        workflow_id,
        ListSelection(name="TRAIN%", sort_by="name", reverse=True, limit=2, offset=1),
    )
    assert [job["name"] for job in found] == ["train_4", "train_3"]
    assert found[0]["parameters"] == {"lr": 4, "mode": "fast"} and "input_file_ids" not in found[0]
    assert queries.list_jobs(store, workflow_id, ListSelection(status=JobStatus.READY)) == []
    assert (
        len(queries.list_jobs(store, workflow_id, ListSelection(status=JobStatus.UNINITIALIZED)))
        == 10
    )
    with pytest.raises(UsageError, match="sorted"):
        queries.list_jobs(store, workflow_id, ListSelection(sort_by="name; DROP TABLE job"))
    collect = queries.list_jobs(
        store, workflow_id, ListSelection(name="collect_a"), include_relationships=True
    )[0]
    assert len(collect["depends_on_job_ids"]) == 6 and collect["scheduler_id"] is not None


def test_several_statuses(store: Store, workflow_id: int) -> None:
    both = frozenset({JobStatus.UNINITIALIZED, JobStatus.PENDING_FAILED})
    for wanted, number in ((both, 10), (frozenset({JobStatus.FAILED}), 0)):
        found = queries.list_jobs(store, workflow_id, ListSelection(statuses=wanted))
        assert len(found) == number
    assert queries.list_results(store, workflow_id, ListSelection(statuses=both)) == []
    assert workflows.exec_minutes(store, workflow_id) == 0.0


def test_files_and_events_of_users(store: Store, workflow_id: int) -> None:
    number = record_changes.create_file(store, workflow_id, "extra", "a/b")
    record_changes.update_file(store, number, path="c")
    assert (queries.get_file(store, number)["name"], queries.get_file(store, number)["path"]) == (
        "extra",
        "c",
    )
    record_changes.delete_file(store, number)
    with pytest.raises(NotFound):
        queries.get_file(store, number)
    used = queries.list_files(store, workflow_id)[0]
    with pytest.raises(Refused, match="use"):
        record_changes.delete_file(store, used["id"])
    record_changes.add_event(store, workflow_id, {"note": 1}, actor="ada")
    [event] = feed.list_events(store, workflow_id, kind=record_changes.USER_EVENT)
    assert (event.data, event.actor) == ({"note": 1}, "ada")


def test_one_more_job(store: Store, workflow_id: int) -> None:
    """A job created later waits for its dependencies, and the readers of its files wait for it."""
    file_id = record_changes.create_file(store, workflow_id, "late", "late.txt")
    last = queries.list_jobs(store, workflow_id)[-1]["id"]
    reader = create_job(store, workflow_id, NewJob("reader", "true", input_files=[file_id]))
    new = NewJob("late", "true", None, [last], output_files=[file_id])
    writer = create_job(store, workflow_id, new)
    assert [one.job_id for one in relations.dependencies(store, writer)] == [last]
    assert [one.job_id for one in relations.dependencies(store, reader)] == [writer]
    delete_jobs(store, [reader, writer])
    names = {job["name"] for job in queries.list_jobs(store, workflow_id)}
    assert len(names) == 10 and "late" not in names


def test_a_job_is_found_by_id_and_name(store: Store, workflow_id: int) -> None:
    train = queries.find_job(store, workflow_id, "train_2")
    assert (
        queries.find_job(store, None, train)
        == queries.find_job(store, workflow_id, str(train))
        == train
    )
    with pytest.raises(NotFound) as caught:
        queries.find_job(store, workflow_id, "trian_2")
    assert "train_2" in str(caught.value.hint)
    for missing in (10**9, 10**12, "99999999999999999999"):
        with pytest.raises((NotFound, UsageError)):
            queries.find_job(store, None, missing)
    with pytest.raises(NotFound):
        queries.get_job(store, 4711)


def test_other_records(store: Store, workflow_id: int) -> None:
    assert [
        (r["name"], r["memory"], r["runtime"])
        for r in queries.list_requirements(store, workflow_id)
    ] == [("large", "16g", "PT1M30S"), ("default", None, None)]
    [handler] = queries.list_failure_handlers(store, workflow_id)
    assert '"max_retries":2' in handler["rules"].replace(" ", "")
    [action] = queries.list_actions(store, workflow_id)
    assert len(action["job_ids"]) == 6 and action["persistent"] is False
    assert queries.list_compute_nodes(store, workflow_id) == []
    for listing in (
        queries.list_jobs,
        queries.list_results,
        queries.list_files,
        queries.list_compute_nodes,
    ):
        with pytest.raises(NotFound):
            listing(store, workflow_id + 1)


_RESULT = (
    "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, return_code, started_at, ended_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def test_results_are_those_of_the_newest_attempt(store: Store, workflow_id: int) -> None:
    one, two = (queries.find_job(store, workflow_id, name) for name in ("train_0", "train_1"))
    with store.write() as conn:
        for job, attempt, status, code in ((one, 1, 6, 1), (one, 2, 5, 0), (two, 1, 6, 3)):
            values = (workflow_id, job, 1, attempt, status, code, 10.0, 40.0)
            execute(conn, _RESULT, values)
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.COMPLETED}, attempt_id = 2 WHERE id = ?",
            (one,),
        )
        execute(conn, f"UPDATE job SET status = {JobStatus.FAILED} WHERE id = ?", (two,))
    found = queries.list_results(store, workflow_id)
    assert [(r["job_name"], r["attempt_id"], r["status"]) for r in found] == [
        ("train_0", 2, "completed"),
        ("train_1", 1, "failed"),
    ]
    assert (found[0]["exec_time_minutes"], found[0]["completion_time"]) == (
        0.5,
        "1970-01-01T00:00:40.000Z",
    )
    assert [
        r["job_id"]
        for r in queries.list_results(store, workflow_id, ListSelection(failed=True, current=True))
    ] == [two]
    assert len(queries.list_results(store, workflow_id, ListSelection())) == 3
    assert queries.get_result(store, found[0]["id"]) == found[0]
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {JobStatus.UNINITIALIZED} WHERE id = ?", (one,))
    assert [r["job_id"] for r in queries.list_results(store, workflow_id)] == [two]


def test_workflows_are_listed_by_owner_and_archive(
    store: Store, workflow_id: int, make_plan: Any
) -> None:
    other = workflows.create(store, make_plan(1, "b"), user="bob", directory="/", at=5.0)
    assert [w.id for w in workflows.list_workflows(store)] == [workflow_id, other]
    assert [
        w.id for w in workflows.list_workflows(store, ListSelection(user="bob", is_archived=False))
    ] == [other]
    assert [
        w.id
        for w in workflows.list_workflows(store, ListSelection(sort_by="name", is_archived=False))
    ] == [other, workflow_id]
    workflows.archive(store, [other], True, at=6.0, actor="bob@h")
    assert [w.id for w in workflows.list_workflows(store)] == [workflow_id]
    assert [w.id for w in workflows.list_workflows(store, ListSelection(is_archived=True))] == [
        other
    ]
    assert [w.id for w in workflows.list_workflows(store, ListSelection(reverse=True))] == [
        other,
        workflow_id,
    ]
    with pytest.raises(NotFound):
        workflows.archive(store, [workflow_id, 4711], True, at=7.0)
    assert not workflows.get_workflow(store, workflow_id).is_archived
    with pytest.raises(UsageError):
        workflows.list_workflows(store, ListSelection(sort_by="id; --", is_archived=False))


def test_a_workflow_is_changed(store: Store, workflow_id: int) -> None:
    changed = workflows.update_workflow(
        store, workflow_id, {"name": "new", "metadata": None, "description": "d"}, at=9.0
    )
    assert (changed.name, changed.metadata, changed.description, changed.project) == (
        "new",
        None,
        "d",
        "p",
    )
    assert workflows.update_workflow(store, workflow_id, {"metadata": [1]}, at=9.0).metadata == [1]
    with pytest.raises(NotFound):
        workflows.update_workflow(store, 4711, {"name": "x"}, at=9.0)


def test_deletion(store: Store, workflow_id: int, make_plan: Any) -> None:
    other = workflows.create(store, make_plan(), user="bob", directory="/", at=5.0)
    before = workflows.snapshot(store, other), list(relations.edges(store, other))
    with pytest.raises(Refused):
        workflows.delete(store, [workflow_id, other], user="ann")
    with pytest.raises(NotFound):
        workflows.delete(store, [workflow_id, 4711])
    [gone] = workflows.delete(store, [workflow_id], user="ann")
    assert gone.id == workflow_id
    assert (workflows.snapshot(store, other), list(relations.edges(store, other))) == before
    workflows.delete(store, [other])
    from torc_tui.store import schema

    with store.read() as conn:
        left = {t: execute(conn, f"SELECT count(*) FROM {t}")[0][0] for t in schema.metadata.tables}
    assert {table for table, number in left.items() if number} == {"meta", "counter"}


def test_a_transaction_is_all_or_nothing(store: Store, workflow_id: int) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as conn:
        event_log.append(conn, workflow_id, [("x", None, None)], at=1.0)
        raise ZeroDivisionError
    assert [e.seq for e in feed.list_events(store, workflow_id)] == [1]
    with store.write() as conn:
        assert (
            event_log.append(conn, workflow_id, [("x", None, None), ("y", 3, {"a": "ü"})], at=1.0)
            == 3
        )
        with store.read() as inner:  # inside a transaction of the thread it is the same one
            assert execute(inner, "SELECT count(*) FROM event")[0][0] == 3
        with pytest.raises(RuntimeError), store.write():
            pass
    assert [e.kind for e in feed.list_events(store, workflow_id, after=1)] == ["x", "y"]
    assert [e.seq for e in feed.list_events(store, workflow_id, newest_first=True, limit=1)] == [3]
    assert feed.list_events(store, workflow_id, job_id=3)[0].data == {"a": "ü"}
    assert feed.list_events(store, workflow_id, kind="x")[0].seq == 2
    with pytest.raises(NotFound), store.write() as conn:
        event_log.append(conn, 4711, [("x", None, None)], at=1.0)


def test_a_reader_sees_one_state(store: Store, workflow_id: int) -> None:
    count = "SELECT count(*) FROM event"
    with store.read() as conn:
        assert execute(conn, count)[0][0] == 1

        def write() -> None:
            with store.write() as other:
                event_log.append(other, workflow_id, [("x", None, None)], at=1.0)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert execute(conn, count)[0][0] == 1
    with store.read() as conn:
        assert execute(conn, count)[0][0] == 2


def test_ids_and_numbers_of_events_are_given_once(store: Store, workflow_id: int) -> None:
    given: list[int] = []
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                with store.write() as conn:
                    first = conn.allocate("job", 3)
                    event_log.append(conn, workflow_id, [("x", first, None)], at=1.0)
                given.extend((first, first + 1, first + 2))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(given)) == len(given) == 240
    assert [e.seq for e in feed.list_events(store, workflow_id)] == list(range(1, 82))


def test_reopen(store: Store, workflow_id: int) -> None:
    again = Store.open(store.url)
    try:
        assert workflows.get_workflow(again, workflow_id) == workflows.get_workflow(
            store, workflow_id
        )
    finally:
        again.close()


def test_hostile_names(store: Store, make_plan: Any) -> None:
    name = "../../x; rm -rf '\"%s ? {} \n\t ü"
    workflow_id = workflows.create(store, make_plan(name=name), user="o'x", directory="/", at=1.0)
    assert workflows.get_workflow(store, workflow_id).name == name
    assert [
        w.user
        for w in workflows.list_workflows(store, ListSelection(user="o'x", is_archived=False))
    ] == ["o'x"]


def test_allocation(store: Store) -> None:
    with store.write() as conn:
        execute(conn, "INSERT INTO counter (name, next) VALUES ('a', 5), ('b', 7)")
        assert (conn.allocate("a", 2), conn.allocate("a"), conn.allocate("b")) == (5, 7, 7)
        assert conn.allocate("c") == 1


@pytest.mark.parametrize(
    "statement",
    [sql.NEXT_CLASS, sql.READY_JOBS, sql.NEXT_LABELED_CLASS, sql.READY_LABELED_JOBS],
    ids=["next-class", "jobs", "labeled-class", "labeled-jobs"],
)
def test_the_statements_of_a_claim_use_their_index(sqlite_store: Store, statement: Any) -> None:
    prepared_statement = prepared.prepare("sqlite", statement)
    values = (None,) * len(prepared_statement.names)
    with sqlite_store.read() as conn:
        plan = execute(conn, f"EXPLAIN QUERY PLAN {prepared_statement.text}", values)
    assert "job_ready" in str(plan) and "TEMP B-TREE" not in str(plan)
