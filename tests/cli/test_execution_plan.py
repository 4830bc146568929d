"""``torc workflows execution-plan``, ``torc job-dependencies`` and columns that lists leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TEXT = """
name: chain
jobs:
  - {name: write, command: "echo 1 > ${files.output.out}"}
  - {name: read, command: "cat ${files.input.out}"}
  - {name: data, command: "torc user-data update ${user_data.output.d} --data 1"}
  - {name: "after_{i}", command: "true", depends_on: [read, data], parameters: {i: "1:3"}}
files: [{name: out, path: out.txt}]
"""


@pytest.fixture
def chain(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(TEXT)
    assert torc("create", "w.yaml").code == 0


def test_execution_plan(torc: Any, chain: None) -> None:
    """The plan of a file and that of its workflow are equal."""
    stored = torc("workflows", "execution-plan", "-f", "json").json
    of_file = torc("workflows", "execution-plan", "w.yaml", "-f", "json").json
    assert (stored.pop("source"), of_file.pop("source")) == ("database", "spec")
    assert stored == of_file and stored["total_jobs"] == 6
    assert [one["id"] for one in stored["events"]] == [
        "start",
        "after_write",
        "after_read_and_1_more",
    ]
    assert "  ready: after_{1..3}\n" in torc("workflows", "execution-plan", "w.yaml").out


def test_job_dependencies(torc: Any, client: Any, chain: None) -> None:
    pairs = torc("job-dependencies", "job-job", "-f", "json").json
    named = [(one["job_name"], one["depends_on_job_name"]) for one in pairs]
    waiting = [(f"after_{i}", other) for i in (1, 2, 3) for other in ("read", "data")]
    assert sorted(named) == sorted([("read", "write"), *waiting])
    [file] = client("job-dependencies", "job-file").json["job_file_relationships"]
    assert (file["producer_job_name"], file["consumer_job_name"]) == ("write", "read")
    [record] = torc("job-dependencies", "job-user-data", "-f", "json").json
    assert (record["producer_job_name"], record["consumer_job_id"]) == ("data", None)


def test_excluded_columns(torc: Any, chain: None) -> None:
    heading = torc("jobs", "list", "-x", "command", "-x", "Name").out.splitlines()[1]
    assert heading.replace("│", " ").split() == ["ID", "Status"]
    rows = torc("jobs", "list", "-f", "csv", "-x", "command,env").out.splitlines()
    assert "name" in rows[0].split(",") and "command" not in rows[0].split(",")
    narrow = torc("jobs", "list", "--columns", "id,name", "-x", "id", "-f", "csv").out
    assert narrow.splitlines()[:2] == ["name", "write"]
    answer = torc("jobs", "list", "-x", "zz")
    assert answer.code == 2 and "there is no column 'zz'" in answer.err


def test_status_of_upstream(torc: Any, chain: None) -> None:
    """The status has the keys of upstream in addition to torc's own, and all eleven counts."""
    assert torc("run", 1, "-q").code == 0
    found = torc("status", "-f", "json").json
    assert (found["workflow_id"], found["workflow_name"], found["workflow_user"]) == (
        1,
        "chain",
        "ada",
    )
    assert len(found["jobs_by_status"]) == 11 and found["jobs_by_status"]["failed"] == 0
    assert found["active_compute_nodes"] == 0
    assert 0 < found["total_exec_time_minutes"] < 60
    assert found["walltime_seconds"] == found["elapsed_seconds"] > 0


def test_requirements_and_handlers_of_jobs(torc: Any, place: Path) -> None:
    rules = "[{exit_codes: [3], max_retries: 1}]"
    text = f"""
name: w
jobs:
  - {{name: a, command: "true", resource_requirements: big, failure_handler: h}}
  - {{name: b, command: "true > b.txt", output_files: [f]}}
files: [{{name: f, path: b.txt}}]
resource_requirements: [{{name: big, num_cpus: 1, memory: 2g}}]
failure_handlers: [{{name: h, rules: {rules}}}]
"""
    (place / "w.yaml").write_text(text)
    assert torc("run", "w.yaml", "-q").code == 0
    found = torc("jobs", "list-resource-requirements", "-f", "json").json
    assert [(one["job_name"], one["resource_requirements_name"]) for one in found] == [
        ("a", "big"),
        ("b", "default"),
    ]
    assert found[0]["memory"] == "2g"
    [only] = torc("jobs", "list-resource-requirements", "-j", 2, "-f", "json").json
    assert only["job_name"] == "b"
    [handled] = torc("jobs", "list-failure-handlers", "-f", "json").json
    assert (handled["job_name"], handled["failure_handler_name"]) == ("a", "h")
    assert torc("failure-handlers", "get", 1, "-f", "json").json["name"] == "h"
    assert torc("failure-handlers", "get", 9).code == 2
    [file] = torc("files", "list", "--produced-by-job-id", 2, "-f", "json").json
    assert file["name"] == "f"
    assert torc("files", "list", "--produced-by-job-id", 1, "-f", "json").json == []
    assert len(torc("results", "list", "--compute-node", 1, "-f", "json").json) == 2
    assert torc("results", "list", "--compute-node", 2, "-f", "json").json == []
