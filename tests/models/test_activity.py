"""The activity of a workflow: the order of its parts, and the jobs that it keeps."""

from __future__ import annotations

import pytest

from torc_tui.model import Job, Workflow
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.activity import NEWEST, Activity, PanelRoom
from torc_tui.views.workflow_view import WorkflowView

NOW = 10_000.0


def job(
    number: int, status: JobStatus, begin: float | None = None, end: float | None = None
) -> Job:
    return Job(
        id=number, name=f"job_{number}", status=status, group="job_{i}",
        started_at=begin, ended_at=end, return_code=1 if status is JobStatus.FAILED else None,
    )  # fmt: skip


def view(*jobs: Job) -> WorkflowView:
    return WorkflowView(Workflow(id=1, name="w", user="ada"), jobs, {}, 0)


def shown(activity: Activity, width: int = 60, height: int = 30) -> list[str]:
    page = activity.page(PanelRoom(width, height), NOW)
    assert len(page.lines) <= height
    lines = ["".join(text for text, _ in line) for line in page.lines]
    assert all(len(line) <= width for line in lines)
    return lines


def test_what_runs_comes_before_failures() -> None:
    running = job(1, JobStatus.RUNNING, NOW - 65)
    failed = job(2, JobStatus.FAILED, NOW - 200, NOW - 130)
    activity = Activity(view(running, failed))
    activity.tails[2] = "ValueError: no such column"
    lines = shown(activity)
    assert lines[0] == " Running 1" and "job_1" in lines[1] and "1:05" in lines[1]
    assert lines[3] == " Failed 1"
    assert "exit 1" in lines[4] and "no such column" in lines[4] and lines[4].endswith("2 min ago")


def test_progress_is_estimated_from_the_group() -> None:
    done = [job(n, JobStatus.COMPLETED, NOW - 500, NOW - 400) for n in range(2, 6)]
    running = job(1, JobStatus.RUNNING, NOW - 50)
    line = shown(Activity(view(running, *done)))[1]
    assert "50%" in line and "0:50 of ~1:40" in line and "█" in line


def test_an_overdue_job_has_no_progress() -> None:
    done = [job(n, JobStatus.COMPLETED, NOW - 500, NOW - 499.5) for n in range(2, 6)]
    line = shown(Activity(view(job(1, JobStatus.RUNNING, NOW - 50), *done)))[1]
    assert line.split() == ["▶", "job_1", "0:50", "usually", "0.50", "s"]


def test_few_jobs_need_no_high_chart() -> None:
    done = [job(n, JobStatus.COMPLETED, NOW - 500, NOW - 400 + n * 9) for n in range(1, 11)]
    lines = shown(Activity(view(*done)))
    chart = lines[lines.index(next(one for one in lines if one.startswith(" Finished"))) + 1 :]
    assert [("█" in line) for line in chart[:4]] == [True, True, True, False]


def test_the_newest_failures_are_kept() -> None:
    jobs = [job(n, JobStatus.FAILED, 0.0, float(n)) for n in range(1, 100)]
    activity = Activity(view(*jobs))
    assert activity.failed == list(range(99, 99 - NEWEST, -1))
    assert activity.untold == activity.failed
    jobs[98].status = JobStatus.READY
    activity.update({99})
    assert activity.failed[0] == 98 and 99 not in activity.failed


def test_interrupted_jobs_are_no_failures() -> None:
    stopped = job(1, JobStatus.TERMINATED, NOW - 9, NOW - 2)
    stopped.reason, stopped.interrupted = because(Kind.RUNNER_STOPPED), True
    assert not any("Failed" in line for line in shown(Activity(view(stopped))))


def test_the_chart_covers_a_finished_run() -> None:
    jobs = [job(n, JobStatus.COMPLETED, float(n), n + 10.0) for n in range(60)]
    lines = shown(Activity(view(*jobs)))
    assert lines[0].startswith(" Finished 60 jobs in 1 min")
    assert any(line.split() == ["start", "end"] for line in lines)
    assert " Longest jobs" in lines


def test_the_chart_moves_by_whole_columns() -> None:
    """Between two steps of 5 s, nothing but the times of running jobs is repainted."""
    jobs = [job(n, JobStatus.COMPLETED, NOW - n - 1, NOW - n) for n in range(180)]
    activity = Activity(view(job(999, JobStatus.RUNNING, NOW - 9), *jobs))
    pages = [activity.page(PanelRoom(60, 20), now).lines for now in (NOW, NOW + 4, NOW + 5)]
    assert pages[0][2:] == pages[1][2:] != pages[2][2:]
    assert "180 jobs in 3 min 5 s" in "".join(text for text, _ in pages[0][3])


@pytest.mark.parametrize("room", [(1, 1), (8, 3), (20, 200)])
def test_any_room(room: tuple[int, int]) -> None:
    jobs = [job(n, JobStatus.FAILED, float(n), n + 10.0) for n in range(40)]
    jobs += [job(n, JobStatus.RUNNING, NOW - n) for n in range(40, 60)]
    Activity(view(*jobs)).page(PanelRoom(*room), NOW)


def test_links_lead_to_the_jobs() -> None:
    page = Activity(view(job(7, JobStatus.FAILED, 1.0, 2.0))).page(PanelRoom(60, 20), NOW)
    assert page.links[1] == 7
