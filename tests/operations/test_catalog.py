"""Every action of the catalog in every status, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import Refused
from torc_tui.operations import workflows as operations
from torc_tui.operations.catalog import BY_ID, CATALOG
from torc_tui.operations.user_action import (
    Target,
    UserAction,
    describe_jobs,
    function_of,
    job_refusal,
    must_confirm,
    narrow,
    shell_line,
    workflow_refusal,
)
from torc_tui.plan.resolve import resolve
from torc_tui.status import CANCELABLE, FINISHED, HELD, JobStatus
from torc_tui.store import workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.workflow_file.load import loads

ACTOR = "ann@bench"
ON_JOBS = [
    action
    for action in CATALOG
    if action.target is Target.JOBS
    and action.id not in ("job-hold-after", "job-release-after", "job-update")
]
"""Two are about the dependents; `test_dependents` tries them in every status. An update needs what
to change; see tests/operations/test_job_updates.py."""
ON_WORKFLOWS = [
    action
    for action in CATALOG
    if action.target in (Target.WORKFLOW, Target.WORKFLOWS)
    and action.id
    not in (
        "workflow-run",
        "workflow-stop",
        "workflow-rename",
        "workflow-update",
        "workflow-sync-status",
        "workflow-correct-resources",
    )
]
"""Those five start a process, need a runner, need what to change, a lost runner, and measures."""


def by_id(action: UserAction) -> str:
    return action.id


@pytest.fixture
def workflow_id(store: Store, tmp_path: Path) -> int:
    """A workflow with one job, initialized."""
    plan = resolve(loads("{name: w, jobs: [{name: fit, command: x}]}", format="yaml"))
    made = operations.create_workflow(store, plan, user="ann", directory=str(tmp_path), actor=None)
    operations.initialize(store, made)
    return made


def put(store: Store, status: JobStatus, flags: bool = False) -> None:
    """Give the job a status, as if it had come to it."""
    with store.write() as conn:
        value = "true" if flags else "false"
        execute(conn, f"UPDATE job SET status = {int(status)}, held = {value}, suspended = {value}")


def content(store: Store) -> list[Any]:
    """Return everything that an action may change."""
    with store.read() as conn:
        return [execute(conn, f"SELECT * FROM {table}") for table in ("workflow", "job", "event")]


def kinds_after(store: Store, workflow_id: int, before: int) -> set[str]:
    found = [event for event in list_events(store, workflow_id) if event.seq > before]
    assert all(event.actor == ACTOR for event in found)
    return {event.kind for event in found}


@pytest.mark.parametrize("action", ON_JOBS, ids=by_id)
def test_jobs(store: Store, workflow_id: int, action: UserAction) -> None:
    """A legal action changes the job and writes its event; another one changes nothing."""
    act = function_of(action)
    argument = () if action.argument is None else (action.argument.kind(7),)
    for status in JobStatus:
        for flags in (False, True):
            put(store, status, flags)
            (job,) = workflows.snapshot(store, workflow_id).jobs
            last = workflows.get_workflow(store, workflow_id).last_seq
            before = content(store)
            done = act(store, [job.id], *argument, actor=ACTOR)
            if status in action.legal and (flags or action.flag is None):
                assert (done.moved, done.refused) == ([job.id], {}), status
                assert kinds_after(store, workflow_id, last) & set(action.events), status
            else:
                assert (done.moved, done.refused) == ([], {job.id: job_refusal(action, job)})
                assert content(store) == before, status


@pytest.mark.parametrize("name", ["job-hold-after", "job-release-after"])
def test_dependents(store: Store, tmp_path: Path, name: str) -> None:
    """Dependents that have not begun are held, whatever the status of the job itself."""
    text = "{name: w, jobs: [{name: a, command: x}, {name: b, command: x, depends_on: [a]}]}"
    plan = resolve(loads(text, format="yaml"))
    made = operations.create_workflow(store, plan, user="ann", directory=str(tmp_path), actor=None)
    operations.initialize(store, made)
    action, holds = BY_ID[name], name == "job-hold-after"
    for status in JobStatus:
        put(store, status, not holds)
        first, _ = workflows.snapshot(store, made).jobs
        done = function_of(action)(store, [first.id], actor=ACTOR)
        second = workflows.snapshot(store, made).jobs[1]
        assert (done.moved == [first.id]) is (status in CANCELABLE), status
        assert bool(done.refused) is (status not in CANCELABLE), status
        assert second.held is (holds if status in CANCELABLE else not holds), status


@pytest.mark.parametrize("action", ON_WORKFLOWS, ids=by_id)
def test_workflows(store: Store, tmp_path: Path, workflow_id: int, action: UserAction) -> None:
    act = function_of(action)
    target = workflow_id if action.target is Target.WORKFLOW else [workflow_id]
    for status in JobStatus:
        put(store, status)
        workflow = workflows.get_workflow(store, workflow_id)
        refusal = workflow_refusal(action, workflow)
        legal = status in action.legal and (not action.needs or status in action.needs)
        assert (refusal is None) is legal, status
        before = content(store)
        if legal and action.events:
            act(store, target, actor=ACTOR)
            assert kinds_after(store, workflow_id, workflow.last_seq) & set(action.events)
        elif not legal:
            with pytest.raises(Refused) as error:
                act(store, target, actor=ACTOR)
            assert error.value.message == refusal
            assert content(store) == before, status


@pytest.mark.parametrize("status", JobStatus, ids=lambda status: status.word)
def test_delete_after_cancel(store: Store, workflow_id: int, status: JobStatus) -> None:
    """A workflow can be deleted at once, or as soon as its running jobs are canceled."""
    put(store, status)
    if status in HELD:
        with pytest.raises(Refused, match="1 job is running") as error:
            operations.delete_workflows(store, [workflow_id])
        assert error.value.hint == f"cancel them first: `torc cancel {workflow_id}`"
        operations.cancel_workflow(store, workflow_id)
        put(store, JobStatus.CANCELED)  # what the runner does when it is asked
    (deleted,) = operations.delete_workflows(store, [workflow_id])
    assert deleted.id == workflow_id


@pytest.mark.parametrize("action", CATALOG, ids=by_id)
def test_rows(action: UserAction) -> None:
    assert BY_ID[action.id] is action
    assert callable(function_of(action))
    assert action.help[0].isupper() and not action.help.endswith(".") and "\n" not in action.help
    assert len(action.help) <= 80
    assert action.question.endswith("?") and not action.done.endswith(".")
    assert action.confirm is None or action.confirm.reason.endswith(".")
    line = shell_line(action, workflow=3, workflows=3, jobs="1 2", record=7, argument=5,
                      allocation=6, group="gpu")  # fmt: skip
    assert line is None or (line.startswith("torc ") and "{" not in line)


class Fake:
    """A job."""

    def __init__(self, job_id: int, name: str, status: JobStatus) -> None:
        self.id, self.name, self.status = job_id, name, status
        self.held = self.suspended = False


def test_narrow() -> None:
    a, b, c = (Fake(1, "a", JobStatus.FAILED), Fake(2, "b", JobStatus.READY),
               Fake(3, "c", JobStatus.COMPLETED))  # fmt: skip
    assert narrow(BY_ID["job-retry"], [a, b, c]) == (
        [a],
        {2: "cannot retry b: it is ready", 3: "cannot retry c: it has already completed"},
    )
    assert narrow(BY_ID["job-hold"], [a])[1] == {1: "cannot hold a: it has already failed"}
    assert narrow(BY_ID["job-release"], [b])[1] == {2: "cannot release b: it is not held"}


def test_describe_jobs() -> None:
    jobs = [Fake(number, f"j{number}", JobStatus.READY) for number in range(5)]
    assert describe_jobs(jobs[:1]) == "job 0 (j0)"
    assert describe_jobs(jobs[:2]) == "2 jobs (j0 and j1)"
    assert describe_jobs(jobs) == "5 jobs (j0, j1, j2 and 2 more)"
    mixed = [*jobs[:2], Fake(9, "j9", JobStatus.FAILED)]
    assert describe_jobs(mixed) == "3 jobs (2 ready, 1 failed: j0, j1 and j9)"


def test_confirmation() -> None:
    ready = {JobStatus.READY: 1}
    assert not must_confirm(BY_ID["job-hold"], ready)
    assert must_confirm(BY_ID["job-hold"], {JobStatus.READY: 21})
    assert must_confirm(BY_ID["job-cancel"], ready)
    assert must_confirm(BY_ID["workflow-delete"], {})
    assert not must_confirm(BY_ID["workflow-initialize"], ready)
    for status in FINISHED:
        assert must_confirm(BY_ID["workflow-initialize"], {**ready, status: 1})
