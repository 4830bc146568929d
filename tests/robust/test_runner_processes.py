"""Real runners in processes of their own: interrupted, killed, started twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE

Until = Callable[..., Any]

WAITING = """
name: waiting
jobs:
  - name: first
    command: 'echo $$ > pid; touch begun; until [ -e go ]; do sleep 0.05; done; echo done'
  - {name: second, command: 'cat begun', depends_on: [first]}
"""


def test_the_expiration_buffer_is_taken_off_the_time(shell: Any) -> None:
    text = (
        "name: b\njobs: [{name: a, command: 'true', resource_requirements: r}]\n"
        "resource_requirements: [{name: r, num_cpus: 1, memory: 1m, runtime: PT1M}]\n"
    )
    assert shell.run("run", shell.write(text), "--time-limit", "PT2M")[0] == 0
    code, said = shell.run(
        "run",
        shell.write(text + "compute_node_expiration_buffer_seconds: 90\n"),
        "--time-limit",
        "PT2M",
    )
    assert code == 3
    assert "requests a runtime of 1 min, the runner has" in said


def test_unschedulable_jobs_are_named_once(shell: Any) -> None:
    text = (
        "name: n\njobs:\n- {name: a, command: x, resource_requirements: r}\n"
        "- {name: b, command: x, resource_requirements: r}\n"
        "resource_requirements: [{name: r, num_cpus: 9999, memory: 1m}]\n"
    )
    assert shell.run("create", shell.write(text))[0] == 0
    assert shell.run("jobs", "hold", "1")[0] == 0
    code, said = shell.run("run", "1", "-f", "json")
    assert code == 3, said
    assert [job["name"] for job in json.loads(said)["never"]] == ["a", "b"]


def test_ctrl_c_and_next_run(shell: Any, until: Until) -> None:
    runner = shell.start("run", shell.write(WAITING), "--grace", "5")
    until(lambda: (shell.folder / "begun").exists(), "the job began")
    runner.send_signal(signal.SIGINT)
    text, _ = runner.communicate(timeout=DEADLINE)
    assert runner.returncode == 130, text
    assert shell.states() == {"first": "terminated", "second": "blocked"}
    (shell.folder / "go").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert [
        (r["job_id"], r["attempt_id"], r["status"])
        for r in shell.json("results", "list", "1", "--all-runs")
    ] == [(1, 1, "terminated"), (1, 2, "completed"), (2, 1, "completed")]


def test_a_second_ctrl_c_does_not_wait_for_stubborn_jobs(shell: Any, until: Until) -> None:
    stubborn = "name: s\njobs:\n  - {name: a, command: \"trap '' TERM; touch begun; while :; do sleep 0.05; done\"}\n"
    runner = shell.start("run", shell.write(stubborn), "--grace", "120")
    until(lambda: (shell.folder / "begun").exists(), "the job began")
    assert runner.stdout is not None
    runner.send_signal(signal.SIGINT)
    assert any("Ctrl-C again kills it now" in line for line in iter(runner.stdout.readline, ""))
    runner.send_signal(signal.SIGINT)
    text, _ = runner.communicate(timeout=DEADLINE)
    assert runner.returncode == 130, text
    assert shell.states() == {"a": "terminated"}


def test_jobs_outlive_a_killed_runner_and_the_next_one_adopts_them(
    shell: Any, until: Until
) -> None:
    runner = shell.start("run", shell.write(WAITING))
    until(lambda: (shell.folder / "begun").exists(), "the job began")
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    pid = int((shell.folder / "pid").read_text())
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    os.kill(pid, 0)
    heir = shell.start("run", "1")
    until(lambda: any(e["event_type"] == "node_lost" for e in events(shell)), "the heir took over")
    (shell.folder / "go").touch()
    text, _ = heir.communicate(timeout=DEADLINE)
    assert heir.returncode == 0, text
    results = shell.json("results", "list", "1", "--all-runs")
    assert [(r["job_id"], r["attempt_id"], r["return_code"]) for r in results] == [
        (1, 1, 0),
        (2, 1, 0),
    ]


def events(shell: Any) -> list[dict[str, Any]]:
    found = shell.json("events", "list", "1")
    return [
        {**event, "event_type": event.get("event_type") or event["data"].get("event_type")}
        for event in found
    ]


def test_unseen_end_is_collected(shell: Any, until: Until) -> None:
    failing = WAITING.replace("echo done", "exit 7")
    runner = shell.start("run", shell.write(failing))
    until(lambda: (shell.folder / "begun").exists(), "the job began")
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    pid = int((shell.folder / "pid").read_text())
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    (shell.folder / "go").touch()
    until(lambda: not Path(f"/proc/{pid}").exists(), "the job ended")
    code, text = shell.run("run", "1")
    assert code == 1, text
    (result,) = shell.json("results", "list", "1", "--all-runs")
    assert result["return_code"] == 7
    assert shell.states() == {"first": "failed", "second": "canceled"}


def test_two_runners_never_run_a_job_twice(shell: Any) -> None:
    many = (
        "name: m\njobs:\n  - {name: 'j_{i}', command: 'echo {i} >> ran', parameters: {i: '1:60'}}\n"
    )
    shell.run("create", shell.write(many))
    shell.run("init", "1")
    runners = [shell.start("run", "1"), shell.start("run", "1")]
    for runner in runners:
        text, _ = runner.communicate(timeout=DEADLINE)
        assert runner.returncode == 0, text
    assert sorted(map(int, (shell.folder / "ran").read_text().split())) == list(range(1, 61))


def test_detached_run(shell: Any, until: Until) -> None:
    code, text = shell.run("run", shell.write(WAITING), "--detach")
    assert code == 0, text
    until(lambda: (shell.folder / "begun").exists(), "the job began")
    (shell.folder / "go").touch()
    until(lambda: set(shell.states().values()) == {"completed"}, "all completed")


def test_unschedulable_job(shell: Any) -> None:
    text = """
name: n
jobs:
  - {name: small, command: "true"}
  - {name: big, command: "true", resource_requirements: huge}
  - {name: later, command: "true", depends_on: [big]}
resource_requirements:
  - {name: huge, num_cpus: 4096, memory: 1g}
"""
    code, output = shell.run("run", shell.write(text))
    assert code == 3
    assert output.count("4096 CPUs") >= 2
    assert shell.states() == {"small": "completed", "big": "ready", "later": "blocked"}
    assert "4096 CPUs" in shell.run("why", "big", "-w", "1")[1]


def test_cancel_from_another_terminal(shell: Any, until: Until) -> None:
    runner = shell.start("run", shell.write(WAITING), "--grace", "5")
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    shell.run("cancel", "1")
    text, _ = runner.communicate(timeout=DEADLINE)
    assert runner.returncode == 1, text
    assert shell.states() == {"first": "canceled", "second": "canceled"}


def test_limits_are_enforced_on_the_whole_group(shell: Any) -> None:
    text = """
name: l
jobs:
  - {name: slow, command: "sleep 60 & wait", resource_requirements: quick}
resource_requirements:
  - {name: quick, num_cpus: 1, memory: 1g, runtime: PT1S}
"""
    code, output = shell.run("run", shell.write(text))
    assert code == 1, output
    (result,) = shell.json("results", "list", "1")
    assert (result["status"], result["return_code"]) == ("terminated", 152)


@pytest.mark.parametrize(
    ("declared", "limited"),
    [("memory: 1t", "runtime"), ("runtime: PT2H", "memory"), ("num_nodes: 1", "memory runtime")],
)
def test_undeclared_limits(declared: str, limited: str, shell: Any) -> None:
    """A record without runtime or memory has no such limit, and the records say so."""
    text = f"""
name: l
jobs:
  - {{name: a, command: "true", resource_requirements: r}}
resource_requirements:
  - {{name: r, num_cpus: 1, {declared}}}
"""
    shell.run("create", shell.write(text))
    record = shell.json("resource-requirements", "list", "1")[0]
    assert [key for key in ("memory", "runtime") if record[key] is None] == limited.split()
    code, output = shell.run("run", "1", "--memory-gb", "2048", "--time-limit", "PT1H")
    assert code == (3 if declared == "runtime: PT2H" else 0), output


_OF_LIBC = 3 << 31
"""Signals 32 and 33, which glibc keeps for itself and ignores in what it starts."""
IGNORED = ["HUP", "INT", "QUIT", "TERM", "USR1", "CHLD", "TSTP"]


def test_inherited_signal_handlers(shell: Any) -> None:
    """A shell that starts a runner with `&` ignores SIGINT and SIGQUIT for it, nohup SIGHUP."""
    shell.write(
        "name: s\n"
        "jobs: [{name: a, command: grep -E 'Sig(Ign|Blk)' /proc/self/status > job}]\n"
        "actions:\n"
        "  - trigger_type: on_workflow_start\n"
        "    action_type: run_commands\n"
        "    commands: [grep -E 'Sig(Ign|Blk)' /proc/self/status > action]\n"
    )
    code = (
        "import os, signal, sys\n"
        f"for name in {IGNORED!r}: signal.signal(getattr(signal, 'SIG' + name), signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'torc_tui.cli.main', 'run', 'w.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("job", "action"):
        masks = (shell.folder / name).read_text().split()[1::2]
        assert {int(mask, 16) & ~_OF_LIBC for mask in masks} == {0}, name


def test_ctrl_c_reaches_background_jobs(shell: Any, until: Any, gone: Any) -> None:
    shell.write("name: s\njobs: [{name: a, command: 'echo $$ > pid; exec sleep 100'}]")
    line = f"{sys.executable} -m torc_tui.cli.main run w.yaml & wait"
    outer = subprocess.Popen(
        ["bash", "-c", line], cwd=shell.folder, env=shell.env, stdout=subprocess.DEVNULL
    )
    pid = shell.pid()
    until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes(), "the program runs")
    os.kill(pid, signal.SIGQUIT)
    until(lambda: gone(pid), "the job died")
    assert outer.wait(60) == 0
    assert shell.sql("SELECT return_code FROM result") == [(128 + signal.SIGQUIT,)]
