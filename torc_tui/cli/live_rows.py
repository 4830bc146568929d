"""Compose the lines that a run draws on a terminal.

Input: a view of the workflow, and the output of running jobs. Output: lines of plain text, which
may be longer than the terminal is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from torc_tui.cli.run_messages import printable
from torc_tui.errors import TorcError
from torc_tui.model import DEFAULT_REQUIREMENTS, Job, Machine
from torc_tui.operations.stderr_tail import tail
from torc_tui.store import log_files
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple
from torc_tui.views.run_progress import Progress
from torc_tui.views.text_cells import fit, width_of
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import count, duration, listed, size, time_range

_MOST_GROUPS = 6
_NAME_WIDTH = 24
_OUTPUT_SECONDS = 0.5
"""Age of a job whose output is read, and time between two reads."""


class Signs(NamedTuple):
    """Characters of a bar, the mark of a running job, and that of a cut."""

    full: str
    empty: str
    arrow: str
    cut: str


UNICODE, ASCII = Signs("█", "░", "▶", "…"), Signs("#", ".", ">", "...")


def bar(progress: Progress, width: int, signs: Signs) -> str:
    """Return a bar, how many jobs have finished, how many failed, and the estimate."""
    full = round(width * progress.fraction)
    text = f"{signs.full * full}{signs.empty * (width - full)} {progress.done}/{progress.total}"
    if progress.failed:
        text += f"  {progress.failed} failed"
    if progress.canceled:
        text += f"  {progress.canceled} canceled"
    if progress.eta and progress.done < progress.total:
        text += f"  ETA {time_range(*progress.eta)}"
    return text


def use(view: WorkflowView, machine: Machine) -> str:
    """Return what the running jobs request of the machine; empty if it is not the only one."""
    if len(view.nodes) > 1:
        return ""
    running = [view.jobs[job_id] for job_id in view.running]
    requested = [view.requirements.get(job.requirement_id or 0) for job in running]
    each = [DEFAULT_REQUIREMENTS if one is None else one for one in requested]
    cpus = sum(one.num_cpus for one in each)
    parts = [f"{cpus:g} of {count(machine.num_cpus, 'CPU')}"]
    memory = sum(one.memory or 0 for one in each)
    if memory:
        parts.append(f"{size(memory)} of {size(machine.memory)}")
    if machine.gpus:
        gpus = sum(one.num_gpus for one in each)
        parts.append(f"{gpus:g} of {count(len(machine.gpus), 'GPU')}")
    return ", ".join(parts)


def groups(view: WorkflowView, now: float, signs: Signs, most: int) -> list[str]:
    """Return a line for each job group with several jobs: running ones first, finished ones last.

    Nothing is returned for a workflow whose jobs are one group.
    """
    if len(view.group_sizes) < 2 or max(view.group_sizes.values(), default=0) < 2:
        return []
    found = [one for one in view.group_progress(now) if one[1].total > 1]
    found.sort(key=lambda one: (not one[1].running, one[1].done == one[1].total))
    shown = found[: min(most, _MOST_GROUPS)]
    width = max((width_of(name) for name, _ in shown), default=0)
    width = min(width, _NAME_WIDTH)
    lines = []
    for name, progress in shown:
        running = f"  {progress.running} running" if progress.running else ""
        line = f"  {_name(name, width, signs)}  {bar(progress, 10, signs)}{running}"
        lines.append(line)
    if len(found) > len(shown):
        lines.append(f"  {listed([], more=len(found) - len(shown))} job groups")
    return lines


def running(
    jobs: Sequence[Job], now: float, output: LastLines, signs: Signs, columns: int
) -> list[str]:
    """Return a line for each running job: its name, elapsed time and last line of output."""
    width = min(max((width_of(job.name) for job in jobs), default=0), max(10, columns // 3))
    lines = []
    for job in jobs:
        elapsed = max(0.0, now - (job.started_at or now))
        mark = "  suspended" if job.suspended else ""
        last = output.of(job, now) if elapsed >= _OUTPUT_SECONDS else ""
        name = _name(job.name, width, signs)
        lines.append(f"  {signs.arrow} {name}  {duration(elapsed):<8}{mark}  {last}".rstrip())
    return lines


def _name(name: str, width: int, signs: Signs) -> str:
    """Return a name padded, or cut in the middle because names of a group differ at their ends."""
    return fit(printable(name), width, side="middle", mark=signs.cut)


class LastLines:
    """The last line of output of running jobs, read again after half a second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[int, tuple[int, str | None, float, str]] = {}

    def of(self, job: Job, now: float) -> str:
        """Return the last line that a job has written; empty if there is none."""
        attempt, path, read_at, line = self._known.get(job.id, (-1, None, 0.0, ""))
        if attempt != job.attempt_id:
            attempt, path, line = job.attempt_id, self._path(job), ""
        elif now - read_at < _OUTPUT_SECONDS:
            return line
        lines = tail(path, 1) if path is not None else []
        line = lines[-1] if lines else line
        self._known[job.id] = (attempt, path, now, line)
        return line

    def _path(self, job: Job) -> str | None:
        with suppress(TorcError):
            attempts = log_files.attempts(self._store, job.id)
            return attempts[-1].stdout if attempts else None
        return None
