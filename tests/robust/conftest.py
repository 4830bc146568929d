"""Run torc commands in a directory with its own database, and start a PostgreSQL server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from tests.waiting import DEADLINE, wait_for
from torc_tui.status import JobStatus

TORC = "import sys, torc_tui.store.connect as c; c.BUSY_SECONDS = 0.3; from torc_tui.cli.main import main; sys.exit(main())"
RUNNER = f"import torc_tui.engine.membership as m; m.HEARTBEAT = 1.0; {TORC}"
"""The program `torc`, with a store that is said to be locked after 0.3 s instead of 10, and quick
heartbeats."""


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return wait_for


class Shell:
    """Types torc commands."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self.database = database or str(folder / "t.db")
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith("TORC_")
        }
        self.env |= {"TORC_DATABASE": self.database, "XDG_STATE_HOME": str(folder / "state")}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        options: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            **how,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER if words[0] == "run" else TORC, *words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            **options,
        )
        self.started.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        text, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, text

    def run_file(self, text: str, code: int = 0) -> str:
        """Run the workflow of a file with this text; return the output."""
        ended, said = self.run("run", self.write(text))
        assert ended == code, said
        return said

    def words(self, name: str) -> list[str]:
        """Return the words in a file that jobs wrote."""
        return (self.folder / name).read_text().split()

    def finish(self, process: subprocess.Popen[str], seconds: float = DEADLINE) -> tuple[int, str]:
        text, _ = process.communicate(timeout=seconds)
        return process.returncode, text

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def json(self, *words: str) -> Any:
        code, text = self.run(*words, "-f", "json")
        assert code == 0, text
        return json.loads(text)

    def write(self, text: str) -> str:
        (self.folder / "w.yaml").write_text(text)
        return "w.yaml"

    def states(self, workflow_id: int = 1) -> dict[str, str]:
        code, text = self.run("jobs", "list", str(workflow_id), "-f", "json")
        return (
            {job["name"]: job["status"] for job in json.loads(text)} if code == 0 and text else {}
        )

    def events(self, kind: str | None = None, workflow_id: int = 1) -> list[dict[str, Any]]:
        with self.store() as store:
            from torc_tui.store.feed import list_events
            from torc_tui.wording import readable

            return [
                {"job": e.job_id, "kind": e.kind, **readable(e.data)}
                for e in list_events(store, workflow_id, kind=kind)
            ]

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.store() as store, store.read() as conn:
            return [tuple(row) for row in execute(conn, text)]

    def store(self) -> Any:
        from contextlib import closing

        from torc_tui.settings import normal_url
        from torc_tui.store.database import Store

        return closing(Store.open(normal_url(self.database)))

    def states_quickly(self, workflow_id: int = 1) -> dict[str, int]:
        """States as numbers, without a process."""
        return dict(self.sql(f"SELECT name, status FROM job WHERE workflow_id = {workflow_id}"))  # type: ignore[arg-type]

    def wait_for_beat(self, process: subprocess.Popen[str]) -> None:
        """Wait until the runner has been through its loop once more."""
        (before,) = self._beat(process)
        wait_for(lambda: self._beat(process) != [before], "a heartbeat")

    def _beat(self, process: subprocess.Popen[str]) -> list[tuple[Any, ...]]:
        return self.sql(f"SELECT heartbeat_at FROM compute_node WHERE pid = {process.pid}")

    def there(self, name: str) -> bool:
        return (self.folder / name).exists()

    def pid(self, name: str = "pid") -> int:
        return int(
            wait_for(
                lambda: self.there(name) and (self.folder / name).read_text().strip(),
                f"the file {name}",
            )
        )

    def assert_nothing_held(self) -> None:
        """Assert that no job has resources and no runner is active."""
        assert (
            self.sql(
                "SELECT id, allocation FROM job"
                f" WHERE allocation IS NOT NULL OR status IN ({JobStatus.PENDING},"
                f" {JobStatus.RUNNING})"
            )
            == []
        )
        assert self.sql("SELECT id FROM compute_node WHERE is_active") == []


@pytest.fixture
def make_shell(tmp_path: Path) -> Iterator[Callable[..., Shell]]:
    made: list[Shell] = []

    def make(database: str | None = None, folder: Path = tmp_path) -> Shell:
        made.append(Shell(folder, database))
        return made[-1]

    yield make
    for process in (process for one in made for process in one.started):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def shell(make_shell: Callable[..., Shell]) -> Shell:
    return make_shell()


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Return whether a process has ended or is a zombie."""

    def answer(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    return answer


class OwnServer:
    """A PostgreSQL server that may be stopped and started: of one test alone."""

    def __init__(self, folder: Path, programs: Path, plain: dict[str, Any]) -> None:
        self.folder, self.programs, self.plain = folder, programs, plain
        self.url = f"postgresql+psycopg://torc@/postgres?host={folder}"
        self.environment = {**os.environ, "LC_ALL": "C", "HOME": str(folder)}

    def call(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), "-D", str(self.folder / "data"), *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            **self.plain,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=30 -c shared_buffers=16MB"
        self.call("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-w", "-m", "fast", "stop")


@pytest.fixture
def postgresql_own() -> Iterator[OwnServer]:
    """A private server; skipped if PostgreSQL is not installed."""
    import pwd
    import shutil
    import tempfile

    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    found = os.environ.get("TORC_TEST_POSTGRESQL") or next(
        (str(place) for place in reversed(places) if (place / "initdb").exists()), None
    )
    if found is None and (named := shutil.which("initdb")):
        found = str(Path(named).resolve().parent)
    if found is None:
        pytest.skip("no PostgreSQL server is installed (initdb not found)")
    plain: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        plain = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="torc-pg-", dir="/tmp") as name:
        if plain:
            os.chown(name, plain["user"], plain["group"])
        server = OwnServer(Path(name), Path(found), plain)
        server.call("initdb", "-U", "torc", "-A", "trust", "-E", "UTF8", "--no-sync")
        server.start()
        yield server
        server.call("pg_ctl", "-m", "immediate", "stop")
