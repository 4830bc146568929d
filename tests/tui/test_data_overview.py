"""The list of user data on both databases: states, writers, readers, versions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound
from torc_tui.operations.workflows import create_workflow
from torc_tui.plan.resolve import resolve
from torc_tui.store import user_data, user_data_records
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

SPEC = """
name: lab
user_data:
  - {name: config, data: {lr: 0.1}, schema: {type: object}}
  - {name: metrics}
  - {name: answer}
jobs:
  - {name: train, command: "true", input_user_data: [config, answer], output_user_data: [metrics]}
  - {name: report, command: "true", input_user_data: [metrics, config]}
"""


class Lab:
    def __init__(self, store: Store) -> None:
        self.store = store
        plan = resolve(loads(SPEC, format="yaml"))
        self.id = create_workflow(store, plan, user="ada", directory="/tmp", actor="ada@here")
        self.raw = store.connection()
        with store.read() as conn:
            rows = execute(conn, "SELECT name, id FROM job")
        self.jobs: dict[str, int] = dict(map(tuple, rows))

    def states(self) -> dict[str, str]:
        return {
            record["name"]: record["state"]
            for record in user_data_records.overview(self.raw, self.id)
        }

    def record(self, name: str) -> dict[str, Any]:
        return next(
            one for one in user_data_records.overview(self.raw, self.id) if one["name"] == name
        )

    def status(self, job: str, status: int) -> None:
        with self.store.write() as conn:
            execute(conn, f"UPDATE job SET status = {status} WHERE id = {self.jobs[job]}")


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def test_states(lab: Lab) -> None:
    assert lab.states() == {"config": "written", "metrics": "empty", "answer": "empty"}
    lab.status("train", 2)
    assert lab.states()["answer"] == "missing", "train is ready, reads it, and nobody will write it"
    user_data.update(
        lab.raw,
        "answer",
        {"data": 42},
        user_data.Author(time.time() + 1, actor="bob@there"),
        workflow_id=lab.id,
    )
    assert lab.states()["answer"] == "edited"
    job = (lab.jobs["train"], 1, 2)
    user_data.update(
        lab.raw,
        "metrics",
        {"data": [1]},
        user_data.Author(time.time() + 1, job=job),
        workflow_id=lab.id,
    )
    record = lab.record("metrics")
    assert (record["state"], record["writer"], record["run_id"], record["attempt_id"]) == (
        "written",
        "train",
        1,
        2,
    )
    user_data.update(
        lab.raw,
        "metrics",
        {"data": None},
        user_data.Author(time.time() + 2, actor="bob@there"),
        workflow_id=lab.id,
    )
    assert lab.record("metrics")["state"] == "empty"
    lab.status("train", 6)
    lab.status("report", 4)
    assert lab.record("metrics")["state"] == "missing", "its producer failed, and report runs"


def test_readers_and_writers(lab: Lab) -> None:
    config, metrics = lab.record("config"), lab.record("metrics")
    assert config["readers"] == (2, "train") and config["producers"] == (0, "")
    assert metrics["readers"] == (1, "report") and metrics["producers"] == (1, "train")
    assert (
        config["size"] == len(config["head"]) and config["has_schema"] and metrics["size"] is None
    )


def test_of_one_job(lab: Lab) -> None:
    found = user_data_records.overview(lab.raw, lab.id, job_id=lab.jobs["train"])
    assert {record["name"]: record["direction"] for record in found} == {
        "config": "in",
        "answer": "in",
        "metrics": "out",
    }


def test_the_list_carries_only_the_beginning(lab: Lab) -> None:
    user_data.update(
        lab.raw,
        "config",
        {"data": "ü" * 100000},
        user_data.Author(10000000000.0, actor="bob@there"),
        workflow_id=lab.id,
    )
    record = lab.record("config")
    assert len(record["head"]) == user_data_records.HEAD and record["size"] == 200_002


def test_opened_and_versions(lab: Lab) -> None:
    number = lab.record("config")["id"]
    user_data.update(
        lab.raw, number, {"data": {"lr": 0.2}}, user_data.Author(10000000000.0, actor="bob@there")
    )
    opened = user_data_records.opened(lab.raw, number)
    assert (
        opened["data"] == {"lr": 0.2}
        and opened["schema"] == {"type": "object"}
        and opened["writer"] == "bob@there"
    )
    versions = user_data_records.versions(lab.raw, number)
    assert [(one["version"], one["writer"]) for one in versions] == [
        (2, "bob@there"),
        (1, "ada@here"),
    ]
    assert user_data_records.value_of(lab.raw, number, 1) == {"lr": 0.1}
    assert user_data_records.value_of(lab.raw, number, 0) is None


def test_unknown_record(lab: Lab) -> None:
    for read in (user_data_records.opened, user_data_records.versions):
        with pytest.raises(NotFound):
            read(lab.raw, 99)


def test_sizes_are_bytes_everywhere(lab: Lab) -> None:
    number = lab.record("config")["id"]
    user_data.update(
        lab.raw, number, {"data": "üü"}, user_data.Author(time.time() + 1, actor="bob@there")
    )
    sizes = [lab.record("config")["size"], user_data_records.opened(lab.raw, number)["size"]]
    assert [*sizes, user_data_records.versions(lab.raw, number)[0]["size"]] == [6, 6, 6]
