"""A runner is identified by its machine and its process, not by a host name: real processes under
another host name, and in process tables of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.raw_sql import execute
from tests.robust.conftest import RUNNER
from tests.waiting import DEADLINE, wait_for
from torc_tui.model import Machine
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes

WAITING = """
name: waiting
jobs:
  - name: a
    command: 'echo $$ > pid; echo ran >> runs; until [ -e go ]; do sleep 0.05; done'
"""


def permitted(*words: str) -> bool:
    """Return whether namespaces of this kind can be made here."""
    program = shutil.which("unshare")
    if program is None:
        return False
    return (
        subprocess.run([program, *words, "true"], capture_output=True, check=False).returncode == 0
    )


other_name = pytest.mark.skipif(not permitted("-u"), reason="no host name can be set here")
own_table = pytest.mark.skipif(
    not permitted("-pf", "--mount-proc"), reason="no process table can be made here"
)


def start(shell: Any, *prefix: str) -> subprocess.Popen[str]:
    """Start a runner of the workflow in ``w.yaml``, or of workflow 1, behind these words."""
    what = "w.yaml" if not shell.there("t.db") else "1"
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", RUNNER, "run", what],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shell.started.append(process)
    return process


def renamed_and_killed(shell: Any, gone: Any) -> None:
    """Run the workflow under another host name; kill the runner and its job."""
    shell.write(WAITING)
    runner = start(shell, "unshare", "-u", "bash", "-c", 'hostname other; exec "$@"', "-")
    job = shell.pid()
    wait_for(lambda: shell.states_quickly().get("a") == 4, "the start is recorded")
    assert shell.sql("SELECT hostname FROM compute_node") == [("other",)]
    shell.kill(runner)
    os.killpg(job, signal.SIGKILL)
    wait_for(lambda: gone(job), "the job is gone")


@other_name
def test_former_host_name(shell: Any, gone: Any) -> None:
    renamed_and_killed(shell, gone)
    (shell.folder / "go").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert shell.states() == {"a": "completed"}
    assert (shell.folder / "runs").read_text() == "ran\nran\n"
    assert len(shell.events("node_lost")) == 1
    for words in (("init", "1", "-y"), ("jobs", "disable", "1")):
        code, text = shell.run(*words)
        assert code == 0, text
    assert shell.run("delete", "1", "-y")[0] == 0


@other_name
def test_delete_after_a_rename(shell: Any, gone: Any) -> None:
    renamed_and_killed(shell, gone)
    code, text = shell.run("delete", "1", "-y")
    assert code == 0, text


@other_name
def test_change_jobs_after_a_rename(shell: Any, gone: Any) -> None:
    renamed_and_killed(shell, gone)
    code, text = shell.run("workflows", "sync-status", "1")
    assert (code, text) == (0, "Dropped runner 1 on other: 1 job is ready again\n")
    assert shell.run("jobs", "hold", "1")[0] == 0
    shell.assert_nothing_held()


@own_table
def test_runners_in_two_pid_namespaces(shell: Any) -> None:
    """Both are process 1 of a host with the same name."""
    shell.write(WAITING)
    table = ("unshare", "-pf", "--mount-proc", "--kill-child")
    first = start(shell, *table)
    shell.pid()
    second = start(shell, *table)
    wait_for(
        lambda: [row for row in shell.sql("SELECT heartbeats FROM compute_node") if row[0] > 2][1:],
        "each runner looked at the other one",
    )
    assert shell.sql("SELECT DISTINCT pid, is_active FROM compute_node") == [(1, 1)]
    assert shell.run("status", "1")[0] == 0
    (shell.folder / "go").touch()
    for runner in (first, second):
        text, _ = runner.communicate(timeout=DEADLINE)
        assert runner.returncode == 0, text
    assert shell.events("node_lost") == []
    assert (shell.folder / "runs").read_text() == "ran\n"
    shell.assert_nothing_held()


@pytest.mark.long
def test_an_expired_runner_of_another_machine_is_named_and_dropped(shell: Any) -> None:
    shell.write("name: w\njobs: [{name: a, command: 'true'}]\n")
    assert shell.run("create", "w.yaml")[0] == shell.run("init", "1")[0] == 0
    elsewhere = compute_nodes.MachineProcess(
        hostname="far", boot_id="b", pid=7, started=7, machine_id="m", pid_namespace="n"
    )
    machine = Machine(hostname="far", num_cpus=1, memory=1 << 30)
    with shell.store() as store, store.write() as conn:
        at = time.time() - 600
        node, _ = compute_nodes.register(conn, 1, 1, elsewhere, machine, {}, at)
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node},"
            f" started_at = {at}",
        )
    told = "runner 1 on far: no heartbeat for 10 min"
    command = "`torc compute-nodes drop 1`"
    for words in (("status", "1"), ("why", "1"), ("workflows", "sync-status", "1")):
        code, text = shell.run(*words)
        assert code == 0, text
        assert told in text and command in text
    runner = shell.start("run", "1")
    assert any(told in line and command in line for line in iter(runner.stdout.readline, ""))
    code, text = shell.run("compute-nodes", "drop", "1")
    assert (code, text) == (0, "Dropped runner 1 on far: 1 job is ready again\n")
    assert shell.finish(runner)[0] == 0
    assert shell.states() == {"a": "completed"}
    shell.assert_nothing_held()
