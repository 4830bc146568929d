"""Nodes, allocations and daemons of a real Slurm that fail while runners work."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clusters.conftest import Site, counted, job, workflow
from tests.robust.conftest import OwnServer
from tests.waiting import wait_for
from torc_tui.reasons import decode
from torc_tui.wording import sentence

pytestmark = pytest.mark.slurm

LOSS_SECONDS = 150.0
PROCESS_FILES = ("environ", "cmdline")


def reasons(site: Site) -> set[str]:
    """Return the reasons of the attempts that were lost."""
    rows = site.sql("SELECT reason FROM result WHERE cause = 'lost'")
    return {sentence(reason) for (text,) in rows if (reason := decode(text))}


@pytest.mark.long
def test_lost_node(site: Site) -> None:
    """A node loses its power: the other runner starts its jobs again, without a retry."""
    jobs = [f"j{n}" for n in range(6)]
    number = site.create(workflow(*[job(name, "sleep 4") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "--no-requeue", "-w", f"n{n}") for n in (1, 2)]
    site.wait_for_status("running", 4)
    site.slurm.kill_node(2)
    states = site.slurm.wait_for_ends(*ids, seconds=LOSS_SECONDS)
    assert states == {ids[0]: "COMPLETED", ids[1]: "NODE_FAIL"}
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "end") == Counter(jobs)
    assert reasons(site) == {"the allocation of its runner has ended (on n2)"}
    assert sorted(site.sql("SELECT lost, retries FROM job")) == [(0, 0)] * 4 + [(1, 0)] * 2


@pytest.mark.long
def test_requeued_after_loss(site: Site) -> None:
    """Slurm starts the allocation again on the node that has booted: its jobs run once more."""
    number = site.create(workflow(job("a", "sleep 6"), job("b", "sleep 6")))
    native_id = site.submit(number, "--exclusive", "--requeue", "-w", "n2")
    site.wait_for_status("running", 2)
    site.slurm.kill_node(2)
    site.slurm.wait_for_state(native_id, "PENDING", seconds=LOSS_SECONDS)
    site.slurm.start_node(2)
    assert site.slurm.wait_for_ends(native_id, seconds=300) == {native_id: "COMPLETED"}
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "end") == Counter("ab")
    assert reasons(site) == {"the allocation of its runner has ended (on n2)"}


@pytest.mark.long
def test_all_nodes_lost(site: Site) -> None:
    """All runners are gone: the next one finds out, and finishes the workflow."""
    number = site.create(workflow(job("a", "sleep 6"), job("b", "sleep 6"), job("c", "true")))
    first = site.submit(number, "--exclusive", "--no-requeue", "-w", "n1")
    site.wait_for_status("running", 2)
    site.slurm.kill_node(1)
    site.slurm.wait_for_ends(first, seconds=LOSS_SECONDS)
    second = site.submit(number, "--exclusive", "-w", "n3")
    assert site.slurm.wait_for_ends(second, seconds=LOSS_SECONDS) == {second: "COMPLETED"}
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "end") == Counter("abc")


@pytest.mark.long
def test_silent_controller(site: Site) -> None:
    """Slurm does not answer and a runner is silent: nobody takes its jobs."""
    jobs = [f"j{n}" for n in range(4)]
    text = workflow(*[job(name, "sleep 5") for name in jobs])
    number = site.create(text)
    ids = [site.submit(number, "--exclusive", "--no-requeue", "-w", f"n{n}") for n in (1, 2)]
    site.wait_for_status("running", 4)
    wait_for(lambda: len(counted(site, "start")) == 4, "four jobs run")
    pid = runner_of(ids[1])
    site.slurm.stop_controller()
    os.kill(pid, signal.SIGSTOP)
    try:
        sql = "SELECT COUNT(*) FROM event WHERE kind = 'node_notice'"
        wait_for(lambda: site.sql(sql)[0][0], "the runner is reported as silent")
        # The other runner asks Slurm twice meanwhile, in vain.
        wait_for(lambda: len(counted(site, "end")) == 4, "all jobs have ended")
        beats = "SELECT heartbeats FROM compute_node WHERE hostname = 'n1'"
        before = site.sql(beats)[0][0]
        wait_for(lambda: site.sql(beats)[0][0] >= before + 6, "six heartbeats", seconds=90)
        # A runner that was stopped inside of a transaction keeps its lock for 30 s.
        expected = ["completed"] * 2 + ["running"] * 2
        wait_for(
            lambda: sorted(site.statuses().values()) == expected,
            lambda: str(site.statuses()),
            seconds=LOSS_SECONDS,
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    site.slurm.start_controller()
    states = site.slurm.wait_for_ends(*ids, seconds=LOSS_SECONDS)
    assert states == dict.fromkeys(ids, "COMPLETED"), site.output(ids[1])
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "start") == counted(site, "end") == Counter(jobs)


def runner_of(native_id: str) -> int:
    """Return the process of the runner in an allocation, seen from outside of its node."""
    for folder in Path("/proc").glob("[1-9]*"):
        try:
            environ, words = [(folder / name).read_bytes().split(b"\0") for name in PROCESS_FILES]
        except OSError:
            continue
        if f"SLURM_JOB_ID={native_id}".encode() in environ and b"run" in words[:4]:
            return int(folder.name)
    raise AssertionError(f"no runner in allocation {native_id}")


@pytest.mark.long
def test_stopped_database(make_site: Callable[[str], Site], postgresql_own: OwnServer) -> None:
    """The server is stopped for 10 s under four runners: nothing is lost, nothing runs twice."""
    site = make_site(postgresql_own.url)
    jobs = [f"j{n}" for n in range(48)]
    number = site.create(workflow(*[job(name, "sleep 2") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "-w", f"n{n}") for n in (1, 2, 3, 4)]
    site.wait_for_status("running", 8)
    postgresql_own.call("pg_ctl", "-w", "-m", "immediate", "stop")
    stopped = time.monotonic()
    wait_for(lambda: time.monotonic() - stopped > 10, "10 s")
    postgresql_own.start()
    states = site.slurm.wait_for_ends(*ids, seconds=LOSS_SECONDS)
    assert states == dict.fromkeys(ids, "COMPLETED")
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "start") == counted(site, "end") == Counter(jobs)


@pytest.mark.long
def test_stopped_controller(site: Site) -> None:
    """Slurm does not answer for a minute: no job of a live runner is taken."""
    jobs = [f"j{n}" for n in range(70)]
    number = site.create(workflow(*[job(name, "sleep 9") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "-w", f"n{n}") for n in (1, 2, 3, 4)]
    site.wait_for_status("running", 8)
    site.slurm.stop_controller()
    beats = "SELECT MIN(heartbeats) FROM compute_node"
    before = site.sql(beats)[0][0]
    wait_for(lambda: site.sql(beats)[0][0] >= before + 12, "a minute", seconds=150)
    site.slurm.start_controller()
    states = site.slurm.wait_for_ends(*ids, seconds=LOSS_SECONDS)
    assert states == dict.fromkeys(ids, "COMPLETED")
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "start") == counted(site, "end") == Counter(jobs)


@pytest.mark.long
@pytest.mark.parametrize("start", ["", "srun"])
def test_killed_allocation(site: Site, start: str) -> None:
    """Runner and jobs are killed at once, without a signal before: no job fails."""
    jobs = [f"j{n}" for n in range(6)]
    number = site.create(workflow(*[job(name, "sleep 4") for name in jobs]))
    ids = [
        site.submit(number, "--exclusive", "--no-requeue", "-w", f"n{n}", start=start)
        for n in (1, 2)
    ]
    site.wait_for_status("running", 4)
    site.slurm.call("scancel", "--full", "--signal=KILL", ids[1])
    states = site.slurm.wait_for_ends(*ids, seconds=LOSS_SECONDS)
    assert states[ids[0]] == "COMPLETED"
    assert set(site.statuses().values()) == {"completed"}, site.attempts()
    assert reasons(site) <= {"the allocation of its runner has ended (on n2)"}


@pytest.mark.long
def test_failed_node_of_several(site: Site) -> None:
    """One node of an allocation fails; the runners on the others go on with its jobs."""
    jobs = [f"j{n}" for n in range(12)]
    number = site.create(workflow(*[job(name, "sleep 8") for name in jobs]))
    start = "srun --ntasks-per-node=1 -c 2 --wait=0 --kill-on-bad-exit=0 --no-kill"
    options = ("-N", "3", "-w", "n[1-3]", "--ntasks-per-node=1", "-c", "2", "--no-kill")
    native_id = site.submit(number, *options, "--no-requeue", start=start)
    site.wait_for_status("running", 6)
    site.slurm.kill_node(3)
    site.slurm.wait_for_ends(native_id, seconds=LOSS_SECONDS)
    assert set(site.statuses().values()) == {"completed"}, site.attempts()
    completed = [name for name, status, _, _ in site.attempts() if status == "completed"]
    assert Counter(completed) == Counter(jobs)
