"""Write the pages about one job and about a folded group. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from torc_tui.model import Job, ResourceRequirements
from torc_tui.status import HELD, TROUBLED, UNSUCCESSFUL, JobStatus
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.page import (
    LABEL,
    NEIGHBORS,
    Details,
    LinkedLines,
    Record,
    folded,
    heading,
    labeled,
    more_line,
    wrapped,
)
from torc_tui.tui.jobs.usage_table import attempts_table, group_table, usage_table
from torc_tui.tui.look.status_icons import STATUS, SUSPENDED
from torc_tui.tui.look.text_layout import Line, Span, fit, sanitize, width_of
from torc_tui.tuples import NamedTuple
from torc_tui.views.job_parameters import parameters_text
from torc_tui.views.resource_use import GroupUse
from torc_tui.views.run_progress import Durations
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.wording import clock, elapsed, exit_code, listed, moment, sentence, size
from torc_tui.wording.cluster_sentences import slurm_name

if TYPE_CHECKING:
    from torc_tui.lifecycle.rerun_plan import JobVerdict
    from torc_tui.store.relations import Dependency

REASONS = 12
"""Lines of the chain of reasons on the page; enter opens all of them."""


class JobPageInput(NamedTuple):
    """The input of the page.

    ``details`` is None until the database has answered. ``gpus`` are the numbers of the GPUs of
    this host by their uuid. ``stale`` says why a completed job would run again.
    """

    job: Job
    reasons: Sequence[Span]
    requirement: ResourceRequirements | None
    details: Details | None
    jobs: Mapping[int, Job]
    gpus: Mapping[str, int]
    now: float
    stale: JobVerdict | None = None


def attention(status: JobStatus) -> tuple[bool, int]:
    """Return the sort key of neighbors: those that need attention come first."""
    return status not in TROUBLED | UNSUCCESSFUL, MOST_TELLING.index(status)


def job_page(facts: JobPageInput, width: int) -> LinkedLines:
    """Return the page about a job."""
    out, job, details = LinkedLines(), facts.job, facts.details
    out.add(*_title(job))
    out.add(*_reasons(facts.reasons, width))
    out.add(*_stale(facts.stale, width))
    out.add(*_warnings(() if details is None else details.warnings, width))
    if details is not None and job.status in TROUBLED:
        out.add(*_output_tail(details))
    out.add(*_run(facts))
    out.add(*usage_table(job, facts.requirement, details, facts.now, width))
    if details is not None:
        out.add(*attempts_table(details.results, width))
        _add_neighbors(out, "Dependencies", details.before, details.before_count, facts.jobs, width)
        _add_neighbors(out, "Dependents", details.after, details.after_count, facts.jobs, width)
        out.add(*_reads_and_writes(details.io, width))
        out.add(*_command(details.record, width))
    if details is not None and job.status is JobStatus.COMPLETED and details.stdout_tail:
        out.add([], *_tail(heading("End of standard output"), details.stdout_tail, "muted"))
    return out.fit(width - 1)


def _output_tail(details: Details) -> list[Line]:
    if details.stderr_tail:
        return _tail(heading("End of standard error"), details.stderr_tail, "stderr")
    if details.stdout_tail:
        head = heading("End of standard output", ("  standard error is empty", "faint"))
        return _tail(head, details.stdout_tail, "text")
    return []


def _tail(head: Line, lines: Sequence[str], style: str) -> list[Line]:
    return [head, *([("  ", ""), (line, style)] for line in lines), []]


def _title(job: Job) -> list[Line]:
    sign = SUSPENDED if job.suspended else STATUS[job.status]
    title: list[Span] = [("  ", ""), (sanitize(job.name), "strong"), ("  ", "")]
    title.append((f"{sign.sign} {sign.word}", f"{sign.style} bold"))
    if job.held:
        title.append(("  ‖ held", "warning"))
    about: list[Span] = [("  ", ""), (f"job {job.id}", "faint")]
    if job.group and job.group != job.name:
        about.append((f" of {sanitize(job.group)}", "faint"))
    if job.values:
        about.append((f" · {sanitize(parameters_text(job.values))}", "muted"))
    if job.priority:
        about.append((f" · priority {job.priority}", "accent"))
    if job.labels:
        about.append((f" · labels {sanitize(', '.join(job.labels))}", "accent"))
    return [[], title, about, []]


def _reasons(reasons: Sequence[Span], width: int) -> list[Line]:
    if not reasons:
        return []
    out: list[Line] = [heading("Why")]
    for text, style in reasons[:REASONS]:
        out += [[("  ", ""), (piece, style)] for piece in folded(text, width - 4)]
    if len(reasons) > REASONS:
        more = f"… {len(reasons) - REASONS} more lines: press enter"
        out.append([("  ", ""), (more, "faint")])
    return [*out, []]


def _stale(verdict: JobVerdict | None, width: int) -> list[Line]:
    """Return why a completed job would run again."""
    if verdict is None:
        return []
    perhaps = "" if verdict.certain else " if its inputs change"
    out: list[Line] = [heading(f"Would rerun{perhaps} because")]
    for reason in verdict.reasons:
        out += [[("  ", ""), (piece, "warning")] for piece in folded(sentence(reason), width - 4)]
    return [*out, []]


def _warnings(warnings: Sequence[str], width: int) -> list[Line]:
    if not warnings:
        return []
    pieces = [one for text in warnings for one in folded(sanitize(text), width - 4)]
    return [heading("Warnings"), *([("  ", ""), (piece, "warning")] for piece in pieces), []]


# -- the run ---------------------------------------------------------------------------------------


def _run(facts: JobPageInput) -> list[Line]:
    job = facts.job
    lines = _times(job, facts.now)
    if job.return_code is not None:
        code = exit_code(job.return_code).removeprefix("exit ")
        lines.append(labeled("exit code", (code, "failed" if job.return_code else "text")))
    if job.attempt_id > 1:
        lines.append(labeled("attempt", (str(job.attempt_id), "warning")))
    if facts.details is not None:
        lines += _process(job, facts.details, facts.gpus)
    return [heading("Run"), *lines, []] if lines else []


def _times(job: Job, now: float) -> list[Line]:
    if job.started_at is None:
        return []
    if job.ended_at is None:
        ran = labeled("time", (clock(now - job.started_at), "running"))
        return [ran, labeled("since", (moment(job.started_at), "text"))]
    times = f"{moment(job.started_at)} to {moment(job.ended_at)[11:]}"
    ran = labeled("time", (elapsed(job.ended_at - job.started_at), "text"))
    return [ran, labeled("from", (times, "text"))]


def _process(job: Job, details: Details, gpus: Mapping[str, int]) -> list[Line]:
    lines: list[Line] = []
    record, running = details.record, job.status in HELD
    if running and record.get("pid"):
        text = f"{record['pid']} of runner {record.get('compute_node_id')}"
        lines.append(labeled("process", (text, "text")))
    lines += _place(details.place)
    last: Record = details.results[0] if details.results else {}
    allocation = (record if running else last).get("allocation") or (0, 0, ())
    if allocation[2]:
        names = ", ".join(
            _device(uuid, share, memory, gpus) for uuid, share, memory in allocation[2]
        )
        lines.append(labeled("GPUs" if running else "used GPUs", (names, "accent")))
    return lines


def _place(place: Record | None) -> list[Line]:
    """Return the node and the allocation; on a single machine they say nothing."""
    if place is None or place["allocation_id"] is None:
        return []
    name = sanitize(slurm_name(place["native_id"], place["allocation_id"]))
    node = sanitize(place["node_name"] or place["hostname"])
    return [labeled("node", (node, "text"), (f"  {name}", "muted"))]


def _device(uuid: str, share: int, memory: int, gpus: Mapping[str, int]) -> str:
    parts = [f"{share / 1000:g}"] if 0 < share < 1000 else []
    parts += [size(memory)] if memory else []
    name = f"GPU {gpus[uuid]}" if uuid in gpus else uuid
    return f"{name} ({', '.join(parts)})" if parts else name


# -- neighbors, data and command ------------------------------------------------------------------


def _add_neighbors(
    out: LinkedLines,
    title: str,
    listed: Sequence[Dependency],
    count: int,
    jobs: Mapping[int, Job],
    width: int,
) -> None:
    if not count:
        return
    now = [(jobs[one.job_id].status if one.job_id in jobs else one.status, one) for one in listed]
    now.sort(key=lambda pair: attention(pair[0]))
    counts: dict[JobStatus, int] = {}
    for status, _ in now:
        counts[status] = counts.get(status, 0) + 1
    about = ""
    if 1 < count == len(listed):
        about = "  " + ", ".join(f"{number} {status.word}" for status, number in counts.items())
    out.add(heading(f"{title} ({count})", (about, "faint")))
    longest = max(width_of(sanitize(one.name)) for _, one in now[:NEIGHBORS])
    room = max(8, min(longest, width - 30))
    for status, one in now[:NEIGHBORS]:
        sign = STATUS[status]
        via = "" if one.via is None else f"  by {sanitize(one.via)}"
        out.add_link(
            one.job_id,
            [
                ("  ", ""),
                (f"{sign.sign} ", sign.style),
                (fit(sanitize(one.name), room), "text"),
                (f"  {sign.word}", sign.style),
                (via, "faint"),
            ],
        )
    if count > NEIGHBORS:
        out.add(more_line(count - NEIGHBORS))
    out.add([])


def _reads_and_writes(io: Mapping[str, Sequence[str]], width: int) -> list[Line]:
    lines: list[Line] = []
    for label, names in io.items():
        if names:
            lines += wrapped(label, listed(names, 8), width)
    return [heading("Files and user data"), *lines, []] if lines else []


def _command(record: Record, width: int) -> list[Line]:
    out: list[Line] = [heading("Command")]
    out += wrapped("", str(record.get("command") or ""), width)
    if record.get("invocation_script"):
        out += wrapped("script", str(record["invocation_script"]), width, "muted")
    for title, key in (("Parameters", "parameters"), ("Environment", "env")):
        values = record.get(key)
        if isinstance(values, Mapping) and values:
            out += [[], heading(title)]
            out += [_value_line(sanitize(str(name)), value) for name, value in values.items()]
    return out


def _value_line(name: str, value: object) -> Line:
    shown = fit(name, LABEL) if len(name) <= LABEL else f"{name} "
    return [("  ", ""), (shown, "json-key"), (sanitize(str(value)), "text")]


# -- a group ---------------------------------------------------------------------------------------


def group_page(
    group: JobGroup,
    jobs: Mapping[int, Job],
    *,
    durations: Durations | None,
    use: Sequence[GroupUse] = (),
    reason: Callable[[Job], str],
    width: int,
) -> LinkedLines:
    """Return the page about a group; ``reason`` returns the reason for the status of a job."""
    out = LinkedLines()
    total = sum(group.counts)
    strip = [(text, status.word) for text, status in group.strip(min(60, width - 4))]
    out.add([], [("  ", ""), (sanitize(group.name), "group"), (f" ×{total}", "accent")])
    out.add([("  ", ""), *strip], [], heading("Status"))
    out.add(
        *(_status_line(group, status, total) for status in MOST_TELLING if group.counts[status])
    )
    if durations is not None and durations.count:
        spread = f" ± {elapsed(durations.deviation)}" if durations.count > 2 else ""
        mean = (elapsed(durations.mean) + spread, "text")
        out.add([], heading("Time"), labeled("mean", mean))
    if use:
        out.add([], *group_table(use, width))
    for status in (*sorted(TROUBLED), JobStatus.RUNNING):
        if group.counts[status]:
            _add_jobs(out, group, status, jobs, reason, width)
    return out.fit(width - 1)


def _status_line(group: JobGroup, status: JobStatus, total: int) -> Line:
    sign, number = STATUS[status], group.counts[status]
    share = 100 * number / max(1, total)
    return [
        ("  ", ""),
        (f"{sign.sign} {sign.word:<14}", sign.style),
        (f"{number:>7}", "text"),
        (f"{share:>6.0f} %", "faint"),
    ]


def _add_jobs(
    out: LinkedLines,
    group: JobGroup,
    status: JobStatus,
    jobs: Mapping[int, Job],
    reason: Callable[[Job], str],
    width: int,
) -> None:
    sign, number = STATUS[status], group.counts[status]
    out.add([], heading(f"{sign.word.capitalize()} ({number})"))
    members = (jobs[job_id] for job_id in group.jobs if job_id in jobs)
    found = list(islice((job for job in members if job.status is status), NEIGHBORS))
    room = max((width_of(sanitize(job.name)) for job in found), default=8)
    for job in found:
        name = fit(sanitize(job.name), max(8, min(room, width - 30)))
        out.add_link(
            job.id,
            [
                ("  ", ""),
                (f"{sign.sign} ", sign.style),
                (name, "text"),
                (f"  {reason(job)}", "muted"),
            ],
        )
    if number > len(found):
        out.add(more_line(number - len(found)))
