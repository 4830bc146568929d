"""Submit a workflow to the cluster: create it where needed, plan its allocations, request them.

Input: a file or a workflow, and what the user chose. Output: what is requested and why the rest is
not. Exit codes: 2 if the cluster refuses the request, 3 if jobs fit no partition.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.demand_text import (
    cost_line,
    demand_record,
    mode_words,
    plan_lines,
    unserved_lines,
)
from torc_tui.cli.diagnostics import OK, note, print_stderr
from torc_tui.errors import Refused, UsageError
from torc_tui.operations.submit_options import SubmitOptions, options_from
from torc_tui.wording import count, listed

if TYPE_CHECKING:
    from torc_tui.clusters.base import Cluster
    from torc_tui.engine.allocator import AllocatorStep
    from torc_tui.store.database import Store

FITS_NOWHERE = 3
"""Exit code if jobs fit no partition."""


def submit(call: Call) -> int:
    """Request the allocations that a workflow needs now."""
    from torc_tui.cli.slurm_watch import start_watcher, watch_workflow
    from torc_tui.clusters.choice import this_cluster
    from torc_tui.engine.allocator import Allocator
    from torc_tui.operations import allocation_control as control

    cluster = this_cluster()
    given = call.options
    if given.dry_run:
        return preview(call)
    _check_partition(cluster, given.partition)
    workflow_id = _workflow(call)
    if not given.keep_options:
        options = _with_mode(call, cluster, workflow_id, options_of(call))
        control.save_options(call.store, workflow_id, options)
    _confirm(call, cluster, workflow_id)
    if given.watch:
        return watch_workflow(call, cluster, workflow_id)
    allocator = Allocator(call.store, cluster, workflow_id, actor=call.actor)
    try:
        done = allocator.step()
    finally:
        allocator.release()
    code = report(call, workflow_id, done)
    stands_by = done.holder is None or allocator.is_held_elsewhere()
    if stands_by and not given.no_watch and not done.is_finished:
        start_watcher(call, workflow_id)
    return code


def _check_partition(cluster: Cluster, name: str | None) -> None:
    """Raise UsageError for a partition that the cluster does not have."""
    names = [one.name for one in cluster.partitions()]
    if name is not None and name not in names:
        raise UsageError(
            f"there is no partition '{name}'", hint=f"the partitions are {listed(names, 20)}"
        )


def _with_mode(
    call: Call, cluster: Cluster, workflow_id: int, options: SubmitOptions
) -> SubmitOptions:
    """Return options with the mode that the cluster would start first, if that is to be chosen."""
    from torc_tui.operations.allocation_demand import read_demand
    from torc_tui.operations.mode_choice import choose_mode

    if options.mode != "auto":
        return options
    demand = read_demand(call.store, cluster, workflow_id, time.time(), options)
    found = choose_mode(call.store, cluster, demand)
    note(mode_words(found, time.time()))
    return options._replace(mode=found.mode)


def options_of(call: Call) -> SubmitOptions:
    """Return what the user chose on the command line."""
    return options_from({name: getattr(call.options, name) for name in SubmitOptions._fields})


def _workflow(call: Call) -> int:
    """Return the workflow to submit, initialized; create it if a file is given."""
    from torc_tui.operations.workflows import initialize, needs_initialization
    from torc_tui.store import workflows

    what = call.options.what
    workflow_id = _of_file(call, what) if names_file(what) else call.workflow_id(what)
    workflow = workflows.get_workflow(call.store, workflow_id)
    if workflow.is_archived or workflow.is_canceled:
        state = "archived" if workflow.is_archived else "canceled"
        raise Refused(
            f"workflow {workflow_id} is {state}",
            hint=f"`torc reinit {workflow_id}` makes its stale jobs ready again"
            if workflow.is_canceled
            else f"restore it with `torc workflows archive false {workflow_id}`",
        )
    if needs_initialization(workflow):
        initialize(call.store, workflow_id, force=call.options.force, once=True, actor=call.actor)
    return workflow_id


def _of_file(call: Call, path: str) -> int:
    """Return the workflow of a file: a new one, unless the file is submitted already."""
    from pathlib import Path

    from torc_tui import settings
    from torc_tui.cli.create import plan_of, store_plan
    from torc_tui.operations.allocation_control import open_allocations
    from torc_tui.operations.workflows import same_workflow

    plan = plan_of(call, path)
    if call.missing_store is None and not call.options.new:
        directory = str(Path.cwd())
        known = same_workflow(call.store, plan, user=settings.user_name(), directory=directory)
        if known is not None and open_allocations(call.store, known.id):
            raise Refused(
                f"{path} is already submitted: workflow {known.id} ({known.name})",
                hint=f"`torc submit {known.id}` submits it again, `torc submit {path} --new`"
                " submits the file a second time",
            )
    workflow_id = store_plan(call, plan, path, checked=True)
    if not call.json:
        output.line(f"Created workflow {workflow_id}")
        sys.stdout.flush()
    return workflow_id


def _confirm(call: Call, cluster: Cluster, workflow_id: int) -> None:
    """Print what would be requested, and ask on a terminal."""
    from torc_tui.operations.allocation_demand import plan, read_demand

    demand = read_demand(call.store, cluster, workflow_id, time.time())
    planned = plan(demand)
    if not planned.wanted or call.json:
        return
    for text in plan_lines(demand, planned):
        print_stderr(text)
    call.confirm("Submit?", cost_line(demand, planned))
    if not call.asks and not call.options.no_prompts:
        print_stderr(cost_line(demand, planned))


# -- the preview -----------------------------------------------------------------------------------


def preview(call: Call) -> int:
    """Print what would be requested, without any change."""
    from torc_tui.clusters.choice import this_cluster

    cluster = this_cluster()
    _check_partition(cluster, call.options.partition)
    what = call.options.what
    if what is not None and names_file(what):
        with temporary_store(call, what) as (store, workflow_id):
            return _preview(call, cluster, store, workflow_id, of_file=True)
    return _preview(call, cluster, call.store, call.workflow_id(what), of_file=False)


def _preview(call: Call, cluster: Cluster, store: Store, workflow_id: int, *, of_file: bool) -> int:
    from torc_tui.operations.allocation_demand import plan, read_demand
    from torc_tui.operations.allocation_requests import Requester
    from torc_tui.operations.mode_choice import choose_mode
    from torc_tui.records import replace

    chosen = options_of(call)
    stored = None if chosen == SubmitOptions() and not of_file else chosen
    database = None if call.missing_store is not None else call.store
    demand = read_demand(store, cluster, workflow_id, time.time(), stored, database)
    requester = Requester(store, cluster, demand.workflow, demand.schedulers, None)
    if demand.options.mode == "auto":
        found = choose_mode(store, cluster, demand)
        demand = demand._replace(given=replace(demand.given, mode=found.mode))
        note(mode_words(found, time.time()))
    planned = plan(demand)
    starts = [cluster.estimate(requester.preview(one)) for one in planned.wanted[:_ESTIMATED]]
    if call.json:
        output.json_value(demand_record(demand, planned, starts, None if of_file else workflow_id))
    else:
        for text in plan_lines(demand, planned, starts):
            output.line(text)
        if planned.wanted:
            output.line(cost_line(demand, planned))
    return FITS_NOWHERE if any(one.never for one in planned.unserved) else OK


_ESTIMATED = 2
"""Allocations of which the cluster is asked when they would start."""


class temporary_store:
    """A database in a temporary directory with the workflow of a file, for a preview."""

    def __init__(self, call: Call, path: str) -> None:
        self._call = call
        self._path = path

    def __enter__(self) -> tuple[Store, int]:
        import tempfile
        from pathlib import Path

        from torc_tui import settings
        from torc_tui.cli.create import plan_of
        from torc_tui.operations.workflows import create_workflow, initialize
        from torc_tui.store.database import Store

        plan = plan_of(self._call, self._path)
        self._folder = tempfile.TemporaryDirectory(prefix="torc-preview-")
        self._store = Store.open(f"sqlite:///{self._folder.name}/preview.db")
        workflow_id = create_workflow(
            self._store, plan, user=settings.user_name(), directory=str(Path.cwd()), actor=None
        )
        initialize(self._store, workflow_id, force=True)
        return self._store, workflow_id

    def __exit__(self, *_: object) -> None:
        self._store.close()
        self._folder.cleanup()


# -- the report ------------------------------------------------------------------------------------


def report(call: Call, workflow_id: int, done: AllocatorStep) -> int:
    """Print what a step did; raise what the cluster answered if it refused."""
    ids = [one.native_id for one in done.requested if one.native_id]
    never = sum(one.jobs for one in done.unserved if one.never)
    if call.json:
        output.json_value(
            {
                "workflow_id": workflow_id,
                "status": "submitted" if ids else "nothing requested",
                "allocations": [one.allocation_id for one in done.requested if one.native_id],
                "slurm_jobs": ids,
                "jobs_without_partition": never,
                "allocator": done.holder,
            }
        )
    refused = next((one.refused for one in done.requested if one.refused), None)
    if refused is not None:
        raise refused
    if done.silent is not None:
        raise UsageError(
            f"the cluster did not answer: {done.silent}",
            hint=f"try again: `torc submit {workflow_id}`; what was accepted is found again",
        )
    if not call.json:
        _print_report(workflow_id, done, ids)
    return FITS_NOWHERE if never else OK


def _print_report(workflow_id: int, done: AllocatorStep, ids: list[str]) -> None:
    if done.holder is not None:
        note(f"{done.holder} requests the allocations of workflow {workflow_id}")
    never = [one for one in done.unserved if one.never]
    if not ids:  # else they were printed with the plan
        for text in unserved_lines(None, never):
            print_stderr(text)
    if ids:
        jobs = f"Slurm {'job' if len(ids) == 1 else 'jobs'} {listed(ids, 10)}"
        allocations = count(len(ids), "allocation")
        output.line(f"Submitted workflow {workflow_id}: {allocations} requested ({jobs})")
    elif done.holder is None:
        for text in unserved_lines(None, [one for one in done.unserved if not one.never]):
            print_stderr(text)
        if never:
            output.line(f"Workflow {workflow_id} was submitted, and no allocation was requested")
        else:
            output.line(f"Workflow {workflow_id} needs no other allocation now")
