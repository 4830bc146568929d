"""Several runners on one workflow in PostgreSQL, against one runner with as many slots.

The server is private: made with initdb in a folder of its own, on a socket there, without a port,
and removed at the end. All runners are on this machine; by their environment, each of the several
runs in an allocation of a cluster, and therefore at a location of its own. Measured is the time
from the start of the first job to the end of the last.
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
from tests.raw_sql import execute
from torc_tui.store.database import Store

RUNNERS = 4
SLOTS = 2
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
        options = ["-k", name, "-c", "listen_addresses="]
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


def _run(folder: Path, workflow: str, url: str, runners: int, slots: int) -> Cost:
    """Run a workflow with all runners at once, until the last exits."""
    argv = [TORC, "run", workflow, "--quiet", "--num-cpus", str(slots)]
    setting: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    children = []
    for number in range(runners):
        full = environment(folder) | {"TORC_DATABASE": url}
        if runners > 1:
            full |= {"SLURM_JOB_ID": str(number + 1), "SLURMD_NODENAME": f"n{number + 1}"}
            full |= {"SLURM_JOB_END_TIME": str(int(time.time()) + 3600)}
        children.append(subprocess.Popen(argv, env=full, **setting))
    cpu = 0.0
    for child in children:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
    if any(child.returncode for child in children):
        raise RuntimeError(f"runners exited with {[child.returncode for child in children]}")
    return Cost(_span(url, workflow), cpu)


def _span(url: str, workflow: str) -> float:
    with contextlib.closing(Store.open(url)) as store, store.read() as conn:
        [(first, last)] = execute(
            conn,
            f"SELECT MIN(started_at), MAX(ended_at) FROM result WHERE workflow_id = {workflow}",
        )
    return float(last - first)


def runners(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Measure the run of an initialized workflow; the CPU time leaves the server out."""
    what = f"{jobs:,} jobs, {RUNNERS} runners, PostgreSQL"
    programs = _programs()
    if programs is None:
        return [Skipped(what=what, why="not installed (apt install postgresql)")]
    folder = new_folder(root, "runners")
    entry = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [entry]}))
    own, one = [], []
    with _server(programs) as url:
        for _ in range(rounds):
            one.append(_run(folder, _create(folder, url), url, 1, RUNNERS * SLOTS))
            own.append(_run(folder, _create(folder, url), url, RUNNERS, SLOTS))
    return [against(what, "s", own, one, name="one runner", budget=1.1)]


def _create(folder: Path, url: str) -> str:
    """Create and initialize the workflow; return its id."""
    extra = {"TORC_DATABASE": url}
    spend([TORC, "create", "w.json", "-f", "json"], folder, extra=extra)
    workflow = str(json.loads(output(folder))["id"])
    spend([TORC, "init", workflow], folder, extra=extra)
    return workflow
