"""Many jobs are filtered and sorted in the reader thread; few of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.model import Job, Workflow
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_arranger import JobArranger
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.jobs.job_table import Reordering
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.table_model import MANY
from torc_tui.views.workflow_view import WorkflowView

S = JobStatus
FEW = 5


class FakeTable:
    """What the arranger needs of the table; ``order`` is what it shows."""

    def __init__(self, model: WorkflowModel) -> None:
        self.model = model
        self.sort: str | None = None
        self.reverse = False
        self.reordering = Reordering()
        self.order: list[Any] = []
        self.order_rows: Callable[[], None] = self.reload

    def reload(self) -> None:
        self.order = list(self.model.rows.keys(self.sort, self.reverse))

    reorder = reload


class Desk:
    """An arranger of ``size`` jobs, and the questions that it has asked."""

    def __init__(self, size: int) -> None:
        self.model = WorkflowModel(1, 0.0)
        self.model.load(JobRows(view(size)))
        self.model.rows.folds = False
        self.table = FakeTable(self.model)
        self.asked: list[Callable[[], None]] = []
        table: Any = self.table
        self.arranger = JobArranger(self.model, table, self._ask)
        self.table.reload()

    def _ask(self, key: str, read: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        self.asked.append(lambda: then(read(None)))

    def answer(self) -> None:
        asked, self.asked = self.asked, []
        for one in asked:
            one()

    def sort(self, column: str | None, *, reverse: bool = False) -> None:
        self.table.sort, self.table.reverse = column, reverse
        self.table.order_rows()


def view(size: int) -> WorkflowView:
    jobs = [
        Job(number, f"j{size - number:05}", S.READY if number % 2 else S.FAILED, group="j{i}")
        for number in range(1, size + 1)
    ]
    return WorkflowView(Workflow(id=1, name="w", user="u"), jobs, {}, cursor=0)


def failed(job: Job) -> bool:
    return job.status is S.FAILED


@pytest.mark.parametrize("size", [FEW, MANY])
def test_order_and_filter(size: int) -> None:
    desk = Desk(size)
    down = list(range(size, 0, -1))
    desk.sort("name")
    assert bool(desk.asked) is (size >= MANY)
    assert (desk.table.order == down) is (size < MANY), "nothing is sorted in this thread"
    desk.answer()
    assert desk.table.order == down
    desk.arranger.filter(failed)
    desk.answer()
    assert desk.table.order == [key for key in down if key % 2 == 0]
    desk.sort(None)
    desk.answer()
    desk.arranger.filter(None)
    assert not desk.asked, "the order of the workflow needs no work"
    assert desk.table.order == list(range(1, size + 1))


def test_a_filter_survives_an_order_that_is_asked_for_meanwhile() -> None:
    desk = Desk(MANY)
    told: list[bool] = []
    desk.arranger.filter(failed, told.append)
    desk.sort("id", reverse=True)
    desk.answer()
    assert desk.table.order == list(range(MANY, 0, -2)) and told == [True]


def test_jobs_that_change_after_their_test() -> None:
    """They are tested again when the answer arrives, and move with the next order."""
    desk = Desk(MANY)
    rows = desk.model.rows

    def changes_job_1(job: Job) -> bool:
        found = failed(job)
        rows.view.jobs[1].status = S.FAILED
        return found

    desk.arranger.filter(changes_job_1)
    desk.arranger.changed({1})
    desk.answer()
    assert rows.passes(1) and 1 not in desk.table.order and desk.table.reordering.is_due
    group = rows.groups.by_name["j{i}"]
    assert rows.counts_of(group)[S.FAILED] == rows.shown == MANY // 2 + 1
    desk.arranger.arrange()
    desk.answer()
    assert desk.table.order[0] == 1


def test_a_test_that_no_job_passes() -> None:
    for size in (FEW, MANY):
        desk, told = Desk(size), list[bool]()
        desk.arranger.filter(lambda job: False, told.append, unless_empty=True)
        desk.answer()
        assert told == [False] and len(desk.table.order) == size


def test_reloaded_jobs_keep_filter_and_order_until_they_are_arranged() -> None:
    desk = Desk(MANY)
    desk.sort("id", reverse=True)
    desk.arranger.filter(failed)
    desk.answer()
    before = desk.table.order
    desk.model.load(JobRows(view(MANY)))
    assert isinstance(desk.model.rows, JobRows)
    desk.table.reload()
    assert desk.table.order == before
    desk.arranger.restart()
    desk.answer()
    assert desk.table.order == before and desk.model.rows.shown == MANY // 2
