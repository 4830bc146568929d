"""Name the logs of a database in a directory that it may share.

Input: an output directory and a database. Output: the location of the logs, as results store it:
the directory, and ``//ID`` behind it when another database owns the directory. File names end in
``_ID`` then, so that two databases that share a directory never write the same files.

The first database owns a directory. A marker in the directory of the logs names its path and inode:
a copy or a new database at the same path is another one. A directory with logs and no marker
belongs to the database whose results name it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from torc_tui.lazy_regex import regex
from torc_tui.store.database import Store
from torc_tui.store.log_files import is_output_dir
from torc_tui.tuples import NamedTuple

MARKER = ".torc-database"
SEPARATOR = "//"
"""Between directory and id; a normalized absolute path does not contain it."""
_LOG = regex(r"job_wf\d+_j\d+_r\d+_a\d+.*")
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_TRIES, _PAUSE = 20, 0.01
"""Attempts, and seconds between them, to read a marker that another runner is just writing."""


class Owner(NamedTuple):
    """A database: its path and inode, or its URL and 0."""

    database: str
    inode: int

    @property
    def log_id(self) -> str:
        """Return the id in names of logs."""
        import hashlib  # it loads OpenSSL, and few directories have several owners

        text = f"{self.database}\0{self.inode}"
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:6]


def log_location(store: Store, output_dir: str) -> str:
    """Return the location of the logs of this database; mark a directory that has no owner."""
    me = _owner(store)
    folder = Path(output_dir) / "job_stdio"
    owner = _read(folder / MARKER)
    if owner is None and not _has_foreign_logs(store, output_dir, folder):
        owner = _create(folder / MARKER, me)
    if owner == me:
        return output_dir
    if owner is not None and owner.inode == me.inode != 0 and not os.path.lexists(owner.database):
        _replace(folder / MARKER, me)  # this database was moved
        return output_dir
    return f"{output_dir}{SEPARATOR}{me.log_id}"


def _owner(store: Store) -> Owner:
    if store.dialect != "sqlite":
        url, _, name = store.url.rpartition("/")
        return Owner(f"{url.rpartition('@')[2]}/{name.partition('?')[0]}", 0)
    path = Path(store.place).resolve()
    return Owner(str(path), path.stat().st_ino)


def _read(marker: Path) -> Owner | None:
    """Return the owner of a directory; None where there is no marker."""
    for _ in range(_TRIES):
        try:
            fd = os.open(marker, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return None
        except OSError:
            break
        with open(fd, "rb") as file:
            data = file.read(65536)
        try:
            found = json.loads(data)
            return Owner(str(found["database"]), int(found["inode"]))
        except (ValueError, KeyError, TypeError):
            time.sleep(_PAUSE)
    return Owner("", 0)  # an unreadable marker is that of another database


def _create(marker: Path, me: Owner) -> Owner | None:
    """Mark a directory as ours and return its owner; ours, too, if no marker can be written."""
    try:
        fd = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    except FileExistsError:
        return _read(marker)
    except OSError:
        return me
    try:
        os.write(fd, _text(me))
    except OSError:
        marker.unlink(missing_ok=True)
    finally:
        os.close(fd)
    return me


def _replace(marker: Path, me: Owner) -> None:
    temporary = marker.with_name(f"{MARKER}-{os.getpid()}")
    try:
        temporary.write_bytes(_text(me))
        temporary.replace(marker)
    except OSError:
        temporary.unlink(missing_ok=True)


def _text(owner: Owner) -> bytes:
    return json.dumps(owner._asdict(), ensure_ascii=True).encode() + b"\n"


def _has_foreign_logs(store: Store, output_dir: str, folder: Path) -> bool:
    """Return whether there are logs that no result of this database names."""
    try:
        with os.scandir(folder) as entries:
            if not any(_LOG.fullmatch(entry.name) for entry in entries):
                return False
    except OSError:
        return False
    return not is_output_dir(store, output_dir)
