"""The programs that torc is compared with, and how each is told to run the same jobs.

Input: a number of jobs, independent or a chain, and the command of each. Output: files in a folder
and the command that runs them all, two at a time.
Invariant: one `bash -c` per job in every program; each program finds its work written out. torc,
the spawn loop and HyperQueue write the output of each job to files of its own, and GNU make where
the name says so; there make needs another shell for the redirection.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, new_folder, spend

AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Work:
    """``jobs`` jobs with the same command; in a chain each waits for the one before it."""

    jobs: int
    chain: bool = False
    command: str = "true"

    @property
    def at_once(self) -> int:
        """Return the number of processes for programs that know no dependencies."""
        return 1 if self.chain else AT_ONCE


@dataclass(frozen=True, slots=True)
class Program:
    """A program: how to find it, install it and write its work."""

    name: str
    install: str
    find: Callable[[], str | None]
    write: Callable[[str, Path, Work], list[str]]
    version: Sequence[str] = ("--version",)
    seconds: Callable[[Path, float], float] | None = None
    """(folder, time of the start) -> wall seconds, where the exit comes later than the last job."""

    def run(self, root: Path, work: Work) -> Cost:
        """Run the work in a new folder below ``root``."""
        path = self.find()
        if path is None:
            raise RuntimeError(f"{self.name} is not installed")
        folder = new_folder(root, "program")
        argv = self.write(path, folder, work)
        begin = time.time()
        cost = spend(argv, folder)
        if self.seconds is not None:
            cost = Cost(self.seconds(folder, begin), cost.cpu, cost.peak)
        return cost

    def title(self) -> str:
        """Return the name with the version."""
        path = self.find()
        if path is None or not self.version:
            return self.name
        done = subprocess.run([path, *self.version], capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)*", done.stdout)
        return f"{self.name} {found[0]}" if found else self.name


def _torc(path: str, folder: Path, work: Work) -> list[str]:
    lines = ["name: w", "jobs:"]
    for number in range(work.jobs):
        lines += [f"  - name: j{number}", f"    command: {_quoted(work.command)}"]
        if work.chain and number:
            lines.append(f"    depends_on: [j{number - 1}]")
    (folder / "w.yaml").write_text("\n".join(lines) + "\n")
    limits = ["--num-cpus", str(AT_ONCE), "--max-parallel-jobs", str(AT_ONCE)]
    return [path, "run", "w.yaml", *limits]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _loop(path: str, folder: Path, work: Work) -> list[str]:
    script = str(Path(__file__).with_name("spawn_loop.py"))
    return [path, script, str(work.jobs), str(work.at_once), work.command]


def _bash(work: Work) -> str:
    return f"/bin/bash -c {shlex.quote(work.command)}"


def _make(path: str, folder: Path, work: Work, redirection: str = "") -> list[str]:
    names = [f"j{number}" for number in range(work.jobs)]
    rules = [f".PHONY: all {' '.join(names)}", f"all: {' '.join(names)}"]
    for before, name in zip(["", *names], names, strict=False):
        rules += [f"{name}: {before if work.chain else ''}", f"\t@{_bash(work)}{redirection}"]
    (folder / "Makefile").write_text("\n".join(rules) + "\n")
    return [path, f"-j{AT_ONCE}"]


def _make_with_logs(path: str, folder: Path, work: Work) -> list[str]:
    return _make(path, folder, work, " >$@.o 2>$@.e")


def _doit(path: str, folder: Path, work: Work) -> list[str]:
    (folder / "dodo.py").write_text(
        f"COMMAND, JOBS, CHAIN = {work.command!r}, {work.jobs}, {work.chain}\n"
        "def task_j():\n"
        "    for i in range(JOBS):\n"
        "        before = [f'j:{i - 1}'] if CHAIN and i else []\n"
        "        action = ['/bin/bash', '-c', COMMAND]\n"
        "        yield {'name': str(i), 'actions': [action], 'task_dep': before}\n"
    )
    return [path, "-n", str(AT_ONCE)]


def _arguments(folder: Path, work: Work) -> str:
    (folder / "arguments").write_text("".join(f"{number}\n" for number in range(work.jobs)))
    return "arguments"


def _xargs(path: str, folder: Path, work: Work) -> list[str]:
    options = ["-a", _arguments(folder, work), "-n", "1", "-P", str(work.at_once)]
    return [path, *options, "/bin/bash", "-c", work.command]


def _parallel(path: str, folder: Path, work: Work) -> list[str]:
    options = ["--will-cite", "--joblog", "log", "-N0", "-a", _arguments(folder, work)]
    return ["env", "SHELL=/bin/bash", path, *options, "-j", str(work.at_once), work.command]


def _snakemake(path: str, folder: Path, work: Work) -> list[str]:
    before = "lambda w: [f'j{int(w.i) - 1}'] if int(w.i) else []" if work.chain else "[]"
    (folder / "Snakefile").write_text(
        f"rule all:\n    input: expand('j{{i}}', i=range({work.jobs}))\n"
        f"rule j:\n    input: {before}\n    output: touch('j{{i}}')\n"
        f"    shell: {work.command!r}\n"
    )
    return [path, "--cores", str(AT_ONCE), "--quiet", "all"]


HYPERQUEUE = """
import sys
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
jobs, chain, command = int(sys.argv[1]), sys.argv[2] == "chain", sys.argv[3]
with LocalCluster(worker_config=WorkerConfig(cores=2)) as cluster:
    client, job, last = cluster.client(), Job(), None
    for i in range(jobs):
        last = job.program(["/bin/bash", "-c", command], stdout=f"{i}.o", stderr=f"{i}.e",
                           deps=[last] if chain and last else [])
    client.wait_for_jobs([client.submit(job)])
"""


def _hyperqueue(path: str, folder: Path, work: Work) -> list[str]:
    kind = "chain" if work.chain else "independent"
    return [path, "-c", HYPERQUEUE, str(work.jobs), kind, work.command]


def _last_start(folder: Path, begin: float) -> float:
    """Return the seconds until HyperQueue started its last job: its client looks once a second."""
    return max(path.stat().st_mtime for path in folder.glob("*.o")) - begin


@cache
def _python_with_hyperqueue() -> str | None:
    for path in filter(None, (shutil.which("python3"), sys.executable)):
        done = subprocess.run([path, "-c", "import hyperqueue"], capture_output=True, check=False)
        if done.returncode == 0:
            return path
    return None


def _on_path(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


TORC_PROGRAM = Program("torc", "pip install -e .", lambda: TORC, _torc)
LOOP = Program("spawn loop in Python", "", lambda: PYTHON, _loop)
MAKE = Program("GNU make", "apt install make", _on_path("make"), _make)
DOIT = Program("doit", "pip install doit", _on_path("doit"), _doit)
PEERS = (
    LOOP,
    Program("xargs", "apt install findutils", _on_path("xargs"), _xargs),
    MAKE,
    Program("GNU make, output in files", MAKE.install, MAKE.find, _make_with_logs),
    DOIT,
    Program("GNU parallel --joblog", "apt install parallel", _on_path("parallel"), _parallel),
    Program(
        "HyperQueue",
        "pip install hyperqueue",
        _python_with_hyperqueue,
        _hyperqueue,
        ("-c", "import hyperqueue; print(hyperqueue.get_version())"),
        _last_start,
    ),
    Program("Snakemake", "pip install snakemake", _on_path("snakemake"), _snakemake),
)
