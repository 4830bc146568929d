"""Recordings of runs whose events do not say everything."""

from __future__ import annotations

from torc_tui.model import Event, Job, Json, Workflow
from torc_tui.status import JobStatus
from torc_tui.views.replay import Recording, record

S = JobStatus
WORKFLOW = Workflow(id=1, name="w", user="ada", run_id=1)
Row = tuple[float, str, int | None, dict[str, Json]]
RAN: list[Row] = [
    (10, "job_claimed", 1, {"run": 1, "attempt": 1, "node": 3}),
    (10, "job_started", 1, {"attempt": 1, "at": 10.0, "node": 3}),
    (20, "job_completed", 1, {"attempt": 1, "started_at": 10.0, "ended_at": 20.0}),
]


def recorded(rows: list[Row], *present: JobStatus, run: int | None = None) -> Recording | None:
    events = [
        Event(1, number, at, kind, job, data)
        for number, (at, kind, job, data) in enumerate(rows, 1)
    ]
    jobs = [Job(number, f"j{number}", status) for number, status in enumerate(present, 1)]
    return record(WORKFLOW, jobs, {}, events, run)


def statuses(recording: Recording | None, moment: float) -> list[JobStatus]:
    assert recording is not None
    view = recording.view_at(moment)
    assert not view.needs_reload
    return [job.status for job in view.jobs.values()]


def test_an_event_with_a_later_time_before_the_run() -> None:
    """A clock that was set back hides nothing."""
    found = recorded([(1000, "workflow_updated", None, {}), *RAN], S.COMPLETED)
    assert found is not None and (found.begin, found.end) == (10, 20)
    assert statuses(found, 15) == [S.RUNNING] and statuses(found, 20) == [S.COMPLETED]


def test_a_clock_that_is_set_back_in_the_run() -> None:
    again: list[Row] = [(at - 8, kind, 2, data) for at, kind, _, data in RAN]
    found = recorded([*RAN, *again], S.COMPLETED, S.COMPLETED)
    assert statuses(found, 15) == [S.RUNNING, S.READY]
    assert statuses(found, 20) == [S.COMPLETED, S.COMPLETED]


def test_changes_that_name_no_jobs() -> None:
    found = recorded([*RAN, (30, "workflow_canceled", None, {})], S.COMPLETED, S.CANCELED)
    assert statuses(found, 25)[0] is S.COMPLETED
    assert statuses(found, 30) == [S.COMPLETED, S.CANCELED]


def test_jobs_of_an_earlier_run_stay_as_they_are() -> None:
    """Only what the last run changed is undone."""
    old: list[Row] = [(at - 9, kind, 2, {**data, "run": 0}) for at, kind, _, data in RAN]
    rows = [*old, (9, "workflow_initialized", None, {"run_id": 1}), *RAN]
    found = recorded(rows, S.COMPLETED, S.COMPLETED)
    assert found is not None and found.begin == 10
    assert statuses(found, 10) == [S.RUNNING, S.COMPLETED]


def test_a_job_that_was_removed() -> None:
    rows: list[Row] = [*RAN, (21, "job_ready", 9, {}), (22, "job_claimed", 9, {"run": 1})]
    assert statuses(recorded(rows, S.COMPLETED), 30) == [S.COMPLETED]


def test_without_an_attempt() -> None:
    assert recorded([(1, "job_ready", 1, {})], S.READY) is None


def test_an_older_run() -> None:
    """It ends before what the next one has done, and shows the jobs as they were then."""
    failed: list[Row] = [
        (10, "job_claimed", 2, {"run": 1, "attempt": 1, "node": 3}),
        (10, "job_started", 2, {"attempt": 1, "at": 10.0, "node": 3}),
        (21, "job_failed", 2, {"attempt": 1, "started_at": 10.0, "ended_at": 21.0}),
        (22, "job_canceled", 3, {}),
    ]
    rerun: list[Row] = [
        (30, "job_rerun", 2, {}), (30, "workflow_reset", None, {"run_id": 2}),
        (40, "job_claimed", 2, {"run": 2, "attempt": 2, "node": 3}),
        (40, "job_started", 2, {"attempt": 2, "at": 40.0, "node": 3}),
        (50, "job_completed", 2, {"attempt": 2, "started_at": 40.0, "ended_at": 50.0}),
        (50, "job_ready", 3, {}),
    ]  # fmt: skip
    rows = [*sorted([*RAN, *failed], key=lambda row: row[0]), *rerun]
    found = recorded(rows, S.COMPLETED, S.COMPLETED, S.READY, S.DISABLED, run=1)
    assert found is not None and (found.begin, found.end) == (10, 22)
    assert statuses(found, 15) == [S.RUNNING, S.RUNNING, S.BLOCKED, S.DISABLED]
    assert statuses(found, 22) == [S.COMPLETED, S.FAILED, S.CANCELED, S.DISABLED]
    view = found.view_at(22)
    assert view.workflow.run_id == 1
    assert (view.jobs[2].attempt_id, view.jobs[2].ended_at) == (1, 21.0)
    assert recorded(rows, S.COMPLETED, S.COMPLETED, S.READY, S.DISABLED, run=3) is None
