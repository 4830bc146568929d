"""Show the output of a job: all of it or its end, also while it is written.

Input: a job, and which attempt of it. Output: the bytes unchanged for programs; for a terminal,
text with colors and without other control sequences.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import INTERRUPTED, say
from torc_tui.errors import NotFound
from torc_tui.views.ansi import Decoder

ENDINGS = {".o": "stdout", ".e": "stderr", ".log": "combined"}
LOOK_EVERY = 0.1
_BLOCK = 1 << 20
_FINAL = frozenset({"completed", "failed", "canceled", "terminated", "disabled", "pending_failed"})


def attempt_paths(
    folder: str, workflow_id: int, job_id: int, run_id: int, attempt: int
) -> dict[str, str]:
    """Return the existing log files of an attempt: ``stdout``, ``stderr`` or ``combined``."""
    from torc_tui.store.log_files import attempt_stem

    stem = attempt_stem(folder, workflow_id, job_id, run_id, attempt)
    return {
        name: stem + ending
        for ending, name in ENDINGS.items()
        if os.path.exists(stem + ending)  # noqa: PTH110
    }


def logs(call: Call) -> int | None:
    options = call.options
    job_id = call.job_id(options.job, options.workflow)
    finder = Finder(call, job_id, run_id=options.run_id, attempt=options.attempt)
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
        except KeyboardInterrupt:  # the usual way to stop looking, and nothing to be told of
            return INTERRUPTED
        return None
    files = _wanted(finder.files(), options)
    if not files:
        raise NotFound(finder.nothing(), hint="`torc why JOB` explains its status")
    writer = _Writer()
    for number, (name, path) in enumerate(files.items()):
        if len(files) > 1 and sys.stdout.isatty():
            sys.stdout.flush()
            say(f"{'' if number == 0 else chr(10)}--- {name}: {path}")
        writer.copy(path, options.lines)
    writer.finish()
    return None


class Finder:
    """Finds the files of the attempt that is meant; asks again each time, since a new attempt may
    have begun.
    """

    def __init__(
        self, call: Call, job_id: int, *, run_id: int | None = None, attempt: int | None = None
    ) -> None:
        from torc_tui.store import queries, workflows

        self.call = call
        self.job_id = job_id
        self.run_id = run_id
        self.attempt = attempt
        self.queries = queries
        self.job = queries.get_job(call.store, self.job_id)
        self.workflow = workflows.get_workflow(call.store, int(self.job["workflow_id"]))

    def which(self) -> dict[str, Any]:
        """Job, run and attempt that are meant."""
        self.job = self.queries.get_job(self.call.store, self.job_id)
        return {
            "job_id": self.job_id,
            "name": self.job["name"],
            "workflow_id": self.workflow.id,
            "run_id": self.run_id or self.workflow.run_id,
            "attempt_id": self.attempt or self.job["attempt_id"],
            "status": self.job["status"],
        }

    def files(self) -> dict[str, str]:
        """The files of that attempt; without a wish, those of the latest one that left any."""
        which = self.which()
        folders = self._folders()
        for folder in folders:
            found = attempt_paths(
                folder, self.workflow.id, self.job_id, which["run_id"], which["attempt_id"]
            )
            if found:
                return found
        return self._latest(folders)

    def nothing(self) -> str:
        which = self.which()
        return f"job {self.job_id} ({which['name']}) is {which['status']} and has no log files"

    def _folders(self) -> list[str]:
        """Every output folder that a runner of the workflow had, the last first."""
        from torc_tui.store.log_files import output_folder

        nodes = self.queries.list_compute_nodes(self.call.store, self.workflow.id)
        found = [
            node["options"].get("log_location") or node["options"].get("output_dir")
            for node in reversed(nodes)
            if node.get("options")
        ]
        default = output_folder(self.workflow.directory)
        return [folder for folder in dict.fromkeys([*found, default]) if folder]

    def _latest(self, folders: list[str]) -> dict[str, str]:
        name = rf"job_wf{self.workflow.id}_j{self.job_id}_r(\d+)_a(\d+)"
        found: list[tuple[int, int, str]] = []
        for folder in folders:
            directory, mark, log_id = folder.partition("//")
            ending = re.escape(f"_{log_id}") if mark else ""
            pattern = re.compile(rf"{name}{ending}\.(?:o|e|log)")
            matches = filter(None, map(pattern.fullmatch, _names(f"{directory}/job_stdio")))
            found += [(int(match[1]), int(match[2]), folder) for match in matches]
        found = [
            one for one in found if self.run_id in (None, one[0]) and self.attempt in (None, one[1])
        ]
        if not found:
            return {}
        run_id, attempt, folder = max(found)
        return attempt_paths(folder, self.workflow.id, self.job_id, run_id, attempt)


def _names(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name
    except OSError:
        return


def _wanted(files: Mapping[str, str], options: Any) -> dict[str, str]:
    if options.stdout == options.stderr:
        return dict(files)
    wanted = "stdout" if options.stdout else "stderr"
    return {name: path for name, path in files.items() if name in (wanted, "combined")}


def _follow(call: Call, finder: Finder) -> None:
    """Print what is there and what comes, until the job has ended and all is read."""
    writer = _Writer()
    places: dict[str, int] = {}
    while True:
        ended = finder.which()["status"] in _FINAL
        for path in _wanted(finder.files(), call.options).values():
            if path not in places:
                places[path] = _start(path, call.options.lines)
            places[path] = writer.copy_from(path, places[path])
        writer.flush()
        if ended:
            writer.finish()
            return
        time.sleep(LOOK_EVERY)


def _start(path: str, lines: int | None) -> int:
    """Where to begin so that the last ``lines`` lines are printed; 0 without a wish."""
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


class _Writer:
    """Standard output: bytes as they are for a program, sanitize text for a terminal."""

    def __init__(self) -> None:
        self._decoder = Decoder() if sys.stdout.isatty() else None
        self._colour = "NO_COLOR" not in os.environ

    def copy(self, path: str, lines: int | None) -> None:
        self.copy_from(path, _start(path, lines))

    def copy_from(self, path: str, place: int) -> int:
        """Write the file from ``place`` on; the place where it ended."""
        try:
            with open(path, "rb") as file:
                file.seek(place)
                while block := file.read(_BLOCK):
                    self._write(block)
                    place += len(block)
        except FileNotFoundError:
            pass
        return place

    def flush(self) -> None:
        sys.stdout.flush()

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
        codes = _codes(span.style) if self._colour else ""
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
    for colour, base in ((style.fg, 38), (style.bg, 48)):
        if isinstance(colour, int):
            codes.append(f"{base};5;{colour}")
        elif isinstance(colour, str):
            red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
            codes.append(f"{base};2;{red};{green};{blue}")
    return ";".join(codes)
