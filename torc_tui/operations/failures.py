"""Group the failures of a run by what they have in common.

Input: a database and a workflow. Output: groups. The signature of a result from before signatures
were recorded is computed from its log, of which at most the last 16 KiB are read. Nothing is
written here.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.errors import NotFound
from torc_tui.model import FailedAttempt
from torc_tui.operations.stderr_tail import end_of_file
from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.views.failure_groups import FailureGroup, fold
from torc_tui.views.failure_signature import (
    TAIL,
    End,
    Log,
    LogExcerpt,
    Signature,
    decode,
    read_excerpt,
    signature_of,
)


def excerpt_of(stdout: str | None, stderr: str | None, names: Iterable[str]) -> LogExcerpt:
    """Return what the standard error tells, or the standard output if that is empty."""
    return read_excerpt(log_end(stdout, stderr), names)


def log_end(stdout: str | None, stderr: str | None) -> Log:
    """Return the end of the standard error, or of the standard output if that is empty."""
    streams = {stderr: "combined" if stdout == stderr else "stderr", stdout: "stdout"}
    for path, stream in streams.items():
        data, start = end_of_file(path, TAIL) if path is not None else (b"", 0)
        if data.strip():
            return Log(data, start, stream if stdout != stderr else "combined")
    return Log()


def failure_groups(store: Store, workflow_id: int, run_id: int | None = None) -> list[FailureGroup]:
    """Return the groups of jobs that failed in a run, by default the last one, by number."""
    found = log_files.failures(store, workflow_id, run_id)
    return fold(((one, signature(one)) for one in found.attempts), found.canceled)


def failure_group(
    store: Store, workflow_id: int, number: int, run_id: int | None = None
) -> FailureGroup:
    """Return one group; NotFound if there is none with that number."""
    groups = failure_groups(store, workflow_id, run_id)
    for group in groups:
        if group.number == number:
            return group
    numbers = ", ".join(str(group.number) for group in groups)
    hint = f"there are {numbers}" if groups else "no job has failed"
    raise NotFound(f"workflow {workflow_id} has no group of failures {number}", hint=hint)


def signature(attempt: FailedAttempt) -> Signature:
    """Return the signature of a failed attempt, from its log if it is not recorded."""
    known = decode(attempt.signature, attempt.cause, attempt.return_code)
    if known is not None:
        return known
    end = End(attempt.cause, attempt.return_code, attempt.reason)
    names = (attempt.name, attempt.hostname)
    return signature_of(end, excerpt_of(attempt.stdout, attempt.stderr, names))
