"""Request allocations for a workflow as long as its jobs need them, here or in the background."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.demand_text import unserved_lines
from torc_tui.cli.diagnostics import INTERRUPTED, OK, note, print_stderr
from torc_tui.wording import count, listed, sentence, time_of_day

if TYPE_CHECKING:
    from torc_tui.clusters.base import Cluster
    from torc_tui.engine.allocator import AllocatorStep


def watch(call: Call) -> int:
    """Request allocations until all jobs of a workflow have finished."""
    from torc_tui.clusters.choice import this_cluster

    workflow_id = call.workflow_id(call.options.workflow)
    if call.options.detach:
        start_watcher(call, workflow_id)
        return OK
    return watch_workflow(call, this_cluster(), workflow_id)


def watch_workflow(call: Call, cluster: Cluster, workflow_id: int) -> int:
    """Request allocations in this process; print what happens."""
    import signal

    from torc_tui.engine.allocator import Allocator

    allocator = Allocator(call.store, cluster, workflow_id, actor=call.actor)
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    watcher = _StepPrinter(workflow_id)

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            allocator.vacate()
            raise KeyboardInterrupt

    try:
        allocator.run(wait, watcher.show)
    except KeyboardInterrupt:
        print_stderr(
            "no more allocations are requested here;"
            f" continue with `torc slurm watch {workflow_id}`"
        )
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    output.line(f"Workflow {workflow_id} has finished")
    return OK


class _StepPrinter:
    """Prints what is new since the last step."""

    def __init__(self, workflow_id: int) -> None:
        self._workflow_id = workflow_id
        self._last: set[str] = set()

    def show(self, done: AllocatorStep) -> None:
        """Print the news of a step, each line once."""
        lines = set(self._lines(done))
        for text in sorted(lines - self._last):
            output.line(f"{time_of_day(time.time())} {text}")
        self._last = lines
        for text in self._events(done):
            output.line(f"{time_of_day(time.time())} {text}")
        sys.stdout.flush()

    def _lines(self, done: AllocatorStep) -> list[str]:
        """Return what holds as long as nothing changes."""
        found = []
        if done.holder is not None:
            found.append(f"{done.holder} requests the allocations; waiting to take over")
        if done.away is not None:
            found.append(f"waiting for the database: {done.away}")
        if done.silent is not None:
            found.append(f"the cluster does not answer: {done.silent}")
        found += unserved_lines(None, [one for one in done.unserved if one.never])
        return found

    def _events(self, done: AllocatorStep) -> list[str]:
        found = []
        ids = [one.native_id for one in done.requested if one.native_id]
        if ids:
            found.append(f"requested {count(len(ids), 'allocation')}: Slurm {listed(ids, 10)}")
        found += [one.refused.message for one in done.requested if one.refused]
        if done.canceled:
            found.append(f"canceled {count(len(done.canceled), 'allocation')} without work")
        if done.ended:
            found.append(f"{count(len(done.ended), 'allocation')} ended")
        for group, cause in done.paused.items():
            found.append(
                f"queue group '{group}' is paused: {sentence(cause)};"
                f" `torc slurm resume {self._workflow_id} {group}` continues"
            )
        return found


def start_watcher(call: Call, workflow_id: int) -> None:
    """Start ``torc slurm watch`` in the background; it ends with the workflow."""
    from torc_tui.operations.runners import start_allocator

    started = start_allocator(call.store, workflow_id)
    if call.json:
        return
    note(f"process {started.pid} requests more as jobs become ready; its log: {started.log}")
