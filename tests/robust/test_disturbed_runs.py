"""Actions of others during a run, signals and lost terminals: the run ends or continues cleanly."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE
from torc_tui.reasons import Kind, because, decode
from torc_tui.status import JobStatus

RUNNING_JOB = f"SELECT 1 FROM job WHERE status = {JobStatus.RUNNING}"

WAITING = """
name: waiting
jobs:
  - {name: first, command: 'echo $$ > pid; touch begun; until [ -e go ]; do sleep 0.02; done; echo first >> ran'}
  - {name: second, command: 'echo second >> ran', depends_on: [first]}
"""


def begin(shell: Any, until: Callable[..., Any], *words: str, **how: Any) -> subprocess.Popen[str]:
    runner: subprocess.Popen[str] = shell.start(
        "run", shell.write(WAITING), "--grace", "2", *words, **how
    )
    until(lambda: shell.there("begun"), "the job began")
    until(lambda: shell.sql(RUNNING_JOB), "it is recorded")
    return runner


# -- acts of others --------------------------------------------------------------------------------


def test_canceled(shell: Any, until: Any, gone: Any) -> None:
    runner = begin(shell, until)
    assert shell.run("cancel", "1")[0] == 0
    code, text = shell.finish(runner)
    assert (code, "Traceback" in text) == (1, False)
    assert gone(shell.pid())
    assert shell.states() == {"first": "canceled", "second": "canceled"}
    shell.assert_nothing_held()


def test_delete_a_running_workflow(shell: Any, until: Any) -> None:
    runner = begin(shell, until)
    code, text = shell.run("delete", "1", "--no-prompts")
    assert code == 2
    assert "cancel them first" in text
    (shell.folder / "go").touch()
    assert shell.finish(runner)[0] == 0


def test_initialize_a_running_workflow(shell: Any, until: Any) -> None:
    runner = begin(shell, until)
    assert shell.run("init", "1")[0] == 2
    (shell.folder / "go").touch()
    assert shell.finish(runner)[0] == 0


def test_forced_delete(shell: Any, until: Any, gone: Any) -> None:
    """By a program that does not ask."""
    runner = begin(shell, until)
    with shell.store() as store:
        from torc_tui.store import workflows

        workflows.delete(store, [1])
    code, text = shell.finish(runner)
    assert code == 1, text
    assert "was deleted while it ran" in text
    assert "Traceback" not in text
    assert gone(shell.pid())


def test_forced_initialization(shell: Any, until: Any, gone: Any) -> None:
    runner = begin(shell, until)
    with shell.store() as store, store.write() as conn:
        from torc_tui.store import sql
        from torc_tui.store.event_log import append

        append(conn, 1, [], at=time.time())
        conn.execute(sql.RESET_JOBS, workflow_id=1)
        conn.value(sql.NEXT_RUN, workflow_id=1)
    code, text = shell.finish(runner)
    assert code == 1, text
    assert "initialized again while it ran" in text
    assert gone(shell.pid())


def test_archived(shell: Any, until: Any, gone: Any) -> None:
    runner = begin(shell, until)
    assert shell.run("workflows", "archive", "true", "1")[0] == 0
    code, text = shell.finish(runner)
    assert code == 1, text
    assert "archived" in text
    assert gone(shell.pid())
    assert shell.states()["first"] == "terminated"
    shell.run("workflows", "archive", "false", "1")
    (shell.folder / "go").touch()
    assert shell.run("run", "1")[0] == 0


def test_cancel_twice(shell: Any, until: Any) -> None:
    """A job gets one SIGTERM, however often others cancel it."""
    text = """
name: t
jobs: [{name: a, command: 'trap "echo asked >> asked" TERM; touch begun; until [ -e go ]; do sleep 0.02; done'}]
"""
    runner = shell.start("run", shell.write(text), "--grace", "20")
    until(lambda: shell.there("begun"), "the job began")
    until(lambda: shell.sql(RUNNING_JOB), "it is recorded")
    # A job that has only just begun is asked twice, in case it missed the signal.
    shell.wait_for_beat(runner)
    shell.run("cancel", "1")
    until(lambda: shell.there("asked"), "it was asked")
    with shell.store() as store:
        from torc_tui.store.event_log import append

        for _ in range(3):
            with store.write() as conn:
                append(conn, 1, [("node_notice", None, {"message": "x"})], at=time.time())
            shell.wait_for_beat(runner)
    assert (shell.folder / "asked").read_text().split() == ["asked"]
    (shell.folder / "go").touch()
    shell.finish(runner)


# -- limits ----------------------------------------------------------------------------------------


def test_max_parallel_jobs(shell: Any) -> None:
    text = "name: p\njobs: [{name: 'j_{i}', command: 'echo + >> seen; sleep 0.1; echo - >> seen', parameters: {i: '1:8'}}]"
    code, said = shell.run("run", shell.write(text), "--num-cpus", "8", "--max-parallel-jobs", "2")
    assert code == 0, said
    running = peak = 0
    for sign in (shell.folder / "seen").read_text().split():
        running += 1 if sign == "+" else -1
        peak = max(peak, running)
    assert peak == 2


LIMITED = """
name: limited
jobs:
  - {name: short, command: 'echo short >> ran', resource_requirements: quick}
  - {name: long, command: 'echo long >> ran', resource_requirements: slow}
resource_requirements:
  - {name: quick, num_cpus: 1, memory: 1m, runtime: PT1S}
  - {name: slow, num_cpus: 1, memory: 1m, runtime: PT10H}
"""


@pytest.mark.parametrize("how", ["--time-limit", "--end-time"])
def test_jobs_that_do_not_fit_in_the_time_are_named(shell: Any, how: str) -> None:
    from datetime import datetime, timedelta

    value = "PT1H" if how == "--time-limit" else (datetime.now() + timedelta(hours=1)).isoformat()
    code, text = shell.run("run", shell.write(LIMITED), how, value)
    assert code == 3, text
    assert re.search(r"long \(job \d+\) is unschedulable: requests a runtime of 10 h", text)
    assert shell.states() == {"short": "completed", "long": "ready"}
    assert shell.run("run", "1")[0] == 0


def test_time_limit_interrupts_jobs(shell: Any, until: Any, gone: Any) -> None:
    runner = begin(shell, until, "--time-limit", "3")
    code, text = shell.finish(runner)
    assert code == 1, text
    assert gone(shell.pid())
    ((status, return_code, reason),) = shell.sql("SELECT status, return_code, reason FROM result")
    assert (status, return_code) == (8, 152)
    assert decode(reason) == because(Kind.TIME_LIMIT)
    (shell.folder / "go").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert (shell.folder / "ran").read_text().split() == ["first", "second"]


# -- terminals and pipes ---------------------------------------------------------------------------


class Terminal:
    """Runs torc in a pseudoterminal, as the leader of a session of its own."""

    def __init__(self, shell: Any, *words: str, hears: bool = True) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if not hears:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
            os.chdir(shell.folder)
            environment = {**shell.env, "TERM": "xterm-256color"}
            os.execve(
                sys.executable, [sys.executable, "-m", "torc_tui.cli.main", *words], environment
            )
        self.seen = b""
        self.code: int | None = None

    def read(self, seconds: float = 0.1) -> str:
        if self.fd >= 0 and select.select([self.fd], [], [], seconds)[0]:
            with suppress(OSError):
                self.seen += os.read(self.fd, 65536)
        return self.seen.decode(errors="replace")

    def wait(self, until: Callable[..., Any]) -> int:
        def ended() -> bool:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            return bool(pid)

        until(ended, "it ended")
        self.read(0.1)
        assert self.code is not None
        return self.code

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def screen(text: str) -> list[str]:
    """Return the lines that remain on a terminal after redrawing."""
    lines = [""]
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r\n|\n)", text):
        if part in ("\r\n", "\n"):
            lines.append("")
        elif match := re.fullmatch(r"\x1b\[(\d+)F", part):
            del lines[len(lines) - int(match[1]) :]
            lines[-1] = ""
        elif not part.startswith("\x1b"):
            lines[-1] += part
    return lines


@pytest.mark.terminal
def test_ctrl_c_restores_the_terminal(shell: Any, until: Any) -> None:
    shell.write(WAITING)
    terminal = Terminal(shell, "run", "w.yaml", "--grace", "2")
    until(lambda: "▶ first" in terminal.read(), "it is drawn")
    until(lambda: shell.sql(RUNNING_JOB), "it is recorded")
    os.write(terminal.fd, b"\x03")
    assert terminal.wait(until) == 130
    terminal.close()
    text = terminal.seen.decode()
    assert "Traceback" not in text
    assert "\x1b[?1049h" not in text and "\x1b[?25l" not in text  # nothing to be undone afterwards
    left = [line for line in screen(text) if "▶" in line or "░" in line]
    assert left == []
    assert "interrupted; continue with `torc run 1`" in text
    assert shell.states() == {"first": "terminated", "second": "blocked"}


@pytest.mark.terminal
@pytest.mark.parametrize("hears", [True, False], ids=["SIGHUP", "nohup"])
def test_lost_terminal(shell: Any, until: Any, hears: bool) -> None:
    """The run goes on without its terminal and writes to its log, also where SIGHUP is ignored."""
    shell.write(WAITING)
    terminal = Terminal(shell, "run", "w.yaml", hears=hears)
    until(lambda: "▶ first" in terminal.read(), "it is drawn")
    until(lambda: shell.sql(RUNNING_JOB), "it is recorded")
    terminal.close()
    # The kernel sends this too, but only to the leader of a session with a real terminal.
    os.kill(terminal.pid, signal.SIGHUP)
    (shell.folder / "go").touch()
    assert terminal.wait(until) == 0
    assert (shell.folder / "ran").read_text().split() == ["first", "second"]
    (log,) = (shell.folder / "torc_output").glob("job_runner_*.log")
    text = log.read_text()
    assert "completed: 2 completed" in text and "\x1b" not in text
    shell.assert_nothing_held()


@pytest.mark.parametrize("quiet", [(), ("--quiet",), ("-f", "json")])
def test_hangup_without_terminal(shell: Any, until: Any, quiet: tuple[str, ...]) -> None:
    runner = begin(shell, until, *quiet)
    runner.send_signal(signal.SIGHUP)
    shell.wait_for_beat(runner)
    (shell.folder / "go").touch()
    code, text = shell.finish(runner)
    assert code == 0
    assert ("completed" in text) == (quiet != ("--quiet",))  # a pipe is there still
    assert set(shell.states().values()) == {"completed"}


def test_closed_pipe(shell: Any, until: Any) -> None:
    runner = begin(shell, until, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert runner.stdout is not None and runner.stderr is not None
    runner.stdout.readline()
    runner.stdout.close()  # head -1
    (shell.folder / "go").touch()
    said = runner.stderr.read()
    assert runner.wait(DEADLINE) == 0
    assert said == ""
    assert set(shell.states().values()) == {"completed"}
    shell.assert_nothing_held()


def test_output_into_head(shell: Any) -> None:
    text = "name: f\njobs: [{name: 'j_{i}', command: 'sleep 0.1; exit 3', parameters: {i: '1:20'}}]"
    shell.write(text)
    line = f"{sys.executable} -m torc_tui.cli.main run w.yaml | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=shell.folder, env=shell.env, capture_output=True, text=True
    )
    assert done.stdout.split()[-1] == "1", done.stdout + done.stderr
    assert done.stderr == ""
    assert set(shell.states().values()) == {"failed"}


def test_a_full_disk_behind_standard_output(shell: Any) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    shell.write("name: f\njobs: [{name: a, command: 'echo a > ran'}]")
    shell.run("create", "w.yaml")
    shell.run("init", "1")
    with open("/dev/full", "w") as full:
        runner = shell.start("run", "1", stdout=full)
        runner.wait(DEADLINE)
    assert runner.returncode in (0, 1)
    assert shell.states() == {"a": "completed"}
    shell.assert_nothing_held()


def test_json_report_has_reasons(shell: Any, until: Any) -> None:
    runner = begin(shell, until, "-f", "json", stderr=subprocess.DEVNULL)
    shell.run("workflows", "archive", "true", "1")
    code, text = shell.finish(runner)
    assert code == 1
    assert "archived" in json.loads(text[text.index("{") :])["message"]


def test_kill_after_terminate(shell: Any, until: Any, gone: Any) -> None:
    text = "name: s\njobs:\n  - {name: a, command: \"trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done\"}\n"
    runner = shell.start("run", shell.write(text), "--grace", "600")
    until(lambda: shell.sql(RUNNING_JOB), "it is recorded")
    pid = shell.pid()
    with shell.store() as store:
        from torc_tui.operations.runners import stop_runners

        stop_runners(store, 1)
        until(
            lambda: shell.sql("SELECT 1 FROM compute_node WHERE stop_requested = 'graceful'"),
            "it is asked",
        )
        shell.wait_for_beat(runner)
        assert not gone(pid)
        stop_runners(store, 1, hard=True)
    code, said = shell.finish(runner)
    assert code == 1, said
    assert "stopped by a user" in said
    assert gone(pid)


def test_crashed_runner_is_lost(shell: Any) -> None:
    """Jobs outlive a crashed runner, and the next runner adopts them."""
    done = broken(
        shell,
        "from torc_tui.engine.shared_state import SharedState as S\n"
        "S.has_changed = lambda self: 1 / 0\n",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (shell.folder / "go").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert (shell.folder / "ran").read_text().split() == ["first", "second"]
    shell.assert_nothing_held()


def test_crashed_display(shell: Any) -> None:
    (shell.folder / "go").touch()
    done = broken(
        shell, "from torc_tui.cli.progress import Lines as L\nL.events = lambda *given: 1 / 0\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the display failed; the run continues: ZeroDivisionError") == 1
    assert set(shell.states().values()) == {"completed"}


def broken(shell: Any, how: str) -> subprocess.CompletedProcess[str]:
    """A run of a program that has a mistake."""
    shell.write(WAITING)
    words = [
        sys.executable,
        "-c",
        how + "from torc_tui.cli.main import main\nmain()",
        "run",
        "w.yaml",
    ]
    return subprocess.run(
        words, cwd=shell.folder, env=shell.env, capture_output=True, text=True, timeout=DEADLINE
    )
