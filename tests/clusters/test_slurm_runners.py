"""Runners in allocations of a real Slurm."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.clusters.conftest import Site, counted, job, workflow
from tests.waiting import wait_for

pytestmark = pytest.mark.slurm


def test_four_nodes(site: Site) -> None:
    """Four allocations share the jobs of a workflow, and none runs twice."""
    jobs = [f"j{n}" for n in range(24)]
    number = site.create(workflow(*[job(name, "sleep 1") for name in jobs]))
    ids = [site.submit(number, "--exclusive") for _ in range(4)]
    assert set(site.slurm.wait_for_ends(*ids).values()) == {"COMPLETED"}
    assert set(site.statuses().values()) == {"completed"}
    assert counted(site, "start") == counted(site, "end") == Counter(jobs)
    shares = Counter(line.split()[1] for line in site.lines("log") if line.endswith("end"))
    assert len(shares) == 4 and min(shares.values()) >= 4


def test_two_on_one_node(site: Site) -> None:
    """Two allocations of one CPU on one node both work."""
    jobs = [f"j{n}" for n in range(12)]
    number = site.create(workflow(*[job(name, "sleep 1") for name in jobs]))
    ids = [site.submit(number, "-w", "n1", "-c", "1", "--mem", "1000") for _ in range(2)]
    assert set(site.slurm.wait_for_ends(*ids).values()) == {"COMPLETED"}
    assert counted(site, "end") == Counter(jobs)
    sql = "SELECT compute_node_id, COUNT(*) FROM result GROUP BY compute_node_id"
    shares = [number for _, number in site.sql(sql)]
    assert len(shares) == 2 and min(shares) >= 4


def test_canceled_allocation(site: Site) -> None:
    """The jobs of an allocation that is canceled run again on the others."""
    jobs = [f"j{n}" for n in range(12)]
    number = site.create(workflow(*[job(name, "sleep 3") for name in jobs]))
    ids = [site.submit(number, "--exclusive", "-w", f"n{n}") for n in (1, 2, 3)]
    site.wait_for_status("running", 6)
    site.slurm.call("scancel", ids[1])
    assert site.slurm.wait_for_ends(ids[1]) == {ids[1]: "CANCELLED"}
    site.slurm.wait_for_ends(*ids)
    assert set(site.statuses().values()) == {"completed"}, site.attempts()
    completed = Counter(name for name, status, _, _ in site.attempts() if status == "completed")
    assert completed == Counter(jobs)
    assert {status for _, status, _, _ in site.attempts()} == {"completed", "terminated"}


@pytest.mark.long
@pytest.mark.parametrize("start", ["", "srun"])
def test_signal_race(site: Site, start: str) -> None:
    """Of 20 canceled allocations, Slurm signals jobs and runner at once: no job fails.

    Some jobs end by the signal, others exit with a code of their own.
    """
    jobs = [f"j{n}" for n in range(80)]
    own = 'trap "exit 3" TERM; sleep 2 & wait $!'
    commands = [own if n % 2 else "sleep 2" for n in range(80)]
    text = workflow(*[job(*one) for one in zip(jobs, commands, strict=True)])
    number = site.create(text)
    ids = [site.submit(number, "--exclusive", start=start) for _ in range(3)]
    sql = "SELECT hostname FROM compute_node WHERE is_active"
    for turn in range(20):
        canceled = ids[turn]
        site.slurm.wait_for_state(canceled, "RUNNING")
        wait_for(lambda: len(site.sql(sql)) >= 3, "three runners")
        site.wait_for_status("running", 5)
        site.slurm.call("scancel", canceled)
        ids.append(site.submit(number, "--exclusive", start=start))
        site.slurm.wait_for_ends(canceled)
    site.slurm.wait_for_ends(*ids)
    failed = [one for one in site.attempts() if one[1] not in ("completed", "terminated")]
    assert (failed, set(site.statuses().values())) == ([], {"completed"})
    assert Counter(one[0] for one in site.attempts() if one[1] == "completed") == Counter(jobs)


@pytest.mark.long
def test_leaving(site: Site) -> None:
    """A runner leaves an allocation whose node cannot run what is left, the others go on."""
    requests = [
        {"name": "both", "num_cpus": 2, "memory": "1g"},
        {"name": "one", "num_cpus": 1, "memory": "1g"},
    ]
    jobs = [job(f"j{n}", "sleep 3", resource_requirements="both") for n in range(3)]
    jobs.append(job("k", "true", resource_requirements="one"))
    number = site.create(workflow(*jobs, resource_requirements=requests))
    wide = site.submit(number, "-w", "n1", "-c", "2")
    site.wait_for_status("running")
    narrow = site.submit(number, "-w", "n2", "-c", "1", run="--allocation 1")
    assert site.slurm.wait_for_ends(narrow) == {narrow: "COMPLETED"}
    assert Counter(site.statuses().values())["completed"] < 4
    assert site.slurm.wait_for_ends(wide) == {wide: "COMPLETED"}
    assert set(site.statuses().values()) == {"completed"}


@pytest.mark.long
def test_walltime(site: Site) -> None:
    """Only jobs start that end in time, and Slurm kills nothing."""
    requests = [{"name": "r", "num_cpus": 1, "memory": "100m", "runtime": "PT8S"}]
    jobs = [job(f"j{n}", "sleep 6", resource_requirements="r") for n in range(20)]
    number = site.create(workflow(*jobs, resource_requirements=requests))
    native_id = site.submit(number, "-w", "n1", "-c", "2", "-t", "1", run="--grace 5")
    assert site.slurm.wait_for_ends(native_id, seconds=120)[native_id] in ("COMPLETED", "FAILED")
    statuses = Counter(site.statuses().values())
    assert set(statuses) == {"completed", "ready"} and statuses["completed"] >= 6
    assert {one[1] for one in site.attempts()} == {"completed"}


@pytest.mark.long
def test_preemption(site: Site) -> None:
    """An allocation of a higher priority takes the node: the jobs run again later.

    Slurm signals a step as soon as it wants the node back, and a batch script later.
    """
    number = site.create(workflow(job("a", "sleep 12"), job("b", "sleep 12")))
    low = site.submit(number, "--exclusive", "--requeue", "-w", "n1", start="srun")
    site.wait_for_status("running", 2)
    urgent = ("--exclusive", "-p", "urgent", "-w", "n1")
    high = site.slurm.sbatch("sleep 1", *urgent, cwd=site.folder)
    site.slurm.wait_for_ends(high, seconds=90)
    again = site.submit(number, "--exclusive", "-w", "n2", start="srun")
    site.slurm.wait_for_ends(again, low, seconds=300)
    assert set(site.statuses().values()) == {"completed"}
    assert {one[1] for one in site.attempts()} == {"completed", "terminated"}
