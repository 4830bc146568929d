"""Keep what a PostgreSQL server of a user leaves for its clients and for its next start.

Input: a directory that all hosts see. Output: these files in it, readable by their owner only:

    server.json   the host, port and data of the server that was started last
    password      the password, in the format of ``.pgpass``
    torc.dump     a copy of the database; ``torc.dump.1`` is the one before
    server.log    messages of PostgreSQL
    stop          not empty: the server shall stop

The data is on a local disk and belongs to one host. Its id tells the data of the last server from
older data that another host still has.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote

from torc_tui.errors import TorcError
from torc_tui.tuples import NamedTuple

ADMIN, USER, DATABASE = "torc_admin", "torc", "torc"
_PASSWORD_BYTES = 24


class ServerRecord(NamedTuple):
    """The server that was started last.

    Clients reach ``machine`` by the name ``host``. ``data_id`` names its data. ``stopped_at`` is
    None while it runs, and after a crash. ``native_id`` is that of the allocation in which it runs.
    """

    machine: str
    host: str
    port: int
    pid: int
    data: str
    data_id: str
    started_at: float
    stopped_at: float | None = None
    native_id: str | None = None


class ServerFiles:
    """The files of a server in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "server.log"
        self.password = directory / "password"
        self.dump = directory / "torc.dump"
        self._record = directory / "server.json"
        self._stop = directory / "stop"

    def make(self) -> None:
        """Create the directory, for its owner only."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TorcError(f"cannot create {self.directory}: {error.strerror}") from error

    def record(self) -> ServerRecord | None:
        """Return the server that was started last; None if there was none."""
        try:
            text = self._record.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TorcError(f"cannot read {self._record}: {error.strerror}") from error
        try:
            return ServerRecord(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise TorcError(
                f"{self._record} is damaged", hint="remove it if no server runs"
            ) from error

    def save(self, record: ServerRecord) -> None:
        """Store the record; others see the old one or the new one."""
        self._replace(self._record, json.dumps(record._asdict(), indent=1) + "\n")

    def request_stop(self) -> None:
        """Let the server stop, on whatever host it runs."""
        self._stop.write_text("stop\n", encoding="utf-8")

    def clear_stop(self) -> None:
        """Forget an earlier request; the file stays, so that other hosts find it at once."""
        self._stop.touch(mode=0o600)
        self._stop.write_text("", encoding="utf-8")

    def is_stop_requested(self) -> bool:
        """Return whether the server shall stop."""
        try:
            return bool(self._stop.read_text(encoding="utf-8"))
        except OSError:
            return False

    def get_password(self) -> str:
        """Return the password; one is generated for the first server."""
        try:
            line = self.password.read_text(encoding="utf-8")
        except FileNotFoundError:
            password = secrets.token_urlsafe(_PASSWORD_BYTES)
            self._replace(self.password, f"*:*:*:*:{password}\n")
            return password
        return line.strip().rpartition(":")[2]

    def url(self, record: ServerRecord) -> str:
        """Return the URL of the server; it names the file of the password."""
        return self.url_of(record.host, record.port, USER, DATABASE)

    def url_of(self, host: str, port: int, user: str, database: str) -> str:
        """Return the URL with which a user of PostgreSQL reaches a database."""
        place = quote(str(self.password), safe="/")
        return f"postgresql://{user}@{host}:{port}/{database}?passfile={place}"

    def keep_dump(self, made: Path) -> None:
        """Make ``made`` the newest dump, and keep the one before."""
        made.chmod(0o600)
        if self.dump.exists():
            self.dump.replace(self.dump.with_name("torc.dump.1"))
        made.replace(self.dump)

    def _replace(self, path: Path, text: str) -> None:
        made = path.with_name(f"{path.name}.new")
        made.unlink(missing_ok=True)
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
        made.replace(path)
