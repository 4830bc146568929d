"""A runner that was cut off, whose jobs others have taken, comes back."""

from __future__ import annotations

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


def test_runner_that_was_cut_off(site: Site) -> None:
    """A node that Slurm has given up comes back: its runner reports nothing and ends its jobs."""
    jobs = [f"j{n}" for n in range(4)]
    number = site.create(workflow(*[job(name, "sleep 9") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "--no-requeue", "-w", f"n{n}") for n in (1, 2)]
    wait_for(lambda: len(counted(site, "start")) == 4, "four jobs run")
    stopped = [daemon_of(site, "n2"), runner_of(ids[1])]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        site.slurm.wait_for_state(ids[1], "NODE_FAIL", seconds=LOSS_SECONDS)
        lost = "SELECT COUNT(*) FROM result WHERE cause = 'lost'"
        wait_for(
            lambda: site.sql(lost)[0][0] == 2, lambda: str(site.attempts()), seconds=LOSS_SECONDS
        )
    finally:
        for pid in stopped[::-1]:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not Path(f"/proc/{stopped[1]}").exists(), "the runner ends")
    site.slurm.wait_for_ends(ids[0], seconds=LOSS_SECONDS)
    assert set(site.statuses().values()) == {"completed"}
    completed = Counter(name for name, status, _, _ in site.attempts() if status == "completed")
    assert completed == Counter(jobs)
    assert all(host == "n1" for _, status, _, host in site.attempts() if status == "completed")
