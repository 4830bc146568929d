"""Jobs that a user suspends: all their processes stop, and their runtime does not count."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

JOB = """
name: s
jobs:
  - name: a
    command: |
      echo $$ > pid
      sleep 600 & echo $! > child
      for i in {1..100000}; do echo $i >> ticks; sleep 0.02; done
"""


def state(pid: int) -> str:
    """The state of a process as ps shows it: T is stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def stopped(shell: Any) -> bool:
    return {state(shell.pid("pid")), state(shell.pid("child"))} == {"T"}


def running(shell: Any) -> bool:
    return "T" not in {state(shell.pid("pid")), state(shell.pid("child"))}


@pytest.fixture
def runner(shell: Any, until: Any) -> Any:
    """A runner whose job has started."""
    process = shell.start("run", shell.write(JOB))
    shell.pid("child")
    until(lambda: shell.states_quickly() == {"a": 4}, "the job is recorded as running")
    return process


def test_suspend_and_resume(shell: Any, runner: Any, until: Any) -> None:
    code, text = shell.run("jobs", "suspend", "1/a")
    assert (code, text) == (0, "Suspended job 1 (a)\n")
    until(lambda: stopped(shell), "both processes are stopped")
    ticks = (shell.folder / "ticks").read_text()
    assert shell.states() == {"a": "running"}  # a flag, not a status
    assert shell.json("jobs", "get", "1/a")["suspended"] is True
    assert "suspended" in shell.run("jobs", "list", "1")[1]
    assert "1 of the running jobs suspended" in shell.run("status", "1")[1]
    assert shell.json("status", "1")["suspended_jobs"] == 1
    assert "suspended" in shell.run("why", "1/a")[1]
    assert shell.sql("SELECT allocation FROM job") != [(None,)]  # it keeps its resources
    assert (shell.folder / "ticks").read_text() == ticks
    assert shell.run("jobs", "resume", "1/a")[1] == "Resumed job 1 (a)\n"
    until(lambda: running(shell), "they go on")
    until(lambda: (shell.folder / "ticks").read_text() != ticks, "the job goes on")
    assert [event["kind"] for event in shell.events() if event["job"]][-2:] == [
        "job_suspended",
        "job_resumed",
    ]
    code, text = shell.run("jobs", "resume", "1/a")
    assert (code, text) == (2, "cannot resume a: it is not suspended\n")
    assert shell.run("jobs", "cancel", "--no-prompts", "1/a")[0] == 0
    assert shell.finish(runner)[0] == 1


@pytest.mark.parametrize("act", ["cancel", "terminate"])
def test_terminate_a_suspended_job(
    shell: Any, runner: Any, until: Any, gone: Any, act: str
) -> None:
    shell.run("jobs", "suspend", "1/a")
    until(lambda: stopped(shell), "both processes are stopped")
    assert shell.run("jobs", act, "--no-prompts", "1/a")[0] == 0
    assert shell.finish(runner)[0] == 1
    assert gone(shell.pid("pid")) and gone(shell.pid("child"))
    assert shell.json("jobs", "get", "1/a")["suspended"] is False
    shell.assert_nothing_held()


def test_ctrl_c_ends_a_suspended_job(shell: Any, runner: Any, until: Any, gone: Any) -> None:
    shell.run("jobs", "suspend", "1/a")
    until(lambda: stopped(shell), "both processes are stopped")
    runner.send_signal(signal.SIGINT)
    assert shell.finish(runner)[0] == 130
    assert gone(shell.pid("pid")) and gone(shell.pid("child"))


def test_suspended_job_outlives_the_runner(shell: Any, runner: Any, until: Any) -> None:
    """The next runner knows that the job is suspended, and resumes it."""
    shell.run("jobs", "suspend", "1/a")
    until(lambda: stopped(shell), "both processes are stopped")
    shell.kill(runner)
    second = shell.start("run", "1")
    until(lambda: shell.sql("SELECT compute_node_id FROM job") == [(2,)], "the job is adopted")
    assert stopped(shell)
    assert "suspended" in shell.run("why", "1/a")[1]
    shell.run("jobs", "resume", "1/a")
    until(lambda: running(shell), "they go on")
    shell.run("jobs", "cancel", "--no-prompts", "1/a")
    assert shell.finish(second)[0] == 1


def test_resumed_without_a_runner(shell: Any, runner: Any, until: Any) -> None:
    shell.run("jobs", "suspend", "1/a")
    until(lambda: stopped(shell), "both processes are stopped")
    shell.kill(runner)
    assert "no active runner" in shell.run("jobs", "resume", "1/a")[1]
    second = shell.start("run", "1")
    until(lambda: running(shell), "they go on")
    shell.run("jobs", "cancel", "--no-prompts", "1/a")
    shell.finish(second)


LIMITED = """
name: l
resource_requirements: [{name: short, num_cpus: 1, runtime: PT6S}]
jobs:
  - {name: a, command: 'echo $$ > pid; while [ ! -e go ]; do sleep 0.05; done', resource_requirements: short}
"""


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(False, id="one runner"),
        pytest.param(True, id="adopted", marks=pytest.mark.long),
    ],
)
def test_the_runtime_stops(shell: Any, until: Any, kills: bool) -> None:
    """A job is suspended for longer than its runtime, and completes all the same."""
    runner = shell.start("run", shell.write(LIMITED))
    pid = shell.pid()
    until(lambda: shell.states_quickly() == {"a": 4}, "the job is recorded as running")
    shell.run("jobs", "suspend", "1/a")
    until(lambda: state(pid) == "T", "it is stopped")
    since = time.monotonic()
    if kills:
        shell.kill(runner)
        runner = shell.start("run", "1")
    until(lambda: time.monotonic() - since > 6.5, "the runtime is over")
    assert state(pid) == "T"
    (shell.folder / "go").touch()
    shell.run("jobs", "resume", "1/a")
    code, text = shell.finish(runner)
    assert (code, shell.states()) == (0, {"a": "completed"}), text
