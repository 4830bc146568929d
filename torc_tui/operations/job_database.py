"""Name the database for jobs without showing its password.

The environment of a job ends up in logs and in the reports of other programs. A URL with a password
is replaced by one with ``passfile=``, which names a private file that libpq reads. The user's own
password file and ``PGPASSFILE`` are not touched.
"""

# ruff: noqa: PTH105, PTH118 - as in `torc_tui.settings`, whose directories are used

from __future__ import annotations

import hashlib
import os
from urllib.parse import parse_qsl, urlencode, urlsplit

from torc_tui import settings
from torc_tui.redaction import password_of


def job_url(url: str) -> str:
    """Return the URL that jobs get; write the password file that it names, if it needs one."""
    password = password_of(url) if not url.startswith("sqlite") else None
    if password is None:
        return url
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    host = parts.netloc.rpartition("@")[2]
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("password", "passfile")]
    query.append(("passfile", _password_file(url, password)))
    netloc = f"{user}@{host}" if user else host
    return f"{parts.scheme}://{netloc}{parts.path}?{urlencode(query)}"


def _password_file(url: str, password: str) -> str:
    """Write the password file of a URL and return its path; the same URL has the same file."""
    settings.make_private(settings.state_dir())
    directory = os.path.join(settings.state_dir(), "passwords")
    settings.make_private(directory)
    path = os.path.join(directory, hashlib.sha256(url.encode()).hexdigest()[:32])
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    new = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(f"*:*:*:*:{escaped}\n")
    os.replace(new, path)
    return path
