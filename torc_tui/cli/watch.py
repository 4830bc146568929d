"""Follow a workflow until all its jobs have finished, and recover it from failures.

Input: a workflow. Output: its events as lines, as `torc run` prints them, and how it ended. Exit
code 0 if every job succeeded or is ignored, else 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, print_stderr, without_runner
from torc_tui.cli.progress import watcher
from torc_tui.cli.recover import (
    print_recovery,
    recover_now,
    refuse_inside_hook,
    rules_of,
)
from torc_tui.cli.targets import refuse_own_job
from torc_tui.engine.report import Observer
from torc_tui.model import Event
from torc_tui.operations.lost_runners import sync_status
from torc_tui.operations.runners import active_runners, start_runner
from torc_tui.status import UNSUCCESSFUL, is_complete, number_of
from torc_tui.store import queries, workflows
from torc_tui.store.feed import Feed, list_events
from torc_tui.wording import status_counts

RECOVERIES = 3
"""How often a workflow is recovered, unless ``--max-retries`` says otherwise."""
START_SECONDS = 30.0
"""How long a runner may take to join after it was started, in seconds."""
_LONGEST_WAIT = 2.0
"""Seconds between two looks for lost runners."""


def watch(call: Call) -> int:
    """Follow a workflow to its end."""
    refuse_inside_hook()
    if call.options.recover:
        call.command = call.command._replace(changes=True)
    workflow_id = call.workflow_id(call.options.workflow)
    refuse_own_job(call, workflow_id, "watched")
    watch = _Watch(call, workflow_id)
    while not watch.is_over():
        watch.follow()
    workflow = watch.workflow
    bad = number_of(workflow.counts, UNSUCCESSFUL) > workflow.ignored
    record = {
        "workflow_id": workflow.id,
        "name": workflow.name,
        "state": workflow.state.value,
        "recoveries": watch.recoveries,
        "jobs_by_status": {status.word: n for status, n in workflow.counts.items()},
        "ignored_jobs": workflow.ignored,
    }
    counts = status_counts(workflow.counts)
    call.done(record, f"Workflow {workflow.id} ({workflow.name}) {workflow.state}: {counts}")
    return OK if watch.is_finished and not bad else FAILED


class _Watch:
    """A workflow that is followed, and what was done about it."""

    def __init__(self, call: Call, workflow_id: int) -> None:
        self.call = call
        self.recoveries = 0
        self._restarts = 0
        self.workflow = workflows.get_workflow(call.store, workflow_id)
        self._shown = ""

    def follow(self) -> None:
        """Show events until the workflow is complete, or has no runner."""
        store, workflow = self.call.store, self.workflow
        quiet = self.call.json or self.call.options.quiet
        feed = Feed(store, workflow.id, workflow.last_seq)
        try:
            with watcher(store, workflow, self.call.options.output_dir, quiet=quiet) as observer:
                while not self.is_finished and self._is_running():
                    self._show(feed, observer)
        finally:
            feed.close()
        self.workflow = workflows.get_workflow(store, workflow.id)

    def _show(self, feed: Feed, observer: Observer) -> None:
        observer.events(feed.wait(_LONGEST_WAIT))
        if observer.live:
            observer.tick(time.time())
        self.workflow = workflows.get_workflow(self.call.store, self.workflow.id)
        counts = status_counts(self.workflow.counts)
        if self.call.options.show_job_counts and counts != self._shown and not self.call.json:
            output.line(counts)
            sys.stdout.flush()
            self._shown = counts

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to run."""
        return is_complete(self.workflow.counts) and not self.workflow.interrupted

    def _is_running(self) -> bool:
        """Return whether a runner is active, or was started and has not yet joined the workflow.

        With ``--persistent``, runners may come and go.
        """
        if self.call.options.persistent or active_runners(self.call.store, self.workflow.id):
            return True
        requested, joined = self._newest("node_requested"), self._newest("node_started")
        is_joining = requested.seq > joined.seq
        return is_joining and time.time() - requested.timestamp < START_SECONDS

    def _newest(self, kind: str) -> Event:
        """Return the last event of a kind; one with the number 0 if there is none."""
        store, workflow_id = self.call.store, self.workflow.id
        found = list_events(store, workflow_id, kind=kind, limit=1, newest_first=True)
        return found[0] if found else Event(workflow_id, 0, 0.0, kind)

    def is_over(self) -> bool:
        """Return whether nothing is left to do, after a recovery where one is wanted."""
        is_finished = self.is_finished
        is_bad = number_of(self.workflow.counts, UNSUCCESSFUL) > self.workflow.ignored
        if is_finished and not is_bad:
            return True
        if not is_finished and self._is_running():
            return False
        if self.call.options.recover:
            return not self._recover(is_finished=is_finished)
        if not is_finished:
            print_stderr(without_runner(self.call.store, self.workflow.id))
        return True

    def _recover(self, *, is_finished: bool) -> bool:
        """Retry failed jobs, or take over those of a lost runner; return False if nothing is left.

        A runner is started if there is none.
        """
        call, workflow_id = self.call, self.workflow.id
        if not self._may_recover(is_finished=is_finished):
            return False
        if is_finished:
            found = recover_now(call, workflow_id, rules_of(call), call.options.recovery_hook)
            if not call.json:
                print_recovery(workflow_id, found)
                sys.stdout.flush()
            if not found.retried:
                return False
        else:
            sync_status(call.store, workflow_id, actor=call.actor)
        self.workflow = workflows.get_workflow(call.store, workflow_id)
        if not active_runners(call.store, workflow_id):
            start_runner(call.store, workflow_id, self._arguments(), actor=call.actor)
        return True

    def _may_recover(self, *, is_finished: bool) -> bool:
        """Count a recovery, or the start of a runner in the place of another, up to a limit."""
        if not is_finished:  # also where the last runner has just left when jobs were retried
            self._restarts += 1
            return self._restarts <= RECOVERIES + self.recoveries
        most = self.call.options.max_retries
        if self.recoveries >= (RECOVERIES if most is None else most):
            return False
        self.recoveries += 1
        return True

    def _arguments(self) -> Sequence[str]:
        """Return options for a new runner: those of the last one."""
        runners = queries.list_compute_nodes(self.call.store, self.workflow.id)
        last = runners[-1]["options"] if runners else {}
        folder = self.call.options.output_dir or last.get("output_dir")
        found = []
        if folder:
            found += ["--output-dir", os.path.abspath(folder)]  # noqa: PTH100
        if last.get("max_parallel_jobs"):
            found += ["--max-parallel-jobs", str(last["max_parallel_jobs"])]
        if runners and runners[-1]["labels"]:
            found += ["--label", ",".join(runners[-1]["labels"])]
        if last.get("limit_resources") is False:
            found.append("--no-limit-resources")
        return found
