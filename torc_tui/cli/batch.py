"""Run commands from the command line, a file or standard input as one workflow.

Input: commands, and the lines and parameters for their placeholders. Output: a workflow, its
progress and its results. Jobs run while further lines arrive.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Literal

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.batch_input import BatchInput
from torc_tui.cli.batch_results import BatchResults, ResultsFile
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, WRONG_USE, note, print_stderr
from torc_tui.engine.report import JobSource, Observer
from torc_tui.errors import StoreError, StoreUnavailable, TorcError, UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.operations.batches import Batch, BatchJob, BatchOptions, Command, begin, resume
from torc_tui.records import replace
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count

_NAME = "exec"
"""The name of a batch without ``--name``."""
_RETRY_SECONDS = 0.5
_MOST_UNFINISHED = 100_000
"""Maximum number of unfinished jobs: with more, reading pauses, because input may be endless."""
_CLOSING_SECONDS = 10.0
"""How long the end of the run waits for the last commands to be stored."""


class _HaltRule(NamedTuple):
    when: Literal["now", "soon"]
    failures: int


class _Feeder(JobSource):
    """Adds the commands to the batch as they arrive, in a separate thread."""

    def __init__(
        self,
        batch: Batch,
        given: BatchInput,
        groups: Iterator[list[Command]],
        halt: _HaltRule | None,
    ) -> None:
        self.is_open = True
        self.follows_failures = halt is not None
        self.error: Exception | None = None
        self.results: BatchResults | None = None
        self._halt_rule = halt
        self._closing = threading.Event()
        self._failed: set[int] = set()
        self._unfinished = 0
        """Upper bound of the number of unfinished jobs."""
        self._batch = batch
        self._input = given
        self._groups = groups
        self._thread = threading.Thread(target=self._run, daemon=True, name="batch input")

    def first(self) -> bool:
        """Store the first groups of commands until a job can run; return whether there is one."""
        for group in self._groups:
            if not all(job.is_skipped for job in self._add(group)):
                return True
        self._batch.disable_rest()
        return False

    def failed(self, job_ids: Iterable[int]) -> None:
        """Halt the run after the number of failures given by ``--halt``."""
        if (rule := self._halt_rule) is not None:
            self._failed.update(job_ids)
            if len(self._failed) >= rule.failures:
                self.halt = rule.when

    def start(self) -> None:
        """Store the remaining commands in a thread while the first jobs run."""
        self._thread.start()

    def _stored(self, group: list[Command]) -> list[BatchJob]:
        """Store commands; if the database is unavailable, retry as long as the runner does."""
        while True:
            try:
                return self._batch.add(group)
            except StoreUnavailable:
                if self._batch.is_resumed or self._closing.wait(_RETRY_SECONDS):
                    raise

    def close(self) -> None:
        """Stop reading, and wait until what was read is stored."""
        self.halt = self.halt or "soon"
        self._closing.set()
        self._input.stop()
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        try:
            for group in self._groups:
                self._add(group)
                while not self.halt and self._is_full():
                    self._closing.wait(_RETRY_SECONDS)
                if self.halt:
                    break
            if not self.halt:  # the whole input was read
                self._batch.disable_rest()
        except Exception as error:
            self.error = error
        finally:
            self.is_open = False

    def _is_full(self) -> bool:
        """Return whether jobs must finish before more are added; they are rarely counted."""
        if self._unfinished >= _MOST_UNFINISHED:
            with suppress(StoreUnavailable):
                self._unfinished = self._batch.unfinished()
        return self._unfinished >= _MOST_UNFINISHED

    def _add(self, group: list[Command]) -> list[BatchJob]:
        jobs = self._stored(group)
        self._unfinished += len(jobs)
        if self.results is not None:
            self.results.order.extend(jobs)
        return jobs


def execute(call: Call) -> int:
    """Run commands as the jobs of a new workflow, or of an earlier one with ``--resume``."""
    options = call.options
    halt = _halt_rule(options.halt)
    given = BatchInput(options)
    groups = given.groups()
    if options.dry_run:
        return _dry_run(groups)
    file = ResultsFile(options.results, given.columns) if options.results else None
    first = next(groups, None)
    if first is None:
        note("standard input is empty; nothing to run")
        return 0
    from torc_tui.store.workflows import get_workflow

    call.creates = True
    batch = _batch(call)
    feeder = _Feeder(batch, given, chain([first], groups), halt)
    if options.keep_order or file is not None:
        config = get_workflow(call.store, batch.workflow_id).execution_config
        prints = options.keep_order
        feeder.results = BatchResults(call.store, config.stdio_mode, prints=prints, file=file)
    return _run(call, batch, feeder)


def _run(call: Call, batch: Batch, feeder: _Feeder) -> int:
    from torc_tui.cli.run import run_here
    from torc_tui.cli.run_options import options_of
    from torc_tui.store import workflows

    options = call.options
    options.quiet = options.quiet or options.keep_order
    has_work = feeder.first()
    if feeder.results is not None:
        feeder.results.begin()
    if not has_work:
        note(f"all {count(batch.skipped, 'command')} already completed; nothing to run")
        return _end(feeder, batch, 0)
    if not (options.quiet or call.json):
        verb = "Resumed" if batch.is_resumed else "Created"
        output.line(f"{verb} workflow {batch.workflow_id}")
        sys.stdout.flush()

    def wrap(observer: Observer) -> Observer:
        return observer if feeder.results is None else feeder.results.around(observer)

    feeder.start()
    try:
        workflow = workflows.get_workflow(call.store, batch.workflow_id)
        run_options = replace(options_of(_running(options)), source=feeder)
        report, _ = run_here(call, workflow, run_options, wrap=wrap)
    finally:
        feeder.close()
    return _end(feeder, batch, report.exit_code)


def _end(feeder: _Feeder, batch: Batch, code: int) -> int:
    if batch.disabled:
        failed = count(batch.disabled, "failed command")
        note(f"disabled {failed} not in this input; --resume with the same command runs it again")
    if feeder.results is not None:
        try:
            feeder.results.finish()
        except (OSError, StoreError) as error:
            feeder.results.is_incomplete = True
            print_stderr(f"not all results could be written: {error}")
        if feeder.results.is_incomplete:
            code = code or FAILED
    if feeder.error is not None and not isinstance(feeder.error, TorcError):
        raise feeder.error
    if feeder.error is not None:
        print_stderr(f"torc: {feeder.error.message}\n  the rest of the input was not read")
        return code or WRONG_USE
    return code


def _dry_run(groups: Iterator[list[Command]]) -> int:
    for group in groups:
        for command, _ in group:
            output.line(command)
        sys.stdout.flush()
    return 0


def _batch(call: Call) -> Batch:
    """Return the workflow that gets the jobs: a new one, or with ``--resume`` an earlier one."""
    from torc_tui.engine.joining import check_directories
    from torc_tui.store.log_files import output_folder

    given = call.options
    requirements = ResourceRequirements(
        name="batch",
        num_cpus=given.cpus,
        memory=given.memory,
        num_gpus=given.gpus,
        runtime=given.runtime,
    )
    wanted = BatchOptions(
        name=given.name or _NAME,
        description=given.description,
        requirements=requirements,
        retries=given.retry,
        stdio_mode=given.stdio,
    )
    user = settings.user_name()
    if given.resume:
        found = resume(call.store, wanted, user=user, actor=call.actor)
        if found is not None:
            return found
    directory = str(Path.cwd())
    check_directories(directory, given.output_dir or output_folder(directory))
    return begin(call.store, wanted, user=user, directory=directory, actor=call.actor)


def _running(given: Namespace) -> Namespace:
    """Return the options of the runner; ``-j`` limits jobs regardless of the machine's CPUs."""
    found = Namespace(output_dir=given.output_dir, grace=None)
    if given.jobs is not None:
        found.max_parallel_jobs = given.jobs
        most = math.ceil(given.jobs * given.cpus) + (os.cpu_count() or 1)
        found.num_cpus = min(most, settings.MOST_INTEGER)
    return found


def _halt_rule(text: str | None) -> _HaltRule | None:
    """Return when ``--halt`` ends the run: ``now`` or ``soon``, after a number of failures."""
    if text is None:
        return None
    when, mark, rest = text.partition(",")
    name, _, number = rest.partition("=")
    valid = name == "fail" and number.isascii() and number.isdecimal() and int(number[:9]) > 0
    if when not in ("now", "soon") or (mark and not valid):
        raise UsageError(f"--halt must be now or soon, such as now,fail=3, not {text!r}")
    return _HaltRule("now" if when == "now" else "soon", int(number[:9]) if mark else 1)
