"""Kill a workflow whose jobs add jobs, at random moments, and check its generations.

``python -m tests.storms.spawns --kills 200 [--database URL] [--seed N]`` runs loops of jobs, each of
which makes a worker and the next of its kind, until that many processes were killed: runners, jobs,
commands inside jobs, or all of them. At the end of each workflow every generation is there exactly
once, in its order, and so is the state of the lineage.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil

from tests.storms.kills import Storm, main

GENERATIONS = 12
LOOP = """
next=$((TORC_GENERATION + 1))
echo "$TORC_JOB_NAME" >> ran
test $next -le %d || exec torc spawn - --state '"end"' <<< '{"jobs": []}'
torc spawn - --state $next <<END
{"jobs": [
  {"name": "worker_$next", "command": "echo worker_$next >> ran"},
  {"name": "loop_$next", "command": "bash loop.sh", "depends_on": ["worker_$next"]}
]}
END
"""
WORKFLOW = """
name: spawns
jobs:
  - {name: loop_0, command: bash loop.sh}
  - {name: join, command: echo join >> ran, depends_on: [loop_0], wait_for_spawned: true}
"""


class SpawnStorm(Storm):
    """Runs loops on one database, and kills their processes."""

    num_cpus = 2

    def write(self) -> None:
        """Write the workflow and the script of its loop."""
        (self.folder / "loop.sh").write_text(LOOP % GENERATIONS)
        (self.folder / "storm.yaml").write_text(WORKFLOW)

    def repair(self, workflow: str) -> None:
        """Rerun jobs that failed because of a kill: their children were discarded."""
        jobs = self.json("jobs", "list", workflow)
        failed = [str(one["id"]) for one in jobs if one["status"] in ("failed", "canceled")]
        if failed:
            self.torc("jobs", "retry", *failed, "-y")

    def is_complete(self, workflow: str) -> bool:
        """Return whether every job has completed."""
        return all(one["status"] == "completed" for one in self.json("jobs", "list", workflow))

    def strike(self, runner: subprocess.Popen[str]) -> None:
        """Kill the runner, a process of a job, or everything, at a random moment."""
        time.sleep(self.chance.uniform(0.3, 1.6))
        kind = self.chance.choice(("runner", "command", "command", "group"))
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            process = psutil.Process(runner.pid)
            inside = process.children(recursive=True)
            chosen = [self.chance.choice(inside)] if inside and kind == "command" else []
            if kind == "group":
                chosen = inside
            if kind != "command":
                process.send_signal(signal.SIGKILL)
            for one in chosen:
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            self.tally.kills[kind] += bool(chosen) or kind != "command"

    def check(self, workflow: str) -> None:
        """Compare the jobs with those that the loop should add."""
        tally, faults = self.tally, self.tally.faults
        tally.workflows += 1
        jobs = [one["name"] for one in self.json("jobs", "list", workflow)]
        tally.jobs += len(jobs)
        wanted = [f"{kind}_{n}" for n in range(1, GENERATIONS + 1) for kind in ("worker", "loop")]
        if sorted(jobs) != sorted([*wanted, "loop_0", "join"]):
            faults.append(f"workflow {workflow} has the jobs {jobs}")
        lines = (self.folder / "ran").read_text().splitlines()
        order = list(dict.fromkeys(lines))
        if order != ["loop_0", *wanted, "join"]:
            faults.append(f"workflow {workflow} ran {order}")
        if lines.count("join") != 1:
            faults.append(f"workflow {workflow} ran join {lines.count('join')} times")
        data = self.json("user-data", "get", "lineage_loop_0", "-w", workflow)["data"]
        if (data["generation"], data["state"]) != (GENERATIONS, "end"):
            faults.append(f"workflow {workflow} has the state {data}")


if __name__ == "__main__":
    sys.exit(main(SpawnStorm, __doc__ or ""))
