"""Job actions on jobs that filters select, and their dry run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.command_table import COMMANDS
from torc_tui.operations.user_action import Target

WORKFLOW = """
name: bulk
resource_requirements: [{name: large, num_cpus: 2}]
jobs:
  - {name: "fit_{i}", command: "exit {i}", parameters: {i: "0:3"}}
  - {name: after, command: "true", depends_on: [fit_1]}
  - {name: big, command: "true", depends_on: [fit_0], resource_requirements: large}
"""


@pytest.fixture
def workflow(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(WORKFLOW)
    assert torc("create", "w.yaml").code == 0
    assert torc("init", 1).code == 0


def held(torc: Any) -> set[str]:
    jobs = torc("jobs", "list", 1, "-f", "json").json
    return {job["name"] for job in jobs if job["held"]}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--group", "fit_{i}"), {"fit_0", "fit_1", "fit_2", "fit_3"}),
        (("--group", "fit_[12]"), {"fit_1", "fit_2"}),
        (("--status", "blocked"), {"after", "big"}),
        (("--where", "cpu>1"), {"big"}),
        (("--where", "after:fit_1"), {"after"}),
        (("--where", "status:ready -fit_0"), {"fit_1", "fit_2", "fit_3"}),
        (("--where", "fit", "--group", "*_3"), {"fit_3"}),
    ],
)
def test_selected(torc: Any, workflow: None, options: tuple[str, ...], names: set[str]) -> None:
    shown = torc("jobs", "hold", 1, *options, "--dry-run", "-f", "json").json
    assert {job["name"] for job in shown["jobs"]} == names
    assert held(torc) == set()
    assert torc("jobs", "hold", 1, *options).code == 0
    assert held(torc) == names


def test_dry_run_names_dependents(torc: Any, workflow: None) -> None:
    answer = torc("jobs", "cancel", "fit_1", "--dry-run")
    assert answer.code == 0
    assert "would cancel 1 job:\n  fit_1 (job 2, ready)\n" in answer.out and "after" in answer.out
    assert torc("status", 1, "-f", "json").json["jobs_by_status"]["canceled"] == 0


def test_failed(torc: Any, workflow: None) -> None:
    assert torc("run", 1, "-q").code == 1
    shown = torc("jobs", "retry", 1, "--failed", "--dry-run", "-f", "json").json
    assert {job["name"] for job in shown["jobs"]} >= {"fit_1", "fit_2", "fit_3"}
    answer = torc("jobs", "retry", 1, "--where", "exit:3")
    assert answer.code == 0 and "fit_3" in answer.out


def test_several_causes_and_statuses(torc: Any, workflow: None) -> None:
    assert torc("run", 1, "-q").code == 1
    shown = torc("jobs", "retry", 1, "--cause", "oom,exit", "--dry-run", "-f", "json").json
    assert {job["name"] for job in shown["jobs"]} == {"fit_1", "fit_2", "fit_3"}
    assert torc("jobs", "retry", 1, "--cause", "oom,zz").code == 2
    for words in (["jobs", "list", "-l", "9"], ["results", "list"]):
        found = torc(*words, "--status", "failed,canceled", "-f", "json").json
        assert {one["status"] for one in found} <= {"failed", "canceled"} and len(found) >= 3
    assert torc("jobs", "list", "--status", "failed,zz").code == 2


def test_nothing_selected(torc: Any, workflow: None) -> None:
    answer = torc("jobs", "hold", 1, "--failed")
    assert answer.code == 0 and "no job of workflow 1 matches; no changes made" in answer.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "JOB is missing"),
        (("1", "--where", "cpu>"), "cpu"),
        (("1", "--status", "done"), "there is no job status 'done'"),
        (("1", "2", "--failed"), "jobs and filters cannot be used together"),
    ],
    ids=["nothing", "filter", "status", "both"],
)
def test_wrong(torc: Any, workflow: None, options: tuple[str, ...], message: str) -> None:
    answer = torc("jobs", "hold", *options)
    assert answer.code == 2 and message in answer.err
    assert held(torc) == set()


def test_every_action_on_jobs() -> None:
    """Every command that acts on jobs has the filters and a dry run."""
    for command in COMMANDS:
        of_jobs = command.action is not None and command.action.target is Target.JOBS
        if of_jobs or command.names == ("jobs classify",):
            flags = {flag for argument in command.arguments for flag in argument.flags}
            wanted = {"--failed", "--status", "--group", "--cause", "--where", "--dry-run"}
            assert wanted <= flags, command.names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("fit_*",), {"fit_0", "fit_1", "fit_2", "fit_3"}),
        (("bulk/fit_[12]", "after"), {"fit_1", "fit_2", "after"}),
        (("@last/fit_{i}",), {"fit_0", "fit_1", "fit_2", "fit_3"}),
        (("fit_?", "fit_1", "-w", "1"), {"fit_0", "fit_1", "fit_2", "fit_3"}),
    ],
)
def test_globs(torc: Any, workflow: None, words: tuple[str, ...], names: set[str]) -> None:
    assert torc("jobs", "hold", *words).code == 0
    assert held(torc) == names


def test_a_glob_without_jobs(torc: Any, workflow: None) -> None:
    answer = torc("jobs", "hold", "zz*")
    assert answer.code == 2 and "no job of workflow 1 matches 'zz*'" in answer.err
    answer = torc("jobs", "hold", "fit_*", "--failed")
    assert answer.code == 2 and "--group" in answer.err


def test_dry_run_of_an_update(torc: Any, workflow: None) -> None:
    answer = torc("jobs", "update", "fit_*", "--priority", "7", "--dry-run")
    assert answer.code == 0 and "would update 4 jobs:" in answer.out
    assert {job["priority"] for job in torc("jobs", "list", 1, "-f", "json").json} == {0}


def test_nothing_selected_by_a_dry_run(torc: Any, workflow: None) -> None:
    answer = torc("jobs", "hold", 1, "--failed", "--dry-run", "-f", "json")
    assert answer.json == {"jobs": [], "dependents": [], "refused": []}


def test_refusals_in_json(torc: Any, workflow: None) -> None:
    """Jobs that an action does not apply to are one error on standard error."""
    answer = torc("jobs", "release", "after", "fit_0", "-f", "json")
    error = json.loads(answer.err)
    assert answer.code == error["exit_code"] == 2 and answer.json == []
    assert error["message"] == "2 jobs were not changed" and len(error["problems"]) == 2
