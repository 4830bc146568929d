"""The paths of log files, and the attempts that a database lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound
from torc_tui.model import AttemptKey, ExecutionConfig
from torc_tui.status import JobStatus
from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.store.log_files import attempt_files, attempts, latest_attempts


@pytest.mark.parametrize(
    ("own", "mode", "endings"),
    [
        (None, "separate", ("o", "e")),
        (None, "combined", ("log", "log")),
        ("separate", "combined", ("o", "e")),
        ("no_stdout", "separate", (None, "e")),
        ("no_stderr", "separate", ("o", None)),
        ("none", "separate", (None, None)),
    ],
)
def test_names_of_files(own: str | None, mode: Any, endings: tuple[str | None, str | None]) -> None:
    stdio = json.dumps({"mode": own}) if own else None
    stdout, stderr, exit_file = attempt_files(
        "/out", AttemptKey(1, 2, 3, 4), stdio, ExecutionConfig(stdio_mode=mode)
    )
    stem = "/out/job_stdio/job_wf1_j2_r3_a4."
    assert (stdout, stderr) == tuple(stem + ending if ending else None for ending in endings)
    assert exit_file == stem + "exit"


def set_job(store: Store, job: int, status: JobStatus, attempt: int, folder: str | None) -> None:
    with store.write() as conn:
        text = "UPDATE job SET status = ?, attempt_id = ?, output_dir = ?, started_at = 5.0 WHERE id = ?"
        execute(conn, text, (int(status), attempt, folder, job))


def add_result(
    store: Store, job: int, run: int, attempt: int, status: JobStatus, folder: str | None
) -> None:
    with store.write() as conn:
        text = (
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, return_code, started_at, ended_at,"
            " output_dir) VALUES (1, ?, ?, ?, ?, 1, 5.0, 6.0, ?)"
        )
        execute(conn, text, (job, run, attempt, int(status), folder))


@pytest.fixture
def filled(store: Store) -> Store:
    from torc_tui.plan.resolve import resolve
    from torc_tui.store import workflows
    from torc_tui.workflow_file.load import loads

    text = """
    name: w
    execution_config: {stdio: {delete_on_success: true}}
    jobs:
      - {name: a, command: "true"}
      - {name: b, command: "true", stdio: {mode: combined, delete_on_success: false}}
    """
    workflows.create(
        store, resolve(loads(text, format="yaml")), user="ada", directory="/home/ada", at=1.0
    )
    return store


def test_a_job_that_never_began_has_no_attempts(filled: Store) -> None:
    assert attempts(filled, 1) == [] and latest_attempts(filled, 1) == []
    with pytest.raises(NotFound):
        attempts(filled, 99)


def test_attempts_of_all_runs(filled: Store) -> None:
    add_result(filled, 1, 1, 1, JobStatus.FAILED, "/first")
    add_result(filled, 1, 1, 2, JobStatus.COMPLETED, None)
    set_job(filled, 1, JobStatus.RUNNING, 3, "/third")
    first, second, third = attempts(filled, 1)
    assert (first.stdout, first.status, first.deleted) == (
        "/first/job_stdio/job_wf1_j1_r1_a1.o",
        JobStatus.FAILED,
        False,
    )
    assert second.stdout == "/home/ada/torc_output/job_stdio/job_wf1_j1_r1_a2.o"
    assert third.status is JobStatus.RUNNING and third.ended_at is None and third.stderr is not None
    assert [name for name, _ in third.streams] == ["stdout", "stderr"]


def test_the_newest_attempt_of_every_job(filled: Store) -> None:
    add_result(filled, 1, 1, 1, JobStatus.FAILED, "/x")
    add_result(filled, 1, 2, 1, JobStatus.FAILED, "/x")
    set_job(filled, 2, JobStatus.PENDING, 1, "/y")
    assert [(one.job, one.run_id, one.attempt_id) for one in latest_attempts(filled, 1)] == [
        ("a", 2, 1),
        ("b", 0, 1),
    ]
    assert latest_attempts(filled, 1)[1].streams == [
        ("combined", "/y/job_stdio/job_wf1_j2_r0_a1.log")
    ]


def test_deleted_logs(filled: Store) -> None:
    for job in (1, 2):
        add_result(filled, job, 1, 1, JobStatus.COMPLETED, "/x")
    assert [one.deleted for one in latest_attempts(filled, 1)] == [True, False]
    assert log_files.stdio_mode(None, "none") == "none"
