"""The store goes away under a runner, and comes back or does not: nothing is lost, and it is said
once."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from torc_tui.reasons import decode
from torc_tui.status import JobStatus
from torc_tui.wording import sentence

TWO = """
name: two
jobs:
  - {name: first, command: 'echo $$ > pid; touch begun; until [ -e go ]; do sleep 0.02; done; echo first >> ran'}
  - {name: second, command: 'echo second >> ran', depends_on: [first]}
  - {name: third, command: 'echo third >> ran; until [ -e end ]; do sleep 0.02; done', depends_on: [second]}
"""


def begin(
    shell: Any, until: Callable[..., Any], text: str = TWO, *words: str
) -> subprocess.Popen[str]:
    runner: subprocess.Popen[str] = shell.start("run", shell.write(text), *words)
    until(lambda: shell.there("begun"), "the job began")
    until(lambda: shell.states().get("first") == "running", "it is recorded")
    return runner


def lines_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in iter(process.stdout.readline, ""):
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")


HOLD = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locked(shell: Any) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Another process takes the store for itself, until its standard input is closed."""
    holders: list[subprocess.Popen[str]] = []

    def take() -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, shell.database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    yield take
    for holder in holders:
        holder.communicate()


def test_locked_for_long_by_another_program(shell: Any, until: Any, gone: Any, locked: Any) -> None:
    runner = begin(shell, until)
    holder = locked()
    (shell.folder / "go").touch()  # this end cannot be written down
    said = lines_until(runner, "is locked by another program")
    assert "running jobs continue" in said
    until(lambda: gone(shell.pid()), "the job ended meanwhile")
    holder.communicate()
    (shell.folder / "end").touch()
    code, text = shell.finish(runner)
    assert code == 0, text
    assert text.count("is locked") == 0  # it was said once
    assert "is available again" in text
    assert (shell.folder / "ran").read_text().split() == ["first", "second", "third"]
    assert any("is available again" in event["message"] for event in shell.events("node_notice"))
    shell.assert_nothing_held()


def test_locked_before_the_runner_has_joined(shell: Any, until: Any, locked: Any) -> None:
    shell.run("create", shell.write("name: w\njobs: [{name: a, command: 'echo a >> ran'}]\n"))
    shell.run("init", "1")
    holder = locked()
    runner = shell.start("run", "1")
    assert "retrying for 20 min" in lines_until(runner, "is locked by another program")
    holder.communicate()
    code, text = shell.finish(runner)
    assert code == 0, text
    assert (shell.folder / "ran").read_text() == "a\n"
    shell.assert_nothing_held()


def test_runner_leaves_after_the_deadline(shell: Any, until: Any, gone: Any, locked: Any) -> None:
    runner = begin(shell, until, "compute_node_wait_for_healthy_database_minutes: 0\n" + TWO)
    holder = locked()
    (shell.folder / "go").touch()
    code, text = shell.finish(runner)
    assert code == 1, text
    assert "Traceback" not in text
    assert "the runner stops" in text
    until(lambda: gone(shell.pid()), "the job ended all the same")
    holder.communicate()
    (shell.folder / "end").touch()
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert (shell.folder / "ran").read_text().split() == ["first", "second", "third"]
    shell.assert_nothing_held()


def test_ctrl_c_during_an_outage(shell: Any, until: Any, gone: Any, locked: Any) -> None:
    runner = begin(shell, until, TWO, "--grace", "1")
    pid = shell.pid()
    holder = locked()
    runner.send_signal(signal.SIGINT)
    code, text = shell.finish(runner)
    assert code in (1, 130), text
    assert "Traceback" not in text
    assert gone(pid)
    holder.communicate()


def test_heartbeat_after_a_lock(shell: Any, until: Any, locked: Any) -> None:
    """A runner that only waits meets the lock with its heartbeat."""
    runner = begin(shell, until)
    holder = locked()
    lines_until(runner, "is locked by another program")
    holder.communicate()
    (shell.folder / "go").touch()
    (shell.folder / "end").touch()
    assert shell.finish(runner)[0] == 0


@pytest.mark.parametrize("back_as", ["the same file", "a copy"])
def test_moved_away_and_back(shell: Any, until: Any, back_as: str) -> None:
    runner = begin(shell, until)
    store, aside = shell.folder / "t.db", shell.folder / "aside"
    aside.mkdir()
    for path in shell.folder.glob("t.db*"):
        path.rename(aside / path.name)
    (shell.folder / "go").touch()
    lines_until(runner, "moved away")
    for path in sorted(aside.iterdir(), reverse=True):  # the database after its journal
        if back_as == "a copy":
            shutil.copy2(path, shell.folder)
        else:
            path.rename(shell.folder / path.name)
    assert store.exists()
    (shell.folder / "end").touch()
    code, text = shell.finish(runner)
    assert code == 0, text
    assert set(shell.states().values()) == {"completed"}
    assert (shell.folder / "ran").read_text().split() == ["first", "second", "third"]
    shell.assert_nothing_held()


HEARTBEATS = "SELECT heartbeat_at FROM compute_node"


@pytest.mark.parametrize("left", [0, 4096, 20000])
def test_truncated_and_put_back(shell: Any, until: Any, left: int) -> None:
    runner = begin(shell, until)
    with (
        closing(sqlite3.connect(shell.database)) as source,
        closing(sqlite3.connect(shell.folder / "copy.db")) as copy,
    ):
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for _ in range(2):  # the runner looks at the file before each heartbeat
            before = shell.sql(HEARTBEATS)
            until(lambda seen=before: shell.sql(HEARTBEATS) != seen, "a heartbeat")
        source.backup(copy)
    os.truncate(shell.database, left)
    (shell.folder / "go").touch()
    assert "t.db was truncated: running jobs continue" in lines_until(runner, "was truncated")
    Path(shell.database).write_bytes((shell.folder / "copy.db").read_bytes())
    (shell.folder / "end").touch()
    code, text = shell.finish(runner)
    assert code == 0, text
    assert text.count("truncated") == 0  # it was said once
    assert (shell.folder / "ran").read_text().split() == ["first", "second", "third"]
    shell.assert_nothing_held()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def test_the_disk_of_the_store_is_full_for_a_while(
    make_shell: Any, small_disk: Path, until: Any
) -> None:
    shell = make_shell(str(small_disk / "t.db"))
    text = (
        TWO
        + "  - {name: 'more_{i}', command: 'echo m{i} >> ran', depends_on: [first], parameters: {i: '1:200'}}\n"
    )
    runner = begin(shell, until, text)
    ballast = fill(small_disk)
    (shell.folder / "go").touch()
    assert "no space left" in lines_until(runner, "no space left")
    ballast.unlink()
    (shell.folder / "end").touch()
    code, said = shell.finish(runner)
    assert code == 0, said
    ran = (shell.folder / "ran").read_text().split()
    assert len(ran) == len(set(ran)) == 203
    shell.assert_nothing_held()


def test_the_disk_of_the_output_is_full(shell: Any, small_disk: Path, until: Any) -> None:
    text = """
name: full
jobs:
  - {name: first, command: 'touch begun; until [ -e go ]; do sleep 0.02; done; until [ -e go2 ]; do sleep 0.02; done'}
  - {name: second, command: 'seq 100000', depends_on: [first]}
  - {name: third, command: 'true', depends_on: [second]}
"""
    runner = begin(shell, until, text, "--output-dir", str(small_disk))
    ballast = fill(small_disk)
    (shell.folder / "go").touch()
    (shell.folder / "go2").touch()
    code, said = shell.finish(runner)
    ballast.unlink()
    assert code == 1, said
    assert shell.states() == {"first": "completed", "second": "failed", "third": "canceled"}
    (result,) = shell.sql(f"SELECT reason FROM result WHERE status <> {JobStatus.COMPLETED}")
    reason = decode(result[0])
    assert reason["disk"] is not None or "No space left" in sentence(reason)
    assert sentence(reason) in shell.run("why", "second", "-w", "1")[1]
    shell.assert_nothing_held()


def test_output_directory_removed(shell: Any, until: Any) -> None:
    runner = begin(shell, until)
    shutil.rmtree(shell.folder / "torc_output")
    (shell.folder / "torc_output").write_text("a file is in the way")
    (shell.folder / "go").touch()
    code, text = shell.finish(runner)
    assert code == 1, text
    assert shell.states() == {"first": "completed", "second": "failed", "third": "canceled"}
    assert "torc_output" in shell.run("why", "second", "-w", "1")[1]
    (reason,) = shell.sql(f"SELECT reason FROM result WHERE status = {JobStatus.FAILED}")
    assert "torc_output" in reason[0]
    (event,) = shell.events("job_failed")
    assert event["reason"] == sentence(decode(reason[0]))


def test_output_directory_is_recreated(shell: Any, until: Any) -> None:
    runner = begin(shell, until)
    shutil.rmtree(shell.folder / "torc_output")
    (shell.folder / "go").touch()
    (shell.folder / "end").touch()
    code, text = shell.finish(runner)
    assert code == 0, text


def test_a_server_that_restarts(
    postgresql_own: Any, make_shell: Any, until: Any, gone: Any
) -> None:
    shell = make_shell(postgresql_own.url)
    runner = begin(shell, until)
    postgresql_own.stop()
    (shell.folder / "go").touch()
    lines_until(runner, "cannot be used")
    until(lambda: gone(shell.pid()), "the job ended meanwhile")
    postgresql_own.start()
    (shell.folder / "end").touch()
    code, text = shell.finish(runner)
    assert code == 0, text
    assert "Traceback" not in text
    assert (shell.folder / "ran").read_text().split() == ["first", "second", "third"]
    shell.assert_nothing_held()


def test_drawing_during_an_outage(shell: Any, until: Any, locked: Any) -> None:
    """The live display has a connection of its own."""
    import io

    from torc_tui.cli.live_progress import Live
    from torc_tui.cli.lost_terminal import RunOutput, TerminalFallback
    from torc_tui.cli.run_messages import RunMessages
    from torc_tui.store.database import Store
    from torc_tui.store.workflows import get_workflow

    shell.run("create", shell.write(TWO))
    out = io.StringIO()
    with closing(Store.open(f"sqlite:///{shell.database}")) as store:
        workflow, folder = get_workflow(store, 1), str(shell.folder)
        output = RunOutput(out, TerminalFallback(workflow, folder))
        live = Live(RunMessages(store, workflow, folder), output)
        (shell.folder / "t.db").rename(shell.folder / "away")
        live.feed._drop()
        live.painted_at = 0
        live.tick(1.0)
        (shell.folder / "away").rename(shell.folder / "t.db")
        with closing(sqlite3.connect(shell.database)) as other:
            other.execute("UPDATE workflow SET name = 'x'")
            other.commit()
        live.painted_at = 0
        live.tick(2.0)
        live.close()
    assert "0/3" in out.getvalue()


def test_an_output_folder_that_cannot_be_written(shell: Any, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, text = shell.run("run", shell.write(TWO), "--output-dir", str(small_disk))
    assert code == 2, text
    assert "Read-only file system" in text
    assert set(shell.states().values()) == {"ready", "blocked"}  # no job was tried
    shell.assert_nothing_held()


def test_recovery_script_during_an_outage(shell: Any, until: Any, locked: Any) -> None:
    """The end of the attempt is reported again and again until it is written: the script runs once
    all the same, and the next attempt waits for it."""
    text = """
name: r
jobs:
  - name: first
    command: 'touch begun; until [ -e go ]; do sleep 0.02; done; echo x >> attempts; [ -e mended ] && exit 0; exit 7'
    failure_handler: mend
failure_handlers:
  - name: mend
    rules: [{exit_codes: [7], max_retries: 3, recovery_script: 'echo x >> scripts; sleep 1; touch mended'}]
"""
    runner = begin(shell, until, text)
    holder = locked()
    (shell.folder / "go").touch()
    until(lambda: shell.there("scripts"), "the script began")
    lines_until(runner, "is locked")
    until(lambda: shell.there("mended"), "the script ended")
    holder.communicate()
    code, said = shell.finish(runner)
    assert code == 0, said
    assert (shell.folder / "scripts").read_text().split() == ["x"]
    assert (shell.folder / "attempts").read_text().split() == ["x", "x"]
    assert shell.sql("SELECT attempt_id, return_code FROM result ORDER BY id") == [(1, 7), (2, 0)]
    shell.assert_nothing_held()
