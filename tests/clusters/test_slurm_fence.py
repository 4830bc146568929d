"""A runner that was cut off, whose jobs others have taken, comes back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.clusters.conftest import Site, counted, job, workflow
from tests.clusters.test_slurm_losses import LOSS_SECONDS, runner_of
from tests.waiting import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.long]


def daemon_of(site: Site, node: str) -> int:
    """Return the process of slurmd of a node, seen from outside of the node."""
    for folder in Path("/proc").glob("[1-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if {node.encode(), site.slurm.environment["SLURM_CONF"].encode()} <= set(words[1:]) and (
            words[0].endswith(b"slurmd")
        ):
            return int(folder.name)
    raise AssertionError(f"no slurmd on {node}")


def processes_of(native_id: str) -> list[int]:
    """Return the runner and the jobs in an allocation, the runner first."""
    runner, found = runner_of(native_id), []
    for folder in Path("/proc").glob("[1-9]*"):
        with contextlib.suppress(OSError):
            if f"SLURM_JOB_ID={native_id}".encode() in (folder / "environ").read_bytes().split(
                b"\0"
            ):
                found.append(int(folder.name))
    return [runner, *(pid for pid in found if pid != runner)]


def test_runner_that_was_cut_off(site: Site) -> None:
    """A node that Slurm has given up comes back: its runner reports nothing, and leaves."""
    jobs = [f"j{n}" for n in range(4)]
    number = site.create(workflow(*[job(name, "sleep 9") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "--no-requeue", "-w", f"n{n}") for n in (1, 2)]
    wait_for(lambda: len(counted(site, "start")) == 4, "four jobs run")
    site.wait_for_status("running", 4)
    stopped = [*processes_of(ids[1]), daemon_of(site, "n2")]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        site.slurm.wait_for_state(ids[1], "NODE_FAIL", seconds=LOSS_SECONDS)
        site.slurm.wait_for_ends(ids[0], seconds=LOSS_SECONDS)
        before = site.attempts()
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not Path(f"/proc/{stopped[0]}").exists(), "the runner ends")
    assert site.attempts() == before
    assert Counter(name for name, *_ in before) == Counter(jobs) + Counter(
        name for name, status, _, _ in before if status != "completed"
    )
    assert [host for _, status, _, host in before if status == "completed"] == ["n1"] * 4
    assert site.sql("SELECT SUM(lost) FROM job") == [(2,)]
