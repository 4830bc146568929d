"""What happened to a job, or a workflow, told from its events. In: events in the order of their numbers. Out: rows
and attempts.

Never done here: reading results or logs; what no event says is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torc_tui.model import STATUS_EVENTS, Event, JobStatus, Json
from torc_tui.units import show_bytes, show_duration
from torc_tui.views.ansi import one_line
from torc_tui.views.why import exit_text


class Entry(NamedTuple):
    """One event in words. ``status`` is set where it put the job into a state; ``by`` is who did it, empty for torc."""

    seq: int
    at: float
    job_id: int | None
    title: str
    detail: str
    by: str
    status: JobStatus | None


@dataclass(slots=True)
class Attempt:
    """One try of a job. Times in seconds since the epoch; ``status`` is None while it goes on."""

    number: int
    claimed_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    node: int | None = None
    status: JobStatus | None = None
    return_code: int | None = None
    reason: str | None = None
    cpu_time: float | None = None
    peak_memory: int | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def waited(self) -> float | None:
        """Seconds between the claim and the start of the process."""
        if self.claimed_at is None or self.started_at is None:
            return None
        return max(0.0, self.started_at - self.claimed_at)

    def lasted(self, now: float | None = None) -> float | None:
        """Seconds that it ran, up to ``now`` while it goes on."""
        end = self.ended_at if self.ended_at is not None else now
        return None if self.started_at is None or end is None else max(0.0, end - self.started_at)


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
    "user_data_warning": "user data not as its schema says",
}
_ENDS = frozenset({"job_completed", "job_failed", "job_terminated", "job_canceled", "job_pending_failed"})


def entry(event: Event) -> Entry:
    """The event as a row of a history. Kinds that nobody foresaw are shown by their name."""
    title = _TITLES.get(event.kind) or event.kind.removeprefix("job_").replace("_", " ")
    status = STATUS_EVENTS.get(event.kind)
    return Entry(event.seq, event.timestamp, event.job_id, title, _detail(event), event.actor or "", status)


def history(events: Iterable[Event], *, job_id: int | None = None) -> list[Entry]:
    """The rows for one job, or for all."""
    return [entry(event) for event in events if job_id is None or event.job_id == job_id]


def attempts(events: Iterable[Event], job_id: int) -> list[Attempt]:
    """The attempts of a job since it was last reset, oldest first."""
    out: list[Attempt] = []

    def current(number: int | None) -> Attempt:
        if not out or (number is not None and out[-1].number != number):
            out.append(Attempt(number if number is not None else len(out) + 1))
        return out[-1]

    for event in events:
        if event.job_id != job_id:
            continue
        data, kind = event.data, event.kind
        number = _number(data, "attempt")
        if kind == "job_reset":
            out.clear()
        elif kind == "job_claimed":
            if number is None and out and out[-1].status is not None:
                number = out[-1].number + 1
            attempt = current(number)
            attempt.claimed_at, attempt.node = event.timestamp, _number(data, "node")
        elif kind == "job_started":
            attempt = current(number)
            attempt.started_at = _time(data, "at") or event.timestamp
            if "node" in data:
                attempt.node = _number(data, "node")
        elif kind in _ENDS and (out or number is not None):
            _end(current(number), event)
        elif kind == "job_retried" and out and out[-1].status is None:
            out[-1].status, out[-1].ended_at = JobStatus.FAILED, event.timestamp
            out[-1].reason = _text(data, "reason")
        elif kind == "job_warning" and out:
            out[-1].warnings.append(_text(data, "message") or "")
    return out


def _end(attempt: Attempt, event: Event) -> None:
    data = event.data
    attempt.status, attempt.ended_at = STATUS_EVENTS[event.kind], _time(data, "ended_at") or event.timestamp
    attempt.return_code, attempt.reason = _number(data, "return_code"), _text(data, "reason")
    attempt.peak_memory = _number(data, "peak_memory")
    attempt.cpu_time = _time(data, "cpu_time")
    if attempt.started_at is None:
        attempt.started_at = _time(data, "started_at")
    if attempt.started_at is None and (seconds := _lasted(event)) is not None:
        attempt.started_at = attempt.ended_at - seconds


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
    parts += [f"{word} {data[word]}" for word in ("priority", "hostname", "version") if data.get(word) is not None]
    parts += [text for word in ("name", "cause", "reason", "message") if (text := _text(data, word))]
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


def bar(tries: Sequence[Attempt], now: float, width: int) -> list[tuple[str, JobStatus | None]]:
    """The time from the first claim until now (or the last end) in ``width`` cells: `` `` nobody, ``░`` waiting for
    the process, ``█`` running, each with the state that the attempt came to."""
    begins = [at for one in tries for at in (one.claimed_at, one.started_at) if at is not None]
    if not begins or width <= 0:
        return []
    first = min(begins)
    ends = [one.ended_at if one.ended_at is not None else now for one in tries]
    span = max(max(ends) - first, 1e-9)
    cells: list[tuple[str, JobStatus | None]] = [(" ", None)] * width

    def cell(at: float) -> int:
        return min(width - 1, max(0, int((at - first) / span * width)))

    for one, end in zip(tries, ends, strict=True):
        start = one.started_at if one.started_at is not None else end
        claimed = one.claimed_at if one.claimed_at is not None else start
        for at in range(cell(claimed), cell(start)):
            cells[at] = ("░", one.status)
        if one.started_at is not None:
            for at in range(cell(start), cell(end) + 1):
                cells[at] = ("█", one.status or JobStatus.RUNNING)
    return cells
