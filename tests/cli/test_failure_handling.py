"""What a user sees of retries: exit codes, causes, larger requests, ignored failures."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE

pytestmark = pytest.mark.system

Torc = Callable[..., Any]
Shell = Callable[..., Any]

ENDS = """
name: ends
execution_config: {sigterm_lead_seconds: 1}
failure_handlers:
  - name: h
    rules:
      - {exit_codes: [42], max_retries: 1, runtime: x2}
      - {exit_codes: [152], max_retries: 1, runtime: x1.5}
      - {exit_codes: [137], max_retries: 1, memory: x1.5}
      - {causes: [timeout], max_retries: 1, runtime: x2}
resource_requirements:
  - {name: short, num_cpus: 1, runtime: PT1S}
  - {name: small, num_cpus: 1, memory: 64m}
jobs:
  - name: own
    command: "trap 'exit 42' TERM; [ $TORC_ATTEMPT_ID = 2 ] || { sleep 60 & wait; }"
    resource_requirements: short
    failure_handler: h
  - name: zero
    command: "trap 'exit 0' TERM; [ $TORC_ATTEMPT_ID = 2 ] || { sleep 60 & wait; }"
    resource_requirements: short
    failure_handler: h
  - name: stuck
    command: "trap '' TERM; [ $TORC_ATTEMPT_ID = 2 ] || sleep 60"
    resource_requirements: short
    failure_handler: h
  - name: big
    command: "[ $TORC_ATTEMPT_ID = 2 ] || kill -KILL $$"
    resource_requirements: small
    failure_handler: h
"""


def results(torc: Torc) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = torc("results", "list", 1, "--all-runs", "-f", "json").json
    return found


def test_retry_rules(torc: Torc, place: Path) -> None:
    (place / "w.yaml").write_text(ENDS)
    done = torc("run", "w.yaml")
    assert done.code == 0, done.out + done.err
    first = {one["job_name"]: one for one in results(torc) if one["attempt_id"] == 1}
    assert {
        name: (one["status"], one["return_code"], one["cause"]) for name, one in first.items()
    } == {
        "own": ("terminated", 42, "timeout"),
        "zero": ("terminated", 0, "timeout"),
        "stuck": ("terminated", 152, "timeout"),
        "big": ("failed", 137, "signal"),
    }
    assert "attempt 2 of 2, requests 128 MiB of memory instead of 64 MiB" in done.out
    assert "attempt 2 of 2, requests 1 min of runtime instead of 1.0 s" in done.out
    told = torc("why", "1/big").out
    assert "requests 128 MiB of memory instead of 64 MiB" in told


SWEEP = """
name: sweep
on_oom: {memory: x2, memory_limit: 256m, max_retries: 3}
resource_requirements: [{name: small, num_cpus: 1, memory: 64m}]
jobs:
  - name: "job_{i}"
    command: >-
      echo {i} $TORC_ATTEMPT_ID >> attempts;
      [ $(( {i} % 7 )) != 0 ] || [ {i} -gt 203 ] || [ $TORC_ATTEMPT_ID -ge NEEDED ]
      || kill -KILL $$
    parameters: {i: "1:200"}
    resource_requirements: small
"""


@pytest.mark.parametrize(("needed", "attempts"), [(3, 3), (9, 3)])
def test_only_short_requests_are_retried(
    torc: Torc, place: Path, needed: int, attempts: int
) -> None:
    """Of 200 jobs, 28 die for their memory: only those run again, none beyond its limit."""
    (place / "w.yaml").write_text(SWEEP.replace("NEEDED", str(needed)))
    done = torc("run", "w.yaml", "-q")
    small = [i for i in range(1, 201) if i % 7 == 0]
    counted = Counter(
        int(line.split()[0]) for line in (place / "attempts").read_text().splitlines()
    )
    assert {i for i, number in counted.items() if number > 1} == set(small)
    assert {counted[i] for i in small} == {attempts}
    assert done.code == (0 if needed == 3 else 1)
    requirements = torc("resource-requirements", "list", 1, "-f", "json").json
    sizes = {one["name"]: one["memory"] for one in requirements if one["name"] != "default"}
    assert sorted(sizes.values()) == ["128m", "256m", "64m"]
    jobs = torc("jobs", "list", 1, "-f", "json").json
    grown = {one["name"] for one in jobs if one["grown"]}
    assert grown == {f"job_{i}" for i in small}
    if needed > 3:
        warned = torc("why", "1/job_7").out
        assert "not retried: it already requests 256 MiB of memory, its memory_limit" in warned


def test_options_of_run(torc: Torc, place: Path) -> None:
    (place / "w.yaml").write_text(
        "resource_requirements: [{name: r, num_cpus: 1, memory: 64m, runtime: PT1S}]\n"
        "execution_config: {sigterm_lead_seconds: 1}\n"
        "jobs:\n"
        "- name: a\n  resource_requirements: r\n"
        "  command: '[ $TORC_ATTEMPT_ID != 1 ] || kill -KILL $$;"
        " [ $TORC_ATTEMPT_ID != 2 ] || sleep 60'\n"
    )
    assert torc("run", "w.yaml", "-q").code == 1
    assert torc("run", "w.yaml", "-q", "--on-oom", "x1.5", "--on-timeout", "x1.5").code == 0
    grown = torc("jobs", "get", "2/a", "-f", "json").json["grown"]
    assert (grown["memory"], grown["runtime"]) == ([64 << 20, 128 << 20], [1.0, 60.0])


def test_options_of_a_runner_in_the_background(torc: Torc, place: Path) -> None:
    (place / "w.yaml").write_text(
        "resource_requirements: [{name: r, num_cpus: 1, memory: 64m}]\n"
        "jobs: [{name: a, resource_requirements: r,"
        " command: '[ $TORC_ATTEMPT_ID != 1 ] || kill -KILL $$'}]\n"
    )
    assert torc("run", "w.yaml", "--detach", "--on-oom", "x2").code == 0
    assert torc("wait", 1).code == 0
    assert torc("jobs", "get", "1/a", "-f", "json").json["grown"]["memory"][1] == 128 << 20


@pytest.mark.parametrize(
    "words", [["--on-oom", "2g"], ["--on-oom", "x0.5"], ["--on-timeout", "PT1H"], ["--on-oom", ""]]
)
def test_wrong_factor(torc: Torc, place: Path, words: list[str]) -> None:
    (place / "w.yaml").write_text("jobs: [{name: a, command: 'true'}]\n")
    done = torc("run", "w.yaml", *words)
    assert done.code == 2
    assert words[0] in done.err


def test_ignored_failure(torc: Torc, place: Path) -> None:
    """The run succeeds with a note, the state is completed, and nothing is stale."""
    (place / "w.yaml").write_text(
        "failure_handlers: [{name: h, rules: [{exit_codes: 3, max_retries: 0, then: ignore}]}]\n"
        "jobs:\n"
        "- {name: a, command: exit 3, failure_handler: h}\n"
        "- {name: b, command: 'true', depends_on: [a]}\n"
    )
    done = torc("run", "w.yaml")
    assert done.code == 0
    assert "FAILED: a (job 1): exit 3" in done.out
    assert "this failure is ignored" in done.out
    assert "1 completed, 1 failed, 1 failure ignored" in done.out
    status = torc("status", 1, "--exit-status")
    assert (status.code, status.err) == (0, "")
    assert "State:    completed" in status.out
    assert "1 failure ignored" in status.out
    assert "this failure is ignored" in torc("why", "1/a").out
    assert torc("wait", 1).code == 0
    assert torc("plan", 1, "--check").code == 0
    assert torc("run", 1).code == 0


HANGING = """
failure_handlers:
  - name: h
    rules:
      - exit_codes: [7]
        max_retries: 1
        recovery_script: "trap '' TERM; echo $$ >> script; touch began; sleep 600 & wait; sleep 600"
        recovery_timeout: PT1S
        if_script_fails: IF_FAILS
jobs:
  - {name: a, command: "[ $TORC_ATTEMPT_ID = 2 ] || exit 7", failure_handler: h}
"""


@pytest.mark.parametrize(("if_fails", "code"), [("retry", 0), ("fail", 1)])
def test_script_that_hangs(
    torc: Torc, place: Path, monkeypatch: pytest.MonkeyPatch, if_fails: str, code: int
) -> None:
    """It is killed after its timeout, and the rule decides whether the job is retried."""
    monkeypatch.setattr("torc_tui.engine.scripts.KILL_SECONDS", 0.5)
    (place / "w.yaml").write_text(HANGING.replace("IF_FAILS", if_fails))
    began = time.monotonic()
    done = torc("run", "w.yaml")
    assert done.code == code
    assert time.monotonic() - began < DEADLINE
    assert "recovering: a (job 1): its recovery script runs, see" in done.out
    assert "its recovery script failed: ended after 1.0 s (recovery_timeout)" in done.out
    pid = int((place / "script").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_script_runs_for_a_missing_output(torc: Torc, place: Path) -> None:
    """A job without its declared output has failed with exit code 1, and its script runs."""
    (place / "w.yaml").write_text(
        "failure_handlers: [{name: h, rules: [{exit_codes: [1], max_retries: 1,"
        " recovery_script: 'touch out.txt'}]}]\n"
        "files: [{name: out, path: out.txt}]\n"
        "jobs: [{name: a, command: 'true', output_files: [out], failure_handler: h}]\n"
    )
    done = torc("run", "w.yaml")
    assert done.code == 0, done.out
    assert "output out (path out.txt) was not written by this attempt" in done.out


def test_update_of_the_file_keeps_what_has_grown(torc: Torc, place: Path) -> None:
    """An edit elsewhere keeps it; new amounts in the file replace it, and `torc diff` shows it."""
    text = (
        "on_oom: x2\n"
        "resource_requirements: [{name: r, num_cpus: 1, memory: 64m}]\n"
        "jobs:\n"
        "- {name: a, resource_requirements: r,"
        " command: '[ $TORC_ATTEMPT_ID != 1 ] || kill -KILL $$'}\n"
        "- {name: b, command: 'true'}\n"
    )
    (place / "w.yaml").write_text(text)
    assert torc("run", "w.yaml", "-q").code == 0
    assert 'memory: "128m"' in torc("diff", 1).out
    (place / "w.yaml").write_text(text.replace("'true'", "echo hi"))
    assert torc("update", 1, "w.yaml").code == 0
    assert "128 MiB of memory instead of 64 MiB" in torc("why", "1/a").out
    (place / "w.yaml").write_text(text.replace("64m", "512m"))
    assert torc("update", 1, "w.yaml").code == 0
    assert "instead of" not in torc("why", "1/a").out
    entry = torc("jobs", "get", "1/a", "-f", "json").json["resource_requirements_id"]
    requirements = torc("resource-requirements", "list", 1, "-f", "json").json
    assert {one["id"]: one["memory"] for one in requirements}[entry] == "512m"
