"""A folder with workflow files, run by the command line on the GPUs of a stand-in driver."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from fake_nvml import FakeNvml, FakeProcess
from nvml_reader import REPOSITORY

from tests.waiting import wait_for
from torc_tui.errors import TorcError
from torc_tui.store import queries
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.wording import readable

SEEN = 'echo "$CUDA_VISIBLE_DEVICES" > {name}.seen'
WAIT = "while [ ! -e {}.go ]; do sleep 0.02; done"
MEET = SEEN + "; for i in $(seq 500); do [ -e {other}.seen ] && exit 0; sleep 0.02; done; exit 1"

Jobs = Mapping[str, tuple[str, Mapping[str, Any]]]
"""name -> (command, what it wants), where those `OF_JOBS` are keys of the job."""
OF_JOBS = ("priority", "depends_on", "failure_handler")


class Bench:
    """Starts runs and queries them."""

    def __init__(self, fake: FakeNvml, folder: Path) -> None:
        self.fake = fake
        self.folder = folder
        self.runs: list[subprocess.Popen[str]] = []
        self.foreign: list[subprocess.Popen[str]] = []
        self._neighbors: list[Bench] = []
        self._slowest = 1.0
        self.url = f"sqlite:///{folder}/torc.db"
        self.environ = fake.environment(
            TORC_DATABASE=self.url, PYTHONPATH=str(REPOSITORY), HOME=str(folder), PYTHONUTF8="1"
        )

    def start(self, jobs: Jobs, *options: str, **settings: Any) -> subprocess.Popen[str]:
        """Run these jobs; ``settings`` are further keys of the workflow file."""
        spec: dict[str, Any] = {
            "name": "gpus",
            "jobs": [],
            "resource_requirements": [],
            **settings,
        }
        for name, (command, wants) in jobs.items():
            rest = dict(wants)
            entry = {"name": name, "command": command, "resource_requirements": name}
            entry |= {key: rest.pop(key) for key in OF_JOBS if key in rest}
            spec["jobs"].append(entry)
            needs = {"name": name, "num_cpus": 1, "memory": "200m", "runtime": "PT2M", **rest}
            spec["resource_requirements"].append(needs)
        path = self.folder / f"{'_'.join(jobs)[:60]}.json"
        path.write_text(json.dumps(spec))
        return self.go("run", path.name, *options)

    def go(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in the background of the test; it is ended with the test."""
        pipe = subprocess.PIPE
        line = [sys.executable, "-m", "torc_tui.cli.main", *words]
        self.runs.append(
            subprocess.Popen(
                line, cwd=self.folder, env=self.environ, stdout=pipe, stderr=pipe, text=True
            )
        )
        return self.runs[-1]

    def run(self, jobs: Jobs, *options: str, **settings: Any) -> tuple[int, str]:
        return ended(self.start(jobs, *options, **settings))

    def torc(self, *words: str) -> str:
        """What a command prints; it must go well."""
        code, said = ended(self.go(*words))
        assert code == 0, said
        return said

    def slowness(self) -> float:
        """Return how much slower than an idle machine this one was in the slowest call; at least 1.

        Call it before and after what is timed. The timed command, which takes at most a second on an
        idle machine, also reads the driver.
        """
        began = time.monotonic()
        self.torc("resources")
        self._slowest = max(time.monotonic() - began, self._slowest)
        return self._slowest

    def neighbor(self) -> Bench:
        """Return a bench with a separate database on the same GPUs."""
        folder = self.folder / "other"
        folder.mkdir()
        self._neighbors.append(Bench(self.fake, folder))
        return self._neighbors[-1]

    def json(self, *words: str) -> Any:
        return json.loads(self.torc(*words, "-f", "json"))

    @cached_property
    def store(self) -> Store:
        """The database that the runs write."""
        return Store.open(self.url, read_only=True)

    def states(self, workflow: int = 1) -> dict[str, str]:
        """Return the status of each job by name; empty until the database exists."""
        try:
            return {
                job["name"]: str(job["status"]) for job in queries.list_jobs(self.store, workflow)
            }
        except TorcError:
            return {}

    def running(self, *names: str, workflow: int = 1) -> None:
        """Wait until exactly these run."""
        wanted = set(names)
        wait_for(
            lambda: (
                {name for name, state in self.states(workflow).items() if state == "running"}
                == wanted
            ),
            f"{sorted(wanted)} running",
        )

    def why(self, name: str, workflow: int = 1) -> str:
        return self.torc("why", f"{workflow}/{name}")

    def events(self, kind: str, workflow: int = 1) -> list[dict[str, Any]]:
        try:
            return [
                {"at": event.timestamp, "job_id": event.job_id, **readable(event.data)}
                for event in list_events(self.store, workflow)
                if event.kind == kind
            ]
        except TorcError:
            return []

    def holding(self, name: str, memory: str = "1g") -> str:
        """Return a command that prints its GPUs, and uses memory of them until it is released."""
        return (
            f"{SEEN.format(name=name)}; {self.fake.use(memory, until=self.folder / f'{name}.go')}"
        )

    def using(self, count: int) -> None:
        """Wait until so many programs of ours hold memory of GPUs."""
        folder = Path(f"{self.fake.state}.d")
        wait_for(
            lambda: sum(path.name.isdigit() for path in folder.iterdir()) == count,
            f"{count} on the GPUs",
        )

    def release(self, *names: str) -> None:
        for name in names:
            (self.folder / f"{name}.go").touch()

    def seen(self, name: str) -> str:
        """What the job found in CUDA_VISIBLE_DEVICES, as soon as it has looked."""
        path = self.folder / f"{name}.seen"
        wait_for(lambda: path.exists() and path.read_text(), f"what {name} sees")
        return path.read_text().strip()

    def stranger(self, gpu: int, memory: int) -> subprocess.Popen[str]:
        """A foreign process on a GPU, until ``gone`` kills and removes it."""
        words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
        self.foreign.append(process)
        self.fake.processes.append(FakeProcess(gpu, pid=process.pid, memory=memory))
        self.fake.write()
        return process

    def gone(self, process: subprocess.Popen[str]) -> float:
        """End the foreign process; return the time."""
        process.kill()
        process.wait(10)
        self.fake.processes = [one for one in self.fake.processes if one.pid != process.pid]
        self.fake.write()
        return time.time()

    def close(self) -> None:
        for one in self._neighbors:
            one.close()
        if "store" in self.__dict__:
            self.store.close()
        for path in self.folder.glob("*.seen"):
            self.release(path.stem)
        for process in [*self.runs, *self.foreign]:
            if process.poll() is None:
                process.kill()
            with process:
                process.wait(10)


def uuid(number: int) -> str:
    """Return the UUID of a GPU of the stand-in driver."""
    return f"GPU-0000000{number}-0000-0000-0000-000000000000"


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and the output."""
    with process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err


def plain(text: str) -> str:
    """Return the text without process ids, paths and times that differ each time."""
    text = re.sub(r"by ([\d-]+ )?\d\d:\d\d at", "by TIME at", text)
    return re.sub(r"pid \d+ \S+( of \S+)?,", "pid N python,", text)
