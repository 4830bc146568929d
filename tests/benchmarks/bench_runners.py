"""Several runners on one workflow in PostgreSQL, against one runner with as many slots on SQLite.

The server is private: made with initdb in a folder of its own, on a socket there, without a port,
and removed at the end. All runners are on this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import TORC, Cost, environment, new_folder, output, spend
from tests.benchmarks.rows import Rows, Skipped, against

RUNNERS = 4
DEADLINE = 60.0
PLAIN_USER = "nobody"
"""PostgreSQL refuses to run as root; then it runs as this user."""


def _programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest version found."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(places, key=lambda path: float(path.parent.name), default=None)


def _plain_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(PLAIN_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def _server(programs: Path) -> Iterator[str]:
    """Run a private server; the URL of its database."""
    plain = _plain_user()
    with tempfile.TemporaryDirectory(prefix="torc-pg-", dir="/tmp") as name:  # sockets: short paths
        if plain:
            os.chown(name, plain["user"], plain["group"])
        plain_environment = {**os.environ, "LC_ALL": "C", "HOME": name}
        setting: dict[str, Any] = {"cwd": name, "env": plain_environment, **plain}
        data = f"{name}/data"
        options = ["-U", "torc", "-A", "trust", "-E", "UTF8", "--no-sync"]
        initdb = [str(programs / "initdb"), "-D", data, *options]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **setting)
        options = ["-k", name, "-c", "listen_addresses=", "-c", "fsync=off"]
        with open(f"{name}/log", "wb") as log:
            # A child, not a daemon: its CPU time is ours and not that of other processes.
            argv = [str(programs / "postgres"), "-D", data, *options]
            server = subprocess.Popen(argv, stderr=log, **setting)
        try:
            _wait_until_ready(server, Path(data))
            yield f"postgresql+psycopg://torc@/postgres?host={name}"
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_ready(server: subprocess.Popen[Any], data: Path) -> None:
    """Wait until the last line of the server's pid file says `ready`."""
    end = time.monotonic() + DEADLINE
    state = data / "postmaster.pid"
    while not (state.exists() and state.read_text().rstrip().endswith("ready")):
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the PostgreSQL server did not start")
        time.sleep(0.05)


def _together(folder: Path, workflow: str, extra: dict[str, str]) -> Cost:
    """Run a workflow with all runners at once, one slot each, until the last exits."""
    slots = ["--num-cpus", str(RUNNERS), "--max-parallel-jobs", "1"]
    argv = [TORC, "run", workflow, "--quiet", *slots]
    full = environment(folder) | extra
    begin = time.perf_counter()
    setting: dict[str, Any] = {"cwd": folder, "env": full, "stdout": subprocess.DEVNULL}
    children = [subprocess.Popen(argv, **setting) for _ in range(RUNNERS)]
    cpu = 0.0
    for child in children:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
    if any(child.returncode for child in children):
        raise RuntimeError(f"runners exited with {[child.returncode for child in children]}")
    return Cost(time.perf_counter() - begin, cpu)


def runners(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Measure the run of an initialized workflow; the CPU time leaves the server out."""
    what = f"{jobs:,} jobs, {RUNNERS} runners, PostgreSQL"
    programs = _programs()
    if programs is None:
        return [Skipped(what=what, why="not installed (apt install postgresql)")]
    folder = new_folder(root, "runners")
    entry = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [entry]}))
    own, local = [], []
    slots = ["--num-cpus", str(RUNNERS), "--max-parallel-jobs", str(RUNNERS)]
    with _server(programs) as url:
        shared = {"TORC_DATABASE": url}
        for _ in range(rounds):
            workflow = _create(folder, {})
            local.append(spend([TORC, "run", workflow, "--quiet", *slots], folder))
            workflow = _create(folder, shared)
            own.append(_together(folder, workflow, shared))
    return [against(what, "s", own, local, name="one local runner", budget=1.1)]


def _create(folder: Path, extra: dict[str, str]) -> str:
    """Create and initialize the workflow; return its id."""
    spend([TORC, "create", "w.json", "-f", "json"], folder, extra=extra)
    workflow = str(json.loads(output(folder))["id"])
    spend([TORC, "init", workflow], folder, extra=extra)
    return workflow
