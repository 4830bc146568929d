"""Pack what is needed to find out why a workflow failed, and find errors in log files.

Input: a workflow and the attempts whose logs are wanted. Output: a ``.tar.gz`` file with logs,
definition, results and plan, in which passwords and tokens are replaced. Or the paths of logs, of a
workflow, in a directory or in a bundle; the output is the error of each log that has one, as
`views.error_lines` finds it in the last 16 KiB.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from torc_tui.errors import NotFound, UsageError
from torc_tui.operations.failures import failure_groups
from torc_tui.operations.rerun import plan_rerun
from torc_tui.operations.stderr_tail import end_of_file, open_log
from torc_tui.redaction import HIDDEN, may_contain_secret, redact, redact_value
from torc_tui.store.database import Store
from torc_tui.store.log_files import AttemptLog
from torc_tui.store.workflow_export import export_workflow
from torc_tui.tuples import NamedTuple
from torc_tui.views.error_lines import WEAK
from torc_tui.views.failure_signature import TAIL, Log, LogExcerpt, read_excerpt
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


_NAME = re.compile(r"job_wf(\d+)_j(\d+)_r(\d+)_a(\d+)(?:_\w+)?\.(o|e|log)")
_STREAMS = {"o": "stdout", "e": "stderr", "log": "combined"}
_LARGEST = 1 << 30
"""Bytes of a file in a bundle that are read."""


class LogName(NamedTuple):
    """What the name of a log file says."""

    file: str
    workflow_id: int
    job_id: int
    run_id: int
    attempt_id: int
    stream: str


class LogError(NamedTuple):
    """The error that a log tells."""

    log: LogName
    kind: str
    error: str
    message: str
    text: str
    line: int | None
    offset: int | None


def analyze(path: Path, workflow_id: int | None = None) -> tuple[int, list[LogError]]:
    """Return how many logs were read, and the error of each that has one, by file.

    Raise UsageError if there are logs of several workflows and none is named.
    """
    if path.is_dir():
        found = _in_directory(path)
    elif path.is_file() and tarfile.is_tarfile(path):
        found = _in_bundle(path)
    elif not path.exists():
        raise NotFound(
            f"there is no file or directory {path}", hint="`torc logs bundle` writes a bundle"
        )
    else:
        raise NotFound(
            f"{path} is neither a directory nor a bundle of logs",
            hint="`torc logs bundle` writes a bundle",
        )
    logs = {name: log for name, log in found if workflow_id in (None, name.workflow_id)}
    workflows = {name.workflow_id for name in logs}
    if not logs:
        raise NotFound(f"{path} has no logs of jobs")
    if len(workflows) > 1:
        ids = ", ".join(map(str, sorted(workflows)))
        raise UsageError(f"{path} has logs of several workflows: {ids}", hint="name one with -w ID")
    return len(logs), analyze_logs(logs)


def analyze_logs(logs: dict[LogName, Log]) -> list[LogError]:
    """Return the error of each log that has one, by workflow, job and attempt."""
    found = []
    for name in sorted(logs, key=lambda name: name[1:]):
        excerpt: LogExcerpt = read_excerpt(logs[name])
        if excerpt.found is not None and excerpt.found.rank > WEAK:
            error = excerpt.found
            found.append(
                LogError(
                    name,
                    error.kind,
                    error.error,
                    excerpt.message,
                    error.text,
                    excerpt.line,
                    excerpt.offset,
                )
            )
    return found


def log_name(file: str) -> LogName | None:
    """Return what the name of a log file says; None if it is none."""
    match = _NAME.fullmatch(file.rpartition("/")[2])
    if match is None:
        return None
    ids = [int(number) for number in match.group(1, 2, 3, 4)]
    return LogName(file, ids[0], ids[1], ids[2], ids[3], _STREAMS[match[5]])


def _in_directory(path: Path) -> Iterator[tuple[LogName, Log]]:
    for folder in (path, path / "job_stdio"):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = log_name(str(file))
            if name is not None:
                yield name, Log(*end_of_file(str(file), TAIL), name.stream)


def _in_bundle(path: Path) -> Iterator[tuple[LogName, Log]]:
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                name = log_name(entry.name)
                content = archive.extractfile(entry) if name and entry.isreg() else None
                if name is None or content is None or entry.size > _LARGEST:
                    continue
                start = max(0, entry.size - TAIL)
                content.seek(start)
                yield name, Log(content.read(TAIL), start, name.stream)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as a bundle: {error}") from None
