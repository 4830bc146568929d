"""`torc recover`, `torc watch` and `torc jobs classify`, as a user calls them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.waiting import wait_for

pytestmark = pytest.mark.system

Torc = Callable[..., Any]
Shell = Callable[..., Any]

MIXED = """
name: mixed
execution_config: {sigterm_lead_seconds: 1}
resource_requirements: [{name: small, num_cpus: 1, memory: 64m, runtime: PT1S}]
jobs:
  - name: "big_{i}"
    parameters: {i: "1:3"}
    command: "[ $TORC_ATTEMPT_ID != 1 ] || kill -KILL $$"
    resource_requirements: small
  - {name: slow, command: "[ $TORC_ATTEMPT_ID != 1 ] || sleep 60", resource_requirements: small}
  - {name: bad, command: "[ $TORC_ATTEMPT_ID != 1 ] || exit 4"}
  - {name: after, command: "true", depends_on: [bad]}
  - {name: good, command: "true"}
"""


@pytest.fixture
def failed(torc: Torc, place: Path) -> int:
    """The id of a workflow whose jobs have failed for three reasons."""
    (place / "w.yaml").write_text(MIXED)
    assert torc("run", "w.yaml", "-q").code == 1
    return 1


def statuses(torc: Torc) -> dict[str, str]:
    return {one["name"]: one["status"] for one in torc("jobs", "list", 1, "-f", "json").json}


@pytest.mark.parametrize("dialect", ["torc", "client"])
def test_dry_run(torc: Torc, client: Torc, failed: int, dialect: str) -> None:
    """It shows what would happen, and changes nothing."""
    before = statuses(torc)
    call = torc if dialect == "torc" else client
    found = call("recover", failed, "--dry-run", "-f", "json").json
    assert (found["oom_fixed"], found["timeout_fixed"], found["other_failures"]) == (3, 1, 1)
    assert {one["job_name"]: (one["class"], one["changes"]) for one in found["jobs"]} == {
        **{f"big_{i}": ("out_of_memory", {"memory": [64 << 20, 128 << 20]}) for i in (1, 2, 3)},
        "slow": ("timeout", {"runtime": [1.0, 60.0]}),
        "bad": ("unknown", {}),
    }
    shown = torc("recover", failed, "--dry-run", "--memory-multiplier", "3")
    assert shown.code == 0
    assert "3 jobs ran out of memory (big_1, big_2 and big_3): 192 MiB of memory" in shown.out
    assert "1 job timed out (slow): 1 min of runtime instead of 1.0 s" in shown.out
    assert "1 job failed for other reasons (bad): not retried" in shown.out
    assert "Would retry 4 jobs of workflow 1" in shown.out
    assert statuses(torc) == before


def test_recover(torc: Torc, failed: int) -> None:
    done = torc("recover", failed, "--no-prompts")
    assert done.code == 1, "a failure is left"
    assert "Retrying 4 jobs of workflow 1" in done.out
    assert "start one with `torc run 1`" in done.err
    assert statuses(torc) == {
        "big_1": "ready", "big_2": "ready", "big_3": "ready", "slow": "ready",
        "bad": "failed", "after": "canceled", "good": "completed",
    }  # fmt: skip
    assert torc("jobs", "get", "1/big_1", "-f", "json").json["grown"]["memory"] == [
        64 << 20,
        128 << 20,
    ]
    assert "requests 128 MiB of memory instead of 64 MiB" in torc("why", "1/big_1").out
    assert torc("run", failed, "-q").code == 1
    again = torc("recover", failed, "--retry-unknown")
    assert again.code == 0
    assert "Retrying 1 job of workflow 1, with 1 dependent" in again.out
    assert torc("run", failed, "-q").code == 0
    nothing = torc("recover", failed)
    assert (nothing.code, nothing.out) == (0, "Workflow 1: no job has failed\n")


def test_question(torc: Torc, failed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows a question; no changes nothing."""
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    done = torc("recover", failed)
    assert done.code == 2
    assert "no changes made" in done.err
    assert "ran out of memory" in done.err
    assert statuses(torc)["big_1"] == "failed"


def test_hook(torc: Torc, failed: int, place: Path) -> None:
    """It gets the workflow, its jobs are retried, and it cannot recover the workflow itself."""
    hook = "torc recover 1 2> refused; echo $? > code; echo > called"
    assert torc("recover", failed, "--recovery-hook", hook).code == 0
    assert (place / "called").exists()
    assert (place / "code").read_text() == "2\n"
    assert "this is the recovery hook of workflow 1" in (place / "refused").read_text()
    assert statuses(torc)["bad"] == "ready"


def test_hook_that_fails(torc: Torc, failed: int) -> None:
    done = torc("recover", failed, "--recovery-hook", "exit 3;")
    assert done.code == 1
    assert "the recovery hook failed: exit 3, see" in done.err
    assert statuses(torc)["big_1"] == "failed"


def test_hook_that_hangs(torc: Torc, failed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_tui.cli.recover.HOOK_SECONDS", 0.2)
    done = torc("recover", failed, "--recovery-hook", "sleep 60 #")
    assert done.code == 1
    assert "the recovery hook failed: ended after 0.20 s" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--memory-multiplier", "0.5"], "--memory-multiplier"),
        (["--memory-multiplier", "2g"], "--memory-multiplier"),
        (["--runtime-multiplier", "PT1H"], "--runtime-multiplier"),
    ],
)
def test_wrong_factors(torc: Torc, failed: int, words: list[str], message: str) -> None:
    done = torc("recover", failed, *words)
    assert done.code == 2
    assert message in done.err
    assert torc("recover", 9).code == 2


@pytest.mark.parametrize("dialect", ["torc", "client"])
def test_watch_of_a_finished_workflow(
    torc: Torc, client: Torc, failed: int, dialect: str, place: Path
) -> None:
    call = torc if dialect == "torc" else client
    done = call("watch", failed, "-f", "table")
    assert done.code == 1
    assert "Workflow 1 (mixed) failed" in done.out
    (place / "g.yaml").write_text("jobs: [{name: a, command: 'true'}]\n")
    assert torc("run", "g.yaml", "-q").code == 0
    done = call("watch", 2, "-f", "json")
    assert done.code == 0
    assert done.json["state"] == "completed"


def test_watch_follows(torc: Torc, shell: Shell, place: Path) -> None:
    """It prints the events of a runner in the background, and ends with it."""
    (place / "w.yaml").write_text(
        "jobs: [{name: a, command: 'until [ -e go ]; do sleep 0.05; done'}]\n"
    )
    done = shell(
        "torc run w.yaml --detach > log; torc watch 1 -s > out & watch=$!;"
        " until grep -q '1 running' out; do sleep 0.05; done; touch go;"
        " wait $watch; echo code $?; cat out"
    )
    assert "completed: a (job 1)" in done.stdout
    assert done.stdout.startswith("code 0\n")
    assert done.stdout.endswith("Workflow 1 (w) completed: 1 completed\n")


def test_watch_without_a_runner(torc: Torc, place: Path) -> None:
    """It ends with a hint; with -r it starts a runner."""
    (place / "w.yaml").write_text("jobs: [{name: a, command: 'true'}]\n")
    assert torc("create", "w.yaml").code == 0
    done = torc("watch", 1)
    assert done.code == 1
    assert "start one with `torc run 1`" in done.err
    assert torc("watch", 1, "-r").code == 0


def test_watch_recovers(torc: Torc, failed: int) -> None:
    """It raises, retries and starts runners until nothing is left that it may retry."""
    done = torc("watch", failed, "-r", "--retry-unknown")
    assert done.code == 0, done.out + done.err
    assert "Retrying 5 jobs of workflow 1, with 1 dependent" in done.out
    assert set(statuses(torc).values()) == {"completed"}


def test_watch_recovers_a_few_times_only(torc: Torc, place: Path) -> None:
    (place / "w.yaml").write_text(
        "resource_requirements: [{name: r, num_cpus: 1, memory: 64m}]\n"
        "jobs: [{name: a, command: 'echo >> ran; kill -KILL $$', resource_requirements: r}]\n"
    )
    assert torc("run", "w.yaml", "-q").code == 1
    done = torc("watch", 1, "-r", "-m", "2", "-q", "--memory-multiplier", "x2")
    assert done.code == 1
    assert (place / "ran").read_text().count("\n") == 3
    assert torc("jobs", "get", "1/a", "-f", "json").json["grown"]["memory"][1] == 256 << 20


def test_watch_replaces_a_lost_runner(torc: Torc, shell: Shell, place: Path) -> None:
    (place / "w.yaml").write_text(
        "jobs:\n- {name: 'a_{i}', command: 'echo >> ran; until [ -e go ]; do sleep 0.05; done',"
        " parameters: {i: '1:4'}}\n"
    )
    shell("torc run w.yaml --detach --max-parallel-jobs 1")
    wait_for((place / "ran").exists)
    (runner,) = torc("compute-nodes", "list", 1, "-f", "json").json
    os.kill(runner["pid"], signal.SIGKILL)
    (place / "go").touch()
    done = torc("watch", 1, "-r")
    assert done.code == 0, done.out + done.err
    assert (place / "ran").read_text().count("\n") == 4
    runners = torc("compute-nodes", "list", 1, "-f", "json").json
    assert [one["options"]["max_parallel_jobs"] for one in runners] == [1, 1]


@pytest.mark.parametrize("command", ["torc run $TORC_WORKFLOW_ID", "torc watch $TORC_WORKFLOW_ID"])
def test_workflow_that_waits_for_itself(torc: Torc, place: Path, command: str) -> None:
    """A job, or a recovery script, cannot run or watch its own workflow: both would wait."""
    (place / "w.yaml").write_text(
        "failure_handlers: [{name: h, rules: [{exit_codes: [7], max_retries: 1,"
        f" recovery_script: '{command} 2> told; echo $? > code'}}]}}]\n"
        "jobs: [{name: a, command: '[ $TORC_ATTEMPT_ID = 2 ] || exit 7', failure_handler: h}]\n"
    )
    assert torc("run", "w.yaml", "-q").code == 0
    assert (place / "code").read_text() == "2\n"
    assert "they would wait for each other" in (place / "told").read_text()


PENDING = """
use_pending_failed: true
jobs:
  - {name: a, command: "[ $TORC_ATTEMPT_ID = 2 ] || exit 3"}
  - {name: b, command: exit 5}
  - {name: c, command: "true", depends_on: [b]}
"""


@pytest.mark.parametrize("dialect", ["torc", "client"])
def test_classify(torc: Torc, client: Torc, place: Path, dialect: str) -> None:
    (place / "w.yaml").write_text(PENDING)
    assert torc("run", "w.yaml", "-q").code == 1
    assert statuses(torc) == {"a": "pending_failed", "b": "pending_failed", "c": "blocked"}
    assert "`torc jobs classify 1 retry` or" in torc("why", "1/a").err
    call = torc if dialect == "torc" else client
    done = call("jobs", "classify", "1/a", "retry", "-f", "table")
    assert (done.code, done.out) == (0, "Retrying job 1 (a)\n")
    done = call("jobs", "classify", "1/b", "fail", "-f", "table")
    assert (done.code, done.out) == (0, "Failed job 2 (b)\n")
    assert statuses(torc) == {"a": "ready", "b": "failed", "c": "canceled"}
    assert "b has failed" in torc("why", "1/c").out
    assert "exit 5" in torc("why", "1/b").out
    assert torc("run", 1, "-q").code == 1
    assert statuses(torc)["a"] == "completed"
    again = torc("jobs", "classify", "1/b", "retry")
    assert again.code == 2
    assert "cannot retry b: it does not wait for a decision (failed)" in again.err


@pytest.mark.parametrize(
    "words", [["1/a"], ["retry"], ["1/a", "maybe"], ["1/a", "fail", "--memory", "x2"]]
)
def test_wrong_classification(torc: Torc, place: Path, words: list[str]) -> None:
    (place / "w.yaml").write_text(PENDING)
    torc("run", "w.yaml", "-q")
    done = torc("jobs", "classify", *words)
    assert done.code == 2
    assert statuses(torc)["a"] == "pending_failed"


LIMITED = """
name: limited
resource_requirements: [{name: small, num_cpus: 1, memory: 64m}]
failure_handlers:
  - {name: rules, rules: [{causes: [signal], memory: x4, memory_limit: 100m, max_retries: 0}]}
jobs:
  - {name: a, command: "kill -KILL $$", resource_requirements: small, failure_handler: rules}
  - {name: b, command: "kill -KILL $$", resource_requirements: small}
  - {name: c, command: "kill -KILL $$", resource_requirements: small, on_oom: {memory: x3, memory_limit: 64m, max_retries: 0}}
"""


def test_limits_of_rules_hold_for_recoveries(torc: Torc, place: Path) -> None:
    (place / "w.yaml").write_text(LIMITED)
    assert torc("run", "w.yaml", "-q").code == 1
    found = torc("recover", 1, "--dry-run", "--memory-multiplier", "3", "-f", "json").json["jobs"]
    changes = {one["job_name"]: one["changes"].get("memory") for one in found}
    assert changes == {"a": [64 << 20, 100 << 20], "b": [64 << 20, 192 << 20], "c": None}
    [reason] = [one["reason"] for one in found if one["job_name"] == "c"]
    assert "memory_limit" in reason
