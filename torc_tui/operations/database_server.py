"""Run a PostgreSQL server for the workflows of one user, where nobody else offers one.

Input: the programs of PostgreSQL, a directory that all hosts see, and a directory on a local disk.
Output: a server process, and the files of `server_files`.

Invariants
* Two servers never serve one directory: a start is refused while the last server answers, or may.
* Data is never replaced. Older data, of a server that ran elsewhere since, is renamed.
* A server starts from a dump only if the last one has stopped, and so has dumped all.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from torc_tui.errors import Refused, TorcError
from torc_tui.operations.postgresql_programs import last_message, run_program
from torc_tui.operations.server_files import ADMIN, DATABASE, USER, ServerFiles, ServerRecord
from torc_tui.resources.machine_identity import hostname
from torc_tui.resources.process_identity import process_started
from torc_tui.store import server_admin
from torc_tui.store.connect import connect_postgresql
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi

START_SECONDS = 60.0
STOP_SECONDS = 60.0
CONNECT_SECONDS = 3
CONNECTIONS = 400
"""Runners and commands that may be connected at a time."""
_ID_FILE = "torc-data-id"
_PORTS, _FIRST_PORT = 20_000, 20_000


class ServerOptions(NamedTuple):
    """How to start a server.

    ``fast_commits`` does not wait for the disk at a commit: a crash of the host loses the last
    commits. ``from_dump`` allows to lose what the last server stored after its last dump.
    ``native_id`` is that of the allocation in which this process runs.
    """

    programs: Path
    data: Path
    host: str
    port: int
    fast_commits: bool = False
    from_dump: bool = False
    native_id: str | None = None


def port_of(user_id: int) -> int:
    """Return the port that a user gets if no other is chosen."""
    return _FIRST_PORT + user_id % _PORTS


def answers(record: ServerRecord) -> bool:
    """Return whether something accepts connections where the server should."""
    try:
        socket.create_connection((record.host, record.port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


class DatabaseServer:
    """A server that this process starts and stops."""

    def __init__(self, files: ServerFiles, options: ServerOptions) -> None:
        self._files = files
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._record: ServerRecord | None = None
        self._dumped = ""

    # -- start

    def start(self, pid: int) -> ServerRecord:
        """Start the server; ``pid`` is the process that will stop it.

        Raise Refused if another server runs, or if data would be lost.
        """
        self._files.make()
        last = self._files.record()
        self._refuse_second(last)
        is_new = self._prepare(last)
        if is_new:
            self._initialize()
        self._launch()
        try:
            self._wait_until_ready()
            if is_new:
                self._create_database()
            with self._connected("postgres") as connection:
                server_admin.admit(connection, USER)
        except BaseException:
            self._terminate()
            raise
        options = self._options
        self._record = ServerRecord(
            hostname(),
            options.host,
            options.port,
            pid,
            str(options.data),
            self._data_id(),
            time.time(),
            native_id=options.native_id,
        )
        self._files.clear_stop()
        self._files.save(self._record)
        return self._record

    def _refuse_second(self, last: ServerRecord | None) -> None:
        if last is None or last.stopped_at is not None:
            return
        if answers(last):
            raise Refused(
                f"a server of this directory runs on {last.machine}, port {last.port}",
                hint="`torc database stop` stops it",
            )
        if last.machine == hostname() and process_started(last.pid) is not None:
            raise Refused(f"process {last.pid} is starting or stopping the server")

    def _prepare(self, last: ServerRecord | None) -> bool:
        """Return whether new data must be made; rename data that is older than the last server."""
        data = self._options.data
        is_empty = not data.exists() or not any(data.iterdir())
        known = None if is_empty else self._data_id()
        if known is not None and (last is None or known == last.data_id):
            return False
        if last is not None and last.stopped_at is None and not self._options.from_dump:
            raise Refused(
                f"the data of the last server is in {last.data} on {last.machine}, "
                "where it has not stopped normally",
                hint=f"start it there, or start from the copy in {self._files.directory} with "
                "--from-dump, which loses what was stored after it",
            )
        if not is_empty:
            data.rename(data.with_name(f"{data.name}.{time.strftime('%Y%m%d-%H%M%S')}"))
        return True

    def _data_id(self) -> str:
        try:
            return (self._options.data / _ID_FILE).read_text(encoding="utf-8")
        except OSError as error:
            raise Refused(
                f"{self._options.data} is not the data of a server that torc has started",
                hint="name another directory with --data",
            ) from error

    def _initialize(self) -> None:
        data = self._options.data
        try:
            data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TorcError(f"cannot create {data.parent}: {error.strerror}") from error
        made = self._files.directory / "password.initdb"
        made.touch(mode=0o600)
        made.write_text(self._files.get_password() + "\n", encoding="utf-8")
        try:
            words = f"-U {ADMIN} -A scram-sha-256 -E UTF8 --locale=C".split()
            initdb = self._options.programs / "initdb"
            run_program([initdb, "-D", data, f"--pwfile={made}", *words])
        finally:
            made.unlink()
        with open(data / "pg_hba.conf", "a", encoding="utf-8") as file:
            file.write(f"host {DATABASE} {USER} all scram-sha-256\n")
        (data / _ID_FILE).write_text(secrets.token_hex(8), encoding="utf-8")

    def _launch(self) -> None:
        options = self._options
        settings = {
            "listen_addresses": "*",
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS),
            "logging_collector": "off",
            "synchronous_commit": "off" if options.fast_commits else "on",
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        self._files.log.touch(mode=0o600)
        with open(self._files.log, "ab") as log:
            self._process = subprocess.Popen(
                [
                    options.programs / "postgres",
                    "-D",
                    options.data,
                    "-p",
                    str(options.port),
                    *words,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(TorcError), self._connected("postgres"):
                return
            if self.has_ended or time.monotonic() > end:
                text = self._files.log.read_text(encoding="utf-8", errors="replace")
                raise TorcError(
                    f"PostgreSQL did not start: {last_message(text)}",
                    hint=f"its messages are in {self._files.log}",
                )
            time.sleep(0.1)

    def _create_database(self) -> None:
        with self._connected("postgres") as connection:
            server_admin.create_database(connection, DATABASE, USER, self._files.get_password())
        if self._files.dump.exists():
            words = ("--no-owner", f"--role={USER}", "-d", DATABASE)
            self._run("pg_restore", *words, str(self._files.dump))

    # -- while it runs

    @property
    def has_ended(self) -> bool:
        """Return whether PostgreSQL has ended by itself."""
        return self._process is None or self._process.poll() is not None

    def dump(self) -> bool:
        """Copy the database into the directory, unless nothing has changed since the last time."""
        with self._connected(DATABASE) as connection:
            position = server_admin.log_position(connection)
        if position == self._dumped:
            return False
        made = self._files.directory / "torc.dump.new"
        self._run("pg_dump", "-Fc", "-f", str(made), DATABASE)
        self._files.keep_dump(made)
        self._dumped = position
        return True

    # -- stop

    def stop(self) -> None:
        """Dump, stop the server, and record that nothing is missing in the dump."""
        if self.has_ended or self._record is None:
            return
        try:
            with self._connected("postgres") as connection:
                # What clients stored after the dump would not be in it.
                server_admin.expel(connection, USER)
            self.dump()
            self._files.save(self._record._replace(stopped_at=time.time()))
        finally:
            self._terminate()

    def _terminate(self) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait()

    # -- clients

    def _run(self, program: str, *words: str) -> None:
        place = ("-h", "127.0.0.1", "-p", str(self._options.port), "-U", ADMIN)
        run_program(
            [self._options.programs / program, *place, *words],
            environ={"PGPASSFILE": str(self._files.password)},
        )

    @contextlib.contextmanager
    def _connected(self, database: str) -> Iterator[Dbapi]:
        url = self._files.url_of("127.0.0.1", self._options.port, ADMIN, database)
        connection = connect_postgresql(url)
        try:
            yield connection
        finally:
            connection.close()
