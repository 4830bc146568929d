"""The machine is short of descriptors, processes, space or inodes: jobs wait, and none fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torc_tui.engine import start_backoff
from torc_tui.reasons import Kind, because

MANY = """
name: many
jobs:
  - {name: 'j_{i}', command: 'read -t 0.3 x <> fifo; echo {i} >> ran', parameters: {i: '1:30'}}
  - {name: last, command: 'echo last >> ran', depends_on_regexes: ['^j_']}
"""
"""Its jobs start no process, which a limit on processes would be met by first."""
GATED = """
name: gated
jobs:
  - {name: first, command: 'touch begun; until [ -e go ]; do sleep 0.02; done'}
  - {name: 'j_{i}', command: 'echo {i} >> ran', depends_on: [first], parameters: {i: '1:5'}}
"""


def limited(shell: Any, limit: str, text: str, *words: str) -> tuple[int, str]:
    shell.write(text)
    os.mkfifo(shell.folder / "fifo")
    torc = f"{sys.executable} -m torc_tui.cli.main"
    line = f"ulimit {limit}; exec {torc} run w.yaml --num-cpus 30 {' '.join(words)}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def assert_all_ran_once(shell: Any, jobs: int) -> None:
    ran = (shell.folder / "ran").read_text().split()
    assert len(ran) == len(set(ran)) == jobs
    assert set(shell.states().values()) == {"completed"}
    assert shell.sql("SELECT count(*) FROM result") == [(len(shell.states()),)]
    shell.assert_nothing_held()


def notices(shell: Any, text: str) -> list[str]:
    return [e["message"] for e in shell.events("node_notice") if text in e["message"]]


def test_few_descriptors(shell: Any) -> None:
    code, said = limited(shell, "-n 24", MANY)
    assert code == 0, said
    assert said.count("no file descriptors are left (ulimit -n is 24)") == 1
    assert len(notices(shell, "ulimit -n")) == 1
    assert_all_ran_once(shell, 31)


@pytest.fixture
def another_user(make_shell: Any) -> Iterator[tuple[Any, list[str]]]:
    """Give a shell in a folder of another user, and the words that run Python as that user.

    The limit counts all processes of a user, so it must be one who has no other.
    """
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become another user")
    user = 64_000 + os.getpid() % 1000
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "bash", "-c"]
    folder = Path(tempfile.mkdtemp(prefix="torc-user-", dir="/tmp"))
    os.chown(folder, user, user)
    shell = make_shell(folder=folder)
    packages = [path for path in sys.path if "-packages" in path]
    shell.env["PYTHONPATH"] = os.pathsep.join([*packages, str(Path(__file__).parents[2])])
    shell.env["HOME"] = str(folder)

    def runs(python: str) -> bool:
        # The compiled packages are those of this version.
        version = f"assert sys.version_info[:2] == {sys.version_info[:2]}"
        code = f"import sys, torc_tui.cli.main, torc_tui.store.database; {version}"
        check = [*become, f"{python} -c '{code}'"]
        return subprocess.run(check, cwd=folder, env=shell.env, capture_output=True).returncode == 0

    try:
        pythons = (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin"))
        python = next(filter(runs, filter(None, pythons)), None)
        if python is None:
            pytest.skip("another user cannot run this Python")
        yield shell, [*become, f'ulimit -u 12; exec {python} "$@"', "bash"]
    finally:
        shutil.rmtree(folder)


def test_few_processes(another_user: tuple[Any, list[str]]) -> None:
    shell, python = another_user
    shell.write(MANY)
    os.mkfifo(shell.folder / "fifo")
    (shell.folder / "fifo").chmod(0o666)
    done = subprocess.run(
        [*python, "-m", "torc_tui.cli.main", "run", "w.yaml", "--num-cpus", "30"],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert said.count("no more processes can be started (ulimit -u is 12)") == 1, said
    assert done.returncode == 0, said
    assert_all_ran_once(shell, 31)


@pytest.fixture(params=["space", "inodes"])
def full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A file system without room for the files of a job, and what takes the room."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    folder = tmp_path / "small"
    folder.mkdir()
    options = "size=256k" if request.param == "space" else "size=16m,nr_inodes=40"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if (done := subprocess.run(mount, capture_output=True, text=True)).returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield folder, folder / "ballast"
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, ballast: Path) -> None:
    """Take all space and all inodes."""
    ballast.mkdir()
    try:
        for number in range(1000):
            (ballast / str(number)).write_bytes(b"x" * 65536)
    except OSError:
        pass
    try:
        with open(ballast / "0", "ab", buffering=0) as file:
            while file.write(b"x" * 1024):
                pass
    except OSError:
        pass


def test_a_disk_that_is_full_for_a_while(
    shell: Any, until: Any, full_disk: tuple[Path, Path]
) -> None:
    folder, ballast = full_disk
    shell.write(GATED)
    runner = shell.start("run", "w.yaml", "--output-dir", str(folder / "out"), "--num-cpus", "4")
    until(lambda: shell.there("begun"), "the first job runs")
    fill(folder, ballast)
    (shell.folder / "go").touch()
    until(lambda: notices(shell, "no space is left"), "the notice")
    assert set(shell.states_quickly().values()) <= {2, 3, 4, 5}
    shutil.rmtree(ballast)
    code, said = shell.finish(runner)
    assert code == 0, said
    assert len(notices(shell, "no space is left")) == 1
    assert_all_ran_once(shell, 5)


def test_a_shortage_that_lasts(shell: Any, full_disk: tuple[Path, Path]) -> None:
    """After the limit the runner leaves with 3, and the jobs are as ready as before."""
    folder, ballast = full_disk
    (folder / "out/job_stdio").mkdir(parents=True)
    fill(folder, ballast)
    (shell.folder / "go").touch()
    code = (
        "import torc_tui.engine.start_backoff as b; b.LIMIT = 1.0\n"
        "from torc_tui.cli.main import main; main()"
    )
    shell.write(GATED)
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "w.yaml", "--output-dir", str(folder / "out")],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    assert "no job could be started for 1.0 s: no space is left on the disk of" in said
    assert set(shell.states().values()) == {"ready", "blocked"}
    shell.assert_nothing_held()
    shutil.rmtree(ballast)
    assert shell.run("run", "1", "--output-dir", str(folder / "out"))[0] == 0
    assert_all_ran_once(shell, 5)


def test_the_working_directory_is_moved_away(make_shell: Any, until: Any, tmp_path: Path) -> None:
    """Nothing is made anew in its place, no job is to blame, and putting it back is enough."""
    work, moved = tmp_path / "work", tmp_path / "moved"
    work.mkdir()
    shell = make_shell(str(tmp_path / "t.db"), work)
    shell.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    runner = shell.start("run", shell.write(GATED))
    until(lambda: shell.there("begun"), "the first job runs")
    work.rename(moved)
    (moved / "go").touch()
    code, said = shell.finish(runner)
    assert code == 3, said
    assert f"the working directory is gone: {work}" in said
    assert not work.exists()
    assert set(shell.states_quickly().values()) == {2, 5}
    shell.assert_nothing_held()
    moved.rename(work)
    assert shell.run("run", "1")[0] == 0
    assert_all_ran_once(shell, 5)


def test_backoff() -> None:
    backoff = start_backoff.StartBackoff()
    assert backoff.room(0.0, 3) is None
    lack = because(Kind.START_SHORTAGE, lack="disk")
    assert backoff.failed(lack, 0.0, 3) == because(Kind.STARTS_FAIL, lack=lack)
    assert backoff.failed(lack, 0.0, 3) is None
    assert [backoff.room(0.05, n) for n in (3, 2, 0)] == [0, 1, 3]
    assert backoff.room(0.2, 3) == 1
    backoff.started(0.2, 4)
    assert (backoff.cap, backoff.room(0.2, 4)) == (4, 1)
    pauses = []
    now = 1.0
    for _ in range(12):
        backoff.failed(lack, now, 4)
        pause = next(t for t in range(1, 1000) if backoff.is_due(now + t / 10))
        pauses.append(pause / 10)
        now += pause / 10
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == start_backoff.LONGEST_PAUSE
    assert backoff.given_up(now) is None
    assert backoff.ended(now + 3 * start_backoff.OVER_AFTER) is None  # nothing was started since
    assert "no space" in str(backoff.given_up(0.2 + start_backoff.LIMIT))
    backoff.started(now, 4)
    assert backoff.ended(now + 1) is None
    assert backoff.ended(now + start_backoff.OVER_AFTER)
    assert backoff.room(now, 100) is None
