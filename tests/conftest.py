"""Fixtures for all tests: databases, a shell with the installed programs, and short test ids.

The PostgreSQL server is private to the test run: it is created with initdb in a temporary
directory, listens on a socket there and on no port, and is deleted at the end.
TORC_TEST_POSTGRESQL names the directory of its programs if they are not found.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import slurm, slurm_session  # noqa: F401 - fixtures

# Time limits of Hypothesis measure the machine, not the program: other processes may use it too.
settings.register_profile("torc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("torc")

ID_LENGTH = 24
"""Largest length of the part of a test id that stands for one text."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten texts in test ids to their first words; the default for everything else."""
    if not isinstance(val, str | bytes):
        return None
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    if len(text) <= ID_LENGTH and text.isascii() and text.isprintable():
        return None
    words = "-".join(re.findall(r"\w+", text[: 4 * ID_LENGTH], re.ASCII))
    return words[:ID_LENGTH].strip("-_") or "text"


@functools.cache
def _has_terminals() -> bool:
    """Return whether the system has pseudo-terminals; a bare chroot lacks them."""
    try:
        ends = os.openpty()
    except OSError:
        return False
    for end in ends:
        os.close(end)
    return True


SYSTEM = {"benchmarks", "examples", "gpu", "robust", "storms", "triage"}
"""Directories whose tests run whole workflows in real processes, many with kills and outages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the directories above and those with Slurm; a quick run leaves them out."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in SYSTEM or item.get_closest_marker("slurm"):
            item.add_marker(pytest.mark.system)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests with the mark ``terminal`` on a system without pseudo-terminals."""
    if item.get_closest_marker("terminal") and not _has_terminals():
        pytest.skip("the system has no pseudo-terminals (/dev/pts)")


PLAIN_USER = "nobody"
"""PostgreSQL refuses to run as root; this user without special rights runs it instead."""


def _programs() -> Path | None:
    """Return the directory of the newest initdb and pg_ctl; None if there is none."""
    named = os.environ.get("TORC_TEST_POSTGRESQL")
    if named:
        return Path(named)
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    places = [place for place in places if (place / "initdb").exists()]
    return max(
        places,
        key=lambda place: [int(digits) for digits in place.parent.name.split("-")[-1].split(".")],
        default=None,
    )


def _as_plain_user() -> dict[str, Any]:
    """Return the arguments of ``subprocess`` that drop the rights of root; none for other users."""
    if os.geteuid() != 0:
        return {}
    import pwd

    entry = pwd.getpwnam(PLAIN_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session", autouse=True)
def state_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep launchers of `torc` and all other state apart from those of the user.

    The output of programs is buffered as it is for a user: output that is not flushed is lost.
    """
    os.environ.pop("PYTHONUNBUFFERED", None)
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ["TORC_GPU_LEDGER"] = str(tmp_path_factory.mktemp("host") / "ledger")


@pytest.fixture(autouse=True)
def no_notices() -> None:
    """Discard the notices about settings of an earlier test."""
    from torc_tui import settings

    settings.take_notices()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start a private server; return its URL, ``postgresql+psycopg://…?host=…``.

    The test is skipped if PostgreSQL is not installed.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (initdb not found)")
    pytest.importorskip("psycopg")
    plain = _as_plain_user()
    with tempfile.TemporaryDirectory(
        prefix="torc-pg-", dir="/tmp"
    ) as name:  # a socket's path must be short
        folder = Path(name)
        if plain:
            os.chown(folder, plain["user"], plain["group"])
        data = folder / "data"
        environment = {**os.environ, "LC_ALL": "C", "HOME": name}

        def call(*words: str) -> None:
            done = subprocess.run(
                words, cwd=name, env=environment, capture_output=True, text=True, **plain
            )
            if done.returncode != 0:
                raise RuntimeError(f"{words[0]} failed: {done.stdout}{done.stderr}")

        call(
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "torc",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )
        options = f"-k {name} -c listen_addresses= -c fsync=off -c max_connections=50 -c shared_buffers=32MB"
        call(
            str(programs / "pg_ctl"),
            "-D",
            str(data),
            "-w",
            "-l",
            str(folder / "log"),
            "-o",
            options,
            "start",
        )
        try:
            yield f"postgresql+psycopg://torc@/postgres?host={name}"
        finally:
            call(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


_numbers = itertools.count(1)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """Return the URL of an empty schema on the private server; a database would take longer."""
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgresql_server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgresql_server}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that does not exist yet; each test runs with SQLite and PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{tmp_path}/torc.db"


@pytest.fixture
def store(store_url: str) -> Iterator[Any]:
    """Open an empty database; each test runs with SQLite and PostgreSQL."""
    from torc_tui.store.database import Store

    opened = Store.open(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Any]:
    """Open an empty SQLite database, for tests that are the same on PostgreSQL."""
    from torc_tui.store.database import Store

    opened = Store.open(f"sqlite:///{tmp_path}/torc.db")
    yield opened
    opened.close()


@pytest.fixture
def user_shell(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a bash script as a user: ``torc`` on PATH, a private home, database and directory.

    Call ``user_shell(script, cwd=folder, seconds=60, NAME="value")``; without ``cwd``, the script
    runs in ``tmp_path / "work"``.
    """
    programs = Path(sys.executable).parent
    if not (programs / "torc").exists():
        pytest.fail(f"torc is not installed beside {sys.executable}: see CONTRIBUTING.md, Set-up")
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TORC_", "XDG_", "PYTHON"))
    }
    clean |= {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "USER": "ada",
        "TORC_DATABASE": str(tmp_path / "store.db"),
        "TORC_GPU_LEDGER": str(tmp_path / "ledger"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def call(
        script: str, *, cwd: Path = work, seconds: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script],
            cwd=cwd,
            env={**clean, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    return call
