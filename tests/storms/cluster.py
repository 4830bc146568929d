"""Kill nodes, runners and servers of a private Slurm cluster at random, and check what is left.

``python -m tests.storms.cluster --kills 100 [--seed N]`` submits workflows until that many things
were killed: nodes (loss of power), runners (SIGKILL, or stopped for a while), the watcher, the
controller of Slurm and the PostgreSQL server. Each job appends its number and attempt to a file
when it starts and when it ends. At the end of each workflow every job is completed, no attempt has
started or ended twice, and each attempt that has started is recorded. A job fails only if its node
was lost three times. ``--keep DIR`` keeps the records of workflows with faults.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.cluster import NODES, SlurmCluster, why_not
from tests.robust.conftest import OwnServer
from tests.storms.kills import Storm, main
from tests.waiting import wait_for
from torc_tui.status import JobStatus

JOBS = 400
DEADLINE = 900.0
"""Seconds after which a workflow that does not end counts as lost; kills end after half of it."""
WORKFLOW = """
name: storm
resource_requirements:
  - {name: small, num_cpus: 1, memory: 100m, runtime: PT30S}
jobs:
  - name: job_{i}
    resource_requirements: small
    command: >-
      echo "start {i} $TORC_ATTEMPT_ID" >> ran;
      sleep 0.$((RANDOM %% 10));
      echo "end {i} $TORC_ATTEMPT_ID" >> ran
    parameters: {i: "1:%d"}
"""
LOOK_SECONDS = 4.0
PAUSE = (0.5, 3.0)
"""Shortest and longest time between two kills, in seconds."""
SHOWN_EVERY = 50
"""Kills after which the tally is printed."""
LOSSES = 3
"""A job that was lost so often in a run fails."""
WEIGHTS = {"node": 6, "runner": 10, "pause": 5, "watcher": 4, "controller": 1, "database": 3}
"""How often each kind is killed. Slurm drops a dead node only some time after its controller has
started."""


class ClusterStorm(Storm):
    """Submits workflows to a cluster, and kills parts of it."""

    def __init__(self, folder: Path, database: str, seed: int) -> None:
        super().__init__(folder, database, seed)
        self._parts = ExitStack()
        self.server = self._parts.enter_context(_server())
        self.cluster = self._parts.enter_context(_cluster())
        self.environment = {
            **self.environment,
            **self.cluster.environment,
            "TORC_DATABASE": self.server.url,
            "TORC_CLUSTER__PROLOGUE": f"export TORC_GPU_LEDGER={folder}/ledger-$SLURMD_NODENAME",
            "TORC_CLUSTER__POLL_SECONDS": "10",
        }
        self._repairs: list[tuple[float, Any]] = []
        """(time, what to call): what was broken comes back then."""

    def close(self) -> None:
        """End the cluster and the server."""
        self._parts.close()

    def workflow(self, most: int) -> None:
        """Run one workflow through kills, until there were ``most`` of them."""
        (self.folder / "ran").unlink(missing_ok=True)
        (self.folder / "storm.yaml").write_text(WORKFLOW % JOBS)
        workflow = str(self.json("create", "storm.yaml")["id"])
        end = time.monotonic() + DEADLINE
        next_look = next_strike = 0.0
        while True:
            now = time.monotonic()
            if now > end:
                self.tally.faults.append(f"workflow {workflow} does not end")
                break
            if now >= next_look:
                if self.is_complete(workflow):
                    break
                self.submit(workflow)
                next_look = time.monotonic() + LOOK_SECONDS
            in_time = now < end - DEADLINE / 2
            if in_time and now >= next_strike and self.tally.kills.total() < most:
                self.strike_cluster()
                next_strike = time.monotonic() + self.chance.uniform(*PAUSE)
            self.repair_due()
            time.sleep(0.1)
        self.repair_due(everything=True)
        known = len(self.tally.faults)
        self.check(workflow)
        if len(self.tally.faults) > known:
            self.save_records(workflow)
        self.torc("cancel", workflow, "--yes")

    def submit(self, workflow: str) -> None:
        """Start a watcher where there is none, as a user would."""
        if self.watcher() is None:
            self.torc("submit", workflow, "--yes", "--max-nodes", str(NODES))

    def watcher(self) -> int | None:
        """Return the process of the watcher on the login node."""
        for pid, words in _processes():
            if b"slurm" in words and b"watch" in words and self._is_ours(pid):
                return pid
        return None

    def runners(self) -> list[int]:
        """Return the processes of the runners on all nodes."""
        found = [pid for pid, words in _processes() if b"run" in words[1:4]]
        return [pid for pid in found if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            mine = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
            return mine in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return False

    # -- kills -------------------------------------------------------------------------------------

    def strike_cluster(self) -> None:
        """Kill one part, and have it repaired after a while; nothing if there is none to kill."""
        [kind] = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        with contextlib.suppress(ProcessLookupError, IndexError):
            if getattr(self, f"kill_{kind}")() is False:
                return
            self.tally.kills[kind] += 1
            if self.tally.kills.total() % SHOWN_EVERY == 0:
                print(self.tally, flush=True)

    def _later(self, act: Any, least: float, most: float) -> None:
        self._repairs.append((time.monotonic() + self.chance.uniform(least, most), act))

    def repair_due(self, *, everything: bool = False) -> None:
        """Repair what it is time for."""
        now = time.monotonic()
        due = [one for one in self._repairs if everything or one[0] <= now]
        self._repairs = [one for one in self._repairs if one not in due]
        for _, act in due:
            act()

    def _is_broken(self, name: str) -> bool:
        return any(getattr(act, "__name__", "") == name for _, act in self._repairs)

    def kill_node(self) -> None:
        number = self.chance.choice(self.cluster.nodes())
        self.cluster.kill_node(number)
        self._later(lambda: self.cluster.start_node(number), 2, 15)

    def kill_runner(self) -> None:
        os.kill(self.chance.choice(self.runners()), signal.SIGKILL)

    def kill_pause(self) -> None:
        pid = self.chance.choice(self.runners())
        os.kill(pid, signal.SIGSTOP)

        def resume() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        self._later(resume, 1, 30)

    def kill_watcher(self) -> None:
        pid = self.watcher()
        if pid is None:
            raise ProcessLookupError
        os.kill(pid, signal.SIGKILL)

    def kill_controller(self) -> bool:
        if self._is_broken("start_controller"):
            return False
        self.cluster.stop_controller()
        self._later(self.cluster.start_controller, 1, 10)
        return True

    def kill_database(self) -> bool:
        if self._is_broken("start"):
            return False
        self.server.call("pg_ctl", "-w", "-m", "immediate", "stop")
        self._later(self.server.start, 1, 8)
        return True

    # -- checks ------------------------------------------------------------------------------------

    def is_complete(self, workflow: str) -> bool:
        """Return whether nothing is left to do; not while the database is away, or starts."""
        if self._is_broken("start"):
            return False
        try:
            return super().is_complete(workflow)
        except (TypeError, ValueError):  # the answer is an error
            return False

    def check(self, workflow: str) -> None:
        """Compare what the jobs wrote with what the database says."""
        tally, faults = self.tally, self.tally.faults
        tally.workflows += 1
        lines = Counter((self.folder / "ran").read_text().splitlines())
        faults += [f"workflow {workflow}: {line} ×{n}" for line, n in lines.items() if n > 1]
        rows = self.records("results", "list", workflow, "--all-runs")
        attempts = {
            (row["job_name"].removeprefix("job_"), str(row["attempt_id"])): row["status"]
            for row in rows
        }
        losses = Counter(
            row["job_name"].removeprefix("job_") for row in rows if row["cause"] == "lost"
        )
        started = {tuple(line.split()[1:]) for line in lines if line.startswith("start")}
        ended = {tuple(line.split()[1:]) for line in lines if line.startswith("end")}
        completed = Counter(job for (job, _), status in attempts.items() if status == "completed")
        for key in sorted(started - set(attempts)):
            faults.append(f"workflow {workflow}: attempt {key} has started and is not recorded")
        for key, status in attempts.items():
            if status == "completed" and key not in ended:
                faults.append(f"workflow {workflow}: attempt {key} completed without its end")
            if status == JobStatus.FAILED.word and losses[key[0]] < LOSSES:
                faults.append(f"workflow {workflow}: attempt {key} failed")
        for number in map(str, range(1, JOBS + 1)):
            tally.jobs += 1
            tally.completed += completed[number]
            if losses[number] >= LOSSES and not completed[number]:
                tally.failed += 1
            elif completed[number] != 1:
                faults.append(f"workflow {workflow}: job_{number} completed {completed[number]} ×")

    def records(self, *words: str) -> list[Any]:
        """Return a list of records, as soon as the answer is none of an unavailable database."""
        answer: Any = None

        def is_list() -> bool:
            nonlocal answer
            answer = self.json(*words)
            return isinstance(answer, list)

        wait_for(is_list, lambda: f"{words}: {answer}", interval=1.0)
        return list(answer)

    def save_records(self, workflow: str) -> None:
        """Keep what the database and the logs say about a workflow with faults."""
        if self.keep is None:
            return
        folder = self.keep / f"workflow-{workflow}"
        shutil.copytree(self.folder / "torc_output", folder / "output", dirs_exist_ok=True)
        shutil.copy(self.folder / "ran", folder)
        questions = {
            "events": ("events", "list", workflow),
            "results": ("results", "list", workflow, "--all-runs"),
            "jobs": ("jobs", "list", workflow),
            "runners": ("compute-nodes", "list", workflow),
            "allocations": ("slurm", "status", workflow),
        }
        for name, words in questions.items():
            text, _ = self.torc(*words, "-f", "json", wait=False).communicate(timeout=DEADLINE)
            (folder / f"{name}.json").write_text(text)


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    for folder in Path("/proc").glob("[1-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), (folder / "cmdline").read_bytes().split(b"\0")


@contextmanager
def _cluster() -> Iterator[SlurmCluster]:
    with tempfile.TemporaryDirectory(prefix="torc-slurm-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        cluster = SlurmCluster(Path(name))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def _server() -> Iterator[OwnServer]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    entry = pwd.getpwnam("nobody")
    plain = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="torc-pg-", dir="/tmp") as name:
        os.chown(name, entry.pw_uid, entry.pw_gid)
        server = OwnServer(Path(name), programs, plain)
        server.call("initdb", "-U", "torc", "-A", "trust", "-E", "UTF8", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.call("pg_ctl", "-m", "immediate", "stop")


if __name__ == "__main__":
    if (reason := why_not()) is not None:
        sys.exit(reason)
    sys.exit(main(ClusterStorm, __doc__ or ""))
