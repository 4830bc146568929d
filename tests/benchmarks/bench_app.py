"""The app in a terminal of its own: first paint, key to paint under load, idle and busy CPU.

Input: a folder, a number of rounds. Output: rows of the table. The terminal is a pty whose output
is read at once; the longest block is measured without one. The load is another process that records
job ends in the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import BARE, BARE_NAME, PYTHON, TORC, Cost, environment, spend
from tests.benchmarks.rows import Rows, against, values

SIZE = (50, 160)
DEADLINE = 60.0
SETTLE = 3.0
"""Seconds after which the app has done what it does once."""

TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A program in a pty of its own; ``seen`` is its output since the last key."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.begin = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            look = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
            os.execve(argv[0], argv, environment(folder) | look)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.seen = b""

    def until(self, pattern: bytes, what: str) -> float:
        """Read until the pattern is seen; return the time (``perf_counter``)."""
        wanted = re.compile(pattern)
        end = time.perf_counter() + DEADLINE
        while not wanted.search(self.seen):
            if time.perf_counter() > end:
                raise RuntimeError(f"{what} was not seen")
            self.read(0.05)
        return time.perf_counter()

    def read(self, timeout: float) -> None:
        """Read once, if output comes within ``timeout`` seconds."""
        if select.select([self.fd], [], [], timeout)[0]:
            try:
                self.seen += os.read(self.fd, 1 << 16)
            except OSError as error:
                raise RuntimeError("the app ended") from error

    def rest(self, seconds: float) -> None:
        """Read for some seconds, so that the app never waits for the terminal."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def press(self, keys: bytes) -> None:
        """Send keys and forget the earlier output."""
        self.seen = b""
        os.write(self.fd, keys)

    def cpu(self) -> float:
        """Return the seconds of CPU used so far."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def close(self) -> None:
        """Terminate the program; kill it after 5 s."""
        os.kill(self.pid, signal.SIGTERM)
        end = time.perf_counter() + 5
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            with contextlib.suppress(RuntimeError):
                self.read(0.02)
            if time.perf_counter() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
        os.close(self.fd)


def _workflow(folder: Path, jobs: int) -> None:
    """Create and initialize workflow 1 with ``jobs`` jobs."""
    entry = {"name": "work_{i:06d}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "wide.json").write_text(json.dumps({"name": "wide", "jobs": [entry]}))
    spend([TORC, "create", "wide.json"], folder)
    spend([TORC, "init", "1"], folder)


@contextlib.contextmanager
def _ends(folder: Path, rate: int, jobs: int) -> Iterator[None]:
    """Record ``rate`` job ends a second in workflow 1 meanwhile."""
    argv = [PYTHON, "-m", "tests.benchmarks.internals", "end-jobs", str(rate), "3600", str(jobs)]
    load = subprocess.Popen(argv, cwd=folder, env=environment(folder))
    try:
        yield
        if load.poll() is not None:
            raise RuntimeError(f"the load exited with {load.returncode}")
    finally:
        load.kill()
        load.wait()


def _open_rows(folder: Path, settle: float) -> Terminal:
    """Open the app on workflow 1 and show each job on a row of its own."""
    terminal = Terminal([TORC, "1"], folder)
    terminal.until(b"work_", "the job group")
    terminal.rest(settle)
    terminal.press(b"_")
    terminal.until(b"work_000003", "the rows")
    terminal.rest(settle)
    return terminal


def paint(folder: Path, rounds: int) -> Rows:
    """Measure from the process start to the first rows on screen: the list, and one workflow."""
    spec = 'name: small\njobs:\n  - {name: "first_{i}", command: "true", parameters: {i: "1:9"}}\n'
    (folder / "small.yaml").write_text(spec)
    spend([TORC, "create", "small.yaml"], folder)
    subjects: dict[str, tuple[list[str], bytes]] = {
        "torc": ([], b"small"),
        "torc ID": (["1"], b"first_7"),
    }
    own: dict[str, list[Cost]] = {name: [] for name in subjects}
    bare = []
    for _ in range(rounds + 1):
        bare.append(spend(BARE, folder))
        for name, (arguments, sight) in subjects.items():
            with contextlib.closing(Terminal([TORC, *arguments], folder)) as terminal:
                wall = terminal.until(sight, "the first paint") - terminal.begin
                own[name].append(Cost(wall, terminal.cpu()))
    return [
        against(f"app: first paint, {name}", "ms", costs[1:], bare[1:], name=BARE_NAME, budget=25)
        for name, costs in own.items()
    ]


def load(folder: Path, rounds: int, *, jobs: int = 100_000, seconds: float = 2.0) -> Rows:
    """Measure for how long the app cannot answer a key at most while it loads many jobs."""
    _workflow(folder, jobs)
    argv = [PYTHON, "-m", "tests.benchmarks.internals", "app-block", str(seconds)]
    blocks = []
    for _ in range(rounds + 1):
        spend(argv, folder)
        blocks.append(float((folder / "stdout").read_text()) * 1e3)
    return [values(f"app: longest block while {jobs:,} jobs load", "ms", blocks[1:], 30)]


def keys(
    folder: Path,
    rounds: int,
    *,
    jobs: int = 100_000,
    rate: int = 300,
    each: int = 40,
    settle: float = SETTLE,
) -> Rows:
    """Measure from a key to the moved cursor while jobs end: ``each * rounds`` keys."""
    _workflow(folder, jobs)
    times = []
    with contextlib.closing(_open_rows(folder, settle)) as terminal, _ends(folder, rate, jobs):
        terminal.rest(settle)
        cpu, begin = terminal.cpu(), time.perf_counter()
        for step in range(each * rounds):
            row, key = f"work_{step % 40 + 2:06d}", b"\x1b[B"
            if step % 40 == 39:
                row, key = "work_000001", b"\x1b[H"
            terminal.press(key)
            sent = time.perf_counter()
            # The row under the cursor has the background of the cursor.
            cursor = rb"48;2;43;53;66m[^\x1b]*" + row.encode()
            times.append((terminal.until(cursor, row) - sent) * 1e3)
            terminal.rest(0.03 + 0.04 * (step % 3))
        share = (terminal.cpu() - cpu) / (time.perf_counter() - begin) * 100
    times.sort()
    load = f"{jobs:,} rows, {rate} ends a second"
    return [
        values(f"app: key to paint, p95, {load}", "ms", [times[int(len(times) * 0.95) - 1]], 25),
        values(f"app: key to paint, median, {load}", "ms", times),
        values(f"app: CPU while keys are pressed, {load}", "%", [share]),
    ]


def _shares(terminal: Terminal, rounds: int, seconds: float) -> list[float]:
    """Return the percent of a core that the app used in each of several spans."""
    shares = []
    for _ in range(rounds):
        cpu, begin = terminal.cpu(), time.perf_counter()
        terminal.rest(seconds)
        shares.append((terminal.cpu() - cpu) / (time.perf_counter() - begin) * 100)
    return shares


@contextlib.contextmanager
def _runner(folder: Path) -> Iterator[None]:
    """Run workflow 1 meanwhile, and cancel it."""
    runner = subprocess.Popen(
        [TORC, "run", "1", "--num-cpus", "2"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        spend([TORC, "workflows", "cancel", "1"], folder)
        runner.wait(30)


def idle(folder: Path, rounds: int, *, seconds: float = 5.0, settle: float = SETTLE) -> Rows:
    """Measure the CPU of the app while two jobs sleep."""
    (folder / "sleep.yaml").write_text(
        'name: sleepy\njobs:\n  - {name: "nap_{i}", command: sleep 600, parameters: {i: "1:2"}}\n'
    )
    spend([TORC, "create", "sleep.yaml"], folder)
    with _runner(folder), contextlib.closing(Terminal([TORC, "1"], folder)) as terminal:
        terminal.until(b"running", "a running job")
        terminal.rest(settle)
        shares = _shares(terminal, rounds, seconds)
    return [values("app: idle, one running workflow", "%", shares, 1)]


def busy(
    folder: Path,
    rounds: int,
    *,
    jobs: int = 10_000,
    rate: int = 150,
    seconds: float = 5.0,
    settle: float = SETTLE,
) -> Rows:
    """Measure the CPU of the app while jobs end and nobody presses a key."""
    _workflow(folder, jobs)
    with contextlib.closing(_open_rows(folder, settle)) as terminal, _ends(folder, rate, jobs):
        terminal.rest(settle)
        shares = _shares(terminal, rounds, seconds)
    return [values(f"app: CPU while {rate} jobs a second end, {jobs:,} rows", "%", shares, 12)]
