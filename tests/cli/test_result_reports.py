"""``torc reports summary`` and ``reports results``, as in upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """
name: w
jobs:
  - {name: good, command: echo 1}
  - {name: bad, command: exit 3, depends_on: [good]}
"""


@pytest.fixture
def made(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(SPEC)
    assert torc("create", "w.yaml").code == 0


def test_summary(torc: Any, made: None) -> None:
    assert torc("reports", "summary", 1).out.endswith("\nNot all jobs have finished\n")
    assert torc("run", 1, "-q").code == 1
    found = torc("reports", "summary", "w", "-f", "json").json
    assert list(found) == [
        "workflow_id",
        "workflow_name",
        "workflow_user",
        "total_jobs",
        "jobs_by_status",
        "total_exec_time_minutes",
        "total_exec_time_formatted",
        "active_compute_nodes",
        "pending_scheduled_nodes",
        "active_scheduled_nodes",
        "is_complete",
        "is_canceled",
        "walltime_seconds",
        "walltime_formatted",
    ]
    assert (found["workflow_id"], found["total_jobs"], found["is_complete"]) == (1, 2, True)
    counts = found["jobs_by_status"]
    assert (counts["completed"], counts["failed"], counts["ready"]) == (1, 1, 0)
    text = torc("reports", "summary", 1).out.splitlines()
    assert text[-1] == "Some jobs did not succeed"
    assert [line.split() for line in text if line.startswith("  ")] == [
        ["completed:", "1"],
        ["failed:", "1"],
    ]
    assert torc("jobs", "disable", "bad", "-w", 1, "-y").code == 0
    assert torc("reports", "summary", 1).out.endswith("\nAll jobs succeeded\n")


def test_results(torc: Any, made: None, place: Path) -> None:
    assert torc("run", 1, "-q").code == 1
    found = torc("reports", "results", 1).json
    assert found["workflow_id"] == 1
    logs = place / "torc_output" / "job_stdio"
    assert [(one["job_name"], one["return_code"]) for one in found["results"]] == [
        ("good", 0),
        ("bad", 3),
    ]
    assert [one["stdout_path"] for one in found["results"]] == [
        str(logs / f"job_wf1_j{job}_r1_a1.o") for job in (1, 2)
    ]
    assert found["results"][1]["stderr_path"] == str(logs / "job_wf1_j2_r1_a1.e")
    assert torc("run", 1, "--stale", "-q").code == 1
    runs = [(one["job_name"], one["run_id"]) for one in torc("reports", "results").json["results"]]
    assert runs == [("good", 1), ("bad", 2)]
    assert len(torc("reports", "results", 1, "--all-runs").json["results"]) == 3
