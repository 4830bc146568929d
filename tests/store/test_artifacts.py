"""Files and records of a workflow with the jobs that write and read them, as the graph shows
them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torc_tui.plan.resolve import resolve
from torc_tui.store import queries, relations, workflows
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

SPEC = """
name: artifacts
files: [{name: raw, path: raw.csv}, {name: clean, path: clean.csv}, {name: unused, path: unused.csv}]
user_data: [{name: config, data: {a: 1}}, {name: metrics}]
jobs:
  - {name: make, command: "make ${user_data.input.config}", output_files: [raw, clean]}
  - {name: "use_{i}", command: "use", input_files: [raw], parameters: {i: "1:3"}}
  - {name: sum, command: "sum ${user_data.output.metrics}", input_files: [raw, clean]}
  - {name: alone, command: "true"}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    here = str(tmp_path / "torc.db")
    store = Store.open(
        here if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    )
    for name in ("first", "second"):
        workflows.create(
            store,
            resolve(loads(SPEC, format="yaml")),
            user="ada",
            directory="/w",
            at=1.0,
            name=name,
        )
    yield store
    store.close()


@pytest.mark.parametrize("workflow", [1, 2])
def test_writers_and_readers(store: Store, workflow: int) -> None:
    names = {job["id"]: job["name"] for job in queries.list_jobs(store, workflow)}
    found = {
        one.name: (
            one.kind,
            sorted(names[job] for job in one.producers),
            sorted(names[job] for job in one.consumers),
        )
        for one in relations.artifacts(store, workflow)
    }
    assert found == {
        "raw": ("file", ["make"], ["sum", "use_1", "use_2", "use_3"]),
        "clean": ("file", ["make"], ["sum"]),
        "config": ("user_data", [], ["make"]),
        "metrics": ("user_data", ["sum"], []),
    }


def test_states_of_records(store: Store) -> None:
    states = {one.name: one.state for one in relations.artifacts(store, 1)}
    assert (states["config"], states["metrics"], states["raw"]) == ("written", "empty", "")


def test_the_same_as_each_job_tells(store: Store) -> None:
    listed = relations.artifacts(store, 1)
    for job in queries.list_jobs(store, 1):
        io = relations.job_io(store, job["id"])
        told = {("file", one["id"]) for one in io.output_files} | {
            ("user_data", one["id"]) for one in io.output_user_data
        }
        assert told == {(one.kind, one.id) for one in listed if job["id"] in one.producers}
        told = {("file", one["id"]) for one in io.input_files} | {
            ("user_data", one["id"]) for one in io.input_user_data
        }
        assert told == {(one.kind, one.id) for one in listed if job["id"] in one.consumers}
