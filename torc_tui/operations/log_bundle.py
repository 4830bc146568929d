"""Pack what is needed to find out why a workflow failed: logs, definition, results, plan.

Input: a workflow and the attempts whose logs are wanted. Output: a ``.tar.gz`` file. Passwords and
tokens are replaced in everything that is packed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from torc_tui.errors import UsageError
from torc_tui.operations.failures import failure_groups
from torc_tui.operations.rerun import plan_rerun
from torc_tui.operations.stderr_tail import open_log
from torc_tui.redaction import HIDDEN, may_contain_secret, redact, redact_value
from torc_tui.store.database import Store
from torc_tui.store.log_files import AttemptLog
from torc_tui.store.workflow_export import export_workflow
from torc_tui.wording import failure_line, sentence

_PIECE = 1 << 16
"""A longer line is redacted in pieces, in bytes."""
_SHORTEST_SECRET = 4
"""A shorter value is not replaced where it stands elsewhere: it would match parts of words."""


def write_bundle(store: Store, workflow_id: int, attempts: Iterable[AttemptLog], path: Path) -> int:
    """Write a bundle to a new file; return how many logs it holds. Conflict if the file exists."""
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="remove it, or name another file with -o") from None
    try:
        with file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            return _fill(_adder(archive, f"wf{workflow_id}"), store, workflow_id, attempts)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


Add = Callable[[str, IO[bytes]], None]
"""Adds a file of that name, with this content."""


def _adder(archive: tarfile.TarFile, folder: str) -> Add:
    now = time.time()

    def add(name: str, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(f"{folder}/{name}")
        entry.size = content.seek(0, os.SEEK_END)
        entry.mtime = int(now)
        content.seek(0)
        archive.addfile(entry, content)

    return add


def _fill(add: Add, store: Store, workflow_id: int, attempts: Iterable[AttemptLog]) -> int:
    document = export_workflow(store, workflow_id, include_results=True, include_events=True)
    logs = [
        (attempt, stream, path)
        for attempt in attempts
        for stream, path in attempt.streams
        if not attempt.deleted
    ]
    secrets = sorted(_secrets("", document), key=len, reverse=True)
    listed = []
    for attempt, stream, path in logs:
        name = f"logs/{Path(path).name}"
        if _add_log(add, name, path, (store.url,), secrets):
            listed.append({"file": name, "job": attempt.job, "stream": stream} | _of(attempt))
    _add_json(add, "workflow.json", document, secrets)
    _add_json(add, "failures.json", _failures(store, workflow_id), secrets)
    _add_json(add, "plan.json", _plan(store, workflow_id), secrets)
    metadata = {"workflow_id": workflow_id, "created_at": time.time(), "python": sys.version}
    _add_json(add, "bundle_metadata.json", {**metadata, "logs": listed}, secrets)
    return len(listed)


def _of(attempt: AttemptLog) -> dict[str, Any]:
    return {
        "job_id": attempt.job_id,
        "run_id": attempt.run_id,
        "attempt_id": attempt.attempt_id,
        "status": attempt.status.word,
        "return_code": attempt.return_code,
    }


def _failures(store: Store, workflow_id: int) -> list[dict[str, Any]]:
    return [
        {
            "failure": failure_line(*group.signature.key),
            "jobs": [job.name for job in group.jobs],
            "canceled": len(group.canceled),
            "context": group.signature.context,
        }
        for group in failure_groups(store, workflow_id)
    ]


def _plan(store: Store, workflow_id: int) -> list[dict[str, Any]]:
    plan = plan_rerun(store, workflow_id)
    return [
        {
            "job": one.name,
            "verdict": one.verdict.value,
            "reasons": [sentence(reason) for reason in one.reasons],
        }
        for one in plan.verdicts.values()
    ]


def _add_json(add: Add, name: str, value: Any, secrets: Sequence[str]) -> None:
    value = _without_secrets("", value)
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    add(name, BytesIO(_hidden(text, secrets).encode("utf-8", "surrogatepass")))


def _secrets(key: str, value: Any) -> set[str]:
    """Return the values in a document whose keys name secrets: they may stand elsewhere, too."""
    if isinstance(value, Mapping):
        return {one for name in value for one in _secrets(str(name), value[name])}
    if isinstance(value, (list, tuple)):
        return {one for part in value for one in _secrets(key, part)}
    is_secret = isinstance(value, str) and redact_value(key, "") == HIDDEN
    return {value} if is_secret and len(value) >= _SHORTEST_SECRET else set()


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _without_secrets(key: str, value: Any) -> Any:
    """Return a value of a JSON document with secrets hidden, by the names of keys and in texts."""
    if isinstance(value, Mapping):
        return {name: _without_secrets(str(name), one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(key, one) for one in value]
    return redact_value(key, value) if isinstance(value, str) else value


def _add_log(add: Add, name: str, path: str, urls: Sequence[str], secrets: Sequence[str]) -> bool:
    """Add a log without secrets; return False if it cannot be read."""
    file = open_log(path)
    if file is None:
        return False
    with BufferedReader(file, _PIECE) as reader, TemporaryFile() as copy:
        while raw := reader.readline(_PIECE):
            text = _hidden(raw.decode("utf-8", "surrogateescape"), secrets)
            text = redact(text, urls) if may_contain_secret(text) else text
            copy.write(text.encode("utf-8", "surrogateescape"))
        add(name, copy)
    return True
