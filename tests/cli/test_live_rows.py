"""The lines that a run draws on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from torc_tui.cli import live_rows
from torc_tui.cli.live_rows import ASCII
from torc_tui.model import Event, Job, Machine, ResourceRequirements, Workflow
from torc_tui.status import SETTLED, JobStatus
from torc_tui.views.workflow_view import WorkflowView

S = JobStatus
MACHINE = Machine(hostname="h", num_cpus=8, memory=16 << 30)
SMALL = ResourceRequirements(name="s", num_cpus=2, memory=1 << 30)


def view(groups: dict[str, Sequence[JobStatus]], nodes: Sequence[int] = ()) -> WorkflowView:
    jobs = [
        Job(
            1000 * at + number,
            f"{group}_{number}",
            status,
            group=group,
            requirement_id=7,
            started_at=10.0 if status is S.RUNNING else None,
        )
        for at, (group, statuses) in enumerate(groups.items(), 1)
        for number, status in enumerate(statuses)
    ]
    return WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {7: SMALL}, 0, nodes)


def test_groups() -> None:
    seen = view(
        {
            "prep": [S.COMPLETED] * 4,
            "fit": [S.COMPLETED, S.FAILED, S.RUNNING, S.READY],
            "later": [S.BLOCKED] * 2,
            "report": [S.BLOCKED],
        }
    )
    assert live_rows.groups(seen, 12.0, ASCII, 9) == [
        "  fit    #####..... 2/4  1 failed  1 running",
        "  later  .......... 0/2",
        "  prep   ########## 4/4",
    ]
    assert live_rows.groups(seen, 12.0, ASCII, 1)[1:] == ["  2 more job groups"]


def test_canceled_jobs_did_not_fail() -> None:
    seen = view({"fit": [S.FAILED, S.TERMINATED], "eval": [S.CANCELED, S.CANCELED]})
    assert live_rows.groups(seen, 12.0, ASCII, 9) == [
        "  fit   ########## 2/2  2 failed",
        "  eval  ########## 2/2  2 canceled",
    ]
    assert live_rows.bar(seen.progress(12.0), 10, ASCII) == "########## 4/4  2 failed  2 canceled"


def test_long_names_differ(tmp_path: Path) -> None:
    jobs = list(view({"train_with_a_long_name_for_all": [S.RUNNING] * 3}).jobs.values())
    lines = live_rows.running(jobs, 10.0, Output(tmp_path / "none"), ASCII, 60)
    assert [line.split()[1][-6:] for line in lines] == ["_all_0", "_all_1", "_all_2"]


def test_one_group_needs_no_lines() -> None:
    assert live_rows.groups(view({"fit": [S.READY] * 9}), 0.0, ASCII, 9) == []
    assert live_rows.groups(view({"a": [S.READY], "b": [S.READY]}), 0.0, ASCII, 9) == []


@pytest.mark.parametrize("kind", ["job_completed", "job_failed", "job_canceled", "job_started"])
@pytest.mark.parametrize("before", list(JobStatus))
def test_groups_follow_events(kind: str, before: JobStatus) -> None:
    """The numbers of a group are those of a count of its jobs, whatever happened before."""
    seen = view({"a": [before, S.READY], "b": [S.FAILED, S.RUNNING]})
    first = next(iter(seen.jobs))
    seen.apply(
        [
            Event(1, 1, 20.0, kind, first, {"attempt": 1}),
            Event(1, 2, 21.0, "job_retried", first, {}),
            Event(1, 3, 22.0, kind, first, {"attempt": 2}),
        ]
    )
    for group, progress in seen.group_progress(30.0):
        jobs = [job for job in seen.jobs.values() if job.group == group]
        assert progress.total == len(jobs)
        assert progress.done == sum(job.status in SETTLED for job in jobs)
        assert progress.failed == sum(job.status in (S.FAILED, S.TERMINATED) for job in jobs)
        assert progress.canceled == sum(job.status is S.CANCELED for job in jobs)
        assert progress.running == sum(job.status is S.RUNNING for job in jobs)


def test_use() -> None:
    seen = view({"a": [S.RUNNING, S.RUNNING, S.READY]})
    assert live_rows.use(seen, MACHINE) == "4 of 8 CPUs, 2 GiB of 16 GiB"
    assert live_rows.use(view({"a": [S.RUNNING]}, nodes=(1, 2)), MACHINE) == ""


class Output(live_rows.LastLines):
    """Reads one file for every job."""

    def __init__(self, path: Path) -> None:
        self._known = {}
        self.path = path

    def _path(self, job: Job) -> str | None:
        return str(self.path)


def test_running(tmp_path: Path) -> None:
    log = tmp_path / "log"
    output = Output(log)
    jobs = list(view({"a": [S.RUNNING]}).jobs.values())

    def line(now: float) -> str:
        return live_rows.running(jobs, now, output, ASCII, 80)[0]

    assert line(10.2) == "  > a_0  0.20 s"
    assert line(11.0) == "  > a_0  1.0 s"
    log.write_text("epoch 1\n\x1b[31mepoch 2\x1b[0m\x07\n")
    assert line(11.2) == "  > a_0  1.2 s", "it was read less than half a second before"
    assert line(12.0) == "  > a_0  2.0 s     epoch 2"
    log.unlink()
    assert line(13.0) == "  > a_0  3.0 s     epoch 2"
    jobs[0].attempt_id = 2
    assert line(14.0) == "  > a_0  4.0 s"
