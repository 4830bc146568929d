"""What is told about one job, as lines: why it waits or failed, its attempts, what it asked for and
used, its neighbours, its command. No Textual, no I/O.

What comes in: the row of the job, its reasons, and ``Details`` that the reader thread brought. What
goes out: a `Page`: lines, and which of them lead to another job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from textwrap import wrap
from typing import Any, Protocol

from torc_tui.model import Job, ResourceRequirements
from torc_tui.reasons import Kind, Reason
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_rows import LOUD, lasted
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import (
    Line,
    Span,
    bar,
    fit,
    fit_line,
    line_width,
    sanitize,
    width_of,
)
from torc_tui.units import format_memory, show_bytes, show_duration
from torc_tui.views.run_progress import Durations
from torc_tui.wording import clock, exit_code, sentence

LABEL = 12
NEIGHBOURS = 12
"""Dependencies and dependents that are listed, each."""
TROUBLE = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
_CARE = (
    JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED, JobStatus.CANCELED, JobStatus.RUNNING,
    JobStatus.PENDING, JobStatus.READY, JobStatus.BLOCKED, JobStatus.UNINITIALIZED, JobStatus.DISABLED,
    JobStatus.COMPLETED,
)  # fmt: skip
CARE = {status: place for place, status in enumerate(_CARE)}
"""Neighbours in the order in which they are worth a look: what went wrong, what runs, what waits,
what is done."""
REASONS = 12
"""Lines of the chain of reasons that are shown here; enter opens all of them."""

Record = Mapping[str, Any]


class Neighbour(Protocol):
    """A job at the other end of an edge, as ``store.relations`` gives it."""

    @property
    def job_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> JobStatus: ...
    @property
    def via(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the store tells about a job beyond its row. ``before`` and ``after`` are the first of so
    many."""

    record: Record
    results: Sequence[Record] = ()
    before: Sequence[Neighbour] = ()
    before_count: int = 0
    after: Sequence[Neighbour] = ()
    after_count: int = 0
    io: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said: Sequence[str] = ()
    """The end of its standard error, where it did not end well."""


@dataclass(slots=True)
class Page:
    """``links`` are the lines that lead to jobs: number of the line, id of the job."""

    lines: list[Line] = field(default_factory=list)
    links: dict[int, int] = field(default_factory=dict)


def stamp(at: float | None) -> str:
    """A time of day as people read it here."""
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def page(
    job: Job,
    *,
    reasons: Sequence[tuple[str, str]],
    requirement: ResourceRequirements | None,
    details: Details | None,
    jobs: Mapping[int, Job],
    now: float,
    width: int,
    cards: Mapping[str, int],
    key: Callable[[str], str] = lambda command: "",
) -> Page:
    """All that is known. ``cards``: numbers of the GPUs of this host by their uuid."""
    out = Page()
    _title(out, job)
    if reasons:
        out.lines.append(_heading("Why"))
        for text, style in reasons[:REASONS]:
            out.lines += [[("  ", ""), (piece, style)] for piece in folded(text, width - 4)]
        if len(reasons) > REASONS:
            out.lines.append(
                [("  ", ""), (f"… {len(reasons) - REASONS} more lines: press enter", "faint")]
            )
        out.lines.append([])
    if details is not None and details.said and job.status in TROUBLE:
        out.lines.append(_heading("It said last"))
        out.lines += [[("  ", ""), (line, "stderr")] for line in details.said]
        out.lines.append([])
    _run(out, job, details, now, cards)
    _resources(out, job, requirement, details, now, width)
    if details is not None:
        _attempts(out, details.results, width)
        _neighbours(out, "Waits for", details.before, details.before_count, jobs, width)
        _neighbours(out, "Waited for by", details.after, details.after_count, jobs, width)
        _reads_and_writes(out, details.io, width)
        _command(out, details.record, width)
    out.lines = [
        fit_line(line, width - 1) if line_width(line) > width - 1 else line for line in out.lines
    ]
    return out


def family_page(
    name: str,
    ids: Sequence[int],
    counts: Sequence[int],
    jobs: Mapping[int, Job],
    *,
    strip: Line,
    durations: Durations | None,
    reason: Callable[[Job], str],
    width: int,
) -> Page:
    """A folded family: how many stand where, how long they take, and those that are worth a
    look."""
    out = Page()
    total = sum(counts)
    out.lines += [
        [],
        [("  ", ""), (sanitize(name), "group"), (f" ×{total}", "accent")],
        [("  ", ""), *strip],
        [],
        _heading("States"),
    ]
    for status in LOUD:
        if counts[status]:
            sign, count = STATUS[status], counts[status]
            told: list[Span] = [
                ("  ", ""),
                (f"{sign.sign} {sign.word:<14}", sign.style),
                (f"{count:>7}", "text"),
            ]
            out.lines.append([*told, (f"{100 * count / max(1, total):>6.0f} %", "faint")])
    if durations is not None and durations.count:
        spread = f" ± {lasted(durations.deviation)}" if durations.count > 2 else ""
        out.lines += [
            [],
            _heading("Time"),
            _field("on average", (lasted(durations.mean) + spread, "text")),
        ]
    for status in (*TROUBLE, JobStatus.RUNNING):
        if counts[status]:
            out.lines += [[], _heading(f"{STATUS[status].word.capitalize()} ({counts[status]})")]
            members = (jobs[job_id] for job_id in ids if job_id in jobs)
            found = list(islice((job for job in members if job.status is status), NEIGHBOURS))
            room = max((width_of(sanitize(job.name)) for job in found), default=8)
            for job in found:
                out.links[len(out.lines)] = job.id
                sign = STATUS[status]
                named = (fit(sanitize(job.name), max(8, min(room, width - 30))), "text")
                out.lines.append(
                    [
                        ("  ", ""),
                        (f"{sign.sign} ", sign.style),
                        named,
                        (f"  {reason(job)}", "muted"),
                    ]
                )
            if counts[status] > len(found):
                out.lines.append(
                    [("  ", ""), (f"… and {counts[status] - len(found)} more", "faint")]
                )
    out.lines = [
        fit_line(line, width - 1) if line_width(line) > width - 1 else line for line in out.lines
    ]
    return out


def _heading(text: str, *more: Span) -> list[Span]:
    return [(" ", ""), (text, "accent bold"), *more]


def _field(label: str, *spans: Span) -> list[Span]:
    return [("  ", ""), (label.ljust(LABEL), "faint"), *spans]


def _wrapped(label: str, text: str, width: int, style: str = "text") -> list[Line]:
    """A long text under one label (or, without one, at the left), broken to the width."""
    room = max(16, width - (LABEL if label else 0) - 4)
    out: list[Line] = []
    for raw in text.splitlines() or [""]:
        line = sanitize(raw)
        while line or not out:
            span = (line[:room], style)
            out.append(_field("" if out else label, span) if label else [("  ", ""), span])
            line = line[room:]
    return out


def folded(text: str, width: int) -> list[str]:
    """A reason in lines of that width; those that follow are set in."""
    inside = " " * (len(text) - len(text.lstrip("│├└─| `-")) + 2)
    return wrap(
        text, max(20, width), subsequent_indent=inside, break_on_hyphens=False, drop_whitespace=True
    ) or [""]


def _title(out: Page, job: Job) -> None:
    sign = STATUS[job.status]
    title: list[Span] = [("  ", ""), (sanitize(job.name), "strong"), ("  ", "")]
    title.append((f"{sign.sign} {sign.word}", f"{sign.style} bold"))
    if job.held:
        title.append(("  ‖ held", "warning"))
    about: list[Span] = [("  ", ""), (f"job {job.id}", "faint")]
    if job.family and job.family != job.name:
        about.append((f" of {sanitize(job.family)}", "faint"))
    if job.values:
        about.append((f" · {sanitize(str(job.values))}", "muted"))
    if job.priority:
        about.append((f" · priority {job.priority}", "accent"))
    out.lines += [[], title, about, []]


def _run(
    out: Page, job: Job, details: Details | None, now: float, cards: Mapping[str, int]
) -> None:
    lines: list[Line] = []
    if job.started_at is not None:
        if job.ended_at is None:
            lines.append(_field("time", (clock(now - job.started_at), "running")))
        else:
            lines.append(_field("time", (lasted(job.ended_at - job.started_at), "text")))
        times = stamp(job.started_at) + (
            f" to {stamp(job.ended_at)[11:]}" if job.ended_at is not None else ""
        )
        lines.append(_field("from" if job.ended_at is not None else "since", (times, "text")))
    if job.return_code is not None:
        told = exit_code(job.return_code).removeprefix("exit ")
        lines.append(_field("exit code", (told, "failed" if job.return_code else "text")))
    if job.attempt_id > 1:
        lines.append(_field("attempt", (str(job.attempt_id), "warning")))
    if details is not None:
        record = details.record
        running = job.status in (JobStatus.RUNNING, JobStatus.PENDING)
        if running and record.get("pid"):
            lines.append(
                _field(
                    "process",
                    (f"{record['pid']} of runner {record.get('compute_node_id')}", "text"),
                )
            )
        last: Record = details.results[0] if details.results else {}
        held: Sequence[Any] = (record if running else last).get("allocation") or (0, 0, ())
        if held[2]:
            names = ", ".join(
                _device(uuid, share, memory, cards) for uuid, share, memory in held[2]
            )
            lines.append(_field("GPUs" if running else "had GPUs", (names, "accent")))
    if lines:
        out.lines += [_heading("Run"), *lines, []]


def _device(uuid: str, share: int, memory: int, cards: Mapping[str, int]) -> str:
    parts = [f"{share / 1000:g}"] if 0 < share < 1000 else []
    parts += [show_bytes(memory)] if memory else []
    name = f"GPU {cards[uuid]}" if uuid in cards else uuid
    return f"{name} ({', '.join(parts)})" if parts else name


def _resources(
    out: Page,
    job: Job,
    asked: ResourceRequirements | None,
    details: Details | None,
    now: float,
    width: int,
) -> None:
    """Asked and used, side by side; the bar is what was used of what was asked."""
    if asked is None:
        return
    running = job.status in (JobStatus.RUNNING, JobStatus.PENDING)
    used: Record = (
        details.results[0] if details is not None and details.results and not running else {}
    )
    took = None
    if job.started_at is not None:
        took = (now if job.ended_at is None else job.ended_at) - job.started_at
    rows: list[tuple[str, str, float | None, str, bool]] = []
    cpu = used.get("peak_cpu_percent")
    average = used.get("avg_cpu_percent")
    words = (
        ""
        if cpu is None
        else f"{cpu / 100:.2f} at most" + (f", {average / 100:.2f} on average" if average else "")
    )
    rows.append(
        (
            "CPUs",
            str(asked.num_cpus),
            None if cpu is None else cpu / 100 / max(1, asked.num_cpus),
            words,
            False,
        )
    )
    peak = used.get("peak_memory_bytes")
    rows.append(
        (
            "memory",
            format_memory(asked.memory) if asked.memory else "–",
            peak / asked.memory if peak and asked.memory else None,
            f"{show_bytes(peak)} at most" if peak else "",
            True,
        )
    )
    share = took / asked.runtime if took is not None and asked.runtime else None
    limit = (
        show_duration(asked.runtime).removesuffix(" 00 s").removesuffix(" 00 min")
        if asked.runtime
        else "–"
    )
    rows.append(
        ("time", limit, share, "" if took is None else (clock if running else lasted)(took), True)
    )
    if asked.num_gpus or asked.gpu_memory:
        text = f"{asked.num_gpus:g}" if asked.num_gpus else ""
        text += f" of {sanitize(asked.gpu_model)}" if asked.gpu_model else ""
        busy = used.get("avg_gpu_percent")
        words = "" if busy is None else f"{busy:.0f} % on average"
        rows.append(
            ("GPUs", text.strip() or "1", None if busy is None else busy / 100, words, False)
        )
        peak = used.get("peak_gpu_memory_bytes")
        wanted = asked.gpu_memory
        if wanted or peak:
            rows.append(
                (
                    "GPU memory",
                    format_memory(wanted) if wanted else "–",
                    peak / wanted if peak and wanted else None,
                    f"{show_bytes(peak)} at most" if peak else "",
                    True,
                )
            )
    cells = max(6, min(20, width - 50))
    name = f"  ({sanitize(asked.name)})" if asked.name else ""
    head = (fit("asked", 11) + fit("used", cells + 1), "faint")
    out.lines.append(_heading(fit("Resources", LABEL + 1), head, (name, "faint")))
    for label, want, share, told, limited in rows:
        spans: list[Span] = [(fit(want, 10) + " ", "text")]
        if share is not None:
            high = limited and share >= 0.9
            spans += [*bar(share, cells, style="warning" if high else "bar"), (" ", "")]
            told = f"{share * 100:.0f} %  {told}"
        spans.append((told, "text"))
        out.lines.append(_field(label, *spans))
    if used.get("cpu_time"):
        out.lines.append(_field("CPU time", (show_duration(used["cpu_time"]), "text")))
    out.lines.append([])


def _attempts(out: Page, results: Sequence[Record], width: int) -> None:
    if not results:
        return
    head = f"{'run':>5}{'try':>5}  {'status':<13}{'exit':>5}{'time':>11}{'peak mem':>10}{'CPU':>7}  ended"
    out.lines.append(_heading(f"Attempts ({len(results)})"))
    out.lines.append([(head, "faint")])
    for one in results[:10]:
        sign = STATUS[JobStatus.from_word(str(one["status"]))]
        code, peak, cpu = one["return_code"], one["peak_memory_bytes"], one["avg_cpu_percent"]
        out.lines.append(
            [
                (f"{one['run_id']:>5}{one['attempt_id']:>5}  ", "text"),
                (fit(f"{sign.sign} {sign.word}", 13), sign.style),
                ("" if code is None else f"{code}".rjust(5), "failed" if code else "text"),
                ("     " if code is None else "", ""),
                (f"{lasted(one['ended_at'] - one['started_at']):>11}", "text"),
                (f"{show_bytes(peak) if peak else '':>10}", "muted"),
                ("" if cpu is None else f"{cpu:.0f} %".rjust(7), "muted"),
                ("       " if cpu is None else "", ""),
                (f"  {stamp(one['ended_at'])}", "faint"),
            ]
        )
        reason: Reason | None = one.get("reason")
        if reason is not None and reason.kind is not Kind.EXIT and width >= 40:
            out.lines += [
                [(" " * 12, ""), (piece, "muted")]
                for piece in folded(sanitize(sentence(reason)), width - 14)[:2]
            ]
    if len(results) > 10:
        out.lines.append([("  ", ""), (f"… {len(results) - 10} more in the tab Results", "faint")])
    out.lines.append([])


def _neighbours(
    out: Page,
    title: str,
    listed: Sequence[Neighbour],
    count: int,
    jobs: Mapping[int, Job],
    width: int,
) -> None:
    if not count:
        return
    now = [
        (one.status if one.job_id not in jobs else jobs[one.job_id].status, one) for one in listed
    ]
    now.sort(key=lambda pair: CARE[pair[0]])
    states: dict[JobStatus, int] = {}
    for status, _ in now:
        states[status] = states.get(status, 0) + 1
    told = (
        ", ".join(f"{number} {status.word}" for status, number in states.items())
        if count == len(listed)
        else ""
    )
    out.lines.append(_heading(f"{title} ({count})", (f"  {told}" if count > 1 else "", "faint")))
    names = [sanitize(one.name) for _, one in now[:NEIGHBOURS]]
    room = max(8, min(max(map(width_of, names)), width - 30))
    for status, one in now[:NEIGHBOURS]:
        sign = STATUS[status]
        out.links[len(out.lines)] = one.job_id
        via = "" if one.via is None else f"  by {sanitize(one.via)}"
        out.lines.append(
            [
                ("  ", ""),
                (f"{sign.sign} ", sign.style),
                (fit(sanitize(one.name), room), "text"),
                (f"  {sign.word}", sign.style),
                (via, "faint"),
            ]
        )
    if count > NEIGHBOURS:
        out.lines.append([("  ", ""), (f"… and {count - NEIGHBOURS} more", "faint")])
    out.lines.append([])


def _reads_and_writes(out: Page, io: Mapping[str, Sequence[str]], width: int) -> None:
    lines: list[Line] = []
    for label, names in io.items():
        if names:
            more = f" (+{len(names) - 8})" if len(names) > 8 else ""
            lines += _wrapped(label, ", ".join(names[:8]) + more, width)
    if lines:
        out.lines += [_heading("Reads and writes"), *lines, []]


def _command(out: Page, record: Record, width: int) -> None:
    out.lines.append(_heading("Command"))
    out.lines += _wrapped("", str(record.get("command") or ""), width)
    if record.get("invocation_script"):
        out.lines += _wrapped("script", str(record["invocation_script"]), width, "muted")
    for title, key in (("Parameters", "parameters"), ("Environment", "env")):
        values = record.get(key)
        if isinstance(values, Mapping) and values:
            out.lines += [[], _heading(title)]
            for name, value in values.items():
                shown = sanitize(str(name))
                out.lines.append(
                    [
                        ("  ", ""),
                        (fit(shown, LABEL) if len(shown) <= LABEL else f"{shown} ", "json-key"),
                        (sanitize(str(value)), "text"),
                    ]
                )
