"""A PostgreSQL server of the user's own: start, use, stop, and starts that would lose data."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Torc
from tests.conftest import PLAIN_USER, _programs
from tests.waiting import wait_for
from torc_tui.operations.server_files import ServerFiles
from torc_tui.resources.process_identity import process_started

pytestmark = pytest.mark.system

SPEC = "name: w\njobs: [{name: a, command: 'true'}]\n"
RUN_AS = f"cd /; exec setpriv --reuid={PLAIN_USER} --regid=nogroup --clear-groups"
INITDB = """#!/bin/bash
words=()
for word in "$@"; do
  case $word in --pwfile=*)
    cp "${{word#--pwfile=}}" {folder}/pw; chmod 644 {folder}/pw; word=--pwfile={folder}/pw;;
  esac
  words+=("$word")
done
{run_as} {programs}/initdb "${{words[@]}}"
"""


def _for_root(programs: Path, folder: Path) -> Path:
    """Return programs of PostgreSQL that root can call: the server refuses to run as root."""
    made = folder / "bin"
    made.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (made / name).symlink_to(programs / name)
    (made / "initdb").write_text(INITDB.format(folder=folder, run_as=RUN_AS, programs=programs))
    (made / "postgres").write_text(f'#!/bin/bash\n{RUN_AS} {programs}/postgres "$@"\n')
    for path in made.iterdir():
        path.chmod(0o755)
    return made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bench:
    """The command line, with a server whose data is in one of several directories."""

    def __init__(self, torc: Any, folder: Path, programs: Path) -> None:
        self.torc = torc
        self.folder = folder
        self.files = ServerFiles(folder / "server")
        self._options = ["--directory", str(folder / "server")]
        self._serve = ["--pg-bin", str(programs), "--host", "localhost"]
        self._serve += ["--port", str(_free_port()), "--detach"]

    def serve(self, data: str, *more: str) -> Any:
        words = [*self._options, *self._serve, "--data", str(self.folder / data), *more]
        return self.torc("database", "serve", *words)

    def stop(self) -> Any:
        return self.torc("database", "stop", *self._options)

    def status(self) -> Any:
        return self.torc("database", "status", *self._options, "-f", "json").json

    def workflows(self) -> list[str]:
        url = self.status()["url"]
        listed = self.torc("workflows", "list", "-f", "json", "--database", url).json
        return [one["name"] for one in listed]


@pytest.fixture
def process(programs: Path) -> Torc:
    """``torc`` as a process: the server outlives the command that starts it."""

    def call(*words: object) -> Answer:
        command = [programs / "torc", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert "Traceback" not in done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def bench(process: Any) -> Iterator[Bench]:
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (initdb not found)")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="torc-serve-", dir="/tmp"))
    folder.chmod(0o777)
    if os.geteuid() == 0:
        programs = _for_root(programs, folder)
    made = Bench(process, folder, programs)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def test_start_use_stop(bench: Bench, place: Path) -> None:
    (place / "w.yaml").write_text(SPEC)
    answer = bench.serve("data")
    assert answer.code == 0, answer
    url = bench.status()["url"]
    assert f"export TORC_DATABASE='{url}'" in answer.out
    ran = bench.torc("run", "w.yaml", "--database", url)
    assert ran.code == 0, ran
    again = bench.serve("data")
    assert again.code == 2 and "a server of this directory runs on" in again.err
    assert bench.status()["status"] == "running"
    assert bench.stop().code == 0
    assert bench.status()["status"] == "stopped"
    assert bench.stop().code == 2
    assert bench.torc("workflows", "list", "--database", url).code == 1
    for path in bench.files.directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.long
def test_another_host_starts_from_the_copy(bench: Bench, place: Path) -> None:
    (place / "w.yaml").write_text(SPEC)
    bench.serve("here")
    bench.torc("create", "w.yaml", "--database", bench.status()["url"])
    bench.stop()
    assert bench.serve("there").code == 0
    bench.torc("create", "w.yaml", "--database", bench.status()["url"])
    assert bench.workflows() == ["w", "w"]
    bench.stop()
    # The data of the first host lacks what the second one has stored: it is put aside.
    assert bench.serve("here").code == 0
    assert bench.workflows() == ["w", "w"]
    assert len(list(bench.folder.glob("here.*"))) == 1


def test_killed_program(bench: Bench, place: Path) -> None:
    """PostgreSQL outlives it, is stopped by the next command, and its data is never given up."""
    (place / "w.yaml").write_text(SPEC)
    bench.serve("here")
    bench.torc("create", "w.yaml", "--database", bench.status()["url"])
    pid = bench.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: process_started(pid) is None, "the program has ended")
    assert bench.workflows() == ["w"]
    assert bench.stop().code == 0
    refused = bench.serve("there")
    assert refused.code == 2 and "has not stopped normally" in refused.err
    assert bench.serve("here").code == 0
    assert bench.workflows() == ["w"]


def test_foreign_data_is_left_alone(bench: Bench) -> None:
    (bench.folder / "mine").mkdir()
    (bench.folder / "mine/thesis.tex").write_text("text")
    refused = bench.serve("mine")
    assert refused.code == 2 and "is not the data of a server" in refused.err
    assert [path.name for path in (bench.folder / "mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--pg-bin /nowhere", "/nowhere has no program initdb"),
        ("--port 80", "'80' is not a port from 1024 to 65535"),
        ("--dump-every 0", "is not a"),
    ],
)
def test_wrong_options(torc: Any, tmp_path: Path, words: str, text: str) -> None:
    answer = torc("database", "serve", "--directory", str(tmp_path / "s"), *words.split())
    assert (answer.code, text in answer.err) == (2, True), answer


def test_without_a_server(torc: Any, tmp_path: Path) -> None:
    for command in ("stop", "status"):
        answer = torc("database", command, "--directory", str(tmp_path))
        assert answer.code == 2 and str(tmp_path) in answer.err
    (tmp_path / "server.json").write_text("{")
    answer = torc("database", "status", "--directory", str(tmp_path))
    assert answer.code == 1 and "server.json is damaged" in answer.err


def test_stop_from_another_host(bench: Bench) -> None:
    assert bench.serve("data").code == 0
    record = bench.files.record()
    assert record is not None
    bench.files.save(record._replace(machine="elsewhere"))
    answer = bench.stop()
    assert answer.code == 0, answer
    wait_for(lambda: process_started(record.pid) is None, "the server ends")
    assert bench.status()["stopped_at"] is not None and bench.files.dump.exists()
