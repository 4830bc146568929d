"""Print to standard output: tables and lines for people, JSON for programs.

Input: records as dictionaries. Output: text without control characters. Only the answer goes to
standard output; totals and remarks go to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.cli.columns import OutputColumn, when
from torc_tui.cli.table_layout import ASCII, UNICODE, render
from torc_tui.cli.terminal_text import json_text, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torc_tui.reasons import Reason

_LONGEST = 300
"""Characters of a cell, also where no terminal limits the width; larger values are for JSON."""
_LISTED = 20
"""How many jobs are listed one by one."""
_WARNED = 5
"""How many jobs are listed one by one with their warnings."""


def table(
    columns: Sequence[OutputColumn], records: Sequence[Mapping[str, Any]], *, wide: bool = False
) -> list[OutputColumn]:
    """Print records as a table, nothing if there are none; return the columns without room.

    On a terminal the table gets its width, unless it is ``wide``.
    """
    rows = [[cell(column.value(record)) for column in columns] for record in records]
    if not rows:
        return []
    if not unicode():
        encoding = sys.stdout.encoding or "ascii"
        rows = [
            [text.encode(encoding, "backslashreplace").decode(encoding) for text in row]
            for row in rows
        ]
    used = [
        index
        for index, column in enumerate(columns)
        if not column.some or any(row[index] for row in rows)
    ]
    found = render(
        [columns[index].heading for index in used],
        [[row[index] for index in used] for row in rows],
        None if wide else terminal_width(),
        shapes=[columns[index].shape for index in used],
        frame=UNICODE if unicode() else ASCII,
    )
    sys.stdout.write(found.text)
    return [columns[used[index]] for index in found.left_out]


def json_value(value: Any) -> None:
    """Print a value as JSON, indented by two spaces."""
    sys.stdout.write(json_text(value) + "\n")


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one per line; None is left out."""
    shown = [(name, cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        sys.stdout.write(f"{name + ':':<{width + 1}} {value}\n")


def record(values: Mapping[str, Any]) -> None:
    """Print a record, one value per line; None and empty lists are left out."""
    fields(
        (key.replace("_", " ").capitalize(), _in_local_time(key, value))
        for key, value in values.items()
        if value != []
    )


def _in_local_time(key: str, value: object) -> object:
    if key.endswith(("_at", "_before", "mtime")):
        return when(value)
    if key in ("timestamp", "start_time", "completion_time") and isinstance(value, str):
        from datetime import datetime

        return when(datetime.fromisoformat(value).timestamp())
    return value


def line(text: str) -> None:
    """Print one line of text without control characters."""
    sys.stdout.write(sanitize(text) + "\n")


def text(value: str) -> None:
    """Print a text: for a terminal without control characters, for programs as it is."""
    sys.stdout.write((sanitize(value, "\n\t") if sys.stdout.isatty() else value) + "\n")


def document(value: str, file: str | None) -> None:
    """Print a document, or write it to a file: UTF-8 without half surrogate pairs."""
    if file in (None, "-"):
        text(value.removesuffix("\n"))
        return
    from pathlib import Path

    from torc_tui.cli.diagnostics import print_stderr

    Path(str(file)).write_bytes(value.encode(errors="backslashreplace"))
    print_stderr(f"Wrote {file}")


def path(value: str) -> None:
    """Print a path: for a terminal escaped, for programs with its bytes as they are."""
    if value.isprintable() or sys.stdout.isatty():
        line(value)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(value) + b"\n")
    sys.stdout.buffer.flush()


def unschedulable(jobs: Sequence[Any], *, in_allocation: bool = False) -> list[str]:
    """Return lines about unschedulable jobs (job_id, name, reason), one for each reason.

    What one allocation cannot run, another can.
    """
    from torc_tui.wording import count, listed, sentence

    groups: dict[str, list[Any]] = {}
    for job in jobs:
        text = sentence(job.reason)
        if in_allocation:
            text = f"left to other allocations: {'; '.join(map(sentence, job.reason['lacks']))}"
        groups.setdefault(text, []).append(job)
    lines = []
    for reason, same in list(groups.items())[:_LISTED]:
        if len(same) == 1:
            lines.append(f"{same[0].name} (job {same[0].job_id}) is {reason}")
        else:
            names = listed(job.name for job in same)
            lines.append(f"{count(len(same), 'job')} ({names}) are {reason}")
    if len(groups) > _LISTED:
        lines.append(f"and jobs with {len(groups) - _LISTED} other reasons")
    return lines


def holds(found: Sequence[tuple[Reason, int]], workflow_id: int) -> list[str]:
    """Return lines about held jobs, one for each reason, and how to release them."""
    from torc_tui.reasons import Kind, because
    from torc_tui.wording import sentence

    shown = [sentence(because(Kind.JOBS_HELD, number=n, reason=reason)) for reason, n in found]
    lines = shown[:_LISTED]
    if len(shown) > _LISTED:
        lines.append(f"and jobs are held for {len(shown) - _LISTED} other reasons")
    if lines:
        lines[-1] += f"; release with `torc jobs release {workflow_id} --where held:yes`"
    return lines


def warnings(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return lines about jobs with warnings (job_id, name, warnings)."""
    lines = [
        f"warning: {job['name']} (job {job['job_id']}): {warning}"
        for job in jobs[:_WARNED]
        for warning in job["warnings"]
    ]
    if len(jobs) > _WARNED:
        lines.append(f"and {len(jobs) - _WARNED} more jobs with warnings (-f json lists all)")
    return lines


def unicode() -> bool:
    """Return whether standard output can carry more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def cell(value: object) -> str:
    """Return a value as one line of a table: yes and no for truth, JSON for nested values."""
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else _text_of(value)
    if len(text) <= _LONGEST and text.isprintable():
        return text
    from torc_tui.views.ansi import one_line

    return one_line(text, _LONGEST)


def _text_of(value: object) -> str:
    if isinstance(value, (dict, list)):
        return json_text(value, indent=None)
    if isinstance(value, int):
        return str(value)
    from torc_tui.reasons import Reason
    from torc_tui.wording import sentence

    return sentence(value) if isinstance(value, Reason) else str(value)


def terminal_width() -> int | None:
    """Return the columns of the terminal; None if standard output is no terminal."""
    try:
        if not sys.stdout.isatty():
            return None
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None
