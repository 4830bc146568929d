"""Simulate a machine with six GPUs and two users, for the picture of the tab Machine.

The GPUs are those of the stand-in driver of the tests. Both users are one user here: only the names
that the app shows are changed. A notebook of the other user holds memory and does not compute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "gpu"))

from fake_nvml import GB, FakeNvml, FakeProcess, fake_gpu  # noqa: E402

from tests.waiting import wait_for  # noqa: E402
from torc_tui.records import replace  # noqa: E402
from torc_tui.resources.gpu_reading import GpuReading  # noqa: E402
from torc_tui.resources.gpu_service import GpuService  # noqa: E402

OTHER = "anna"
HOURS = 3 * 3600.0
NOTEBOOK = 3
"""The GPU of the notebook."""
NAME = "finetune"
MINE = {
    "pretrain": {"num_gpus": 1, "num_cpus": 4, "memory": "24g", "priority": 9},
    "tune_lr0.01": {"num_gpus": 0.5, "gpu_memory": "30g"},
    "tune_lr0.03": {"num_gpus": 0.25, "gpu_memory": "16g"},
    "evaluate": {"num_gpus": 2},
}
USED = {"pretrain": 61, "tune_lr0.01": 27, "tune_lr0.03": 12, "anneal": 70}
THEIRS = {"anneal": {"num_gpus": 1, "num_cpus": 2, "memory": "16g"}}


class GpuBox:
    """The GPUs, and the runs of both users; ``environ`` is that of all programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gpus"
        self.folder.mkdir()
        self.fake = FakeNvml(self.folder)
        self.fake.gpus = [
            fake_gpu(number, util=load, temp=38 + load // 3, power=52000 + load * 2500)
            for number, load in enumerate((97, 64, 88, 0, 0, 0))
        ]
        self.environ = self.fake.environment(PYTHONPATH=str(ROOT))
        self._stack = ExitStack()

    @contextmanager
    def at_work(self, url: str) -> Iterator[None]:
        """Run the notebook and the jobs of both users on the GPUs."""
        with self._stack:
            notebook = self._start([sys.executable, "-c", "input()"], {}, stdin=subprocess.PIPE)
            self.fake.processes = [FakeProcess(NOTEBOOK, pid=notebook.pid, memory=48 * GB)]
            damaged = self.fake.gpus[5]
            assert damaged is not None
            damaged.ecc = 2
            self.fake.write()
            self._run("hyperscan", THEIRS, str(self.folder / "other.db"))
            self._run(NAME, MINE, url)
            holders = Path(f"{self.fake.state}.d")
            wait_for(lambda: len(list(holders.glob("[0-9]*"))) >= len(USED), "all on the GPUs")
            yield

    def _run(self, name: str, jobs: dict[str, dict[str, object]], url: str) -> None:
        spec = {
            "name": name,
            "jobs": [
                {
                    "name": job,
                    "command": self._command(job),
                    "resource_requirements": job,
                    "priority": wants.pop("priority", 5 if job in USED else 0),
                }
                for job, wants in jobs.items()
            ],
            "resource_requirements": [
                {"name": job, "num_cpus": 1, "memory": "4g", "runtime": "PT2H", **wants}
                for job, wants in jobs.items()
            ],
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(spec))
        line = [sys.executable, "-m", "torc_tui.cli.main", "--database", url, "run", path.name]
        self._start([*line, "--num-cpus", "16", "--memory-gb", "96", "-q"], {"USER": "ada"})
        first = next(iter(jobs))
        wait_for((self.folder / f"{first}.began").exists, f"{first} runs")

    def _command(self, job: str) -> str:
        if job not in USED:
            return "true"
        use = self.fake.use(f"{USED[job]}g", until=self.folder / "over")
        return f"touch {self.folder / job}.began; {use}"

    def _start(
        self, words: list[str], more: dict[str, str], stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        environ = self.environ | more
        process = subprocess.Popen(
            words, cwd=self.folder, env=environ, stdin=stdin, stdout=quiet, stderr=quiet
        )
        self._stack.callback(self._stop, process)
        return process

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        (self.folder / "over").touch()
        process.terminate()
        process.wait(60)


def _idle(gpu: int) -> float | None:
    return HOURS if gpu == NOTEBOOK else None


@contextmanager
def shown(environ: dict[str, str]) -> Iterator[None]:
    """Show the GPUs in the app of this process, with the other user's name."""
    read = GpuService.read

    def named(service: GpuService, *args: object, **options: object) -> GpuReading | None:
        found = read(service, *args, **options)  # type: ignore[arg-type]
        if found is None:
            return None
        gpus = tuple(
            replace(
                gpu,
                processes=tuple(
                    one if one.own else replace(one, user=OTHER, idle=_idle(gpu.index))
                    for one in gpu.processes
                ),
            )
            for gpu in found.gpus
        )
        return found._replace(gpus=gpus)

    with (
        mock.patch.dict(os.environ, environ),
        mock.patch.object(GpuService, "read", named),
        mock.patch("torc_tui.resources.host_ledger.user_name", lambda _: OTHER),
    ):
        yield
