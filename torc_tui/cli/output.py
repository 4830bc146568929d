"""What goes to standard output: tables with rounded borders for people, JSON for programs.

What comes in: records as plain dictionaries. What goes out: text, with hostile cells made sanitize.
The table stands alone on standard output; totals and remarks belong to standard error. On a
terminal it is cut to its width.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from torc_tui.cli.terminal_text import json_text, sanitize
from torc_tui.reasons import Reason
from torc_tui.wording import sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Column = tuple[str, str | Callable[[Mapping[str, Any]], object]]
    """Heading, and the key of a record or a function of it."""

_LONGEST = 300  # no cell is wider, also where no terminal limits it: 5 MB of data are for JSON
_NARROWEST = 4
_LISTED = 20


def table(columns: Sequence[Column], records: Iterable[Mapping[str, Any]]) -> None:
    """Print the records as a table; nothing at all when there are none."""
    rows = [[cell(_value(record, source)) for _, source in columns] for record in records]
    if rows:
        sys.stdout.write(render([heading for heading, _ in columns], rows, _terminal_width()))


def json_value(value: Any) -> None:
    """Print a value as JSON with two spaces."""
    sys.stdout.write(json_text(value) + "\n")


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values of one thing, a line each; None is left out."""
    shown = [(name, cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        sys.stdout.write(f"{name + ':':<{width + 1}} {value}\n")


def record(values: Mapping[str, Any]) -> None:
    """Print a record, a line for each of its values; empty lists and what is not there are left
    out."""
    fields(
        (
            key.replace("_", " ").capitalize(),
            when(value) if key.endswith(("_at", "_before", "mtime")) else value,
        )
        for key, value in values.items()
        if value != []
    )


def line(text: str) -> None:
    """Print one line of text, made sanitize."""
    sys.stdout.write(sanitize(text) + "\n")


def never(jobs: Sequence[Any]) -> None:
    """The jobs (job_id, name, reason) that cannot run on this machine, each with what it lacks."""
    for job in jobs[:_LISTED]:
        line(f"  {job.name} (job {job.job_id}) is {sentence(job.reason)}")
    if len(jobs) > _LISTED:
        line(f"  … and {len(jobs) - _LISTED} more unschedulable jobs")


def unicode() -> bool:
    """Whether standard output can carry more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def flush() -> None:
    """Let a reader see now what was printed."""
    sys.stdout.flush()


def cell(value: object) -> str:
    """A value as a table shows it: nothing for None, words for truth, JSON for nested values, one
    line, no controls."""
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (dict, list)):
        text = json_text(value, indent=None)
    elif isinstance(value, Reason):
        text = sentence(value)
    else:
        text = str(value)
    if len(text) <= _LONGEST and text.isprintable():
        return text
    from torc_tui.views.ansi import one_line

    return one_line(text, _LONGEST)


def render(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """The table as text. ``width``: columns of the terminal; the widest columns give way until it
    fits."""
    widths = [_cells(heading) for heading in headings]
    for row in rows:
        for index, text in enumerate(row):
            size = _cells(text)
            if size > widths[index]:
                widths[index] = size
    if width is not None:
        _squeeze(widths, width - 3 * len(widths) - 1)
    bar = ["─" * (size + 2) for size in widths]
    lines = [f"╭{'┬'.join(bar)}╮", _row(headings, widths), f"├{'┼'.join(bar)}┤"]
    lines += [_row(row, widths) for row in rows]
    lines.append(f"╰{'┴'.join(bar)}╯\n")
    return "\n".join(lines)


def when(seconds: object) -> str | None:
    """A time (seconds since the epoch) in the local zone, to the second."""
    if not isinstance(seconds, (int, float)):
        return None
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _value(
    record: Mapping[str, Any], source: str | Callable[[Mapping[str, Any]], object]
) -> object:
    return record.get(source) if isinstance(source, str) else source(record)


def _row(texts: Sequence[str], widths: Sequence[int]) -> str:
    return f"│ {' │ '.join(map(_fit, texts, widths))} │"


def _fit(text: str, width: int) -> str:
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    size = _cells(text)
    if size > width:
        from rich.cells import set_cell_size

        cut = set_cell_size(text, width - 1).rstrip() + "…"
        return cut + " " * (width - _cells(cut))
    return text + " " * (width - size)


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _squeeze(widths: list[int], room: int) -> None:
    """Narrow the widest until the sum fits, or nothing can give way any more."""
    while sum(widths) > room:
        widest = max(widths)
        if widest <= _NARROWEST:
            return
        second = max((size for size in widths if size < widest), default=_NARROWEST)
        several = widths.count(widest)
        goal = max(second, widest - -(-(sum(widths) - room) // several), _NARROWEST)
        widths[:] = [goal if size == widest else size for size in widths]


def _terminal_width() -> int | None:
    try:
        if not sys.stdout.isatty():
            return None
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _json_cell(key: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda record: json_text(record.get(key), indent=None)


USER_DATA: Sequence[Column] = (
    ("ID", "id"),
    ("Name", "name"),
    ("Data", _json_cell("data")),
    ("Workflow ID", "workflow_id"),
)
WORKFLOWS: Sequence[Column] = (
    ("ID", "id"),
    ("Name", "name"),
    ("State", "state"),
    ("Jobs", lambda record: f"{record['completed_jobs']}/{record['total_jobs']}"),
    ("Failed", "failed_jobs"),
    ("Description", "description"),
    ("Project", "project"),
    ("Metadata", "metadata"),
    ("Timestamp", "timestamp"),
)
SOME_WORKFLOWS = ("project", "metadata")
"""Shown where some workflow has them."""
JOBS: Sequence[Column] = (
    ("ID", "id"),
    ("Name", "name"),
    ("Status", "status"),
    ("Command", "command"),
)
FILES: Sequence[Column] = (
    ("ID", "id"),
    ("Name", "name"),
    ("Path", "path"),
    ("Modified Time", lambda record: when(record.get("st_mtime"))),
)
EVENTS: Sequence[Column] = (
    ("Timestamp", lambda record: when(record["timestamp"] / 1000)),
    ("Level", "level"),
    ("Event Type", "event_type"),
    ("Job ID", "job_id"),
    ("Data", "data"),
)
REQUIREMENTS: Sequence[Column] = (
    ("ID", "id"),
    ("Name", "name"),
    ("CPUs", "num_cpus"),
    ("GPUs", "num_gpus"),
    ("Nodes", "num_nodes"),
    ("Memory", "memory"),
    ("Runtime", "runtime"),
)
FAILURE_HANDLERS: Sequence[Column] = (("ID", "id"), ("Name", "name"), ("Rules", "rules"))
