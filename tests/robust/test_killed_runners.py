"""Runners that are killed at any moment: every job runs once, its end is found, and nothing stays
reserved."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torc_tui.engine import membership
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes

MANY = "name: many\njobs:\n  - {name: 'j_{i}', command: 'echo {i} >> ran; sleep 0.05', parameters: {i: '1:%d'}}\n"
WAITING = """
name: waiting
jobs:
  - {name: first, command: 'echo $$ > pid; touch begun; until [ -e go ]; do sleep 0.02; done; echo first >> ran'}
  - {name: second, command: 'echo second >> ran', depends_on: [first]}
"""


def storm(shell: Any, seed: int, jobs: int, seconds: float) -> int:
    """Start runners and kill them at random moments, then let one run to the end; how many were
    killed."""
    chance = random.Random(seed)
    shell.run("create", shell.write(MANY % jobs))
    shell.run("init", "1")
    killed = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and set(shell.states_quickly().values()) != {5}:
        runner = shell.start("run", "1", "--num-cpus", "4")
        deadline = time.monotonic() + chance.uniform(0.2, 0.9)
        while time.monotonic() < deadline and runner.poll() is None:
            time.sleep(0.005)
        killed += runner.poll() is None
        shell.kill(runner)
    code, text = shell.run("run", "1", "--num-cpus", "4")
    assert code in (0, 1), text
    return killed


def check(shell: Any, jobs: int, seed: int) -> None:
    ran = Counter(map(int, (shell.folder / "ran").read_text().split()))
    twice = {number: times for number, times in ran.items() if times > 1}
    assert not twice, f"seed {seed}"
    rows = shell.sql(
        "SELECT j.name, r.status, r.return_code, r.attempt_id FROM job j JOIN result r ON r.job_id = j.id"
    )
    assert len(rows) == jobs, f"seed {seed}"
    for name, status, code, attempt in rows:
        assert attempt == 1
        if status == JobStatus.COMPLETED:
            assert ran[int(name[2:])] == 1, f"{name}, seed {seed}"
        else:
            assert (status, code) == (JobStatus.FAILED, -128), (
                f"{name}, seed {seed}"
            )  # lost: nobody knows its end
    lost = sum(status != JobStatus.COMPLETED for _, status, _, _ in rows)
    assert lost == 0, f"{lost} jobs were lost, seed {seed}"
    shell.assert_nothing_held()


def test_runners_killed_at_random_moments(shell: Any) -> None:
    seed = int(os.environ.get("TORC_TEST_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}")
    assert storm(shell, seed, 100, 8.0) > 0
    check(shell, 100, seed)


@pytest.mark.long
def test_runners_killed_on_postgresql(make_shell: Any, postgresql_url: str) -> None:
    shell = make_shell(postgresql_url)
    assert storm(shell, 1, 200, 30.0) > 0
    check(shell, 200, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_runners_killed_at_many_random_moments(shell: Any, seed: int) -> None:
    assert storm(shell, seed, 400, 60.0) > 0
    check(shell, 400, seed)


def test_zombie_runner(shell: Any, until: Callable[..., Any]) -> None:
    runner = shell.start("run", shell.write(WAITING))
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    runner.send_signal(signal.SIGKILL)
    until(
        lambda: Path(f"/proc/{runner.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z",
        "it is a zombie",
    )
    (shell.folder / "go").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert (shell.folder / "ran").read_text().split() == ["first", "second"]
    runner.wait()


def test_another_runner_takes_over_with_its_heartbeat(
    shell: Any, until: Callable[..., Any]
) -> None:
    first = shell.start("run", shell.write(WAITING))
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    second = shell.start("run", "1")
    until(lambda: len(shell.events("node_started")) == 2, "the second runner is there")
    shell.kill(first)
    until(lambda: shell.events("node_lost"), "it was noticed")
    (shell.folder / "go").touch()
    code, text = shell.finish(second)
    assert code == 0, text
    assert (shell.folder / "ran").read_text().split() == ["first", "second"]
    shell.assert_nothing_held()


def test_resources_of_a_lost_runner(shell: Any, until: Callable[..., Any]) -> None:
    """Nothing has to be unlocked by hand after the loss of a runner."""
    big = (
        "name: big\njobs: [{name: a, command: 'echo $$ > pid; exec sleep 100', resource_requirements: all}]\n"
        + ("resource_requirements: [{name: all, num_cpus: 4, memory: 1g}]\n")
    )
    first = shell.start("run", shell.write(big), "--num-cpus", "4")
    until(lambda: shell.states().get("a") == "running", "it is recorded")
    pid = shell.pid()
    shell.kill(first)
    small = shell.start(
        "run", shell.write(big.replace("exec sleep 100", "true")), "--num-cpus", "4"
    )
    until(
        lambda: shell.states(2).get("a") == "ready",
        "it waits: the job of the dead runner still runs",
    )
    assert len(shell.json("resources")["held"]) == 1
    os.kill(pid, signal.SIGKILL)
    code, text = shell.finish(small)
    assert code == 0, text
    assert shell.json("resources")["held"] == []


def test_clock_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torc_tui.engine.report import RunOptions
    from torc_tui.engine.runner import run
    from torc_tui.operations.workflows import create_workflow, initialize
    from torc_tui.plan.resolve import resolve
    from torc_tui.store.database import Store
    from torc_tui.workflow_file.load import loads

    beats = []

    def beat(conn: Any, node_id: int, at: float) -> None:
        beats.append(at)
        (tmp_path / "go").touch()

    monkeypatch.setattr(membership, "HEARTBEAT", 0.2)
    monkeypatch.setattr(compute_nodes, "beat", beat)
    moments = iter([time.time()] * 5)
    store = Store.open(f"sqlite:///{tmp_path}/t.db")
    plan = resolve(
        loads(
            "name: w\njobs: [{name: a, command: 'timeout 10 bash -c \"until [ -e go ]; do sleep 0.1; done\"'}]"
        )
    )
    workflow_id = create_workflow(store, plan, user="u", directory=str(tmp_path), actor=None)
    initialize(store, workflow_id)
    report = run(store, workflow_id, RunOptions(), clock=lambda: next(moments, time.time() - 36000))
    store.close()
    assert report.exit_code == 0
    assert beats
