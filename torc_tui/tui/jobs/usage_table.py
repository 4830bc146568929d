"""Requested and used resources of a job, and its attempts, as tables. No Textual, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.model import Job, ResourceRequirements
from torc_tui.reasons import Kind, Reason
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.jobs.page import LABEL, Details, Record, folded, heading, labeled
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, bar, fit, line_width, sanitize
from torc_tui.tuples import NamedTuple
from torc_tui.views.resource_use import GroupUse, Resource
from torc_tui.wording import (
    clock,
    duration,
    elapsed,
    elapsed_in_column,
    moment,
    sentence,
    size,
    size_in_column,
)

HIGH = 0.9
"""Use of a limited resource is highlighted from this share on."""
SHORTEST_BAR, LONGEST_BAR = 4, 20
"""Minimum length of a bar, in cells; no bar is drawn in less space."""
CPU_FROM, ENDED_FROM = 60, 81
"""Widths from which on attempts show the use of CPUs, and when they ended."""
ATTEMPTS = 10
"""Attempts that are listed."""


class ResourceUsage(NamedTuple):
    """One resource: the requested amount, the used share, and the use in words.

    ``limited``: a job that uses more is stopped.
    """

    label: str
    requested: str
    share: float | None
    used: str
    limited: bool


def usage_table(
    job: Job,
    requirement: ResourceRequirements | None,
    details: Details | None,
    now: float,
    width: int,
) -> list[Line]:
    """Return requested and used resources side by side, with bars."""
    if requirement is None:
        return []
    running = job.status in HELD
    used: Record = {}
    if details is not None and details.results and not running:
        used = details.results[0]
    rows = [
        _cpus(requirement, used),
        _memory(requirement, used),
        _time(job, requirement, now, running=running),
        *_gpus(requirement, used),
    ]
    cells = _bar_cells(rows, width)
    head = (fit("requested", 11) + "used", "faint")
    out: list[Line] = [heading(fit("Resources", LABEL + 1), head)]
    if requirement.name:
        out.append(labeled("name", (sanitize(requirement.name), "text")))
    out += [_usage_line(row, cells) for row in rows]
    if used.get("cpu_time"):
        out.append(labeled("CPU time", (" " * 11, ""), (duration(used["cpu_time"]), "text")))
    return [*out, []]


def group_table(groups: Sequence[GroupUse], width: int) -> list[Line]:
    """Return requested and used of a job group; the bar is the share of the highest peak."""
    if not groups:
        return []
    rows = [_group_usage(one) for one in groups]
    cells = _bar_cells(rows, width)
    head = (fit("requested", 11) + "used", "faint")
    return [heading(fit("Resources", LABEL + 1), head), *(_usage_line(row, cells) for row in rows)]


def _bar_cells(rows: Sequence[ResourceUsage], width: int) -> int:
    """Return the length of the bars: the width that the words leave, or 0."""
    longest = max((len(_used_words(row)) for row in rows if row.share is not None), default=0)
    cells = min(LONGEST_BAR, width - 2 - line_width(labeled("", (fit("", 12), ""))) - longest)
    return cells if cells >= SHORTEST_BAR else 0


def _group_usage(one: GroupUse) -> ResourceUsage:
    label = {Resource.CPU: "CPUs", Resource.GPU_MEMORY: "GPU memory", Resource.RUNTIME: "time"}
    wanted = "–" if one.requested is None else one.words(one.requested)
    text = f"peak {one.words(one.peak)}, mean {one.words(one.mean)}"
    if one.resource is Resource.CPU:
        wanted, text = wanted.partition(" ")[0], text.replace(" CPUs", "").replace(" CPU", "")
    limited = one.resource is not Resource.CPU
    return ResourceUsage(label.get(one.resource, "memory"), wanted, one.share, text, limited)


def _usage_line(row: ResourceUsage, cells: int) -> Line:
    spans: list[Span] = [(fit(row.requested, 10) + " ", "text")]
    if row.share is not None and cells:
        high = row.limited and row.share >= HIGH
        spans += [*bar(row.share, cells, style="warning" if high else "bar"), (" ", "")]
    return labeled(row.label, *spans, (_used_words(row), "text"))


def _used_words(row: ResourceUsage) -> str:
    return row.used if row.share is None else f"{row.share * 100:.0f} %  {row.used}"


def _cpus(requirement: ResourceRequirements, used: Record) -> ResourceUsage:
    peak, average = used.get("peak_cpu_percent"), used.get("avg_cpu_percent")
    if peak is None:
        return ResourceUsage("CPUs", str(requirement.num_cpus), None, "", False)
    text = f"peak {peak / 100:.2f}" + (f", average {average / 100:.2f}" if average else "")
    share = peak / 100 / (requirement.num_cpus or 1)
    return ResourceUsage("CPUs", str(requirement.num_cpus), share, text, False)


def _memory(requirement: ResourceRequirements, used: Record) -> ResourceUsage:
    return _bytes("memory", requirement.memory, used.get("peak_memory_bytes"))


def _bytes(label: str, wanted: int | None, peak: int | None) -> ResourceUsage:
    shown = size(wanted) if wanted else "–"
    share = peak / wanted if peak and wanted else None
    return ResourceUsage(label, shown, share, f"peak {size(peak)}" if peak else "", True)


def _time(
    job: Job, requirement: ResourceRequirements, now: float, *, running: bool
) -> ResourceUsage:
    limit = "–"
    if requirement.runtime:
        limit = duration(requirement.runtime)
    if job.started_at is None:
        return ResourceUsage("time", limit, None, "", True)
    took = (now if job.ended_at is None else job.ended_at) - job.started_at
    share = took / requirement.runtime if requirement.runtime else None
    return ResourceUsage("time", limit, share, (clock if running else elapsed)(took), True)


def _gpus(requirement: ResourceRequirements, used: Record) -> list[ResourceUsage]:
    if not (requirement.num_gpus or requirement.gpu_memory):
        return []
    text = f"{requirement.num_gpus:g}" if requirement.num_gpus else "1"
    text += f" of {sanitize(requirement.gpu_model)}" if requirement.gpu_model else ""
    busy = used.get("avg_gpu_percent")
    share = None if busy is None else busy / 100
    rows = [
        ResourceUsage("GPUs", text, share, "" if busy is None else f"average {busy:.0f} %", False)
    ]
    peak, wanted = used.get("peak_gpu_memory_bytes"), max(requirement.gpu_memory or 0, 0)
    return [*rows, _bytes("GPU memory", wanted or None, peak)] if wanted or peak else rows


# -- attempts --------------------------------------------------------------------------------------


def attempts_table(results: Sequence[Record], width: int) -> list[Line]:
    """Return the attempts, the newest first."""
    if not results:
        return []
    head = f"{'run':>5}{'attempt':>9}  {'status':<13}{'exit':>5}{'time':>9}{'peak mem':>10}"
    head += f"{'CPU':>7}"
    columns = 7 if width >= ENDED_FROM else 6 if width >= CPU_FROM else 5
    head = head if columns > 5 else head.removesuffix(f"{'CPU':>7}")
    head += "  ended" if columns > 6 else ""
    out: list[Line] = [heading(f"Attempts ({len(results)})"), [(head, "faint")]]
    for result in results[:ATTEMPTS]:
        out += _attempt(result, columns, width)
    if len(results) > ATTEMPTS:
        more = f"… {len(results) - ATTEMPTS} more in the tab Results"
        out.append([("  ", ""), (more, "faint")])
    return [*out, []]


def _attempt(result: Record, columns: int, width: int) -> list[Line]:
    sign = STATUS[JobStatus.from_word(str(result["status"]))]
    code, peak = result["return_code"], result["peak_memory_bytes"]
    cpu = result["avg_cpu_percent"]
    out: list[Line] = [
        [
            (f"{result['run_id']:>5}{result['attempt_id']:>9}  ", "text"),
            (fit(f"{sign.sign} {sign.word}", 13), sign.style),
            (("" if code is None else f"{code}").rjust(5), "failed" if code else "text"),
            (f"{elapsed_in_column(result['ended_at'] - result['started_at']):>9}", "text"),
            (f"{size_in_column(peak) if peak else '':>10}", "muted"),
            (("" if cpu is None else f"{cpu:.0f} %").rjust(7), "muted"),
            (f"  {moment(result['ended_at'])}", "faint"),
        ][:columns]
    ]
    reason: Reason | None = result.get("reason")
    if reason is not None and reason.kind is not Kind.EXIT and width >= 40:
        pieces = folded(sanitize(sentence(reason)), width - 18)[:2]
        out += [[(" " * 16, ""), (piece, "muted")] for piece in pieces]
    return out
