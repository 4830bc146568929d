"""An event in words, for people. In: an event. Out: a title and the details that matter.

Never done here: reading results or logs; what no event says is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torc_tui.model import Event, Json
from torc_tui.units import show_bytes, show_duration
from torc_tui.views.ansi import one_line
from torc_tui.views.why import exit_text


class Words(NamedTuple):
    """``title`` says what happened; ``detail`` is empty where there is nothing to add."""

    title: str
    detail: str


_TITLES = {
    "job_blocked": "waits for others",
    "job_ready": "ready",
    "job_claimed": "taken by a runner",
    "job_started": "started",
    "job_retried": "will be tried again",
    "job_pending_failed": "failed, to be classified",
    "job_reset": "reset",
    "job_held": "held",
    "job_released": "released",
    "job_warning": "warning",
    "workflow_created": "workflow created",
    "workflow_initialized": "workflow initialized",
    "workflow_completed": "workflow completed",
    "node_started": "runner started",
    "node_stopped": "runner stopped",
    "node_lost": "runner lost",
    "node_resized": "runner resized",
    "node_notice": "runner says",
    "user_data_updated": "user data written",
    "user_data_warning": "not as its schema says",
}
_ENDS = frozenset(
    {"job_completed", "job_failed", "job_terminated", "job_canceled", "job_pending_failed"}
)


def words(event: Event) -> Words:
    """The event as a row of a list. Kinds that nobody foresaw are shown by their name."""
    title = _TITLES.get(event.kind) or event.kind.removeprefix("job_").replace("_", " ")
    return Words(title, _detail(event))


def _detail(event: Event) -> str:
    data = event.data
    parts: list[str] = []
    if event.kind in _ENDS:
        parts.append(exit_text(_number(data, "return_code")))
        if (seconds := _lasted(event)) is not None:
            parts.append(f"after {show_duration(seconds)}")
        if isinstance(data.get("peak_memory"), int):
            parts.append(f"peak {show_bytes(data['peak_memory'])}")
    if (attempt := _number(data, "attempt")) is not None and attempt > 1:
        of = _number(data, "of")
        parts.append(f"attempt {attempt}" if of is None else f"attempt {attempt} of {of}")
    if (moment := _time(data, "not_before")) is not None and moment > event.timestamp:
        parts.append(f"in {show_duration(moment - event.timestamp)}")
    if event.kind == "job_started" and (pid := _number(data, "pid")) is not None:
        parts.append(f"pid {pid}")
    parts += [
        f"{word} {data[word]}"
        for word in ("priority", "hostname", "version")
        if data.get(word) is not None
    ]
    parts += [
        text for word in ("name", "cause", "reason", "message") if (text := _text(data, word))
    ]
    if isinstance(data.get("counts"), Mapping):
        parts.append(", ".join(f"{count} {word}" for word, count in data["counts"].items()))
    if event.kind == "workflow_initialized":
        parts += [f"{data[word]} {word}" for word in ("ready", "blocked") if data.get(word)]
    return one_line(" · ".join(part for part in parts if part), 300)


def _number(data: Mapping[str, Json], key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(data: Mapping[str, Json], key: str) -> float | None:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _lasted(event: Event) -> float | None:
    """How long the attempt ran that this event ends."""
    start, end = _time(event.data, "started_at"), _time(event.data, "ended_at")
    if start is not None and end is not None:
        return max(0.0, end - start)
    return _time(event.data, "exec_time")


def _text(data: Mapping[str, Json], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None
