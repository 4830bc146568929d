"""The log of the selected job: which file it is, which attempt, and the search in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import ComposeResult

from torc_tui.tui.cells import Line
from torc_tui.tui.panes.base import Pane
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.log_view import LogView
from torc_tui.tui.widgets.painted import Painted

STREAMS = ("stdout", "stderr")


class StatusLine(Painted):
    """One line under the log."""

    BASE = "header"
    text: Line = ()

    def say(self, line: Line) -> None:
        if line != self.text:
            self.text = line
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [[(" ", ""), *self.text]]


class LogPane(Pane):
    NAME = "log"
    TITLE = "Log"

    def __init__(self) -> None:
        super().__init__()
        self.shows: tuple[int, int] | None = None
        self.stream = "stdout"
        self.attempt: int | None = None
        self.files: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        yield FilterLine(lambda text: [], placeholder="search the whole log")
        yield LogView()
        yield StatusLine()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def freshen(self) -> None:
        view, job = self.owner.view, self.job
        if view is None or job is None:
            self.shows = None
            self.log_view.open(None)
            return
        wanted = (job.id, self.attempt or job.attempt_id)
        if wanted == self.shows:
            return
        self.shows = wanted
        workflow = view.workflow
        name = f"job_wf{workflow.id}_j{job.id}_r{workflow.run_id}_a{wanted[1]}"
        folder = str(Path(workflow.directory) / "torc_output" / "job_stdio")
        self.log_view.open(None)
        self.ask("files", lambda source: (wanted, _files(source, workflow.id, folder, name)))

    def job_changed(self) -> None:
        self.attempt = None
        super().job_changed()

    def take(self, what: str, value: Any) -> None:
        wanted, files = value
        if wanted != self.shows:
            return
        self.files = files
        self._open()

    def _open(self) -> None:
        path = self.files.get("combined") or self.files.get(self.stream)
        self.log_view.empty = "no log yet" if path is None else f"{self.stream} is empty"
        if path != (self.log_view.log_file.path if self.log_view.log_file is not None else None):
            self.log_view.open(path)
        self._status()

    def every_tick(self) -> None:
        view = self.log_view
        if view.log_file is not None:
            view.tick()
        if view.working:
            self._status()

    def every_second(self, now: float) -> None:
        # A job that began meanwhile has a log now.
        if self.log_view.log_file is None and self.shows is not None:
            self.shows = None
            self.freshen()

    def on_log_view_moved(self) -> None:
        self._status()

    def _status(self) -> None:
        view = self.log_view
        name = "stdout + stderr" if "combined" in self.files else self.stream
        line: list[tuple[str, str]] = [(name, "strong"), ("  ", "")]
        if self.shows is not None and self.shows[1] > 1:
            line += [(f"attempt {self.shows[1]}  ", "warning")]
        self.query_one(StatusLine).say([*line, *view.status()])

    # -- commands -----------------------------------------------------------------------------------------------------

    def do_log_stream(self) -> None:
        self.stream = STREAMS[1 - STREAMS.index(self.stream)]
        self._open()

    def do_log_attempt(self) -> None:
        job = self.job
        if job is not None and job.attempt_id > 1:
            now = self.attempt or job.attempt_id
            self.attempt = now - 1 if now > 1 else job.attempt_id
            self.freshen()

    def do_log_search(self) -> None:
        self.query_one(FilterLine).begin()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        event.stop()
        self.log_view.look_for(event.text)

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        self.log_view.focus()
        if self.log_view.pattern:
            self.log_view.do_log_next()

    def do_log_copy(self) -> None:
        view = self.log_view
        text = "\n".join(line.data.decode("utf-8", "replace") for line in view._lines)
        self.app.copy_to_clipboard(text)
        self.app.notify(f"{len(view._lines)} lines copied")

    def do_log_pager(self) -> None:
        import os
        import subprocess

        log = self.log_view.log_file
        if log is None:
            return
        with self.app.suspend():
            subprocess.run([os.environ.get("PAGER") or "less", log.path], check=False)


def _files(source: Any, workflow_id: int, folder: str, name: str) -> dict[str, str]:
    """In the reader thread: the log files that there are."""
    from torc_tui.store import records

    folders = [Path(folder)]
    for node in records.list_compute_nodes(source.store, workflow_id):
        options = node.get("options")
        given = options.get("output_dir") if isinstance(options, dict) else None
        if given:
            folders.insert(0, Path(given) / "job_stdio")
    found: dict[str, str] = {}
    for place in folders:
        for kind, ending in (("combined", "log"), ("stdout", "o"), ("stderr", "e")):
            path = place / f"{name}.{ending}"
            if kind not in found and path.exists():
                found[kind] = str(path)
        if found:
            break
    return found
