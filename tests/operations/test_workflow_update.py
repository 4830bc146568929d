"""A workflow becomes what its file says now: in one transaction, with the results that are valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Bench
from torc_tui.errors import Refused
from torc_tui.lifecycle.update_effect import Effect
from torc_tui.model import ResourceRequirements
from torc_tui.operations.additions import add_jobs
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.jobs import update_jobs
from torc_tui.operations.workflow_edits import workflow_edits
from torc_tui.operations.workflow_update import update_from_plan
from torc_tui.operations.workflows import archive_workflows
from torc_tui.plan.resolve import resolve
from torc_tui.status import JobStatus
from torc_tui.store import job_definitions, queries, user_data, workflows
from torc_tui.store.feed import list_events
from torc_tui.store.selection import ListSelection
from torc_tui.workflow_file.load import loads

TEXT = """
name: sweep
env: {LEVEL: "1"}
jobs:
  - {name: prep, command: "make > ${files.output.data}"}
  - {name: "fit_{i}", command: "fit {i} ${files.input.data}", parameters: {i: "1:3"}, resource_requirements: small}
  - {name: sum, command: "sum ${user_data.input.config}", depends_on_regexes: ["fit_.*"], failure_handler: h}
  - {name: lone, command: "lone"}
files: [{name: data, path: data.txt}]
user_data: [{name: config, data: {lr: 1}}]
resource_requirements: [{name: small, num_cpus: 1, memory: 1g}]
failure_handlers: [{name: h, rules: [{exit_codes: [7], max_retries: 1}]}]
actions:
  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: [echo end]}
"""
ACTOR = "u@h"


def update(it: Any, *changes: tuple[str, str], text: str = TEXT, dry_run: bool = False) -> Any:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    plan = resolve(loads(text, format="yaml"))
    return update_from_plan(it.outside, it.workflow_id, plan, dry_run=dry_run, actor=ACTOR)


def complete(it: Any) -> None:
    """Let everything run to its end; files are not looked at here."""
    (it.directory / "data.txt").write_text("data")
    it.step()
    for _ in range(20):
        for job_id in sorted(it.fake.job_ids):
            it.fake.finish(job_id, 0)
        it.step()
    assert set(it.status().values()) == {"completed"}


def leave(it: Any) -> None:
    from torc_tui.store import compute_nodes

    with it.store.write() as conn:
        compute_nodes.leave(conn, it.engine.node.node_id, 0.0)


def content(it: Any) -> list[Any]:
    from tests.raw_sql import execute

    tables = ["workflow", "job", "file", "file_group", "user_data", "dependency", "gate", "event",
              "resource_requirements", "failure_handler", "action", "counter", "workflow_text"]  # fmt: skip
    with it.outside.read() as conn:
        return [sorted(map(repr, execute(conn, f"SELECT * FROM {table}"))) for table in tables]


def explanation(it: Any, name: str) -> str:
    from torc_tui.operations.job_facts import JobFacts
    from torc_tui.views.why import explain

    found = explain(it.ids[name], JobFacts(it.outside, it.workflow_id).of)
    return "; ".join(one.text for one in found.children)


def row(it: Any, name: str) -> Any:
    job_id = next(job.id for job in it.jobs() if job.name == name)
    with it.outside.read() as conn:
        return job_definitions.definitions(conn, [job_id])[job_id]


SAME = {
    "order of jobs": [("  - {name: lone, command: \"lone\"}\n", ""),
                      ("jobs:\n", "jobs:\n  - {name: lone, command: \"lone\"}\n")],
    "comment": [("name: sweep", "name: sweep  # the same")],
    "spelling": [("1g", "1024m"), ("{exit_codes: [7], max_retries: 1}", "{max_retries: 1, exit_codes: [7]}")],
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_nothing_changes(it: Any, name: str) -> None:
    """Another text with the same meaning leads to no write at all."""
    complete(it)
    before = content(it)
    assert not update(it, *SAME[name])
    assert content(it) == before


def test_in_kdl(store: Any, tmp_path: Path) -> None:
    text = 'name: w\njobs:\n  - {name: a, command: "true", env: {X: "1", Y: "2"}, priority: 3}\n'
    it = Bench(store, tmp_path, text)
    before = content(it)
    kdl = 'name "w"\njob "a" {\n  command "true"\n  priority 3\n  env {\n    Y "2"\n    X "1"\n  }\n}\n'
    plan = resolve(loads(kdl, format="kdl"))
    assert not update_from_plan(it.outside, it.workflow_id, plan, actor=ACTOR)
    assert content(it) == before
    it.outside.close()


def test_nothing_is_written(it: Any) -> None:
    """Readers are not woken: the database is not touched."""
    version = it.store.connection().data_version if it.store.dialect == "sqlite" else lambda: 0
    before = version()
    assert not update(it, ("name: sweep", "name: sweep  # the same"))
    assert version() == before


def test_grown_and_prioritized(it: Any) -> None:
    """A request that a retry has increased stays, too, and is one of the edits."""
    from torc_tui.operations.jobs import set_priority
    from torc_tui.records import replace
    from torc_tui.store import growth

    with it.outside.write() as conn:
        known = workflows.read_requirements(conn, it.workflow_id)
        small = known[
            job_definitions.definitions(conn, [it.ids["fit_1"]])[it.ids["fit_1"]].requirement_id
        ]
        growth.grow_updated(conn, it.workflow_id, {it.ids["fit_1"]: replace(small, memory=2 << 30)})
    set_priority(it.outside, [it.ids["lone"]], 4, actor=ACTOR)
    grown = row(it, "fit_1").requirement_id
    update(it, ("sum ${user_data", "total ${user_data"))
    assert row(it, "fit_1").requirement_id == grown and row(it, "lone").priority == 4
    edits = workflow_edits(it.store, it.workflow_id)
    assert set(edits.jobs) == {"fit_1", "lone"}
    assert '    memory: "2g"' in edits.lines


def test_dry_run(it: Any) -> None:
    complete(it)
    before = content(it)
    changes = update(it, ("1:3", "1:4"), ('lone"}', 'all"}'), dry_run=True)
    assert changes.jobs_added == ["fit_4"] and content(it) == before
    assert [one.name for one in changes.jobs_changed] == ["lone"]


def test_added_to_a_finished_workflow(it: Any) -> None:
    """Only the new jobs run, and the jobs that now wait for them."""
    complete(it)
    leave(it)
    changes = update(it, ("1:3", "1:5"))
    assert changes.jobs_added == ["fit_4", "fit_5"] and list(changes.rerun.values()) == ["sum"]
    assert it.status() == {
        "prep": "completed", "fit_1": "completed", "fit_2": "completed", "fit_3": "completed",
        "sum": "blocked", "lone": "completed", "fit_4": "ready", "fit_5": "ready",
    }  # fmt: skip
    (event,) = list_events(it.store, it.workflow_id, kind="workflow_changed")
    assert event.actor == ACTOR and event.data["added_jobs"] == ["fit_4", "fit_5"]


def test_added_to_a_live_workflow(it: Any) -> None:
    it.step()
    update(
        it,
        ('name: lone, command: "lone"', 'name: lone, command: "lone"}\n  - {name: new, command: x'),
    )
    it.step()
    assert it.status()["new"] == "pending"


def test_changed_results(it: Any) -> None:
    """A changed command reruns its job and what used the output; other results stay."""
    complete(it)
    leave(it)
    changes = update(
        it, ("fit {i}", "fit --fast {i}"), ("- {name: lone", "- {priority: 5, name: lone")
    )
    effects = {one.name: one.effect for one in changes.jobs_changed}
    assert effects == dict.fromkeys(["fit_1", "fit_2", "fit_3"], Effect.RERUN) | {
        "lone": Effect.KEPT
    }
    assert it.status() == {
        "prep": "completed", "fit_1": "ready", "fit_2": "ready", "fit_3": "ready",
        "sum": "blocked", "lone": "completed",
    }  # fmt: skip
    assert row(it, "lone").priority == 5
    assert workflows.get_workflow(it.store, it.workflow_id).run_id == 2


def test_waiting_jobs(it: Any) -> None:
    """The change of a job that has not started takes effect at once."""
    it.step()
    changes = update(it, ("sum ${user_data", "total ${user_data"))
    assert [(one.name, one.effect) for one in changes.jobs_changed] == [("sum", Effect.AT_ONCE)]
    assert row(it, "sum").command.startswith("total ")


def test_running_jobs(it: Any) -> None:
    """The change of a running job waits for its end; a second update finds nothing new."""
    it.step()
    changes = update(it, ('command: "lone"', 'command: "other"'))
    assert [one.effect for one in changes.jobs_changed] == [Effect.AFTER_ATTEMPT]
    assert row(it, "lone").command == "lone"
    assert queries.get_job(it.store, it.ids["lone"])["planned"]["command"] == "other"
    assert "command changes after this attempt" in explanation(it, "lone")
    before = content(it)
    assert not update(it, ('command: "lone"', 'command:  "other"'))
    assert content(it) == before
    it.finish("lone", 0)
    assert row(it, "lone").command == "other" and it.status()["lone"] == "completed"


def test_removed_jobs(it: Any) -> None:
    """A removed job counts no more and keeps its results; it can come back."""
    complete(it)
    leave(it)
    changes = update(it, ("1:3", "1:2"))
    assert [one.name for one in changes.jobs_removed] == ["fit_3"] and changes.rerun == {}
    assert "fit_3" not in it.status() and set(it.status().values()) == {"completed"}
    counts = workflows.get_workflow(it.store, it.workflow_id).counts
    assert counts == {JobStatus.COMPLETED: 5}
    results = queries.list_results(it.store, it.workflow_id, ListSelection())
    assert "fit_3" in {one["job_name"] for one in results}
    before = content(it)
    assert not update(it, ("1:3", "1:2 "))
    assert content(it) == before
    changes = update(it)
    assert [one.name for one in changes.jobs_restored] == ["fit_3"]
    assert it.status()["fit_3"] == "ready" and it.status()["sum"] == "blocked"


def test_removed_while_it_runs(it: Any) -> None:
    it.step()
    update(it, ('  - {name: lone, command: "lone"}\n', ""))
    assert it.status()["lone"] == "pending"
    it.finish("lone", 0)
    assert "lone" not in it.status()
    (event,) = list_events(it.store, it.workflow_id, kind="job_removed")
    assert event.job_id == it.ids["lone"]


def test_renamed(it: Any) -> None:
    """With the earlier name, a job keeps its result; without it, it is another job."""
    complete(it)
    changes = update(it, ("name: lone,", "name: single, was: lone,"))
    assert not changes.jobs_added and not changes.jobs_removed
    assert row(it, "single").id == it.ids["lone"] and it.status()["single"] == "completed"
    changes = update(it, ("name: lone,", "name: other,"))
    assert changes.jobs_added == ["other"] and changes.jobs_removed[0].name == "single"


def test_renamed_while_it_runs(it: Any) -> None:
    it.step()
    update(it, ("name: lone,", "name: single, was: lone,"))
    assert it.status()["lone"] == "pending"
    assert not update(it, ("name: lone,", "name: single,  was: lone,"))
    it.finish("lone", 0)
    assert it.status()["single"] == "completed"


def test_edits_of_users_stay(it: Any) -> None:
    """An edit stays until the file itself changes what was edited."""
    ids = [it.ids["fit_1"]]
    changes = parse_changes({"command": "fit by hand", "memory": "x2", "priority": 9})
    update_jobs(it.outside, ids, changes=changes, actor=ACTOR)
    assert not update(it, ("sweep", "sweep  # comment"))
    update(it, ('lone"}', 'all"}'))
    assert (row(it, "fit_1").command, row(it, "fit_1").priority) == ("fit by hand", 9)
    update(it, ("fit {i}", "fit --fast {i}"))
    assert row(it, "fit_1").command.startswith("fit --fast 1") and row(it, "fit_1").priority == 9
    assert set(workflow_edits(it.store, it.workflow_id).jobs["fit_1"]) == {
        "resource_requirements",
        "priority",
    }


def test_edits(it: Any) -> None:
    assert not workflow_edits(it.store, it.workflow_id)
    ids = [it.ids["lone"]]
    update_jobs(it.outside, ids, changes=parse_changes({"command": "x", "env": ["A=1"]}))
    with it.outside.write() as conn:
        user_data.update(
            conn, "config", {"data": {"lr": 2}}, user_data.Author(1.0, actor=ACTOR),
            workflow_id=it.workflow_id,
        )  # fmt: skip
    add_jobs(it.outside, it.workflow_id, ["true"], ResourceRequirements(name="from_file"))
    found = workflow_edits(it.store, it.workflow_id)
    assert found.lines == [
        "jobs:", '  - name: "lone"', '    command: "x"', '    env: {"A": "1"}',
        '  - name: "job1"', '    command: "true"',
        "user_data:", '  - name: "config"', '    data: {"lr": 2}',
    ]  # fmt: skip
    update_jobs(it.outside, ids, changes=parse_changes({"command": "lone", "unset": ["A"]}))
    assert "lone" not in workflow_edits(it.store, it.workflow_id).jobs
    assert not update(it, ("sweep", "sweep  # jobs that were added by hand are left alone"))


def test_data_of_the_file(it: Any) -> None:
    """A new value in the file is a new version, and its consumers run again."""
    complete(it)
    leave(it)
    changes = update(it, ("lr: 1", "lr: 2"))
    assert list(changes.rerun.values()) == ["sum"] and it.status()["sum"] == "ready"
    with it.outside.read() as conn:
        record = user_data.get(conn, "config", it.workflow_id)
    assert (record["data"], record["version"]) == ({"lr": 2}, 2)


PARTS = {
    "requirements": ("memory: 1g", "memory: 4g", "resource_requirements"),
    "handler": ("max_retries: 1", "max_retries: 4", "failure_handlers"),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(it: Any, name: str) -> None:
    old, new, section = PARTS[name]
    changes = update(it, (old, new))
    assert changes.sections[section].changed and not changes.jobs_changed
    assert not update(it, (old, new + " "))


def test_actions_and_files(it: Any) -> None:
    update(it, ("echo end", "echo over"), ("data.txt", "other.txt"))
    (action,) = queries.list_actions(it.store, it.workflow_id)
    assert action["commands"] == ["echo over"]
    assert [one["path"] for one in queries.list_files(it.store, it.workflow_id)] == ["other.txt"]
    assert row(it, "fit_1").command == "fit 1 other.txt"


def test_environment_of_the_workflow(it: Any) -> None:
    """A live runner starts jobs with the new environment."""
    (it.directory / "data.txt").write_text("data")
    it.step()
    update(it, ('LEVEL: "1"', 'LEVEL: "2"'))
    it.finish("prep", 0)
    assert {
        order.environment["LEVEL"] for order in it.fake.orders if order.name.startswith("fit")
    } == {"2"}


def test_a_failed_job_is_fixed(it: Any) -> None:
    it.step()
    it.finish("prep", 3)
    assert it.status()["sum"] == "canceled"
    update(it, ("make >", "make -j >"))
    assert it.status()["prep"] == "ready" and it.status()["sum"] == "blocked"


def test_never_initialized(store: Any, tmp_path: Path) -> None:
    from torc_tui.operations.workflows import create_workflow

    plan = resolve(loads(TEXT, format="yaml"))
    made = create_workflow(store, plan, user="u", directory=str(tmp_path), actor=None)
    new = resolve(loads(TEXT.replace("1:3", "1:4"), format="yaml"))
    update_from_plan(store, made, new)
    assert workflows.get_workflow(store, made).counts == {JobStatus.UNINITIALIZED: 7}


def test_archived(it: Any) -> None:
    archive_workflows(it.outside, [it.workflow_id])
    with pytest.raises(Refused, match="it is archived"):
        update(it, ("1:3", "1:4"))


def test_gates(store: Any, tmp_path: Path) -> None:
    """Sets of dependencies that many jobs share are matched, too."""
    text = """
name: w
jobs:
  - {name: "a_{i}", command: "a", parameters: {i: "1:4"}}
  - {name: "b_{i}", command: "b", parameters: {i: "1:4"}, depends_on_regexes: ["a_.*"]}
"""
    it = Bench(store, tmp_path, text)
    before = content(it)
    assert not update(it, ("name: w", "name: w  # same"), text=text)
    assert content(it) == before
    complete_all(it)
    leave(it)
    changes = update(
        it,
        ('command: "a", parameters: {i: "1:4"}', 'command: "a", parameters: {i: "1:3"}'),
        text=text,
    )
    assert changes.rerun == {} and set(it.status().values()) == {"completed"}
    changes = update(
        it,
        ('command: "a", parameters: {i: "1:4"}', 'command: "a", parameters: {i: "1:5"}'),
        text=text,
    )
    assert sorted(changes.rerun.values()) == ["b_1", "b_2", "b_3", "b_4"]
    assert {name: one for name, one in it.status().items() if one != "completed"} == {
        "a_4": "ready", "a_5": "ready", **dict.fromkeys(["b_1", "b_2", "b_3", "b_4"], "blocked"),
    }  # fmt: skip
    it.outside.close()


def complete_all(it: Any) -> None:
    it.step()
    for _ in range(8):
        for job_id in sorted(it.fake.job_ids):
            it.fake.finish(job_id, 0)
        it.step()


def test_a_dependent_is_running(it: Any) -> None:
    """A result that a running job uses is stale, but its job is not run beside that one."""
    (it.directory / "data.txt").write_text("data")
    it.step()
    it.finish("prep", 0)
    assert it.status()["fit_1"] == "pending"
    changes = update(it, ("make >", "make -j >"))
    assert [(one.name, one.effect) for one in changes.jobs_changed] == [("prep", Effect.STALE)]
    assert list(changes.stale.values()) == ["prep"] and changes.rerun == {}
    assert it.status()["prep"] == "completed" and row(it, "prep").command.startswith("make -j")


CANARY = """
jobs:
  - {name: "fit_{i}", command: "fit {i}", parameters: {i: "1:3"}, canary: 1}
"""


@pytest.mark.parametrize("code", [0, 1])
def test_new_jobs_behind_a_canary(store: Any, tmp_path: Path, code: int) -> None:
    """A job that an update adds waits for the canary of its group, like the others."""
    it = Bench(store, tmp_path, CANARY)
    it.step()
    update(it, ("1:3", "1:4"), text=CANARY)
    it.step()
    assert it.fake.job_ids == {it.ids["fit_1"]}
    it.fake.finish(it.ids["fit_1"], code)
    it.step()
    held = {job.name for job in it.jobs() if job.held}
    assert held == (set() if code == 0 else {"fit_2", "fit_3", "fit_4"})
    it.outside.close()
