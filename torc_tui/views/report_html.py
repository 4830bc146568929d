"""Write a report as one HTML page that needs no network.

Input: `Report`. Output: the page. Everything that comes from a user is text; the only script is
that of `html_page`, which holds no data.
"""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from torc_tui.model import JobUse, Json
from torc_tui.views import usage_svg
from torc_tui.views.graph_export import COLORS
from torc_tui.views.html_page import block, page, text
from torc_tui.views.report import EmbeddedFile, Report, lanes, result_counts
from torc_tui.views.report_timeline import timeline
from torc_tui.views.resource_use import GroupUse, by_group
from torc_tui.wording import count, duration, failure_line, listed, moment, size

_MOST_ROWS = 100
"""Rows of the shorter tables."""
_TABLE_ROWS = 50
"""Rows of a table in an embedded file."""
_FILTERED = 20
"""A longer table of results gets a field to filter it."""
_STYLE = """
.t-node { fill: var(--text); font: 600 12px ui-sans-serif, system-ui, sans-serif }
.t-lane { fill: var(--soft); font: 11px ui-sans-serif, system-ui, sans-serif }
.t-grid { stroke: var(--line); stroke-width: 1 } .t-ok { fill: var(--accent) }
.t-bad { fill: var(--bad) } .t-off { fill: var(--soft) }
.t-ok, .t-bad, .t-off, .t-run { rx: 2px }
.t-run { fill: var(--accent); fill-opacity: .45 }
"""

Section = tuple[str, str, Iterable[str]]
"""The id and the title of a section, and its HTML."""


def html(report: Report) -> str:
    """Return the page."""
    workflow = report.workflow
    title = f"{workflow.name} (workflow {workflow.id})"
    made = [(name, heading, list(parts)) for name, heading, parts in _sections(report)]
    sections = [section for section in made if section[2]]
    links = " ".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in sections)
    out = [*_head(report), f"<nav>{links}</nav>"]
    for name, heading, parts in sections:
        out += [f'<section id="{name}"><h2>{heading}</h2>', *parts, "</section>"]
    out.append(f"<footer>{text(report.program)}, {moment(report.made_at)}</footer>")
    return page(title, out, style=usage_svg.STYLE + _STYLE + _status_style())


def _status_style() -> str:
    light = "".join(f".s-{one.word}::before {{ background: {COLORS[one][0]} }}\n" for one in COLORS)
    dark = "".join(f".s-{one.word}::before {{ background: {COLORS[one][1]} }}\n" for one in COLORS)
    dot = "content: ''; display: inline-block; width: 9px; height: 9px; border-radius: 50%;"
    return (
        f"[class^=s-]::before {{ {dot} margin-right: 7px }}\n{light}"
        f"@media (prefers-color-scheme: dark) {{ {dark} }}\n"
    )


def _sections(report: Report) -> Iterator[Section]:
    yield "failures", "Failures", _failures(report)
    yield "timeline", "Timeline", _timeline(report)
    yield "path", "Critical path", _path(report)
    yield "graph", "Graph", _graph(report)
    yield "files", "Figures and tables", _files(report.files)
    yield "results", "Results", _results(report)
    yield "use", "Requested and used", _use(report)
    yield "machines", "Machines", _machines(report)
    yield "data", "User data", _data(report)
    yield "stale", "What is stale", _stale(report)


# -- the top ---------------------------------------------------------------------------------------


def _head(report: Report) -> Iterator[str]:
    workflow = report.workflow
    yield f"<h1>{text(workflow.name)}</h1>"
    if workflow.description:
        yield f"<p>{text(workflow.description)}</p>"
    facts = [f"workflow {workflow.id}", f"run {workflow.run_id}", f"of {text(workflow.user)}"]
    if report.span is not None:
        facts.append(f"{moment(report.span[0])} to {moment(report.span[1])}")
    yield f'<p class="soft">{" · ".join(facts)}<br>{text(workflow.directory)}</p>'
    tiles = [(str(workflow.state), "state"), (str(len(report.jobs)), "jobs")]
    tiles += [(str(number), status.word) for status, number in result_counts(report).items()]
    if report.span is not None:
        tiles.append((duration(report.seconds), "from first start to last end"))
    if report.cpu_seconds:
        tiles.append((duration(report.cpu_seconds), "CPU time"))
    yield '<div class="tiles">'
    for value, label in tiles:
        bad = label in ("failed", "terminated")
        yield f'<div class="tile"><b{" class=bad" * bad}>{value}</b><span>{label}</span></div>'
    yield "</div>"


# -- sections --------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: str = "") -> str:
    """Return a table; ``numbers`` are the places of columns of numbers: ``0 2``."""
    right = {int(place) for place in numbers.split()}

    def cell(tag: str, place: int, value: str) -> str:
        return f"<{tag}{' class=n' * (place in right)}>{value}</{tag}>"

    head = "".join(cell("th", place, one) for place, one in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(cell("td", place, one) for place, one in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _more(number: int, noun: str) -> str:
    return f'<p class="soft">and {count(number, f"more {noun}")}</p>'


def _failures(report: Report) -> Iterator[str]:
    groups = report.failures
    if not groups:
        return
    rows = []
    for group in groups[:_MOST_ROWS]:
        names = text(listed(group.names))
        what = text(failure_line(*group.signature.key))
        excerpt = "\n".join(group.signature.context)
        sample = f"<pre>{block(excerpt)}</pre>" if excerpt else ""
        rows.append((str(len(group.jobs)), names, what + sample, str(len(group.canceled) or "")))
    yield _table(("Failed", "Jobs", "Reason", "Canceled after it"), rows, numbers="0 3")
    if len(groups) > _MOST_ROWS:
        yield _more(len(groups) - _MOST_ROWS, "reason")


def _timeline(report: Report) -> Iterator[str]:
    if report.span is None:
        return
    yield f'<div class="wide">{timeline(lanes(report.attempts, report.nodes), report.span)}</div>'
    ran = {one.job_id for one in report.attempts}
    kept = sum(job.attempt is not None and job.id not in ran for job in report.use)
    if kept:
        yield f'<p class="soft">{count(kept, "job")} kept the result of an earlier run</p>'


def _path(report: Report) -> Iterator[str]:
    if not report.path:
        return
    ran = sum(step.seconds for step in report.path)
    waited = sum(step.waited for step in report.path)
    yield (
        f"<p>{count(len(report.path), 'job')} decided when the run ended: {duration(ran)} of work"
        f" and {duration(waited)} of waiting.</p>"
    )
    rows = [
        (
            text(step.name),
            f'<span class="s-{step.status.word}">{step.status.word}</span>',
            duration(step.waited),
            duration(step.seconds),
        )
        for step in report.path[:_MOST_ROWS]
    ]
    yield _table(("Job", "Status", "Waited", "Ran"), rows, numbers="2 3")
    if len(report.path) > _MOST_ROWS:
        yield _more(len(report.path) - _MOST_ROWS, "job")


def _graph(report: Report) -> Iterator[str]:
    if report.graph:
        yield f'<div class="wide">{report.graph}</div>'
        if len(report.path) > 1:
            yield '<p class="soft">The critical path is highlighted.</p>'


def _results(report: Report) -> Iterator[str]:
    if not report.use:
        return
    names = report.parameters
    heads = ["Job", *map(text, names), "Status", "Code", "Time", "Memory", "CPU"]
    columns: list[Callable[[JobUse], str]] = [lambda job: f"<td>{text(job.name, 200)}"]
    columns += [_parameter(name) for name in names]
    columns += [
        lambda job: f"<td class=s-{job.status.word}>{job.status.word}",
        lambda job: _number(job, "return_code", str),
        lambda job: _number(job, "seconds", duration),
        lambda job: _number(job, "peak_memory", size),
        lambda job: _number(job, "peak_cpu_percent", lambda value: f"{value / 100:.2f}"),
    ]
    if any(job.attempt is not None and job.attempt.peak_gpu_memory for job in report.use):
        heads.append("GPU memory")
        columns.append(lambda job: _number(job, "peak_gpu_memory", size))
    heads.append("Ended")
    columns.append(lambda job: _number(job, "ended_at", moment))
    body = "\n".join("<tr>" + "".join(one(job) for one in columns) for job in report.use)
    left = 1 + len(names) + 1
    head = "".join(
        f"<th{' class=n' * (place >= left)}>{one}</th>" for place, one in enumerate(heads)
    )
    if len(report.use) > _FILTERED:
        yield '<input class="filter" type="search" placeholder="Filter" aria-label="Filter">'
    yield (
        f'<div class="wide"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _parameter(name: str) -> Callable[[JobUse], str]:
    def cell(job: JobUse) -> str:
        value: Json = job.parameters.get(name)
        return "<td>" if value is None else f"<td>{text(str(value), 200)}"

    return cell


def _number(job: JobUse, name: str, words: Callable[[float], str]) -> str:
    """Return a cell that is sorted by its number, whatever its words and its unit."""
    value = None if job.attempt is None else getattr(job.attempt, name)
    if value is None:
        return "<td data-sort>"
    return f"<td class=n data-sort={value:.10g}>{words(value)}"


def _use(report: Report) -> Iterator[str]:
    groups = by_group(report.use, report.requirements)
    if not groups:
        return
    names = list(dict.fromkeys(one.group for one in groups))
    shown = set(names[:_MOST_ROWS])
    chosen: list[GroupUse] = [one for one in groups if one.group in shown]
    picture, height = usage_svg.bars(chosen)
    yield (
        f'<div class="wide"><svg viewBox="0 0 {usage_svg.WIDTH} {height:.0f}"'
        f' width="{usage_svg.WIDTH}" role="img" font-size="12">{picture}</svg></div>'
    )
    if len(names) > _MOST_ROWS:
        yield _more(len(names) - _MOST_ROWS, "group")


def _machines(report: Report) -> Iterator[str]:
    for one in report.machines:
        picture, height = usage_svg.plot(one)
        yield (
            f'<div class="wide"><svg viewBox="0 0 {usage_svg.WIDTH} {height:.0f}"'
            f' width="{usage_svg.WIDTH}" role="img" font-size="12">{picture}</svg></div>'
        )


def _data(report: Report) -> Iterator[str]:
    rows = [
        (
            text(one.name),
            str(version.number),
            moment(version.written_at),
            text(version.writer),
            f"<code>{text(one.head, 300)}</code>" if place == 0 else "",
        )
        for one in report.data
        for place, version in enumerate(one.versions)
    ]
    if rows:
        yield _table(("Record", "Version", "Written", "By", "Value now"), rows, numbers="1")
    if report.more_data:
        yield _more(report.more_data, "record")


def _stale(report: Report) -> Iterator[str]:
    if not report.stale:
        if report.use:
            yield "<p>Nothing is stale.</p>"
    else:
        certain = sum(one.certain for one in report.stale)
        yield f"<p>{count(certain, 'job is', 'jobs are')} stale.</p>"
        rows = [
            (text(one.name), text(one.reasons, 500) + " (if its inputs change)" * (not one.certain))
            for one in report.stale[:_MOST_ROWS]
        ]
        yield _table(("Job", "Reason"), rows)
        if len(report.stale) > _MOST_ROWS:
            yield _more(len(report.stale) - _MOST_ROWS, "job")
    if report.unknown:
        jobs = count(report.unknown, "job")
        yield f'<p class="soft">Of {jobs} it is not known; they are kept.</p>'


# -- embedded files --------------------------------------------------------------------------------


def _files(files: Sequence[EmbeddedFile]) -> Iterator[str]:
    for group, members in groupby(files, key=lambda one: one.group):
        if group:
            yield f"<h3>{text(group)}</h3>"
        for one in members:
            yield f"<figure>{_content(one)}<figcaption>{_caption(one)}</figcaption></figure>"


def _content(one: EmbeddedFile) -> str:
    if one.image is not None:
        data = b64encode(one.data).decode()
        return f'<img alt="{text(one.caption or one.name)}" src="data:{one.image};base64,{data}">'
    if not one.data:
        return ""
    content = one.data.decode(errors="replace")
    return _csv_table(content, one.path) if one.table else f"<pre>{block(content)}</pre>"


def _csv_table(content: str, path: str) -> str:
    mark = "\t" if path.endswith(".tsv") else ","
    lines = content.splitlines()[: _TABLE_ROWS + 1]
    try:
        head, *rows = [
            [text(cell, 200) for cell in row] for row in csv.reader(lines, delimiter=mark)
        ]
    except (csv.Error, ValueError):
        return f"<pre>{block(content)}</pre>"
    return _table(head, rows)


def _caption(one: EmbeddedFile) -> str:
    caption = f"{text(one.caption)} · " if one.caption else ""
    note = f" ({text(one.note)})" if one.note else ""
    return f"{caption}<code>{text(one.path)}</code>{note}"
