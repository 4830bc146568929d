"""The app as a person meets it: a real process in a terminal. First paint, key to painted under
load, idle CPU.

What comes in: a folder, a number of rounds. What goes out: rows of the table. The terminal is a
pty; what the app writes to it is read as it comes. The load is another process that writes job ends
into the store.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.benchmarks.measuring import TORC, Row, environment

SIZE = (50, 160)
DEADLINE = 60.0
TICKS = os.sysconf("SC_CLK_TCK")

LOAD = """
import random, sys, time
from torc_tui.model import JobStatus
from torc_tui.store.database import Statement, Store
from torc_tui.store.events import append
store = Store.open(sys.argv[1])
rate, seconds, jobs = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
end, done, begin = time.monotonic() + seconds, 0, time.monotonic()
pick = random.Random(1)
ended = Statement("UPDATE job SET status = 5, started_at = ?, ended_at = ? WHERE id = ?")
while (now := time.monotonic()) < end:
    due = int((now - begin) * rate) - done
    if due > 0:
        at = time.time()
        ids = [pick.randint(1, jobs) for _ in range(due)]
        with store.write() as conn:
            for job in ids:
                ended.run(conn, (at - 1, at, job))
            rows = []
            for job in ids:
                rows.append(("job_started", job, {"attempt": 1}))
                rows.append(("job_completed", job, {"return_code": 0, "exec_time": 1.0, "attempt": 1}))
            append(conn, 1, rows, at=at)
        done += due
    time.sleep(0.01)
"""


class Terminal:
    """A program in a pty of its own; ``seen`` is all that it wrote."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.begin = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            state = {
                "XDG_STATE_HOME": str(folder / "state"),
                "XDG_CONFIG_HOME": str(folder / "config"),
            }
            look = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
            os.execve(argv[0], argv, environment(folder) | state | look)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.seen = b""

    def until(self, pattern: bytes, what: str) -> float:
        """Read until the pattern is there; the time at which it was (``perf_counter``)."""
        wanted = re.compile(pattern)
        end = time.perf_counter() + DEADLINE
        while not wanted.search(self.seen):
            if time.perf_counter() > end:
                raise RuntimeError(f"{what} was not seen")
            self.read(0.05)
        return time.perf_counter()

    def read(self, timeout: float) -> None:
        if select.select([self.fd], [], [], timeout)[0]:
            try:
                self.seen += os.read(self.fd, 1 << 16)
            except OSError as error:
                raise RuntimeError("the app ended") from error

    def rest(self, seconds: float) -> None:
        """Read for a while, so that the app never waits for the terminal."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def press(self, keys: bytes) -> None:
        self.seen = b""
        os.write(self.fd, keys)

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def close(self) -> None:
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


def _torc(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [TORC, *arguments],
        cwd=folder,
        env=environment(folder),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _workflow(folder: Path, jobs: int) -> None:
    spec = f'name: wide\njobs:\n  - {{name: "work_{{i:06d}}", command: "true", parameters: {{i: "1:{jobs}"}}}}\n'
    (folder / "wide.yaml").write_text(spec)
    _torc(folder, "create", "wide.yaml")
    _torc(folder, "workflows", "init", "1")


def paint(folder: Path, rounds: int) -> list[Row]:
    """Process start to the first rows on screen: of the list, and of one workflow."""
    spec = 'name: small\njobs:\n  - {name: "first_{i}", command: "true", parameters: {i: "1:9"}}\n'
    (folder / "small.yaml").write_text(spec)
    _torc(folder, "create", "small.yaml")
    rows = []
    for what, arguments, sight in (("torc", [], b"small"), ("torc ID", ["1"], b"first_7")):
        walls, cpus = [], []
        for _ in range(rounds + 1):
            terminal = Terminal([TORC, *arguments], folder)
            walls.append(terminal.until(sight, "the first paint") - terminal.begin)
            cpus.append(terminal.cpu())
            terminal.close()
        rows.append(
            Row(
                what=f"app: first paint, {what}",
                unit="s",
                figure=statistics.median(walls[1:]),
                budget=0.6,
                cpu=statistics.median(cpus[1:]),
            )
        )
    return rows


def keys(
    folder: Path, rounds: int, jobs: int = 100_000, rate: int = 300, each: int = 40
) -> list[Row]:
    """Cursor down to the line painted, while jobs end; p95 of ``each * rounds`` keys."""
    _workflow(folder, jobs)
    terminal = Terminal([TORC, "1"], folder)
    terminal.until(b"work_", "the family")
    terminal.rest(1.0)
    terminal.press(b"_")
    terminal.until(b"work_000003", "the rows")
    terminal.rest(1.0)
    count = each * rounds
    load = subprocess.Popen(
        [
            sys.executable,
            "-c",
            LOAD,
            str(folder / "torc.db"),
            str(rate),
            str(count * 0.15 + 60),
            str(jobs),
        ],
        env=environment(folder),
    )
    times = []
    try:
        terminal.rest(3.0)
        cpu, begin = terminal.cpu(), time.perf_counter()
        for step in range(count):
            row = f"work_{step % 40 + 2:06d}"
            if step % 40 == 39:
                terminal.press(b"\x1b[H")
                row = "work_000001"
            else:
                terminal.press(b"\x1b[B")
            sent = time.perf_counter()
            # The row under the cursor has the background of the cursor.
            times.append(terminal.until(rb"48;2;43;53;66m[^\x1b]*" + row.encode(), row) - sent)
            terminal.rest(0.03 + 0.04 * (step % 3))
        share = (terminal.cpu() - cpu) / (time.perf_counter() - begin)
    finally:
        load.kill()
        load.wait()
        terminal.close()
    times.sort()
    return [
        Row(
            what=f"app: key to painted, p95, {jobs} rows, {rate} ends a second",
            unit="ms",
            figure=times[int(len(times) * 0.95) - 1] * 1e3,
            budget=50,
        ),
        Row(
            what="app: the same, median",
            unit="ms",
            figure=statistics.median(times) * 1e3,
            budget=50,
        ),
        Row(what="app: CPU while it is so", unit="%", figure=share * 100, budget=100),
    ]


def idle(folder: Path, rounds: int, seconds: float = 5.0) -> list[Row]:
    """CPU of the app while two jobs sleep."""
    (folder / "sleep.yaml").write_text(
        'name: sleepy\njobs:\n  - {name: "nap_{i}", command: sleep 600, parameters: {i: "1:2"}}\n'
    )
    _torc(folder, "create", "sleep.yaml")
    runner = subprocess.Popen(
        [TORC, "run", "1", "--num-cpus", "2"], cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    terminal = Terminal([TORC, "1"], folder)
    try:
        terminal.until(b"running", "a running job")
        terminal.rest(3.0)
        shares = []
        for _ in range(rounds):
            cpu = terminal.cpu()
            terminal.rest(seconds)
            shares.append((terminal.cpu() - cpu) / seconds)
    finally:
        terminal.close()
        _torc(folder, "workflows", "cancel", "1")
        runner.wait(30)
    return [
        Row(
            what="app: idle, one running workflow",
            unit="%",
            figure=statistics.median(shares) * 100,
            budget=2,
        )
    ]
