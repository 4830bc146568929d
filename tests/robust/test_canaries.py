"""Canaries: some members of an entry run first, the others when they succeed. Holds around a job."""

from __future__ import annotations

from typing import Any

import pytest

SWEEP = """
name: sweep
jobs:
  - {name: 'fit_{i}', command: 'test ! -e bad_{i} && echo {i} >> order', parameters: {i: '1:5'}, canary: 2}
  - {name: other, command: 'true'}
  - {name: sum, command: 'true', depends_on_regexes: ['fit_.*']}
compute_node_wait_for_new_jobs_seconds: 1
"""
BEHIND = ["fit_3", "fit_4", "fit_5"]


def order(shell: Any) -> list[str]:
    return (shell.folder / "order").read_text().split()


def test_the_rest_runs_when_the_canaries_succeed(shell: Any) -> None:
    code, text = shell.run("run", shell.write(SWEEP), "--max-parallel-jobs", "8")
    assert code == 0, text
    assert set(order(shell)[:2]) == {"1", "2"}
    assert set(shell.states().values()) == {"completed"}
    released = [event["job"] for event in shell.events("job_released")]
    assert len(released) == 3


def test_held_until_the_canaries_finish(shell: Any) -> None:
    shell.run("create", shell.write(SWEEP))
    shell.run("init", "1")
    jobs = {job["name"]: job for job in shell.json("jobs", "list", "1")}
    assert [name for name, job in jobs.items() if job["held"]] == BEHIND
    assert "held until fit_1 and fit_2 succeed" in shell.run("why", "1/fit_3")[1]
    assert "3 jobs are held until fit_1 and fit_2 succeed" in shell.run("status", "1")[1]
    assert "3 jobs are held until fit_1 and fit_2 succeed" in shell.run("plan", "1")[1]


@pytest.fixture
def failed(shell: Any) -> Any:
    """A workflow whose second canary has failed."""
    (shell.folder / "bad_2").touch()
    code, text = shell.run("run", shell.write(SWEEP))
    assert code == 1, text
    assert (
        text.count("3 jobs are held: canary fit_2 failed (exit 1)") == 2
    )  # at once, and at the end
    return shell


def test_a_failed_canary_leaves_the_rest_held(failed: Any) -> None:
    states = failed.states()
    assert (states["fit_1"], states["fit_2"], states["other"]) == (
        "completed",
        "failed",
        "completed",
    )
    assert {states[name] for name in BEHIND} == {"ready"}
    why = "held: canary fit_2 failed (exit 1)"
    assert why in failed.run("why", "1/fit_3")[1]
    assert failed.run("why", "1/fit_4")[1].count(why) == 1
    assert f"3 jobs are {why}; release with" in failed.run("status", "1")[1]
    assert failed.json("status", "1")["held_jobs"] == 3
    assert failed.json("jobs", "get", "1/fit_3")["hold_reason"] == why
    assert f"3 jobs are {why}" in failed.run("plan", "1")[1]


def test_release(failed: Any) -> None:
    assert failed.run("jobs", "release", *(f"1/{name}" for name in BEHIND))[0] == 0
    assert failed.run("run", "1")[0] == 1
    states = failed.states()
    assert {states[name] for name in BEHIND} == {"completed"}
    assert sorted(order(failed)) == ["1", "3", "4", "5"]  # two run at once


def test_retried_canary(failed: Any) -> None:
    (failed.folder / "bad_2").unlink()
    assert failed.run("jobs", "retry", "1/fit_2")[0] == 0
    assert "held until fit_2 succeeds" in failed.run("why", "1/fit_3")[1]
    assert failed.run("run", "1")[0] == 0
    assert set(failed.states().values()) == {"completed"}


def test_disabled_canary(failed: Any) -> None:
    assert failed.run("jobs", "disable", "--no-prompts", "1/fit_2")[0] == 0
    assert "held" not in failed.run("status", "1")[1]


def test_new_run(failed: Any) -> None:
    """Jobs that a user released are held again in the next run; a stale canary runs first."""
    (failed.folder / "bad_2").unlink()
    failed.run("jobs", "release", *(f"1/{name}" for name in BEHIND))
    failed.run("run", "1")
    failed.run("init", "1", "--no-prompts")
    assert failed.json("status", "1")["held_jobs"] == 3
    (failed.folder / "order").unlink()
    assert failed.run("run", "1")[0] == 0
    assert set(order(failed)[:2]) == {"1", "2"}
    failed.run("reinit", "1")
    assert failed.json("status", "1")["held_jobs"] == 0


def test_a_job_that_a_user_holds_stays_held(shell: Any) -> None:
    shell.run("create", shell.write(SWEEP))
    shell.run("init", "1")
    shell.run("jobs", "release", "1/fit_3")
    shell.run("jobs", "hold", "1/fit_3")
    assert shell.run("run", "1")[0] == 3
    assert shell.states()["fit_3"] == "ready"
    assert shell.states()["fit_4"] == "completed"


def test_export(shell: Any) -> None:
    shell.run("create", shell.write(SWEEP))
    shell.run("workflows", "export", "1", "-o", "w.json")
    assert shell.run("workflows", "import", "w.json")[0] == 0
    shell.run("init", "2")
    assert shell.json("status", "2")["held_jobs"] == 3


@pytest.mark.parametrize(
    "entry",
    [
        "{name: a, command: x, canary: 1}",
        "{name: 'a_{i}', command: x, parameters: {i: '1:3'}, canary: 3}",
    ],
    ids=["one", "all"],
)
def test_without_held_jobs(shell: Any, entry: str) -> None:
    code, text = shell.run("validate", shell.write(f"{{name: w, jobs: [{entry}]}}"))
    assert code == 0
    assert "has no effect here" in text and "the entry has no more jobs than that" in text


CHAIN = """
name: chain
jobs:
  - {name: a, command: 'true'}
  - {name: b, command: 'true', depends_on: [a]}
  - {name: c, command: 'true', depends_on: [b]}
  - {name: d, command: 'true', depends_on: [a]}
compute_node_wait_for_new_jobs_seconds: 1
"""


def test_hold_after_a_job(shell: Any) -> None:
    shell.run("create", shell.write(CHAIN))
    assert shell.run("jobs", "hold-after", "1/a") == (0, "Held the jobs after job 1 (a)\n")
    assert shell.run("run", "1")[0] == 3
    assert shell.states() == {"a": "completed", "b": "ready", "c": "blocked", "d": "ready"}
    assert "held after a" in shell.run("why", "1/b")[1]
    assert "2 jobs are held after a" in shell.run("status", "1")[1]
    code, text = shell.run("jobs", "hold-after", "1/a")
    assert (code, text) == (
        2,
        "cannot hold the jobs after a: no job that depends on it can still be held\n",
    )
    assert shell.run("jobs", "release-after", "1/a")[0] == 0
    assert shell.run("run", "1")[0] == 0
    assert set(shell.states().values()) == {"completed"}
    code, text = shell.run("jobs", "release-after", "1/c")
    assert (code, text) == (
        2,
        "cannot release the jobs after c: no job that depends on it is held\n",
    )


def test_a_rerun_of_the_group_begins_with_them(shell: Any) -> None:
    """Reruns of other jobs leave the group alone."""
    assert shell.run("run", shell.write(SWEEP))[0] == 0
    shell.run("rerun", "1/other", "--no-prompts")
    assert shell.json("status", "1")["held_jobs"] == 0
    code, text = shell.run("rerun", "1", "--group", "fit_*", "--no-prompts")
    assert code == 0, text
    assert shell.json("status", "1")["held_jobs"] == 3
    (shell.folder / "order").unlink()
    assert shell.run("run", "1")[0] == 0
    assert set(order(shell)[:2]) == {"1", "2"} and len(order(shell)) == 5
