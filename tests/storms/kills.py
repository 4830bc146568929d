"""Kill runners, jobs and whole process groups at random moments, and check what is left.

``python -m tests.storms.kills --kills 1000 [--database URL] [--seed N]`` runs workflows on one
database until that many processes were killed. Each job appends its number and attempt to a file
when it starts and when it ends. At the end of each workflow no attempt has started twice, every job
has an end that its history explains, and no job, runner or process is left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

JOBS = 40
DEADLINE = 600.0
"""Seconds after which a workflow that does not end counts as lost."""
WORKFLOW = """
name: storm
jobs:
  - name: job_{i}
    command: >-
      echo "start {i} $TORC_ATTEMPT_ID" >> ran;
      sleep 0.0$((RANDOM %% 10)); (sleep 0.05);
      echo "end {i} $TORC_ATTEMPT_ID" >> ran
    cancel_on_blocking_job_failure: false
    parameters: {i: "1:%d"}
"""


@dataclass
class Tally:
    """What a storm did and found."""

    kills: Counter[str] = field(default_factory=Counter)
    workflows: int = 0
    jobs: int = 0
    completed: int = 0
    failed: int = 0
    faults: list[str] = field(default_factory=list)


class Storm:
    """Runs workflows on one database, and kills their processes."""

    num_cpus = 4

    def __init__(self, folder: Path, database: str, seed: int) -> None:
        self.folder = folder
        self.keep: Path | None = None
        """Where the records of workflows with faults are kept."""
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("TORC_")},
            "TORC_DATABASE": database,
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def torc(self, *words: str, wait: bool = True) -> subprocess.Popen[str]:
        """Start torc in the folder, and wait for its end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "torc_tui.cli.main", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if wait:
            process.communicate(timeout=DEADLINE)
        return process

    def json(self, *words: str) -> Any:
        """Return the JSON output of a command."""
        process = self.torc(*words, "-f", "json", wait=False)
        text, _ = process.communicate(timeout=DEADLINE)
        return json.loads(text)

    def close(self) -> None:
        """End what serves all workflows: here nothing."""

    def write(self) -> None:
        """Write the workflow, as ``storm.yaml``."""
        (self.folder / "storm.yaml").write_text(WORKFLOW % JOBS)

    def workflow(self, most: int) -> None:
        """Run one workflow through kills, until there were ``most`` of them."""
        (self.folder / "ran").unlink(missing_ok=True)
        self.write()
        workflow = str(self.json("create", "storm.yaml")["id"])
        self.torc("init", workflow)
        end = time.monotonic() + DEADLINE
        while not self.is_complete(workflow):
            if time.monotonic() > end:
                self.tally.faults.append(f"workflow {workflow} does not end")
                break
            self.repair(workflow)
            runner = self.torc("run", workflow, "--num-cpus", str(self.num_cpus), wait=False)
            if self.tally.kills.total() < most:
                self.strike(runner)
            with contextlib.suppress(subprocess.TimeoutExpired):
                runner.communicate(timeout=max(1.0, end - time.monotonic()))
        self.check(workflow)

    def repair(self, workflow: str) -> None:
        """Rerun what must complete in spite of the kills: here nothing."""

    def is_complete(self, workflow: str) -> bool:
        """Return whether nothing is left to do."""
        unsettled = {"uninitialized", "blocked", "ready", "pending", "running", "terminated"}
        return not any(job["status"] in unsettled for job in self.json("jobs", "list", workflow))

    def strike(self, runner: subprocess.Popen[str]) -> None:
        """Kill something at a random moment: jobs, the runner, or everything."""
        time.sleep(self.chance.uniform(0.15, 0.9))
        kind = self.chance.choice(("runner", "runner", "job", "group"))
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            jobs = self.shells(runner.pid)
            if kind in ("runner", "group") and runner.poll() is None:
                runner.kill()
                self.tally.kills[kind] += 1
            if kind == "job" and jobs:
                jobs = [self.chance.choice(jobs)]
                self.tally.kills[kind] += 1
            for job in jobs if kind in ("job", "group") else ():
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    os.killpg(job.pid, signal.SIGKILL)
        if kind == "job":
            return
        runner.communicate()

    def shells(self, runner: int) -> list[psutil.Process]:
        """Return the processes of the jobs of a runner."""
        return [child for child in psutil.Process(runner).children() if _leads(child)]

    def check(self, workflow: str) -> None:
        """Compare what the jobs wrote with what the database says."""
        tally, faults = self.tally, self.tally.faults
        tally.workflows += 1
        lines = (self.folder / "ran").read_text().splitlines()
        starts = Counter(line for line in lines if line.startswith("start "))
        faults += [f"workflow {workflow}: {line} ×{n}" for line, n in starts.items() if n > 1]
        ends = {tuple(line.split()[1:]) for line in lines if line.startswith("end ")}
        for job in self.json("jobs", "list", workflow):
            number, attempt = job["name"].removeprefix("job_"), str(job["attempt_id"])
            tally.jobs += 1
            if job["status"] == "completed":
                tally.completed += 1
                if (number, attempt) not in ends:
                    faults.append(f"workflow {workflow}: {job['name']} completed without its end")
            elif job["status"] == "failed":
                tally.failed += 1
                if (number, attempt) in ends:
                    faults.append(f"workflow {workflow}: {job['name']} failed after its end")
            else:
                faults.append(f"workflow {workflow}: {job['name']} is {job['status']}")
        # A runner that was killed after the last job cannot record its own end.
        self.torc("workflows", "sync-status", workflow)
        nodes = self.json("compute-nodes", "list", workflow)
        active = [node for node in nodes if node["is_active"]]
        if active:
            faults.append(f"workflow {workflow}: {len(active)} runners are still active")


def _leads(process: psutil.Process) -> bool:
    with contextlib.suppress(OSError, psutil.Error):
        return os.getsid(process.pid) == process.pid
    return False


def storm(
    kind: type[Storm],
    kills: int,
    database: str | None,
    seed: int,
    *,
    show: bool = False,
    keep: Path | None = None,
) -> Tally:
    """Run workflows until ``kills`` processes were killed; return what was found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torc-storm-") as name:
        found = kind(Path(name), database or f"{name}/storm.db", seed)
        found.keep = keep
        with contextlib.closing(found):
            while found.tally.kills.total() < kills:
                found.workflow(kills)
                if show:
                    print(f"{time.monotonic() - began:.0f} s: {found.tally}", flush=True)
    return found.tally


def main(kind: type[Storm], description: str) -> int:
    """Read the command line, run the storm and print its tally."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    tally = storm(kind, options.kills, options.database, options.seed, show=True, keep=options.keep)
    print("\n".join(tally.faults) or "no faults")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main(Storm, __doc__ or ""))
