"""Turn events into words: a title and the details that matter.

Input: an event. Output: text that may hold any characters of names; the caller makes it safe for a
terminal. What the event does not contain is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_tui.model import END_EVENTS, Event, Json
from torc_tui.reasons import decode
from torc_tui.tuples import NamedTuple
from torc_tui.wording.quantities import duration, exit_code, size
from torc_tui.wording.sentences import end_sentence, sentence


class EventWords(NamedTuple):
    """``title`` says what happened; ``detail`` is empty when there is nothing to add."""

    title: str
    detail: str


_TITLES = {
    "job_blocked": "waits for others",
    "job_ready": "ready",
    "job_claimed": "claimed by a runner",
    "job_started": "started",
    "job_retried": "retrying",
    "job_pending_failed": "failed, to be classified",
    "job_reset": "reset",
    "job_rerun": "rerun",
    "job_removed": "removed from the workflow",
    "jobs_spawned": "added jobs",
    "jobs_discarded": "the jobs that it added were discarded",
    "workflow_changed": "workflow updated from its file",
    "requirements_deleted": "resource requirements deleted",
    "job_update_planned": "to be updated after this attempt",
    "workflow_reset": "jobs of the workflow reset",
    "job_held": "held",
    "job_released": "released",
    "job_suspended": "suspended",
    "job_resumed": "resumed",
    "job_recovering": "recovering",
    "job_warning": "warning",
    "workflow_created": "workflow created",
    "workflow_initialized": "workflow initialized",
    "workflow_completed": "workflow completed",
    "requirements_updated": "resource requirements changed",
    "node_started": "runner started",
    "node_stopped": "runner stopped",
    "node_lost": "runner lost",
    "node_resized": "runner resized",
    "node_notice": "notice of the runner",
    "allocation_requested": "allocation requested",
    "allocation_refused": "allocation refused",
    "queue_group_paused": "queue group paused",
    "queue_group_resumed": "queue group resumed",
    "user_data_updated": "user data written",
    "user_data_warning": "user data does not follow its schema",
}
KEPT = "nothing it depends on has changed"
"""Why a job stays completed that follows stale jobs."""
_REASONS = ("reason", "message", "grown")
"""Keys of event data that may hold a stored reason."""


def event_words(event: Event) -> EventWords:
    """Return the event as a row of a list; an unknown kind is shown by its name."""
    title = _TITLES.get(event.kind) or event.kind.removeprefix("job_").replace("_", " ")
    if event.data.get("kept"):
        return EventWords("kept", KEPT)
    return EventWords(title, " · ".join(part for part in _details(event) if part))


def readable(data: Mapping[str, Json]) -> dict[str, Json]:
    """Return the data of an event with its reasons as sentences."""
    return {
        key: _text(data, key) if key in _REASONS and isinstance(value, Mapping) else value
        for key, value in data.items()
    }


def _details(event: Event) -> list[str]:
    data = event.data
    if event.kind == "user_event":
        return [f"{key}: {value}" for key, value in readable(data).items()]
    parts = [*_end(event), _attempt(data)]
    if (moment := _time(data, "not_before")) is not None and moment > event.timestamp:
        parts.append(f"in {duration(moment - event.timestamp)}")
    if event.kind == "job_started" and (pid := _number(data, "pid")) is not None:
        parts.append(f"pid {pid}")
    parts += [
        f"{word} {data[word]}"
        for word in ("priority", "hostname", "version", "group", "outcome")
        if data.get(word) is not None
    ]
    names = (
        ("name", "message")
        if event.kind in END_EVENTS
        else ("name", "cause", "reason", "message", "grown")
    )
    parts += [_text(data, key) for key in names]
    if isinstance(data.get("counts"), Mapping):
        parts.append(", ".join(f"{number} {word}" for word, number in data["counts"].items()))
    return parts


def _end(event: Event) -> list[str]:
    """Return how the attempt ended that this event is about."""
    data = event.data
    if event.kind not in END_EVENTS:
        return []
    reason = decode(data.get("reason"))
    parts = [end_sentence(reason, _number(data, "return_code"))]
    if (seconds := lasted(event)) is not None:
        parts.append(f"after {duration(seconds)}")
    if (peak := _number(data, "peak_memory")) is not None:
        parts.append(f"peak {size(peak)}")
    return parts


def _attempt(data: Mapping[str, Json]) -> str:
    attempt, of = _number(data, "number") or _number(data, "attempt"), _number(data, "of")
    if attempt is None or attempt <= 1:
        return ""
    return f"attempt {attempt}" if of is None else f"attempt {attempt} of {of}"


def _number(data: Mapping[str, Json], key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(data: Mapping[str, Json], key: str) -> float | None:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def lasted(event: Event) -> float | None:
    """Return how long the attempt ran that this event ends."""
    start, end = _time(event.data, "started_at"), _time(event.data, "ended_at")
    if start is not None and end is not None:
        return max(0.0, end - start)
    return _time(event.data, "exec_time")


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if isinstance(value, Mapping):
        reason = decode(value)
        return "" if reason is None else sentence(reason)
    return value if isinstance(value, str) else ""


KIND_WORDS: Mapping[str, str] = {
    "oom": "out of memory",
    "gpu_oom": "out of GPU memory",
    "gpu_lost": "GPU lost",
    "nccl": "NCCL",
    "cuda": "CUDA",
    "disk_full": "disk full",
    "missing_module": "missing module",
    "missing_command": "missing command",
    "missing_file": "missing file",
    "permission": "permission denied",
    "license": "license",
    "memory_corruption": "memory corruption",
    "segfault": "segmentation fault",
    "crash": "crash",
    "assertion": "assertion",
    "network": "network",
    "mpi": "MPI",
    "killed": "killed",
    "timeout": "ran longer than its runtime",
    "lost": "lost with its runner",
    "launch": "could not be started",
    "canceled": "terminated by a user",
    "missing_files": "did not write an output file",
    "files_not_written": "did not change an output file",
    "missing_user_data": "did not write its user data",
}
"""Kinds of failures in words."""
_OWN = ("exit", "signal")


def kind_words(kind: str) -> str:
    """Return a kind of failure in words; nothing for none."""
    return KIND_WORDS.get(kind, kind.replace("_", " "))


def failure_line(cause: str, code: int | None, kind: str, error: str, message: str) -> str:
    """Return a failure as one line: ``exit 1 ValueError: bad parameter N``."""
    detail = ": ".join(part for part in (error, message) if part)
    if cause in _OWN:
        if code is None:
            return detail or kind_words(kind) or "exit code unknown"
        return (
            f"exit {code} {detail}" if detail else f"{exit_code(code)} {kind_words(kind)}".rstrip()
        )
    words = ": ".join(part for part in (kind_words(kind), detail) if part)
    return words if code is None else f"{words} (exit {code})"
