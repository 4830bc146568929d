"""The model of the job table: order, filter and cells."""

from __future__ import annotations

from dataclasses import dataclass

from torc_tui.model import Event, Job, ResourceRequirements, Workflow
from torc_tui.operations.core_lacks import CoreLacks
from torc_tui.operations.request_lacks import Lack, RequestLacks
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_columns import COLUMNS
from torc_tui.tui.jobs.job_page import JobPageInput, job_page
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.jobs.page import NEIGHBORS, Details
from torc_tui.tui.jobs.workflow_model import RERUN, outcomes
from torc_tui.tui.widgets.table_model import layout
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import clock


def view() -> WorkflowView:
    jobs = [
        Job(
            1,
            "prep",
            JobStatus.COMPLETED,
            started_at=0.0,
            ended_at=4.0,
            return_code=0,
            group="prep",
        ),
        Job(2, "train_1", JobStatus.RUNNING, started_at=10.0, group="train", requirement_id=1),
        Job(3, "train_2", JobStatus.READY, group="train", requirement_id=1),
        Job(4, "evaluate", JobStatus.BLOCKED, unmet=2, group="evaluate"),
        Job(5, "bad", JobStatus.FAILED, started_at=1.0, ended_at=2.0, return_code=3, group="bad"),
    ]
    return WorkflowView(
        Workflow(id=1, name="w", user="u"),
        jobs,
        {1: ResourceRequirements(name="r", num_cpus=4, num_gpus=1)},
        cursor=9,
    )


def said(rows: JobRows, key: int | str) -> dict[str, str]:
    cells = rows.cells(key, COLUMNS, [column.width for column in COLUMNS])
    return {
        column.key: cell[0] if isinstance(cell[0], str) else "".join(text for text, _ in cell)  # type: ignore[misc]
        for column, cell in zip(COLUMNS, cells, strict=True)
    }


def test_cells() -> None:
    rows = JobRows(view(), now=73.0)
    assert said(rows, 1) | {"sign": "✔", "status": "completed", "time": "4.00 s"} == said(rows, 1)
    assert (
        said(rows, 2)["time"] == "1:03"
        and said(rows, 2)["cpus"] == "4"
        and said(rows, 2)["gpus"] == "1"
    )
    assert said(rows, 4)["why"] == "waits for 2 jobs"
    assert said(rows, 5)["why"] == "exit 3" and said(rows, 5)["exit"] == "3"
    assert rows.reasons.unexplained == {4}


def test_order() -> None:
    rows = JobRows(view(), now=73.0)
    assert rows.keys(None, False) == [1, 2, 3, 4, 5]
    assert rows.keys("status", False) == [2, 5, 3, 4, 1]
    assert rows.keys("name", False) == [5, 4, 1, 2, 3]
    assert list(rows.keys("time", True))[:2] == [2, 1]
    for column in COLUMNS:
        if column.sortable:
            assert sorted(rows.keys(column.key, True)) == [1, 2, 3, 4, 5]


def test_filter_follows_changes() -> None:
    folded = view()
    rows = JobRows(folded)
    rows.filter(lambda job: job.status is JobStatus.RUNNING)
    assert rows.keys(None, False) == [2] and rows.shown == 1
    changed = folded.apply(
        [
            Event(1, 10, 80.0, "job_started", 3),
            Event(1, 11, 80.0, "job_completed", 2, {"return_code": 0}),
        ]
    )
    assert rows.update(changed)
    assert rows.keys(None, False) == [3]
    assert not rows.update({3})
    rows.filter(None)
    assert rows.shown == 5


def test_clock() -> None:
    assert [clock(seconds) for seconds in (-1, 4, 727, 11100, 360000)] == [
        "0:00",
        "0:04",
        "12:07",
        "3:05:00",
        "4d 04h",
    ]


def test_large_groups_are_folded_and_opened() -> None:
    jobs = [Job(1, "prep", JobStatus.COMPLETED, group="prep")]
    jobs += [Job(2 + i, f"train_{i}", JobStatus.READY, group="train_{i}") for i in range(30)]
    folded = WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0)
    rows = JobRows(folded)
    assert rows.folds and rows.keys(None, False) == [1, "train_{i}"]
    assert len(rows.jobs_of("train_{i}")) == 30 and rows.jobs_of(1) == (1,)
    assert "×30" in said(rows, "train_{i}")["name"] and said(rows, "train_{i}")["why"].startswith(
        "30 ready"
    )
    changed = folded.apply([Event(1, 1, 80.0, "job_failed", 5, {"return_code": 1})])
    assert rows.touched_groups(changed) == {"train_{i}"}
    assert said(rows, "train_{i}")["why"].startswith("1 failed · 29 ready")
    rows.groups.toggle("train_{i}")
    assert len(rows.keys(None, False)) == 32
    rows.groups.toggle("train_{i}")
    rows.filter(lambda job: job.status is JobStatus.FAILED)
    assert rows.keys(None, False) == ["train_{i}"]


def test_largest_id_fits() -> None:
    jobs = [
        Job(number, f"job_{number}", JobStatus.READY, group=f"f{number}")
        for number in (1, 1_220_000)
    ]
    rows = JobRows(WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0))
    for width in range(20, 200):
        shown = {column.key: size for column, size in layout(rows.columns, width)}
        assert shown.get("id", 7) >= 7, width


def test_ready_job_without_reading() -> None:
    rows = JobRows(view())
    rows.view.nodes.add(7)
    assert said(rows, 3)["why"] == ""
    rows.reasons.request_lacks = RequestLacks(((),), {1: Lack()})
    assert said(rows, 3)["why"] == "next in line"


def test_missing_cores_are_named() -> None:
    rows = JobRows(view())
    rows.view.nodes.add(7)
    lack = because(Kind.CORES, requested=2, free=1, total=4)
    for bound, words in (
        (CoreLacks(True, {}, {1: lack}), "core"),
        (CoreLacks(True, {3: False}, {1: lack}), "next"),
    ):
        rows.reasons.request_lacks = RequestLacks(((),), {1: Lack()}, None, bound)
        assert words in said(rows, 3)["why"]


def test_retried_attempt_is_not_reported() -> None:
    kinds = [
        ("job_failed", 1),
        ("job_retried", 1),
        ("job_failed", 2),
        ("job_ready", 3),
        ("job_terminated", 4),
    ]
    events = [
        Event(1, place, 0.0, kind, job_id, {"of": 4}) for place, (kind, job_id) in enumerate(kinds)
    ]
    assert outcomes(events) == {"failed": [2, 4], "retried": [1], "stopped": []}
    # Retried by a person, later: it had failed.
    assert outcomes([events[2], events[3], Event(1, 9, 0.0, "job_retried", 2)])["failed"] == [2]


def test_stopped_by_a_user() -> None:
    kinds = (Kind.TERMINATED_BY_USER, Kind.RUNNER_STOPPED, Kind.TIMEOUT)
    events = [
        Event(1, job, 0.0, "job_terminated", job, {"reason": because(kind).to_json()})
        for job, kind in enumerate(kinds, 1)
    ]
    assert outcomes(events) == {"failed": [3], "retried": [], "stopped": [1, 2]}


def test_jobs_that_run_again_after_a_loss_have_not_failed() -> None:
    data = {"reason": because(Kind.LOST, places=("n1",), proof="node_down").to_json()}
    events = [
        Event(1, 1, 0.0, "job_terminated", 1, data | {"interrupted": True}),
        Event(1, 2, 0.0, "job_failed", 2, data),
    ]
    assert outcomes(events) == {"failed": [2], "retried": [], "stopped": [], RERUN: [1]}


def test_neighbors_by_attention() -> None:
    @dataclass
    class Near:
        job_id: int
        name: str
        status: JobStatus = JobStatus.COMPLETED
        via: str | None = None

    states = [JobStatus.COMPLETED] * 30 + [
        JobStatus.BLOCKED,
        JobStatus.RUNNING,
        JobStatus.CANCELED,
        JobStatus.FAILED,
    ]
    jobs = {number: Job(number, f"n{number}", status) for number, status in enumerate(states)}
    details = Details(
        record={"id": 99}, before=[Near(number, f"n{number}") for number in jobs], before_count=1000
    )
    job = Job(99, "last", JobStatus.BLOCKED)
    shown = job_page(JobPageInput(job, (), None, details, jobs, {}, 0.0), 80)
    assert list(shown.links.values())[:5] == [33, 32, 31, 30, 0] and len(shown.links) == NEIGHBORS
