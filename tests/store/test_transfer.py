"""Export and import: an equal workflow, or a clear error and nothing stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Float, Integer

from tests.raw_sql import execute
from torc_tui.errors import NotFound, StoreUnavailable, UsageError
from torc_tui.plan.resolve import resolve
from torc_tui.reasons import Kind, because, decode
from torc_tui.store import (
    event_log,
    feed,
    queries,
    relations,
    run_context,
    schema,
    user_data_records,
    workflow_import,
    workflows,
)
from torc_tui.store.database import Store
from torc_tui.store.schema import JsonText, StatusNumber
from torc_tui.store.selection import ListSelection
from torc_tui.workflow_file.load import loads


@pytest.fixture
def workflow_id(store: Store, make_plan: Any) -> int:
    workflows.create(
        store, make_plan(2), user="x", directory="/", at=1.0
    )  # so that no id is the same elsewhere
    return workflows.create(
        store, make_plan(), user="ann", directory="/w", at=100.0, actor="ann@host"
    )


def _document(store: Store, workflow_id: int, **options: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        json.dumps(workflow_import.export_workflow(store, workflow_id, **options))
    )
    return document


def _plain(document: Any) -> Any:
    """Return the parts of a document that an import keeps: all but ids and times."""
    jobs = {job["id"]: job["name"] for job in document["jobs"]}
    gates = {-gate["id"]: f"gate {i}" for i, gate in enumerate(document["gates"])}
    files, data = (
        {entry["id"]: entry["name"] for entry in document[key]} for key in ("files", "user_data")
    )
    nodes = jobs | gates
    return {
        "workflow": {
            k: v for k, v in document["workflow"].items() if k not in ("id", "user", "directory")
        },
        "edges": sorted(
            (nodes[a], nodes[b], kind, (files if kind == 3 else data).get(via))
            for a, b, kind, via in document["dependencies"]
        ),
        "gates": [gate["via"] for gate in document["gates"]],
        "data": [
            {k: v for k, v in record.items() if k != "id"} for record in document["user_data"]
        ],
        "files": [(file["name"], file["path"]) for file in document["files"]],
        "jobs": [
            {
                k: v
                for k, v in job.items()
                if not k.endswith(("id", "_ids"))
                and k not in ("command", "invocation_script", "script")
            }
            | {
                "writes": [files[i] for i in job["output_file_ids"]]
                + [data[i] for i in job["output_user_data_ids"]]
            }
            for job in document["jobs"]
        ],
        "requirements": [
            {k: v for k, v in r.items() if "id" not in k} for r in document["resource_requirements"]
        ],
        "handlers": [
            (handler["name"], handler["rules"]) for handler in document["failure_handlers"]
        ],
        "schedulers": [
            (entry["name"], entry["settings"]) for entry in document["slurm_schedulers"]
        ],
        "actions": [
            (action["trigger_type"], action["commands"], [jobs[i] for i in action["job_ids"]])
            for action in document["workflow_actions"]
        ],
    }


def test_an_import_is_the_same_workflow(store: Store, workflow_id: int, tmp_path: Path) -> None:
    document = _document(store, workflow_id)
    assert (
        document["export_version"] == "1.0"
        and "results" not in document
        and "events" not in document
    )
    other = Store.open(str(tmp_path / "other.db"))
    copy = workflow_import.import_workflow(
        other, document, user="bob", directory="/elsewhere", at=5.0
    )
    assert _plain(_document(other, copy)) == _plain(document)
    workflow = workflows.get_workflow(other, copy)
    assert (workflow.user, workflow.directory, workflow.run_id) == ("bob", "/elsewhere", 0)
    other.close()


def test_options(store: Store) -> None:
    """Options of the workflow and of its jobs are exported and imported."""
    text = "{name: w, on_lost: fail, jobs: [{name: a, command: x, on_lost: wait}]}"
    made = workflows.create(
        store, resolve(loads(text, format="yaml")), user="ann", directory="/w", at=1.0
    )
    copy = workflow_import.import_workflow(
        store, _document(store, made), user="bob", directory="/w", at=2.0
    )
    with store.read() as conn:
        context = run_context.read(conn, copy)
        (own,) = execute(conn, f"SELECT options FROM job WHERE workflow_id = {copy}")[0]
    assert context.option(own, "on_lost") == "wait"
    assert context.option(None, "on_lost") == "fail"


def test_keys_of_files(store: Store) -> None:
    """A file has no column for some keys: they are kept with the settings of the workflow."""
    text = """
    name: w
    jobs: [{name: a, command: x, input_files: [f, g]}]
    files: [{name: f, path: f.txt, rerun_check: time}, {name: g, path: g.txt, report: Loss}]
    """
    made = workflows.create(
        store, resolve(loads(text, format="yaml")), user="ann", directory="/w", at=1.0
    )
    copy = workflow_import.import_workflow(
        store, _document(store, made), user="bob", directory="/w", at=2.0
    )
    for workflow_id in (made, copy):
        assert workflows.get_workflow(store, workflow_id).settings == {
            "rerun_check": {"f": "time"},
            "report": {"g": {"caption": "Loss"}},
        }


@pytest.mark.parametrize(
    ("place", "settings", "words"),
    [
        ("workflow", {"rerun_check": {"f": "hash"}}, "'rerun_check' must be one of"),
        ("workflow", {"rerun_check": ["f"]}, "'rerun_check' must be a mapping"),
        ("workflow", {"report": {"f": {"captoin": "x"}}}, "'report' has no key 'captoin'"),
        ("workflow", {"hash_limit": "many"}, "'hash_limit'"),
        ("workflow", {"rerun_on": 5}, "'rerun_on' must be a list"),
        ("workflow", {"on_lost": "stop"}, "'on_lost' must be one of"),
        ("slurm_schedulers", {"nodes": 0}, "'nodes' must be at least 1"),
        ("workflow_actions", {"num_allocations": "x"}, "'num_allocations' must be an integer"),
    ],
    ids=["check", "checks", "report", "limit", "aspect", "lost", "scheduler", "action"],
)
def test_bad_settings(
    sqlite_store: Store, place: str, settings: dict[str, Any], words: str
) -> None:
    """A value that a workflow file must not have is refused in a document, too."""
    document: dict[str, Any] = {
        "workflow": {"name": "w"},
        "slurm_schedulers": [{"id": 1, "name": "s"}],
        "workflow_actions": [
            {"id": 1, "trigger_type": "on_workflow_start", "action_type": "run_commands"}
        ],
    }
    found = document[place]
    (found if isinstance(found, dict) else found[0])["settings"] = settings
    with pytest.raises(UsageError, match=words):
        workflow_import.import_workflow(sqlite_store, document, user="b", directory="/", at=5.0)
    assert workflows.list_workflows(sqlite_store) == []


def test_commands_get_the_new_ids_of_records(store: Store, workflow_id: int) -> None:
    copy = workflow_import.import_workflow(
        store, _document(store, workflow_id), user="b", directory="/", at=5.0, name="copy"
    )
    config, summary, score = (
        record["id"] for record in user_data_records.list_records(store.connection(), copy)
    )
    prepare = queries.get_job(store, queries.find_job(store, copy, "prepare"))
    assert prepare["command"] == f"torc user-data update {summary} --data 1 # {config}"
    report = queries.get_job(store, queries.find_job(store, copy, "report"))
    assert report["invocation_script"] == f"wrap {score}"
    assert workflows.get_workflow(store, copy).name == "copy"


def test_changed_command_is_kept(store: Store, workflow_id: int) -> None:
    job = queries.find_job(store, workflow_id, "prepare")
    with store.write() as conn:
        execute(conn, "UPDATE job SET command = ? WHERE id = ?", ("echo 4", job))
    copy = workflow_import.import_workflow(
        store, _document(store, workflow_id), user="b", directory="/", at=5.0
    )
    assert queries.get_job(store, queries.find_job(store, copy, "prepare"))["command"] == "echo 4"


def test_results_and_events_on_request(store: Store, workflow_id: int) -> None:
    job = queries.find_job(store, workflow_id, "train_1")
    with store.write() as conn:
        execute(
            conn,
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, return_code, started_at, ended_at, "
            "peak_memory, allocation) VALUES (?, ?, 1, 1, 6, 3, 10.5, 12.5, 4096, '[1,2,[]]')",
            (workflow_id, job),
        )
        event_log.append(conn, workflow_id, [("job_failed", job, {"return_code": 3})], at=12.5)
    document = _document(store, workflow_id, include_results=True, include_events=True)
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=50.0)
    new = queries.find_job(store, copy, "train_1")
    [result] = queries.list_results(store, copy, ListSelection())
    keys = (
        "return_code",
        "status",
        "started_at",
        "ended_at",
        "peak_memory_bytes",
        "allocation",
        "run_id",
    )
    assert [result[key] for key in keys] == [3, "failed", 10.5, 12.5, 4096, [1, 2, []], 1]
    assert result["job_id"] == new
    told = [(event.kind, event.job_id, event.timestamp) for event in feed.list_events(store, copy)]
    assert told == [
        ("workflow_created", None, 50.0),
        ("workflow_created", None, 100.0),
        ("job_failed", new, 12.5),
    ]
    assert queries.get_job(store, new)["status"] == "uninitialized"


_OF_KIND = {Integer: 3, BigInteger: 5, Float: 2.5, JsonText: "[1,2,[]]", StatusNumber: 6}


def test_every_column_of_results(store: Store, workflow_id: int) -> None:
    """A result in which no column is empty is exported as JSON, and imported without a change."""
    reason = because(Kind.EXIT, code=1)
    columns = [column for column in schema.result.c if column.name != "id"]
    values = {column.name: _OF_KIND.get(type(column.type), "text") for column in columns}
    values |= {
        "workflow_id": workflow_id,
        "job_id": queries.find_job(store, workflow_id, "train_1"),
        "reason": reason.encode(),
    }
    with store.write() as conn:
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO result ({', '.join(values)}) VALUES ({marks})"
        execute(conn, sql, tuple(values.values()))
    document = _document(store, workflow_id, include_results=True)
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=50.0)
    wanted = ListSelection()
    [first], [second] = (
        [
            {key: value for key, value in row.items() if key not in _IDS}
            for row in queries.list_results(store, found, wanted)
        ]
        for found in (workflow_id, copy)
    )
    assert first == second
    assert first["reason"] == reason and None not in first.values()


_IDS = ("id", "workflow_id", "job_id", "compute_node_id")


@pytest.mark.parametrize("reason", ["canceled by ann", {"kind": "exit", "code": 3}])
def test_reasons_of_documents(store: Store, workflow_id: int, reason: Any) -> None:
    result = RESULT | {"reason": reason}
    document = {"workflow": {"name": "w"}, "jobs": [JOB], "results": [result]}
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=5.0)
    [found] = queries.list_results(store, copy, ListSelection())
    assert found["reason"] == decode(reason)


def test_upstream_documents_have_dependencies_in_their_jobs(store: Store) -> None:
    document = {
        "workflow": {"name": "w"},
        "resource_requirements": [
            {"id": 7, "name": "big", "num_cpus": 2, "memory": "4g", "runtime": "PT2H"}
        ],
        "jobs": [
            {"id": 11, "name": "a", "command": "true", "resource_requirements_id": 7},
            {"id": 12, "name": "b", "command": "true", "depends_on_job_ids": [11]},
        ],
    }
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=5.0)
    assert [d.name for d in relations.dependencies(store, queries.find_job(store, copy, "b"))] == [
        "a"
    ]
    names = [r["name"] for r in queries.list_requirements(store, copy)]
    assert names == ["big", "default"]


JOB = {"id": 1, "name": "a", "command": "true"}
RESULT = {"job_id": 1, "run_id": 1, "attempt_id": 1, "status": "failed", "ended_at": 1.0}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "workflow"),
        ({"workflow": 1}, "not an exported workflow"),
        ({"workflow": {"name": ""}}, "name"),
        ({"workflow": {"name": "w"}, "jobs": {}}, "not a list|jobs"),
        ({"workflow": {"name": "w"}, "jobs": [{"id": 1, "command": "x"}]}, "name"),
        ({"workflow": {"name": "w"}, "jobs": ["x"]}, "not an exported workflow"),
        ({"workflow": {"name": "w"}, "jobs": [JOB, JOB | {"id": 2}]}, "two jobs with the name 'a'"),
        ({"workflow": {"name": "w"}, "jobs": [JOB | {"depends_on_job_ids": [5]}]}, "5"),
        ({"workflow": {"name": "w"}, "jobs": [JOB | {"depends_on_job_ids": [1]}]}, "a -> a"),
        ({"workflow": {"name": "w"}, "jobs": [JOB | {"input_file_ids": [5]}]}, "5"),
        ({"workflow": {"name": "w"}, "jobs": [JOB], "results": [{"job_id": 4}]}, "result"),
        ({"workflow": {"name": "w"}, "jobs": [JOB], "events": [{"job_id": 1}]}, "event"),
        (
            {"workflow": {"name": "w"}, "jobs": [JOB], "results": [RESULT, RESULT]},
            r"results\[1\]: 'attempt_id' is that of an earlier result",
        ),
        (
            {"workflow": {"name": "w"}, "jobs": [JOB, JOB | {"name": "b"}]},
            r"jobs\[1\]: 'id' is 1, like that of jobs\[0\]",
        ),
        (
            {"workflow": {"name": "w"}, "jobs": [JOB], "dependencies": [[1]]},
            "not an exported workflow",
        ),
        (
            {
                "workflow": {"name": "w"},
                "resource_requirements": [{"id": 1, "name": "r", "num_cpus": "x"}],
            },
            "exported",
        ),
    ],
)
def test_not_an_export(sqlite_store: Store, document: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        workflow_import.import_workflow(sqlite_store, document, user="b", directory="/", at=5.0)
    assert "\n" not in caught.value.message
    assert workflows.list_workflows(sqlite_store) == []


def test_results_that_cannot_be_stored_take_the_workflow_with_them(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"workflow": {"name": "w"}, "jobs": [JOB], "results": [RESULT]}
    with pytest.raises(UsageError, match="'run_id'"):
        workflow_import.import_workflow(
            sqlite_store,
            document | {"results": [RESULT | {"run_id": None}]},
            user="b",
            directory="/",
            at=5.0,
        )
    assert workflows.list_workflows(sqlite_store) == []

    def no_space(*_: Any) -> None:
        assert len(workflows.list_workflows(sqlite_store)) == 1
        raise StoreUnavailable("no space left")

    monkeypatch.setattr(workflow_import, "_add_results", no_space)
    with pytest.raises(StoreUnavailable):
        workflow_import.import_workflow(sqlite_store, document, user="b", directory="/", at=5.0)
    assert workflows.list_workflows(sqlite_store) == []


def test_an_unknown_workflow_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        workflow_import.export_workflow(store, 4711)


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}])
def test_values_beyond_json(store: Store, workflow_id: int, value: Any) -> None:
    document = _document(store, workflow_id)
    for place in (document["workflow"], document["jobs"][0]):
        key = "metadata" if place is document["workflow"] else "parameters"
        before, place[key] = place.get(key), value if key == "metadata" else {"p": value}
        with pytest.raises(UsageError, match="stored as JSON"):
            workflow_import.import_workflow(store, document, user="ann", directory="/w", at=1.0)
        place[key] = before


def test_half_a_surrogate_pair_in_a_document_is_stored_as_its_escape(
    store: Store, workflow_id: int
) -> None:
    document = _document(store, workflow_id)
    document["workflow"]["metadata"] = {"a": "\ud800"}
    new = workflow_import.import_workflow(store, document, user="ann", directory="/w", at=1.0)
    assert workflows.get_workflow(store, new).metadata == {"a": "\ud800"}


def test_negative_priority(store: Store, workflow_id: int) -> None:
    """A priority that a command has set is imported, though a file may not declare it."""
    document = _document(store, workflow_id)
    document["jobs"][0]["priority"] = -5
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=5.0)
    job = queries.find_job(store, copy, document["jobs"][0]["name"])
    assert queries.get_job(store, job)["priority"] == -5


def test_run_numbers(store: Store, workflow_id: int) -> None:
    """A run after an import with results has a number that no result has."""
    job = queries.find_job(store, workflow_id, "train_1")
    result = {"job_id": job, "attempt_id": 1, "status": "completed", "ended_at": 1.0}
    document = _document(store, workflow_id) | {"results": [result | {"run_id": 7}]}
    copy = workflow_import.import_workflow(store, document, user="b", directory="/", at=5.0)
    assert workflows.get_workflow(store, copy).run_id == 7


WRONG = [None, True, -1, 1 << 63, 1e300, float("nan"), "", "x", "\ud800", [], [None], {}, {"a": {}}]


def _mutations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield copies of a document with one value replaced or removed, and the place of it."""
    text = json.dumps(document)
    for place in _places(document):
        for wrong in (*WRONG, "removed"):
            copy = json.loads(text)
            inner = copy
            for key in place[:-1]:
                inner = inner[key]
            if wrong == "removed":
                del inner[place[-1]]
            else:
                inner[place[-1]] = wrong
            yield f"{place} {wrong!r}", copy


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value; of a long list only the first entries."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for key, one in pairs:
        yield (*at, key)
        if isinstance(one, (dict, list)) and len(at) < 4:
            yield from _places(one, (*at, key))


def test_mutations(sqlite_store: Store, make_plan: Any) -> None:
    """A document with a wrong value is refused, or makes a workflow that can be read."""
    workflow_id = workflows.create(sqlite_store, make_plan(2), user="x", directory="/", at=1.0)
    document = _document(sqlite_store, workflow_id, include_events=True)
    job = document["jobs"][0]["id"]
    result = {"job_id": job, "attempt_id": 1, "run_id": 1, "status": "failed", "ended_at": 1.0}
    document["results"] = [result | {"peak_memory_bytes": 5, "allocation": [1, 2, []]}]
    refused = 0
    for place, mutation in list(_mutations(document))[::5]:
        try:
            copy = workflow_import.import_workflow(
                sqlite_store, mutation, user="b", directory="/", at=5.0
            )
            workflows.snapshot(sqlite_store, copy)
            _document(sqlite_store, copy, include_results=True, include_events=True)
            workflows.delete(sqlite_store, [copy])
        except UsageError as error:
            refused += 1
            assert "\n" not in error.message, place
        except Exception as error:
            pytest.fail(f"{place}: {error!r}")
    assert refused > 50
