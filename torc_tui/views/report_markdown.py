"""Write a report as Markdown, for a wiki or a pull request.

Input: `Report`. Output: the document. Names are escaped, so that they are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from torc_tui.model import JobUse
from torc_tui.views.ansi import one_line
from torc_tui.views.report import Report, result_counts
from torc_tui.views.resource_use import by_group
from torc_tui.wording import count, duration, failure_line, listed, moment, size

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
_MOST_ROWS = 100


def markdown(report: Report) -> str:
    """Return the document."""
    parts = [
        _head(report),
        _failures(report),
        _path(report),
        _files(report),
        _results(report),
        _use(report),
        _data(report),
        _stale(report),
        [f"*{_text(report.program)}, {moment(report.made_at)}*"],
    ]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _text(value: str, most: int = 200) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(value, most))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _head(report: Report) -> Iterator[str]:
    workflow = report.workflow
    yield f"# {_text(workflow.name)}"
    yield ""
    if workflow.description:
        yield _text(workflow.description, 2000)
        yield ""
    facts = [f"workflow {workflow.id}", f"run {workflow.run_id}", f"state: {workflow.state}"]
    if report.span is not None:
        facts.append(f"{moment(report.span[0])} to {moment(report.span[1])}")
        facts.append(duration(report.seconds))
    yield f"{', '.join(facts)}; in {_text(workflow.directory, 500)}"
    yield ""
    counts = [f"{number} {status.word}" for status, number in result_counts(report).items()]
    yield f"**{count(len(report.jobs), 'job')}**: {', '.join(counts)}"


def _failures(report: Report) -> Iterator[str]:
    if report.failures:
        yield "## Failures"
        yield ""
        rows = [
            (
                str(len(group.jobs)),
                _text(listed(group.names)),
                _text(failure_line(*group.signature.key)),
                str(len(group.canceled) or ""),
            )
            for group in report.failures[:_MOST_ROWS]
        ]
        yield from _table(("Failed", "Jobs", "Reason", "Canceled after it"), rows)


def _path(report: Report) -> Iterator[str]:
    if report.path:
        yield "## Critical path"
        yield ""
        rows = [
            (_text(step.name), step.status.word, duration(step.waited), duration(step.seconds))
            for step in report.path[:_MOST_ROWS]
        ]
        yield from _table(("Job", "Status", "Waited", "Ran"), rows)


def _files(report: Report) -> Iterator[str]:
    if report.files:
        yield "## Figures and tables"
        yield ""
        for one in report.files:
            caption = _text(one.caption or one.name)
            yield f"- {caption}: {_text(one.path, 500)}"


def _results(report: Report) -> Iterator[str]:
    if report.use:
        yield "## Results"
        yield ""
        names = report.parameters
        heads = ["Job", *map(_text, names), "Status", "Code", "Time", "Memory", "CPU"]
        yield from _table(heads, (_result(job, names) for job in report.use))


def _result(job: JobUse, names: Sequence[str]) -> list[str]:
    used = job.attempt
    row = [_text(job.name)]
    row += [_text(str(job.parameters[name])) if name in job.parameters else "" for name in names]
    row.append(job.status.word)
    if used is None:
        return [*row, "", "", "", ""]
    cpu = used.peak_cpu_percent
    return [
        *row,
        "" if used.return_code is None else str(used.return_code),
        duration(used.seconds),
        "" if used.peak_memory is None else size(used.peak_memory),
        "" if cpu is None else f"{cpu / 100:.2f}",
    ]


def _use(report: Report) -> Iterator[str]:
    groups = by_group(report.use, report.requirements)
    if groups:
        yield "## Requested and used"
        yield ""
        rows = [
            (
                _text(one.group),
                str(one.jobs),
                one.resource.value,
                "" if one.share is None else f"{one.share * 100:.0f} %",
                one.sentence,
            )
            for one in groups[: 4 * _MOST_ROWS]
        ]
        yield from _table(("Group", "Jobs", "Resource", "Used", "Details"), rows)


def _data(report: Report) -> Iterator[str]:
    if report.data:
        yield "## User data"
        yield ""
        rows = [
            (
                _text(one.name),
                str(version.number),
                moment(version.written_at),
                _text(version.writer),
            )
            for one in report.data
            for version in one.versions
        ]
        yield from _table(("Record", "Version", "Written", "By"), rows)


def _stale(report: Report) -> Iterator[str]:
    if report.stale:
        yield "## What is stale"
        yield ""
        rows = [(_text(one.name), _text(one.reasons, 500)) for one in report.stale[:_MOST_ROWS]]
        yield from _table(("Job", "Reason"), rows)
        if len(report.stale) > _MOST_ROWS:
            yield f"\nand {len(report.stale) - _MOST_ROWS} more"
