"""Name an attempt so that its processes are recognized even in containers. Pure.

The tag is the value of ``TORC_CGROUP``. It begins with a hash of the database, because the ids of
attempts are unique in one database only, and it is a valid name of a control group and of a systemd
slice: a container whose parent group has that name belongs to the attempt.
"""

from __future__ import annotations

import re
from functools import lru_cache

from torc_tui.lazy_regex import regex
from torc_tui.model import AttemptKey
from torc_tui.redaction import redact

_TAG = regex(r"torc-[0-9a-f]{8}(-[0-9]+){4}\.slice")


def attempt_tag(database: str, key: AttemptKey) -> str:
    """Return the tag of an attempt."""
    return f"torc-{database_digest(database)[:8]}-{'-'.join(map(str, key.ids))}.slice"


@lru_cache(maxsize=8)
def database_digest(url: str) -> str:
    """Return a hash of the URL of a database, without the password: other users can read it."""
    import hashlib  # it loads OpenSSL, and only jobs with a GPU have a tag

    known = redact(url, [url]).encode(errors="surrogateescape")
    return hashlib.sha256(known).hexdigest()[:16]


def tag_in_environment(variables: dict[str, str]) -> str:
    """Return the tag that the variables of a process name; "" for none.

    It is ``-W-R-J-A.slice`` if only the ids are set, for example in a container.
    """
    if "TORC_CGROUP" in variables:
        return variables["TORC_CGROUP"]
    names = ("TORC_WORKFLOW_ID", "TORC_RUN_ID", "TORC_JOB_ID", "TORC_ATTEMPT_ID")
    ids = [variables.get(name, "") for name in names]
    return f"-{'-'.join(ids)}.slice" if all(ids) else ""


def tag_in_groups(text: str) -> str:
    """Return the tag that ``/proc/PID/cgroup`` contains; "" for none."""
    found = (part for part in re.split(r"[/\n]", text) if _TAG.fullmatch(part))
    return next(found, "")


def is_tagged(tag: str, found: str) -> bool:
    """Return whether a process has the tag of the attempt."""
    return bool(tag and found) and (tag == found or (found[0] == "-" and tag.endswith(found)))
