"""User actions on both databases: changes, refusals, and the event with the actor."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound, Refused
from torc_tui.model import Machine
from torc_tui.operations import catalog, job_holds, runners
from torc_tui.operations import jobs as acts
from torc_tui.operations import workflows as operations
from torc_tui.operations.user_action import function_of
from torc_tui.plan.resolve import resolve
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, user_data, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.workflow_file.load import loads

ME = "ann@bench"

FILES = """
name: files
jobs:
  - {name: read, command: 'cat ${files.input.raw} > ${files.output.mid}'}
  - {name: use, command: 'cat ${files.input.mid}; torc user-data get ${user_data.input.config}'}
files:
  - {name: raw, path: raw.txt}
  - {name: mid, path: mid.txt}
user_data:
  - {name: config, data: {a: 1}}
"""


def make(store: Store, folder: Path, text: str = FILES) -> int:
    plan = resolve(loads(text, format="yaml"))
    return operations.create_workflow(store, plan, user="ann", directory=str(folder), actor=ME)


def ids(store: Store, workflow_id: int) -> dict[str, int]:
    return {job.name: job.id for job in workflows.snapshot(store, workflow_id).jobs}


def states(store: Store, workflow_id: int) -> dict[str, str]:
    return {job.name: job.status.word for job in workflows.snapshot(store, workflow_id).jobs}


def last_event(store: Store, workflow_id: int) -> tuple[str, str | None]:
    event = list_events(store, workflow_id)[-1]
    return event.kind, event.actor


def test_concurrent_initialization(store: Store, tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("")
    workflow_id = make(store, tmp_path)
    assert operations.initialize(store, workflow_id, once=True).run_id == 1
    told = len(list_events(store, workflow_id))
    second = operations.initialize(store, workflow_id, once=True)
    assert (second.run_id, second.counts[JobStatus.READY]) == (1, 1)
    assert len(list_events(store, workflow_id)) == told
    ready = f"status = {JobStatus.READY}"
    with store.write() as conn:  # the runner that has initialized it starts a job
        execute(conn, f"UPDATE job SET status = {JobStatus.RUNNING} WHERE {ready}")
    assert operations.initialize(store, workflow_id, once=True).run_id == 1
    with store.write() as conn:
        execute(conn, f"UPDATE job SET {ready} WHERE status = {JobStatus.RUNNING}")
    assert operations.initialize(store, workflow_id).run_id == 2  # who asks for it gets a new run


def test_initialize_with_missing_inputs(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    with pytest.raises(Refused, match=r"raw: .*raw\.txt"):
        operations.initialize(store, workflow_id)
    check = operations.init_check(store, workflow_id)
    assert not check.safe
    assert check.missing_files == [("raw", str(tmp_path / "raw.txt"))]
    assert set(states(store, workflow_id).values()) == {"uninitialized"}
    assert workflows.get_workflow(store, workflow_id).run_id == 0


def test_forced_initialization(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    assert operations.initialize(store, workflow_id, force=True).ready == 1
    user_data.update(
        store.connection(), "config", {"data": None}, user_data.Author(1.0), workflow_id=workflow_id
    )
    with pytest.raises(Refused, match=r"config \(id"):
        operations.initialize(store, workflow_id, force=True)


def test_initialize_records_run_and_actor(store: Store, tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("x")
    (tmp_path / "mid.txt").write_text("left over")
    workflow_id = make(store, tmp_path)
    report = operations.initialize(store, workflow_id, actor=ME)
    assert (report.run_id, report.ready, report.blocked) == (1, 1, 1)
    assert report.existing_outputs == [("mid", str(tmp_path / "mid.txt"))]
    assert states(store, workflow_id) == {"read": "ready", "use": "blocked"}
    assert last_event(store, workflow_id) == ("workflow_initialized", ME)
    assert operations.initialize(store, workflow_id).run_id == 2


def test_initialize_keeps_disabled_jobs_disabled(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    acts.disable_jobs(store, [ids(store, workflow_id)["read"]])
    (tmp_path / "mid.txt").write_text("from elsewhere")
    operations.initialize(store, workflow_id)
    assert states(store, workflow_id) == {"read": "disabled", "use": "ready"}


def test_the_output_of_a_disabled_job_must_exist(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    acts.disable_jobs(store, [ids(store, workflow_id)["read"]])
    with pytest.raises(Refused, match=r"mid: "):
        operations.initialize(store, workflow_id)


def test_archived_workflows_are_not_initialized(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.archive_workflows(store, [workflow_id], actor=ME)
    with pytest.raises(Refused, match="archived"):
        operations.initialize(store, workflow_id, force=True)


def test_a_workflow_with_running_jobs_is_neither_initialized_nor_deleted(
    store: Store, tmp_path: Path
) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    with store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = 99"
            " WHERE name = 'read'",
        )
    with pytest.raises(Refused, match="1 job is running"):
        operations.initialize(store, workflow_id, force=True)
    with pytest.raises(Refused, match="1 job is running"):
        operations.delete_workflows(store, [workflow_id])
    assert workflows.get_workflow(store, workflow_id).name == "files"


def test_cancel_waiting_jobs(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    assert operations.cancel_workflow(store, workflow_id, actor=ME) == 2
    assert set(states(store, workflow_id).values()) == {"canceled"}
    workflow = workflows.get_workflow(store, workflow_id)
    assert workflow.is_canceled
    assert last_event(store, workflow_id) == ("workflow_canceled", ME)


def test_retry_after_cancel(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    operations.cancel_workflow(store, workflow_id)
    acts.retry_jobs(store, ids(store, workflow_id).values(), actor=ME)
    assert states(store, workflow_id) == {"read": "ready", "use": "blocked"}
    assert not workflows.get_workflow(store, workflow_id).is_canceled


def test_refusals_of_single_jobs(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    job = ids(store, workflow_id)["read"]
    for act in (acts.retry_jobs, acts.terminate_jobs, acts.enable_jobs, job_holds.release_jobs):
        before = list_events(store, workflow_id)
        done = act(store, [job])
        assert done.moved == []
        assert "read" in done.refused[job]
        assert list_events(store, workflow_id) == before
    with pytest.raises(NotFound, match="no job 4711"):
        acts.cancel_jobs(store, [job, 4711])
    assert states(store, workflow_id)["read"] == "ready"


def test_events_of_priority_hold_and_release(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    job = ids(store, workflow_id)["read"]
    acts.set_priority(store, [job], 7, actor=ME)
    job_holds.hold_jobs(store, [job], actor=ME)
    (found,) = [one for one in workflows.snapshot(store, workflow_id).jobs if one.id == job]
    assert (found.priority, found.held) == (7, True)
    job_holds.release_jobs(store, [job], actor=ME)
    assert [(e.kind, e.actor) for e in list_events(store, workflow_id, job_id=job)] == [
        ("job_priority", ME),
        ("job_held", ME),
        ("job_released", ME),
    ]


def test_pause_and_resume(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.pause_workflow(store, workflow_id, actor=ME)
    assert workflows.get_workflow(store, workflow_id).is_paused
    operations.resume_workflow(store, workflow_id, actor=ME)
    assert not workflows.get_workflow(store, workflow_id).is_paused
    assert last_event(store, workflow_id) == ("workflow_resumed", ME)


def test_stop_without_runner(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    with pytest.raises(Refused, match="no active runner"):
        runners.stop_runners(store, workflow_id)


def test_cancel_jobs_of_a_lost_runner(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    operations.initialize(store, workflow_id, force=True)
    from torc_tui.resources.detect import detect_machine
    from torc_tui.resources.machine_identity import boot_id, hostname

    machine = detect_machine()
    gone = compute_nodes.MachineProcess(
        hostname=hostname(), boot_id=boot_id(), pid=os.getpid(), started=1
    )  # another process' time
    with store.write() as conn:
        node_id, _ = compute_nodes.register(conn, workflow_id, 1, gone, machine, {}, 0.0)
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node_id}"
            " WHERE name = 'read'",
        )
    operations.cancel_workflow(store, workflow_id)
    assert set(states(store, workflow_id).values()) == {"canceled"}
    operations.delete_workflows(store, [workflow_id])
    with pytest.raises(NotFound):
        workflows.get_workflow(store, workflow_id)


def test_needs_initialization(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path)
    assert operations.needs_initialization(workflows.get_workflow(store, workflow_id))
    operations.initialize(store, workflow_id, force=True)
    assert not operations.needs_initialization(workflows.get_workflow(store, workflow_id))
    assert workflows.get_workflow(store, workflow_id).counts == {
        JobStatus.READY: 1,
        JobStatus.BLOCKED: 1,
    }


def test_command_line_without_database_url(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of the machine can read it, and the name may hold a password."""
    asked: list[tuple[list[str], dict[str, str]]] = []

    class Started:
        pid = 4711
        returncode: int | None = None

        def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
            asked.append((command, env))

    workflow_id = make(store, tmp_path)
    monkeypatch.setattr(subprocess, "Popen", Started)
    runners.start_runner(store, workflow_id, ["--grace", "1"])
    ((command, env),) = asked
    assert command[-4:] == ["run", str(workflow_id), "--grace", "1"]
    assert not [word for word in command if "://" in word or "database" in word]
    assert env["TORC_DATABASE"] == store.url


CHAIN = """
name: chain
jobs:
  - {name: a, command: x}
  - {name: 'b_{i}', command: x, depends_on: [a], parameters: {i: '1:3'}}
  - {name: c, command: x, depends_on_regexes: ['b_.*']}
  - {name: d, command: x, depends_on: [c], cancel_on_blocking_job_failure: false}
  - {name: e, command: x, depends_on: [d]}
  - {name: f, command: x}
"""


@pytest.mark.parametrize("status", [JobStatus.READY, JobStatus.RUNNING], ids=["ready", "running"])
def test_cancel_names_dependents(store: Store, tmp_path: Path, status: JobStatus) -> None:
    """Before and after the action, the same: the jobs that will not run."""
    workflow_id = make(store, tmp_path, CHAIN)
    operations.initialize(store, workflow_id)
    number = ids(store, workflow_id)
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {int(status)} WHERE name = 'a'")
    found = acts.select(store, catalog.CANCEL, [number["a"], number["b_2"]])
    assert [job.name for job in found.jobs] == ["a", "b_2"]
    assert found.dependents == ["b_1", "b_3", "c"]
    done = acts.cancel_jobs(store, [number["a"], number["b_2"]], actor=ME)
    assert (sorted(done.moved), done.dependents) == ([number["a"], number["b_2"]], 3)
    if status is JobStatus.READY:
        canceled = [name for name, one in states(store, workflow_id).items() if one == "canceled"]
        assert canceled == ["a", "b_1", "b_2", "b_3", "c"]


def test_only_cancel_and_retry_change_dependents(store: Store, tmp_path: Path) -> None:
    workflow_id = make(store, tmp_path, CHAIN)
    operations.initialize(store, workflow_id)
    number = ids(store, workflow_id)
    assert acts.disable_jobs(store, [number["f"]], actor=ME).dependents == 0
    assert acts.enable_jobs(store, [number["f"]], actor=ME).dependents == 0
    acts.cancel_jobs(store, [number["a"]], actor=ME)
    found = acts.select(store, catalog.RETRY, [number["a"]])
    assert found.dependents == ["b_1", "b_2", "b_3", "c", "d"]
    assert acts.retry_jobs(store, [number["a"]], actor=ME).dependents == 5
    assert states(store, workflow_id)["c"] == "blocked"


@pytest.mark.parametrize("act", ["retry", "disable", "hold"])
def test_jobs_of_a_lost_runner_are_freed_first(store: Store, tmp_path: Path, act: str) -> None:
    """By the action itself, which the app calls, and by the choice of the jobs."""
    workflow_id = make(store, tmp_path, CHAIN)
    operations.initialize(store, workflow_id)
    a = ids(store, workflow_id)["a"]
    gone = replace(compute_nodes.this_process("here"), started=1)
    machine = Machine(hostname="here", num_cpus=1, memory=1)
    action = catalog.BY_ID[f"job-{act}"]
    for choose in (True, False):
        with store.write() as conn:
            node, _ = compute_nodes.register(conn, workflow_id, 1, gone, machine, {}, 1.0)
            execute(
                conn,
                f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node},"
                " started_at = 1.0, held = "
                f"{'TRUE' if store.dialect == 'postgresql' else 1} WHERE id = {a}",
            )
        legal = JobStatus.READY in action.legal
        if choose:
            found = acts.select(store, action, [a], actor=ME)
            assert [job.id for job in found.jobs] == ([a] if legal else [])
            assert states(store, workflow_id)["a"] == "ready"
        else:
            done = function_of(action)(store, [a], actor=ME)
            assert done.moved == ([a] if legal else [])


BEHIND = """
name: w
jobs:
  - {name: a, command: x}
  - {name: b, command: x, depends_on: [a]}
  - {name: c, command: x, depends_on: [b]}
  - {name: d, command: x}
"""


def test_enabled_jobs_block_dependents(store: Store, tmp_path: Path) -> None:
    """Dependents that have become ready without the job, and have not started, wait again."""
    wf = make(store, tmp_path, BEHIND)
    operations.initialize(store, wf)
    jobs = ids(store, wf)
    acts.disable_jobs(store, [jobs["a"]])
    assert states(store, wf) == {"a": "disabled", "b": "ready", "c": "blocked", "d": "ready"}
    acts.enable_jobs(store, [jobs["a"]])
    assert states(store, wf) == {"a": "ready", "b": "blocked", "c": "blocked", "d": "ready"}
    kinds = [event.kind for event in list_events(store, wf) if event.job_id == jobs["b"]]
    assert kinds[-1] == "job_blocked"


@pytest.mark.parametrize("act", ["cancel_jobs", "disable_jobs"])
def test_other_jobs_before_the_first_run(store: Store, tmp_path: Path, act: str) -> None:
    wf = make(store, tmp_path, BEHIND)
    getattr(acts, act)(store, [ids(store, wf)["a"]])
    after = "canceled" if act == "cancel_jobs" else "disabled"
    assert states(store, wf) == {"a": after, **dict.fromkeys("bcd", "uninitialized")}
    assert operations.needs_initialization(workflows.get_workflow(store, wf))
    operations.initialize(store, wf, once=True)
    b, c = ("canceled", "canceled") if act == "cancel_jobs" else ("ready", "blocked")
    assert states(store, wf) == {"a": after, "b": b, "c": c, "d": "ready"}
