"""Write the outputs and results of the jobs of a batch in input order.

Input: the events of the run, and the ids of the jobs in input order. Output: the outputs of the
jobs on standard output and standard error, and one record per job in a CSV or JSONL file.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import stat
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from torc_tui.cli.diagnostics import print_stderr
from torc_tui.cli.lost_terminal import redirect
from torc_tui.cli.progress import SafeObserver
from torc_tui.cli.terminal_text import sanitize
from torc_tui.engine.report import NO_NAMES, Observer
from torc_tui.errors import UsageError
from torc_tui.model import END_EVENTS, Event
from torc_tui.operations.batches import BatchJob
from torc_tui.status import SETTLED, JobStatus
from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.log_files import stream_paths

_OVER = SETTLED | {JobStatus.PENDING_FAILED}
_LARGEST_OUTPUT = 1 << 20
"""Maximum number of bytes of an output in a record."""


class ResultsFile:
    """The file of ``--results``: opened before any job is stored, emptied with the first jobs."""

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        self._is_csv = path.lower().endswith(".csv")
        if not self._is_csv and not path.lower().endswith((".jsonl", ".ndjson")):
            raise UsageError(f"--results {path}: the file must end in .csv or .jsonl")
        self._values = columns
        self._names = (
            *("seq", "job_id", "name", "command", *columns, "status", "return_code"),
            *("started_at", "exec_time_s", "stdout", "stderr"),
        )
        for column in columns:
            if self._names.count(column) > 1:
                raise UsageError(
                    f"--results {path}: the records have a column {column!r} of their own",
                    hint="give the parameter another name",
                )
        try:
            self._file = open(path, "a", encoding="utf-8", newline="")  # noqa: SIM115 - until `close`
        except OSError as error:
            raise UsageError(f"--results {path}: cannot be written: {error.strerror}") from error
        self._writer = csv.writer(self._file) if self._is_csv else None

    def begin(self) -> None:
        """Remove earlier records, and write the header."""
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(0)
        if self._writer is not None:
            self._writer.writerow(self._names)

    def write(self, seq: int, row: sql.BatchResultRow, outputs: tuple[str | None, ...]) -> None:
        """Write the record of a job."""
        values = json.loads(row.parameter_values) if row.parameter_values else {}
        lasted = None
        if row.started_at is not None and row.ended_at is not None:
            lasted = round(row.ended_at - row.started_at, 6)
        record: dict[str, Any] = {
            "seq": seq,
            "job_id": row.id,
            "name": row.name,
            "command": row.command,
            **{name: values.get(name) for name in self._values},
            "status": row.status.word,
            "return_code": row.return_code,
            "started_at": row.started_at,
            "exec_time_s": lasted,
            "stdout": _text(outputs[0]),
            "stderr": _text(outputs[1]) if outputs[1] != outputs[0] else None,
        }
        if self._writer is not None:
            self._writer.writerow([record[name] for name in self._names])
        else:
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class BatchResults(SafeObserver):
    """An observer that also writes results, each once all earlier jobs have ended."""

    def __init__(
        self, store: Store, stdio_mode: str, *, prints: bool, file: ResultsFile | None
    ) -> None:
        self.order: deque[BatchJob] = deque()
        """The jobs with results still to be written, in input order; another thread appends."""
        self._store = store
        self._mode = stdio_mode
        self._prints = prints
        self._file = file
        self.is_incomplete = False
        """Whether something could not be written, other than into a pipe that nobody reads."""
        self._ended: set[int] = set()
        self._seq = 0

    def begin(self) -> None:
        """Begin the results file; called after the first jobs are stored."""
        if self._file is not None:
            self._file.begin()

    def around(self, observer: Observer) -> BatchResults:
        """Forward all events to another observer."""
        super().__init__(observer)
        return self

    def events(self, events: Sequence[Event], names: Mapping[int, str] = NO_NAMES) -> None:
        """Write the results that are next in input order."""
        self.guard(lambda: self.observer.events(events, names))
        self._ended |= {one.job_id for one in events if one.kind in END_EVENTS and one.job_id}
        self.guard(self._write_ended)

    def finish(self) -> None:
        """Write the records of the remaining jobs with their status after the run."""
        while self.order:
            job = self.order.popleft()
            self._write(job, self._row(job))
        if self._file is not None:
            self._file.close()

    def _write_ended(self) -> None:
        while self.order and (self.order[0].is_skipped or self.order[0].id in self._ended):
            job = self.order[0]
            row = self._row(job)
            self._ended.discard(job.id)
            if row is not None and row.status not in _OVER:
                return  # it is retried
            self.order.popleft()
            self._write(job, row)

    def _row(self, job: BatchJob) -> sql.BatchResultRow | None:
        with self._store.read() as conn:
            return conn.one(sql.BATCH_RESULT, job_id=job.id)

    def _write(self, job: BatchJob, row: sql.BatchResultRow | None) -> None:
        """Print the output of a job that ran, and write its record."""
        if row is None:
            return
        self._seq += 1
        outputs: tuple[str | None, ...] = (None, None)
        if row.log_stem is not None:
            outputs = stream_paths(row.log_stem, self._mode)
        if self._prints and not job.is_skipped:
            self._print(outputs)
        if self._file is not None:
            try:
                self._file.write(self._seq, row, outputs)
            except OSError as error:
                self._file, self.is_incomplete = None, True
                print_stderr(f"--results: can no longer be written: {error.strerror}")

    def _print(self, outputs: tuple[str | None, ...]) -> None:
        """Print the output of a job; the run continues if the reader is gone."""
        try:
            for path, stream in zip(dict.fromkeys(outputs), (sys.stdout, sys.stderr), strict=False):
                _copy(path, stream)
        except OSError as error:
            self._prints = False
            redirect([sys.stdout])
            if not isinstance(error, BrokenPipeError):
                self.is_incomplete = True
                print_stderr(f"outputs can no longer be printed: {error.strerror}")


def _copy(path: str | None, stream: TextIO) -> None:
    """Print a file: its bytes into a pipe, printable characters on a terminal."""
    if path is None:
        return
    with suppress(FileNotFoundError), Path(path).open("rb") as file:  # empty files are deleted
        if stream.isatty():
            for line in file:
                stream.write(sanitize(line.decode("utf-8", "surrogateescape"), "\n\t"))
        else:
            stream.flush()
            shutil.copyfileobj(file, stream.buffer)
        stream.flush()


def _text(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_OUTPUT).decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        return ""
