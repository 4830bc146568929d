"""Folded groups in the job table: the jobs of a row, also with a filter, and the cost with many
jobs.
"""

from __future__ import annotations

from torc_tui.model import Job, Workflow
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_columns import COLUMNS
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.views.workflow_view import WorkflowView

S = JobStatus


def rows_of(*states: JobStatus, extra: int = 1) -> JobRows:
    jobs = [Job(1 + i, f"train_{i}", state, group="train_{i}") for i, state in enumerate(states)]
    jobs += [Job(1000 + i, f"one_{i}", S.READY, group=f"one_{i}") for i in range(extra)]
    rows = JobRows(WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0))
    rows.folds = True
    rows.groups.opened = set()
    return rows


def cell(rows: JobRows, key: object, column: str, width: int = 30) -> str:
    wanted = next(one for one in COLUMNS if one.key == column)
    found = rows.cells(key, [wanted], [width])[0]  # type: ignore[arg-type]  # a key
    return found[0] if isinstance(found[0], str) else "".join(text for text, _ in found)  # type: ignore[misc]  # a line


def test_actions_follow_the_filter() -> None:
    rows = rows_of(S.FAILED, S.COMPLETED, S.FAILED)
    assert rows.keys(None, False) == ["train_{i}", 1000]
    assert list(rows.jobs_of("train_{i}")) == [1, 2, 3]
    rows.filter(lambda job: job.status is S.FAILED)
    assert rows.keys(None, False) == ["train_{i}"]
    assert list(rows.jobs_of("train_{i}")) == [1, 3]
    assert cell(rows, "train_{i}", "name") == "▸ train_{i} ×2 of 3"


def test_most_telling_job() -> None:
    rows = rows_of(S.COMPLETED, S.FAILED, S.READY)
    rows.view.jobs[2].reason = "exit 3"
    assert rows.lead("train_{i}") == 2 and rows.lead(1000) == 1000 and rows.lead("nobody") is None
    rows.view.jobs[2].status = S.COMPLETED
    rows.view.jobs[3].status = S.FAILED
    rows.touched_groups([2, 3])
    assert rows.lead("train_{i}") == 3
    rows.filter(lambda job: job.status is S.COMPLETED)
    assert rows.lead("train_{i}") == 1
    assert cell(rows, "train_{i}", "why").startswith("2 completed")  # the matching jobs
    rows.filter(None)
    assert cell(rows, "train_{i}", "why").startswith("1 failed · 2 completed")


def test_number_of_jobs_is_never_shortened() -> None:
    rows = rows_of(S.READY, S.READY)
    assert cell(rows, "train_{i}", "name", 12).endswith(" ×2")


def test_folds_survive_a_reload() -> None:
    rows = rows_of(S.READY, S.READY)
    again = rows_of(S.READY, S.RUNNING)
    again.folds = False
    again.keep_folds(rows)
    assert again.folds and again.groups.opened == set()


def test_many_jobs_fold() -> None:
    jobs = [Job(i + 1, f"t_{i}", S.READY, group=f"f{i % 7}") for i in range(100_000)]
    rows = JobRows(WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0))
    assert len(rows.keys(None, False)) == 7
    rows.lead("f0")
    before = rows._leads["f0"]
    assert rows.lead("f0") == before


def test_few_matches_are_not_folded() -> None:
    rows = rows_of(*[S.COMPLETED] * 30, S.FAILED, S.FAILED)
    rows.page = 10
    rows.filter(lambda job: job.status is S.FAILED)
    assert list(rows.keys(None, False)) == [31, 32]
    rows.page = 1
    assert list(rows.keys(None, False)) == ["train_{i}"]


def test_strip_counts_what_matches() -> None:
    rows = rows_of(*[S.COMPLETED] * 30, S.FAILED, S.READY)
    rows.filter(lambda job: job.status in (S.FAILED, S.READY))
    group = rows.groups.by_name["train_{i}"]
    assert sum(rows.counts_of(group)) == 2
    rows.view.jobs[32].status = S.FAILED
    assert not rows.update({32})
    assert rows.counts_of(group)[S.FAILED] == 2
    rows.view.jobs[32].status = S.RUNNING
    assert rows.update({32})
    assert sum(rows.counts_of(group)) == 1
