"""Show the output of jobs: all of it or its end, for one job also while it is written.

Input: a job or a glob, and which attempts. Output: the bytes unchanged for programs; for a
terminal, text with colors and without other control sequences.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import INTERRUPTED, note, print_stderr
from torc_tui.cli.targets import is_pattern
from torc_tui.errors import NotFound, UsageError
from torc_tui.status import SETTLED, TROUBLED, JobStatus
from torc_tui.views.ansi import Decoder
from torc_tui.wording import count, standing

_OF_JOB = "`torc logs JOB`"
_OPTIONS: Mapping[str, frozenset[str]] = {
    _OF_JOB: frozenset({"attempt", "run_id", "stdout", "stderr", "lines", "follow", "path"}),
    "--grep": frozenset(
        {"grep", "failed", "group", "context", "files_with_matches", "stdout", "stderr"}
    ),
    "bundle": frozenset({"failed", "group", "output"}),
    "analyze": frozenset(),
}
"""The options of each use of the command, besides the workflow."""
_WITH_OUTPUT = frozenset({JobStatus.RUNNING, JobStatus.COMPLETED})
_POLL_SECONDS = 0.1
_BLOCK = 1 << 20


def logs(call: Call) -> int | None:
    """Print the output of a job, its paths, or its output while it is written."""
    options = call.options
    words = options.words
    use = "--grep" if options.grep is not None else words[0] if words else _OF_JOB
    use = use if use in _OPTIONS else _OF_JOB
    _check_options(options, use)
    if use != _OF_JOB:
        from torc_tui.cli import log_tools

        return log_tools.TOOLS[use](call)
    if len(words) == 1 and is_pattern(words[0]):
        _print_jobs(call, words[0])
        return None
    job_id = _job(call, words)
    finder = AttemptFinder(call, job_id, run_id=options.run_id, attempt=options.attempt)
    if call.json:
        output.json_value({**finder.which(), "files": finder.files()})
        return None
    if options.path:
        for path in finder.files().values():
            output.path(path)
        return None
    if options.follow:
        try:
            _follow(call, finder)
        except KeyboardInterrupt:  # the usual way to stop following
            return INTERRUPTED
        return None
    _print_files(finder, options)
    return None


def _print_jobs(call: Call, pattern: str) -> None:
    """Print the output of all jobs that match; raise NotFound if none has any."""
    from torc_tui.cli.job_filters import named_jobs

    options = call.options
    if options.follow:
        raise UsageError(
            "--follow is for one job",
            hint="`torc events list -f` shows what happens to all jobs of a workflow",
        )
    finders = [
        AttemptFinder(call, job_id, run_id=options.run_id, attempt=options.attempt)
        for job_id in named_jobs(call, [pattern], options.workflow)
    ]
    if call.json:
        output.json_value([{**one.which(), "files": one.files()} for one in finders])
        return
    found = [one for one in finders if _wanted(one.files(), options)]
    if not found:
        raise NotFound(
            f"no job that matches {pattern!r} has log files",
            hint="`torc why JOB` explains its status",
        )
    for finder in found:
        if options.path:
            for path in _wanted(finder.files(), options).values():
                output.path(path)
            continue
        job = finder.which()
        sys.stdout.flush()
        print_stderr(f"--- {job['name']} (job {job['job_id']}), {job['status']}")
        _print_files(finder, options)
    if len(found) < len(finders):
        note(f"{count(len(finders) - len(found), 'other job')} without log files")


def _print_files(finder: AttemptFinder, options: Any) -> None:
    files = _wanted(finder.files(), options)
    if not files:
        raise NotFound(finder.nothing(), hint="`torc why JOB` explains its status")
    if not any(map(os.path.getsize, files.values())):
        note(f"the output of {finder.which()['name']} is empty")
    writer = _StandardOutput()
    for number, (name, path) in enumerate(files.items()):
        if len(files) > 1 and sys.stdout.isatty():
            sys.stdout.flush()
            print_stderr(f"{'' if number == 0 else chr(10)}--- {name}: {path}")
        writer.copy_from(path, _start(path, options.lines))
    writer.finish()


def _check_options(options: Any, use: str) -> None:
    """Refuse options that would have no effect."""
    for name in sorted(frozenset().union(*_OPTIONS.values()) - _OPTIONS[use]):
        value = getattr(options, name)
        if value is not None and value is not False:
            raise UsageError(
                f"--{name.replace('_', '-')} cannot be used with {use}",
                hint="`torc logs --help` lists the options",
            )


def _job(call: Call, words: list[str]) -> int:
    """Return the job named on the command line, or by default the latest job of the workflow."""
    if len(words) > 1:
        raise UsageError(
            f"unexpected argument {words[1]!r}",
            hint="write `torc logs JOB`, or `torc logs --grep REGEX` for the output of all jobs",
        )
    workflow = call.options.workflow
    if not words or (workflow is None and call.means_workflow(words[0])):
        return _latest(call, call.workflow_id(workflow or next(iter(words), None)))
    return call.job_id(words[0], workflow)


def _latest(call: Call, workflow_id: int) -> int:
    """Return the job that failed last, otherwise the job that started last; print its name."""
    from torc_tui.store import queries
    from torc_tui.store.selection import ListSelection

    for statuses, order in ((TROUBLED, "ended_at"), (_WITH_OUTPUT, "started_at")):
        wanted = ListSelection(statuses=statuses, sort_by=order, reverse=True, limit=1)
        for job in queries.list_jobs(call.store, workflow_id, wanted):
            note(f"{job['name']} (job {job['id']}), {job['status']}")
            return int(job["id"])
    raise NotFound(
        f"no job of workflow {workflow_id} has started yet",
        hint=f"`torc why -w {workflow_id}` explains what its jobs wait for",
    )


class AttemptFinder:
    """Finds the files of an attempt; it reads the database each time, because of new attempts."""

    def __init__(self, call: Call, job_id: int, *, run_id: int | None, attempt: int | None) -> None:
        self.store = call.store
        self.job_id = job_id
        self.run_id = run_id
        self.attempt = attempt

    def which(self) -> dict[str, Any]:
        """Return the job, and the selected run and attempt."""
        from torc_tui.store import queries, workflows

        job = queries.get_job(self.store, self.job_id)
        workflow = workflows.get_workflow(self.store, int(job["workflow_id"]))
        return {
            "job_id": self.job_id,
            "name": job["name"],
            "workflow_id": workflow.id,
            "run_id": self.run_id or workflow.run_id,
            "attempt_id": self.attempt or job["attempt_id"],
            "status": job["status"],
        }

    def files(self) -> dict[str, str]:
        """Return the existing files by stream, of the newest attempt that left any."""
        from torc_tui.store import log_files

        for one in reversed(log_files.attempts(self.store, self.job_id)):
            if self.run_id in (None, one.run_id) and self.attempt in (None, one.attempt_id):
                found = {name: path for name, path in one.streams if os.path.exists(path)}  # noqa: PTH110
                if found:
                    return found
        return {}

    def nothing(self) -> str:
        """Return the error for a job without log files."""
        job = self.which()
        known = f"job {self.job_id} ({job['name']})"
        chosen = {"run": self.run_id, "attempt": self.attempt}
        words = [f"{name} {number}" for name, number in chosen.items() if number is not None]
        if words:
            return f"{known} has no log files of {', '.join(words)}"
        return f"{known} {standing(job['status'])} and has no log files"


def chosen_streams(options: Any) -> tuple[str, ...]:
    """Return the names of the streams that ``--stdout`` and ``--stderr`` choose."""
    if options.stdout == options.stderr:
        return ("stdout", "stderr", "combined")
    return ("stdout" if options.stdout else "stderr", "combined")


def _wanted(files: Mapping[str, str], options: Any) -> dict[str, str]:
    streams = chosen_streams(options)
    return {name: path for name, path in files.items() if name in streams}


def _follow(call: Call, finder: AttemptFinder) -> None:
    """Print the output until the job has ended and everything is read."""
    writer = _StandardOutput()
    places: dict[str, int] = {}
    while True:
        ended = JobStatus.from_word(finder.which()["status"]) in SETTLED | TROUBLED
        for path in _wanted(finder.files(), call.options).values():
            if path not in places:
                places[path] = _start(path, call.options.lines)
            places[path] = writer.copy_from(path, places[path])
        sys.stdout.flush()
        if ended:
            writer.finish()
            return
        time.sleep(_POLL_SECONDS)


def _start(path: str, lines: int | None) -> int:
    """Return where the last ``lines`` lines begin; 0 for all of them."""
    if lines is None or not os.path.exists(path):  # an empty log is not kept  # noqa: PTH110
        return 0
    with open(path, "rb") as file:
        end = position = file.seek(0, os.SEEK_END)
        left = lines + 1
        while position > 0 and lines > 0:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            block = file.read(size)
            index = len(block)
            while (index := block.rfind(b"\n", 0, index)) >= 0:
                if position + index == end - 1:
                    continue  # the end of the last line
                left -= 1
                if left == 1:
                    return position + index + 1
        return 0 if lines > 0 else end


class _StandardOutput:
    """Writes to standard output: bytes for a program, safe text for a terminal."""

    def __init__(self) -> None:
        self._decoder = Decoder() if sys.stdout.isatty() else None
        self._color = "NO_COLOR" not in os.environ

    def copy_from(self, path: str, place: int) -> int:
        """Write the file from ``place`` on, and return where it ends."""
        try:
            with open(path, "rb") as file:
                file.seek(place)
                while block := file.read(_BLOCK):
                    self._write(block)
                    place += len(block)
        except FileNotFoundError:
            pass
        return place

    def finish(self) -> None:
        if self._decoder is not None:
            self._lines(self._decoder.finish())
        sys.stdout.flush()

    def _write(self, block: bytes) -> None:
        if self._decoder is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(block)
        else:
            self._lines(self._decoder.feed(block))

    def _lines(self, lines: Any) -> None:
        for line in lines:
            sys.stdout.write("".join(map(self._span, line)) + "\n")

    def _span(self, span: Any) -> str:
        codes = _codes(span.style) if self._color else ""
        return f"\x1b[{codes}m{span.text}\x1b[0m" if codes else str(span.text)


def _codes(style: Any) -> str:
    codes = [
        code
        for on, code in (
            (style.bold, "1"),
            (style.dim, "2"),
            (style.italic, "3"),
            (style.underline, "4"),
            (style.reverse, "7"),
            (style.strike, "9"),
        )
        if on
    ]
    for color, base in ((style.fg, 38), (style.bg, 48)):
        if isinstance(color, int):
            codes.append(f"{base};5;{color}")
        elif isinstance(color, str):
            red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
            codes.append(f"{base};2;{red};{green};{blue}")
    return ";".join(codes)
