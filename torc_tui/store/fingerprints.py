"""Save and read what was recorded of attempts, and the hashes of files.

Input: a connection inside a transaction. Output: `Fingerprint` records.

Invariant: a fingerprint counts only for the attempt whose result the job has; that attempt is
recognized by its start.
"""

from __future__ import annotations

import json
from _blake2 import blake2b  # that of hashlib, without OpenSSL
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any

from torc_tui.lifecycle.fingerprint import (
    Baseline,
    FileState,
    Fingerprint,
    baselines,
    states_text,
)
from torc_tui.records import fields
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import loads

_FIELDS = tuple(field.name for field in fields(Fingerprint) if field.name != "recorded_at")
_values = attrgetter(*_FIELDS)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUICK: Mapping[str, Callable[[Any], str]] = {
    "started_at": repr,
    "began": repr,
    "ended": repr,
    "command": encode_basestring,
    "inputs": states_text,
    "outputs": states_text,
}
"""For the values that every fingerprint has: an encoder of JSON takes longer to set up."""
_ENCODERS = [(f'"{name}":', _QUICK.get(name, _encode)) for name in _FIELDS]

FileKey = tuple[int, int]
"""Device and inode of a file."""


def encode(fingerprint: Fingerprint) -> str:
    """Return the text of a fingerprint, without empty values."""
    values = zip(_ENCODERS, _values(fingerprint), strict=True)
    texts = [f"{name}{text(value)}" for (name, text), value in values if value]
    return f"{{{','.join(texts)}}}"


def decode(text: str, recorded_at: float) -> Fingerprint | None:
    """Return the inverse of `encode`; None for a text of another version."""
    try:
        values: dict[str, Any] = json.loads(text)
        for name in ("inputs", "outputs"):
            if name in values:
                values[name] = {int(key): _state(one) for key, one in values[name].items()}
        if "data" in values:
            values["data"] = {int(key): version for key, version in values["data"].items()}
        for name in ("changed_files", "changed_data"):
            values[name] = tuple(values.get(name, ()))
        return Fingerprint(
            recorded_at=recorded_at,
            started_at=values.pop("started_at", 0.0),
            began=values.pop("began", 0),
            ended=values.pop("ended", 0),
            command=values.pop("command", ""),
            **values,
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _state(values: list[Any] | None) -> FileState | None:
    return None if values is None else FileState(*values)


def hash_environment(*environments: Mapping[str, str]) -> dict[str, str]:
    """Return a hash of each declared variable; a later environment takes precedence."""
    return {
        name: blake2b(str(value).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        for environment in environments
        for name, value in environment.items()
    }


def save(conn: Connection, found: Iterable[tuple[int, Fingerprint]]) -> None:
    """Save the fingerprint of each job; it replaces the one before."""
    conn.many(
        sql.SAVE_FINGERPRINT,
        [
            {"job_id": job_id, "recorded_at": one.recorded_at, "data": encode(one)}
            for job_id, one in found
        ],
    )


def baselines_of(
    conn: Connection, workflow_id: int, file_ids: Iterable[int]
) -> dict[int, Baseline]:
    """Return the states of these outputs after the last of the jobs that declare them."""
    found: dict[int, Baseline] = {}
    for file_id in file_ids:
        rows = conn.rows(sql.FINGERPRINTS_OF_WRITERS, workflow_id=workflow_id, file_id=file_id)
        recorded = [one for row in rows if (one := decode(row.data, row.recorded_at)) is not None]
        state = baselines(recorded).get(file_id)
        if state is not None:
            found[file_id] = state
    return found


def ends_before(conn: Connection, job_id: int) -> list[tuple[str, int]]:
    """Return the jobs that a job follows, except through files and data.

    Each is its name, and the number of the event with which its last successful attempt ended.
    """
    rows = conn.rows(sql.ENDS_BEFORE, job_id=job_id)
    decoded = [(row.name, decode(row.data, 0.0)) for row in rows]
    return [(name, one.ended) for name, one in decoded if one is not None]


def record_value(conn: Connection, record_id: int, version: int) -> str:
    """Return the value of a record in one version as text, with its keys sorted."""
    row = conn.one(sql.USER_DATA_AT_VERSION, id=record_id, version=version)
    return json.dumps(loads(row.data) if row is not None else None, sort_keys=True)


# -- hashes of files -------------------------------------------------------------------------------


def cached_hash(conn: Connection, key: FileKey, state: FileState) -> str | None:
    """Return the hash of a file that was computed when it was in this state."""
    row = conn.one(sql.FILE_HASH, device=_signed(key[0]), inode=_signed(key[1]))
    if row is None or (row.size, row.mtime_ns, row.ctime_ns) != state[2:5]:
        return None
    return row.hash


def save_hashes(conn: Connection, found: Mapping[FileKey, FileState]) -> None:
    """Keep the hashes of files, for `cached_hash`."""
    conn.many(
        sql.SAVE_FILE_HASH,
        [
            {
                "device": _signed(device),
                "inode": _signed(inode),
                "size": state.size,
                "mtime_ns": state.mtime_ns,
                "ctime_ns": state.ctime_ns,
                "hash": state.hash,
            }
            for (device, inode), state in found.items()
        ],
    )


def _signed(number: int) -> int:
    """Return a number of 64 bits as databases hold it."""
    return number - (1 << 64) if number >= 1 << 63 else number
