"""Workflows submitted with one command to a real Slurm."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.clusters.conftest import TORC, Site, counted, job, workflow
from tests.waiting import DEADLINE, wait_for

pytestmark = pytest.mark.slurm

WORK = {"name": "work", "num_cpus": 1, "memory": "100m", "runtime": "PT20S"}
TRAIN = {**WORK, "name": "train", "num_gpus": 1}
MINUTES = 3 * DEADLINE


class Submitter:
    """Submits workflows, and cancels them at the end of the test."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.set("PROLOGUE", f"export TORC_GPU_LEDGER={site.folder}/ledger-$SLURMD_NODENAME")
        self._watchers: list[subprocess.Popen[bytes]] = []

    def set(self, name: str, value: str) -> None:
        self.site.slurm.environment[f"TORC_CLUSTER__{name}"] = value

    def submit(self, text: str, *options: str, check: bool = True) -> str:
        """Submit a workflow file without a question; return what was printed."""
        (self.site.folder / "w.yaml").write_text(text)
        return self.site.torc("submit", "w.yaml", "--yes", *options, check=check)

    def watch(self, number: str) -> None:
        """Start one more watcher."""
        words = [TORC, "slurm", "watch", number]
        environment = self.site.slurm.environment
        self._watchers.append(subprocess.Popen(words, env=environment, cwd=self.site.folder))

    def wait_until_complete(self) -> None:
        def is_complete() -> bool:
            return set(self.site.statuses().values()) == {"completed"}

        wait_for(is_complete, lambda: str(self.explain()), seconds=MINUTES, interval=0.2)

    def wait_for_event(self, kind: str) -> None:
        def found() -> bool:
            return bool(self.site.sql(f"SELECT 1 FROM event WHERE kind = '{kind}'"))

        wait_for(found, lambda: str(self.explain()), seconds=MINUTES, interval=0.2)

    def explain(self) -> object:
        logs = sorted(self.site.folder.glob("torc_output/*.log"))
        return self.rows(), self.site.statuses(), [log.read_text()[-500:] for log in logs]

    def rows(self) -> list[tuple[object, ...]]:
        return self.site.sql(
            "SELECT id, native_id, queue_group, state, outcome, jobs_started, gpus, submitted_at"
            " FROM allocation ORDER BY id"
        )

    def open_jobs(self) -> list[str]:
        found = self.site.slurm.call("squeue", "-h", "-o", "%i %j").splitlines()
        return [line for line in found if "torc-wf" in line]

    def close(self) -> None:
        """Leave neither a watcher nor an allocation behind."""
        for (number,) in self.site.sql("SELECT id FROM workflow"):
            self.site.torc("cancel", str(number), "--yes", check=False)
        for watcher in self._watchers:
            watcher.terminate()
            watcher.wait(DEADLINE)
        wait_for(
            lambda: not self.site.sql("SELECT 1 FROM lease WHERE holder <> ''"),
            "all watchers end",
            interval=0.2,
        )
        for name in [one for one in self.site.slurm.environment if one.startswith("TORC_CLUSTER_")]:
            del self.site.slurm.environment[name]


@pytest.fixture
def user(site: Site) -> Iterator[Submitter]:
    submitter = Submitter(site)
    yield submitter
    submitter.close()


@pytest.mark.long
def test_staged_pipeline(user: Submitter) -> None:
    """Three stages with different requests finish without any other command."""
    works = [job(f"work_{n}", "sleep 1", resource_requirements="work") for n in range(8)]
    train = job("train", "sleep 1", resource_requirements="train", depends_on_regexes=["work_.*"])
    report = job("report", "true", resource_requirements="work", depends_on=["train"])
    text = workflow(*works, train, report, resource_requirements=[WORK, TRAIN])
    assert "1 allocation requested" in user.submit(text)
    user.wait_until_complete()
    assert set(counted(user.site, "end").values()) == {1}
    gpus = [row for row in user.rows() if json.loads(str(row[6] or "{}"))]
    [(worked,)] = user.site.sql(
        "SELECT MAX(result.ended_at) FROM result JOIN job ON job.id = result.job_id"
        " WHERE job.name LIKE 'work%'"
    )
    assert len(gpus) == 1 and float(str(gpus[0][7])) >= worked, user.rows()
    wait_for(lambda: not user.open_jobs(), "no allocation is left", interval=0.1)


@pytest.mark.long
def test_lost_node(user: Submitter) -> None:
    """A node that loses its power costs its jobs an attempt, and no command."""
    works = [job(f"work_{n}", "sleep 4", resource_requirements="work") for n in range(4)]
    user.submit(workflow(*works, resource_requirements=[WORK]))
    user.site.wait_for_status("running", 1)
    [(node,)] = user.site.sql("SELECT MIN(hostname) FROM compute_node WHERE is_active")
    user.site.slurm.kill_node(int(str(node).removeprefix("n")))
    user.wait_until_complete()
    assert set(counted(user.site, "end").values()) == {1}


@pytest.mark.long
def test_futile_allocations(user: Submitter) -> None:
    """Allocations in which no job can start are requested twice, then no more."""
    user.set("PROLOGUE", "echo no runner here; exit 0")
    user.submit(
        workflow(job("a", "true", resource_requirements="work"), resource_requirements=[WORK])
    )
    user.wait_for_event("queue_group_paused")
    assert [row[5] for row in user.rows()] == [0, 0]
    shown = user.site.torc("slurm", "preview", "1")
    assert "2 allocations ended without starting a job (no runner here)" in shown
    assert "torc slurm resume 1 main" in shown


def test_cancel(user: Submitter) -> None:
    """Canceling a workflow leaves no allocation in the queue."""
    works = [job(f"work_{n}", "sleep 100", resource_requirements="work") for n in range(16)]
    user.submit(
        workflow(*works, resource_requirements=[{**WORK, "runtime": "PT10M"}]), "--no-watch"
    )
    user.site.wait_for_status("running", 2)
    began = time.monotonic()
    answer = json.loads(user.site.torc("cancel", "1", "-f", "json"))
    assert answer["canceled_slurm_jobs"] == 2 and answer["errors"] == []
    wait_for(lambda: not user.open_jobs(), lambda: str(user.open_jobs()), interval=0.05)
    assert time.monotonic() - began < 15.0
    wait_for(
        lambda: set(user.site.statuses().values()) == {"canceled"},
        lambda: str(user.site.statuses()),
        interval=0.1,
    )


def test_two_watchers(user: Submitter) -> None:
    """Of two watchers, one requests the allocations."""
    works = [job(f"work_{n}", "sleep 1", resource_requirements="work") for n in range(4)]
    user.submit(workflow(*works, resource_requirements=[WORK]))
    user.watch("1")
    user.wait_until_complete()
    assert len(user.rows()) == 1


def test_refused_request(user: Submitter) -> None:
    """What Slurm refuses is an error of the user, in the words of Slurm."""
    text = workflow(
        job("a", "true", resource_requirements="work"),
        resource_requirements=[WORK],
        slurm_defaults={"constraint": "nosuch"},
    )
    (user.site.folder / "w.yaml").write_text(text)
    done = subprocess.run(
        [TORC, "submit", "w.yaml", "--yes", "--no-watch"],
        env=user.site.slurm.environment,
        cwd=user.site.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Slurm refused the request: " in done.stderr and "Traceback" not in done.stderr
    assert user.open_jobs() == []
    assert [row[3] for row in user.rows()] == ["refused"]


def test_unknown_partition(user: Submitter) -> None:
    """A partition that does not exist is refused before a workflow is created."""
    done = subprocess.run(
        [TORC, "submit", "w.yaml", "--partition", "nosuch"],
        env=user.site.slurm.environment,
        cwd=user.site.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no partition 'nosuch'" in done.stderr and "debug" in done.stderr
    assert user.site.sql("SELECT id FROM workflow") == []


def test_job_that_fits_no_partition(user: Submitter) -> None:
    """The other jobs are submitted; the exit code tells that some are not."""
    huge = {**WORK, "name": "huge", "memory": "900g"}
    text = workflow(
        job("a", "true", resource_requirements="work"),
        job("b", "true", resource_requirements="huge"),
        resource_requirements=[WORK, huge],
    )
    (user.site.folder / "w.yaml").write_text(text)
    done = subprocess.run(
        [TORC, "submit", "w.yaml", "--yes"],
        env=user.site.slurm.environment,
        cwd=user.site.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    expected = "1 job with the requirements 'huge' fits no partition: needs 900 GiB"
    assert expected in done.stderr
    user.site.wait_for_status("completed", 1)


@pytest.mark.long
def test_silent_controller(user: Submitter) -> None:
    """A controller that does not answer is an error of the environment; nothing is lost."""
    number = user.site.create(
        workflow(job("a", "true", resource_requirements="work"), resource_requirements=[WORK])
    )
    user.site.torc("slurm", "preview", number)
    user.site.slurm.stop_controller()
    user.site.torc("submit", number, "--yes", "--no-watch", check=False)
    assert user.rows() == []
    user.site.slurm.start_controller()
    user.site.torc("submit", number, "--yes")
    user.wait_until_complete()


def test_schedule_by_hand(user: Submitter) -> None:
    """Allocations can be requested, listed and canceled by hand."""
    number = user.site.create(workflow(job("a", "sleep 1")))
    user.site.torc("slurm", "schedule-nodes", number, "-n", "2")
    rows = json.loads(user.site.torc("slurm", "status", number, "-f", "json"))
    assert len(rows) == 2
    assert "#SBATCH --nodes=1" in user.site.torc("slurm", "script", str(rows[0]["id"]))
    user.wait_until_complete()
    wait_for(lambda: not user.open_jobs(), lambda: str(user.open_jobs()), interval=0.2)


@pytest.mark.long
def test_thousand_jobs(user: Submitter) -> None:
    jobs = [
        {"name": f"j{n}", "command": "true", "resource_requirements": "work"} for n in range(1000)
    ]
    user.submit(workflow(*jobs, resource_requirements=[WORK]))
    user.wait_until_complete()
    ended = Counter(name for name, *_ in user.site.attempts())
    assert len(ended) == 1000 and set(ended.values()) == {1}
