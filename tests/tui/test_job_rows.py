"""The model of the job table: order, filter kept up to date by changes alone, and what the cells say."""

from __future__ import annotations

from torc_tui.model import Event, Job, JobStatus, ResourceRequirements, Workflow
from torc_tui.tui.job_rows import COLUMNS, JobRows, clock
from torc_tui.views.workflow import WorkflowView


def view() -> WorkflowView:
    jobs = [
        Job(1, "prep", JobStatus.COMPLETED, started_at=0.0, ended_at=4.0, return_code=0, family="prep"),
        Job(2, "train_1", JobStatus.RUNNING, started_at=10.0, family="train", requirement_id=1),
        Job(3, "train_2", JobStatus.READY, family="train", requirement_id=1),
        Job(4, "evaluate", JobStatus.BLOCKED, unmet=2, family="evaluate"),
        Job(5, "bad", JobStatus.FAILED, started_at=1.0, ended_at=2.0, return_code=3, family="bad"),
    ]
    return WorkflowView.from_snapshot(
        Workflow(id=1, name="w", user="u"), jobs, {1: ResourceRequirements(name="r", num_cpus=4, num_gpus=1)}, cursor=9
    )


def said(rows: JobRows, key: int | str) -> dict[str, str]:
    cells = rows.cells(key, COLUMNS, [column.width for column in COLUMNS])
    return {
        column.key: cell[0] if isinstance(cell[0], str) else "".join(text for text, _ in cell)  # type: ignore[misc]
        for column, cell in zip(COLUMNS, cells, strict=True)
    }


def test_cells() -> None:
    rows = JobRows(view(), now=73.0)
    assert said(rows, 1) | {"sign": "✔", "status": "completed", "time": "4.0 s"} == said(rows, 1)
    assert said(rows, 2)["time"] == "1:03" and said(rows, 2)["cpus"] == "4" and said(rows, 2)["gpus"] == "1"
    assert said(rows, 4)["why"] == "waits for 2 jobs"
    assert said(rows, 5)["why"] == "exit 3" and said(rows, 5)["exit"] == "3"
    assert rows.unexplained == {4}


def test_order() -> None:
    rows = JobRows(view(), now=73.0)
    assert rows.keys(None, False) == [1, 2, 3, 4, 5]
    assert rows.keys("status", False) == [2, 5, 3, 4, 1]
    assert rows.keys("name", False) == [5, 4, 1, 2, 3]
    assert list(rows.keys("time", True))[:2] == [2, 1]
    for column in COLUMNS:
        if column.sortable:
            assert sorted(rows.keys(column.key, True)) == [1, 2, 3, 4, 5]


def test_a_filter_follows_the_changes() -> None:
    folded = view()
    rows = JobRows(folded)
    rows.filter(lambda job: job.status is JobStatus.RUNNING)
    assert rows.keys(None, False) == [2] and rows.shown == 1
    changed = folded.apply(
        [Event(1, 10, 80.0, "job_started", 3), Event(1, 11, 80.0, "job_completed", 2, {"return_code": 0})]
    )
    assert rows.update(changed)
    assert rows.keys(None, False) == [3]
    assert not rows.update({3})
    rows.filter(None)
    assert rows.shown == 5


def test_clock() -> None:
    assert [clock(seconds) for seconds in (-1, 4, 727, 11100, 360000)] == ["0:00", "0:04", "12:07", "3:05:00", "4d 04h"]


def test_large_families_are_folded_and_opened() -> None:
    jobs = [Job(1, "prep", JobStatus.COMPLETED, family="prep")]
    jobs += [Job(2 + i, f"train_{i}", JobStatus.READY, family="train_{i}") for i in range(30)]
    folded = WorkflowView.from_snapshot(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0)
    rows = JobRows(folded)
    assert rows.folds and rows.keys(None, False) == [1, "train_{i}"]
    assert len(rows.jobs_of("train_{i}")) == 30 and rows.jobs_of(1) == (1,)
    assert "×30" in said(rows, "train_{i}")["name"] and said(rows, "train_{i}")["why"].startswith("30 ready")
    changed = folded.apply([Event(1, 1, 80.0, "job_failed", 5, {"return_code": 1})])
    assert rows.touched_families(changed) == {"train_{i}"}
    assert said(rows, "train_{i}")["why"].startswith("1 failed · 29 ready")
    rows.families.toggle("train_{i}")
    assert len(rows.keys(None, False)) == 32
    rows.families.toggle("train_{i}")
    rows.filter(lambda job: job.status is JobStatus.FAILED)
    assert rows.keys(None, False) == ["train_{i}"]
