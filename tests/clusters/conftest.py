"""Submit runners of a workflow to the private Slurm cluster, and read what became of its jobs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import SlurmCluster
from tests.raw_sql import execute
from tests.robust.conftest import postgresql_own  # noqa: F401 - a fixture
from tests.waiting import DEADLINE, wait_for
from torc_tui.errors import StoreUnavailable
from torc_tui.status import JobStatus
from torc_tui.store.database import Store

TORC = str(Path(sys.executable).parent / "torc")


class Site:
    """A directory that all nodes see, a database, and a cluster."""

    def __init__(self, slurm: SlurmCluster, folder: Path, url: str) -> None:
        self.slurm, self.folder, self.url = slurm, folder, url
        slurm.environment |= {"TORC_DATABASE": url, "XDG_STATE_HOME": str(folder / "state")}
        self._store = Store.open(url)

    def close(self) -> None:
        self._store.close()

    def torc(self, *words: str, check: bool = True) -> str:
        """Run torc on the login node."""
        return self.slurm.call(TORC, *words, cwd=self.folder, check=check)

    def create(self, text: str) -> str:
        """Create a workflow that is ready to run; return its id."""
        (self.folder / "w.yaml").write_text(text)
        self.torc("create", "w.yaml")
        number = str(self.sql("SELECT MAX(id) FROM workflow")[0][0])
        self.torc("init", number)
        return number

    def submit(self, workflow: str, *options: str, start: str = "", run: str = "") -> str:
        """Submit a runner of a workflow, started by a prefix such as srun."""
        ledger = f"export TORC_GPU_LEDGER={self.folder}/ledger-$SLURMD_NODENAME"
        command = f"{start} {TORC} run {workflow} -q {run}"
        return self.slurm.sbatch(f"{ledger}\n{command}", *options, cwd=self.folder)

    def output(self, native_id: str) -> str:
        """Return what a submitted script has printed."""
        return (self.folder / f"slurm-{native_id}.out").read_text()

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        try:
            return self._rows(text)
        except StoreUnavailable:  # a test has started the server again
            return self._rows(text)

    def _rows(self, text: str) -> list[tuple[Any, ...]]:
        with self._store.read() as conn:
            return [tuple(row) for row in execute(conn, text)]

    def statuses(self) -> dict[str, str]:
        """Return the statuses of the jobs of all workflows by name."""
        return {
            name: JobStatus(status).word
            for name, status in self.sql("SELECT name, status FROM job ORDER BY id")
        }

    def wait_for_status(self, status: str, number: int = 1, seconds: float = DEADLINE) -> list[str]:
        """Wait until so many jobs have this status; return their names."""

        def found() -> list[str]:
            names = [name for name, one in self.statuses().items() if one == status]
            return names if len(names) >= number else []

        return wait_for(found, lambda: str(self.statuses()), seconds=seconds, interval=0.1)

    def attempts(self) -> list[tuple[str, str, int, str | None]]:
        """Return name, status, exit code and host of all ended attempts."""
        rows = self.sql(
            "SELECT job.name, result.status, result.return_code, compute_node.hostname FROM result"
            " JOIN job ON job.id = result.job_id"
            " LEFT JOIN compute_node ON compute_node.id = result.compute_node_id"
            " ORDER BY result.id"
        )
        return [(name, JobStatus(status).word, code, host) for name, status, code, host in rows]

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file that jobs have written."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


LOG = "echo $TORC_JOB_NAME $(hostname) start >> log; {}; echo $TORC_JOB_NAME $(hostname) end >> log"


def job(name: str, command: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": LOG.format(command), **more}


def workflow(*jobs: dict[str, Any], **settings: Any) -> str:
    return json.dumps({"name": "w", **settings, "jobs": jobs})


def counted(site: Site, word: str) -> Counter[str]:
    """Return how often each job has written this word."""
    return Counter(line.split()[0] for line in site.lines("log") if line.split()[2] == word)


@pytest.fixture
def make_site(slurm: SlurmCluster, tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    made: list[Site] = []

    def make(url: str) -> Site:
        made.append(Site(slurm, tmp_path, url))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[[str], Site], postgresql_url: str) -> Site:
    """Return a site with PostgreSQL."""
    return make_site(postgresql_url)
